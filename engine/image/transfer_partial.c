/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_partial.c - a layer of which only some files are fetched: the child that knows which
 *
 * It says nothing about what went wrong: whoever reads the plan, or the tar, sees that it did not come, and fetches the whole layer.
 */
#include "engine/image/transfer_partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "rootless/sandbox.h"
#include "storage/sha256.h"
#include "storage/store.h"

#define LAYERS_MAX  256
#define PIECE_BYTES (256U << 10)
/* so many files are looked up before it is asked whether it helps at all */
#define SAMPLE_FILES 256
/* what one more request costs, in bytes */
#define REQUEST_COST (32U << 10)
#define GAP_FIRST    (16U << 10)

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_BYTES 0 /* the sanitizer reserves terabytes of address space */
#else
#define MEMORY_BYTES (512ULL << 20)
#endif

struct work_state {
	int control_fd, file_fd, layers_fd;
	struct chunked_place place;
	uint64_t blob_bytes;
	struct chunked_table table;
	int layer_fds[LAYERS_MAX]; /* diff/ of each */
	size_t layer_count, last_hit;
	uint16_t *found_in; /* of each file: number of the layer, from 1; 0: it is missing */
};

/* ---- table ----------------------------------------------------------------------------------------------------------- */

static bool read_at(int fd, void *data, size_t length, uint64_t at)
{
	for (size_t have = 0; have < length;) {
		ssize_t got = pread(fd, (char *)data + have, length - have, (off_t)(at + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

static bool span_has_digest(int fd, uint64_t at, uint64_t bytes, const struct digest *wanted)
{
	cleanup_free char *piece = xmalloc(PIECE_BYTES);
	cleanup_sha256 struct sha256 *hash = sha256_new();
	struct digest actual;

	while (bytes > 0) {
		size_t length = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;

		if (!read_at(fd, piece, length, at))
			return false;
		sha256_update(hash, piece, length);
		at += length;
		bytes -= length;
	}
	sha256_final_digest(hash, &actual);
	return digest_equal(&actual, wanted);
}

static bool read_table(struct work_state *state)
{
	const struct chunked_place *place = &state->place;
	cleanup_free char *packed = NULL;
	cleanup_free char *text = NULL;
	size_t length;

	if (place->table_bytes > CHUNKED_TABLE_MAX ||
	    !span_has_digest(state->file_fd, place->table_at, place->table_bytes, &place->table))
		return false;
	packed = xmalloc((size_t)place->table_bytes);
	text = xmalloc((size_t)place->table_size + 1);
	if (!read_at(state->file_fd, packed, (size_t)place->table_bytes, place->table_at))
		return false;
	length = ZSTD_decompress(text, (size_t)place->table_size, packed,
				 (size_t)place->table_bytes);
	if (ZSTD_isError(length) || length != place->table_size)
		return false;
	text[length] = '\0';
	return chunked_table_parse(text, length, state->place.table_at, &state->table) &&
	       span_has_digest(state->file_fd, place->split_at, place->split_bytes,
			       &state->table.split);
}

/* ---- layers ---------------------------------------------------------------------------------------------------------- */

static void open_layers(struct work_state *state)
{
	int fd = dup(state->layers_fd);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	while (dir != NULL && state->layer_count < LAYERS_MAX && (entry = readdir(dir)) != NULL) {
		cleanup_free char *path = xasprintf("%s/diff", entry->d_name);
		int diff_fd = *entry->d_name == '.'
				      ? -1
				      : openat(state->layers_fd, path,
					       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (diff_fd >= 0)
			state->layer_fds[state->layer_count++] = diff_fd;
	}
	if (dir != NULL)
		closedir(dir);
}

/* A regular file of this size, at this path of the layer: fd, -1 */
static int open_local(const struct work_state *state, size_t layer, const char *name, uint64_t size)
{
	cleanup_fd int fd = -1;
	struct stat st;

	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	fd = path_open_beneath(state->layer_fds[layer], name,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return -1;
	return TAKE_FD(fd);
}

/* Number of a layer, from 1, that has this very content; 0 none. The one that helped last is asked first. */
static uint16_t look_up(struct work_state *state, size_t number)
{
	const struct chunked_file *file = &state->table.files[number];
	const char *name = chunked_name(&state->table, number);

	for (size_t i = 0; i < state->layer_count; i++) {
		size_t layer = (state->last_hit + i) % state->layer_count;
		cleanup_fd int fd = open_local(state, layer, name, file->size);
		struct digest actual;

		if (fd < 0 || sha256_of_fd(fd, &actual) < 0 ||
		    !digest_equal(&actual, &file->digest))
			continue;
		state->last_hit = layer;
		return (uint16_t)(layer + 1);
	}
	return 0;
}

/* False: it does not help. */
static bool look_all_up(struct work_state *state)
{
	uint64_t seen = 0, found = 0;

	state->found_in = xcalloc(state->table.count + 1, sizeof(*state->found_in));
	for (size_t i = 0; i < state->table.count; i++) {
		uint64_t bytes = state->table.files[i].to - state->table.files[i].from;

		state->found_in[i] = look_up(state, i);
		seen += bytes;
		found += state->found_in[i] != 0 ? bytes : 0;
		if (i + 1 == SAMPLE_FILES && found < seen / 4)
			return false;
	}
	return found > 0;
}

/* ---- the plan -------------------------------------------------------------------------------------------------------- */

/* What is missing, where parts that are closer than gap are one. False: there are too many. */
static bool make_parts(const struct work_state *state, uint64_t gap, struct partial_plan *plan)
{
	plan->count = 0;
	for (size_t i = 0; i < state->table.count; i++) {
		const struct chunked_file *file = &state->table.files[i];
		struct part *last = plan->count > 0 ? &plan->parts[plan->count - 1] : NULL;

		if (state->found_in[i] != 0)
			continue;
		if (last != NULL && file->from - (last->from + last->bytes) <= gap) {
			last->bytes = file->to - last->from;
			continue;
		}
		if (plan->count == PARTS_MAX)
			return false;
		plan->parts[plan->count++] = (struct part){ file->from, file->to - file->from };
	}
	return true;
}

static void make_plan(struct work_state *state, struct partial_plan *plan)
{
	uint64_t gap = GAP_FIRST, bytes = 0;

	*plan = (struct partial_plan){ .wins = 0 };
	if (!read_table(state))
		return;
	open_layers(state);
	if (!look_all_up(state))
		return;
	while (!make_parts(state, gap, plan))
		gap *= 4;
	for (size_t i = 0; i < plan->count; i++)
		bytes += plan->parts[i].bytes + REQUEST_COST;
	plan->wins = bytes < state->blob_bytes / 10 * 6;
	if (plan->count > 0 && plan->parts[0].from == 0)
		plan->wins = 0; /* a stream begins with a header */
}

/* ---- the tar --------------------------------------------------------------------------------------------------------- */

static bool copy_local(const struct work_state *state, size_t number, int output_fd)
{
	const struct chunked_file *file = &state->table.files[number];
	cleanup_fd int fd = open_local(state, state->found_in[number] - 1U,
				       chunked_name(&state->table, number), file->size);
	uint64_t left = file->size;

	while (fd >= 0 && left > 0) {
		ssize_t moved = sendfile(output_fd, fd, NULL,
					 left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);

		if (moved < 0 && errno == EINTR)
			continue;
		if (moved <= 0)
			return false;
		left -= (uint64_t)moved;
	}
	return fd >= 0;
}

/* Decompress [at, at + bytes) of the file and give it away piece by piece: true when all of it could be taken. */
typedef bool take_function(void *context, const char *data, size_t length);

static bool inflate_span(int fd, uint64_t at, uint64_t bytes, take_function *take, void *context)
{
	cleanup_free char *packed = xmalloc(PIECE_BYTES);
	cleanup_free char *plain = xmalloc(PIECE_BYTES);
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	size_t status = 0;
	bool good = zstd != NULL;

	while (good && bytes > 0) {
		size_t length = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;
		ZSTD_inBuffer in = { packed, length, 0 };
		bool full = false;

		good = read_at(fd, packed, length, at);
		at += length;
		bytes -= length;
		while (good && (in.pos < in.size || full)) {
			ZSTD_outBuffer out = { plain, PIECE_BYTES, 0 };

			status = ZSTD_decompressStream(zstd, &out, &in);
			full = out.pos == out.size;
			good = !ZSTD_isError(status) && take(context, plain, out.pos);
		}
	}
	ZSTD_freeDCtx(zstd);
	return good && status == 0;
}

struct content {
	int output_fd;
	uint64_t left;
	struct sha256 *hash;
};

static bool take_content(void *context, const char *data, size_t length)
{
	struct content *content = context;

	if (length > content->left)
		return false;
	content->left -= length;
	sha256_update(content->hash, data, length);
	return fd_write_full(content->output_fd, data, length) == 0;
}

static bool copy_fetched(const struct work_state *state, size_t number, int output_fd)
{
	const struct chunked_file *file = &state->table.files[number];
	cleanup_sha256 struct sha256 *hash = sha256_new();
	struct content content = { output_fd, file->size, hash };
	struct digest actual;

	if (!inflate_span(state->file_fd, file->from, file->to - file->from, take_content,
			  &content) ||
	    content.left > 0)
		return false;
	sha256_final_digest(hash, &actual);
	return digest_equal(&actual, &file->digest);
}

struct split_reader {
	const struct work_state *state;
	int output_fd;
	size_t next_file;
	uint64_t left; /* of what it says its size is */
	struct strbuf text;
	struct split_line line;
};

static bool write_line(struct split_reader *reader, const char *text, size_t length)
{
	const struct chunked_table *table = &reader->state->table;
	struct split_line *line = &reader->line;
	size_t number = reader->next_file;

	if (length == 0)
		return true;
	if (!split_line_parse(text, length, line))
		return false;
	if (!line->is_file)
		return fd_write_full(reader->output_fd, line->data.data, line->data.length) == 0;
	if (line->size == 0)
		return true;
	if (number >= table->count || table->files[number].size != line->size ||
	    !str_equal(chunked_name(table, number), line->name.data))
		return false;
	reader->next_file++;
	return reader->state->found_in[number] != 0
		       ? copy_local(reader->state, number, reader->output_fd)
		       : copy_fetched(reader->state, number, reader->output_fd);
}

static bool take_split(void *context, const char *data, size_t length)
{
	struct split_reader *reader = context;
	size_t at = 0;

	if (length > reader->left || reader->text.length + length > 2 * CHUNKED_LINE_MAX)
		return false;
	reader->left -= length;
	strbuf_add(&reader->text, data, length);
	for (;;) {
		const char *line = reader->text.data + at;
		const char *end = memchr(line, '\n', reader->text.length - at);

		if (end == NULL)
			break;
		if (!write_line(reader, line, (size_t)(end - line)))
			return false;
		at += (size_t)(end - line) + 1;
	}
	memmove(reader->text.data, reader->text.data + at, reader->text.length - at);
	strbuf_truncate(&reader->text, reader->text.length - at);
	return true;
}

static bool write_tar(const struct work_state *state, int output_fd)
{
	struct split_reader reader = {
		.state = state,
		.output_fd = output_fd,
		.left = state->place.split_size,
		.text = STRBUF_INIT,
		.line = SPLIT_LINE_INIT,
	};
	bool good = inflate_span(state->file_fd, state->place.split_at, state->place.split_bytes,
				 take_split, &reader) &&
		    write_line(&reader, reader.text.data, reader.text.length) &&
		    reader.next_file == state->table.count;

	strbuf_release(&reader.text);
	split_line_release(&reader.line);
	return good;
}

/* ---- the child ------------------------------------------------------------------------------------------------------- */

static void __attribute__((noreturn)) child_main(struct work_state *state)
{
	const int keep[] = { state->control_fd, state->file_fd };
	const struct sandbox sandbox = {
		.read_dir_fds = &state->layers_fd,
		.read_dir_count = 1,
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
		.memory_limit_bytes = MEMORY_BYTES,
	};
	struct partial_plan plan;
	int output_fd = -1;
	struct err err;
	char byte;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sha256_free(sha256_new());
	if (sandbox_enter(&sandbox, &err) < 0)
		_exit(1);
	make_plan(state, &plan);
	if (send(state->control_fd, &plan, sizeof(plan), MSG_NOSIGNAL) != (ssize_t)sizeof(plan) ||
	    !plan.wins || fd_receive(state->control_fd, &byte, 1, &output_fd, 1) != 1)
		_exit(1);
	_exit(write_tar(state, output_fd) ? 0 : 1);
}

bool partial_may_help(struct store *store)
{
	struct err ignored; /* then it does not */
	struct strv names = STRV_INIT;
	bool some =
		store_list_dir(store, "layers/sha256", &names, &ignored) == 0 && names.count > 0;

	strv_release(&names);
	return some;
}

int partial_start(struct store *store, int file_fd, const struct chunked_place *place,
		  uint64_t blob_bytes, struct partial *ret_partial, struct err *err)
{
	cleanup_fd int layers_fd = store_open_dir(store, "layers/sha256", false, err);
	struct work_state state = {
		.file_fd = file_fd,
		.layers_fd = layers_fd,
		.place = *place,
		.blob_bytes = blob_bytes,
		.table = CHUNKED_TABLE_INIT,
	};
	int pair[2];
	pid_t pid;

	if (layers_fd < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "cannot talk to a child");
	pid = fork();
	if (pid == 0) {
		state.control_fd = pair[0];
		child_main(&state);
	}
	close(pair[0]);
	if (pid < 0) {
		err_sys(err, errno, "cannot start a child that compares files");
		close(pair[1]);
		return -1;
	}
	*ret_partial = (struct partial){ { pid, -1 }, pair[1] };
	return 0;
}

int partial_go(struct partial *partial, int output_fd, struct err *err)
{
	int status = fd_send(partial->control_fd, "g", 1, &output_fd, 1);

	close(output_fd);
	return status < 0 ? err_sys(err, -status, "cannot talk to a child") : 0;
}

void partial_release(struct partial *partial)
{
	child_release(&partial->child);
	fd_close(&partial->control_fd);
}
