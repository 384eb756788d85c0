/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/brief.c - the list of containers as `ps` shows it, at a cost that a thousand of them may have
 *
 * A container that does not run changes only together with its directory: all its records are published by rename. So what its row shows is kept
 * in one file of the runtime directory, the index, beside the directory's inode and time of change; a row whose directory is the same
 * is taken from there (one fstatat in the place of fifteen calls and a parsed document), all others are read from their records as ever. The index
 * is a cache: without it, or with a damaged one, the list is the same.
 *
 * A directory that changed a moment ago could change again within the resolution of its file system's clock, so it is not remembered.
 */
#include "engine/container.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/record.h"
#include "engine/container/record.h"
#include "engine/container/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_FILE    "container-index"
#define INDEX_KIND    "container-index"
#define INDEX_VERSION 2
/* fewer are read as fast without it */
#define INDEX_MIN_ROWS 32
/*
 * No file system that holds a store has a coarser clock than the second; where a time has digits below a millisecond it is the kernel's, which ticks
 * each 10 ms or faster.
 */
#define SETTLED_COARSE_NS INT64_C(2000000000)
#define SETTLED_FINE_NS	  INT64_C(100000000)
#define NS_PER_S	  INT64_C(1000000000)
#define NS_PER_MS	  INT64_C(1000000)

enum text_kind { TEXT_NAME, TEXT_IMAGE_NAME, TEXT_IMAGE_ID, TEXT_COMMAND, TEXT_PORTS, TEXT_COUNT };

/* In the index: the head, then rows sorted by time of creation; behind each its texts, terminated, and bytes up to a multiple of 8. */
struct index_head {
	uint64_t inode; /* of containers/; 0: it was about to change */
	int64_t changed_ns;
	uint64_t count;
};
struct index_row {
	uint64_t inode;
	int64_t changed_ns;
	int64_t created_ns, started_ns, finished_ns;
	int32_t exit_code, signal;
	uint32_t status;
	uint32_t oom_killed;
	uint32_t working;
	uint32_t lengths[TEXT_COUNT]; /* without the terminator */
	char id[DIGEST_HEX + 1];
};

struct index {
	struct strbuf body;
	struct index_head head;
	const struct index_row **rows; /* into body, in its order */
	size_t count;
	bool changed; /* it says something else than what was found */
};

static int64_t changed_ns(const struct stat *st)
{
	return st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

static size_t row_bytes(const struct index_row *row)
{
	size_t bytes = sizeof(*row);

	for (size_t i = 0; i < TEXT_COUNT; i++)
		bytes += row->lengths[i] + (size_t)1;
	return (bytes + 7) & ~(size_t)7;
}

/* The row at the place, if all of it is there. */
static const struct index_row *row_at(const struct strbuf *body, size_t offset)
{
	const struct index_row *row = (const void *)(body->data + offset);
	const char *text;

	if (body->length - offset < sizeof(*row) || row->id[DIGEST_HEX] != '\0' ||
	    row->status >= CONTAINER_STATUS_COUNT)
		return NULL;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (row->lengths[i] > RECORD_LIMIT_BYTES)
			return NULL;
	}
	if (body->length - offset < row_bytes(row))
		return NULL;
	text = (const char *)(row + 1);
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (text[row->lengths[i]] != '\0')
			return NULL;
		text += row->lengths[i] + 1;
	}
	return row;
}

static int row_compare(const void *a, const void *b)
{
	return strcmp((*(const struct index_row *const *)a)->id,
		      (*(const struct index_row *const *)b)->id);
}

static void index_release(struct index *index)
{
	strbuf_release(&index->body);
	free(index->rows);
}

static void index_read(int run_fd, struct index *index)
{
	struct err ignored = { 0 }; /* it is made anew */
	size_t offset = sizeof(index->head);

	if (run_fd < 0 || record_read(run_fd, INDEX_FILE, INDEX_KIND, INDEX_VERSION, &index->body,
				      NULL, &ignored) != 1)
		return;
	if (index->body.length < sizeof(index->head))
		return;
	memcpy(&index->head, index->body.data, sizeof(index->head));
	if (index->head.count > index->body.length / sizeof(struct index_row))
		return;
	index->rows = xcalloc(index->head.count + 1, sizeof(*index->rows));
	while (index->count < index->head.count) {
		const struct index_row *row = row_at(&index->body, offset);

		if (row == NULL) {
			index->count = 0;
			return;
		}
		index->rows[index->count++] = row;
		offset += row_bytes(row);
	}
}

static const struct index_row *index_find(const struct index *index, const char *id)
{
	size_t low = 0;
	size_t high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(id, index->rows[middle]->id);

		if (order == 0)
			return index->rows[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

void container_brief_list_release(struct container_brief_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		container_free(list->items[i].container);
		free(list->items[i].owned);
	}
	free(list->items);
	free(list->memory);
	*list = (struct container_brief_list){ NULL, 0, NULL };
}

static void set_texts(struct container_brief *brief, const char *text, const uint32_t *lengths)
{
	const char **members[TEXT_COUNT] = {
		[TEXT_NAME] = &brief->name,	    [TEXT_IMAGE_NAME] = &brief->image_name,
		[TEXT_IMAGE_ID] = &brief->image_id, [TEXT_COMMAND] = &brief->command,
		[TEXT_PORTS] = &brief->ports,
	};

	for (size_t i = 0; i < TEXT_COUNT; i++) {
		*members[i] = text;
		text += lengths[i] + 1;
	}
}

static void brief_from_row(const struct index_row *row, struct container_brief *brief)
{
	*brief = (struct container_brief){
		.created_ns = row->created_ns,
		.state = {
			.status = (enum container_status)row->status,
			.exit_code = row->exit_code,
			.signal = row->signal,
			.oom_killed = row->oom_killed != 0,
			.started_ns = row->started_ns,
			.finished_ns = row->finished_ns,
		},
		.working = row->working != 0,
		.inode = row->inode,
		.changed_ns = row->changed_ns,
	};
	memcpy(brief->id.text, row->id, sizeof(row->id));
	set_texts(brief, (const char *)(row + 1), row->lengths);
}

static void brief_from_container(struct container *container, const struct stat *st,
				 struct container_brief *brief)
{
	cleanup_strbuf struct strbuf command = STRBUF_INIT;
	cleanup_strbuf struct strbuf ports = STRBUF_INIT;
	uint32_t lengths[TEXT_COUNT];
	struct strbuf all = STRBUF_INIT;
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_ARGV), i, item)
		strbuf_addf(&command, "%s%s", i > 0 ? " " : "", json_string_value(item) ?: "");
	container_ports_format(container, &ports);

	const char *texts[TEXT_COUNT] = {
		[TEXT_NAME] = container->name != NULL ? container->name : "",
		[TEXT_IMAGE_NAME] = container->image_name,
		[TEXT_IMAGE_ID] = container->image_id,
		[TEXT_COMMAND] = command.data,
		[TEXT_PORTS] = ports.data,
	};
	for (i = 0; i < TEXT_COUNT; i++) {
		lengths[i] = (uint32_t)strlen(texts[i]);
		strbuf_add(&all, texts[i], lengths[i] + (size_t)1);
	}
	*brief = (struct container_brief){
		.id = container->id,
		.created_ns = container->created_ns,
		.working = container_is_working(container),
		.state = container->state,
		.container = container,
		.inode = st->st_ino,
		.changed_ns = changed_ns(st),
		.owned = strbuf_take(&all),
	};
	set_texts(brief, brief->owned, lengths);
}

static int brief_compare(const void *a, const void *b)
{
	const struct container_brief *left = a;
	const struct container_brief *right = b;

	if (left->created_ns != right->created_ns)
		return left->created_ns < right->created_ns ? -1 : 1;
	return strcmp(left->id.text, right->id.text);
}

/* The index is in order. */
static void sort(struct container_brief_list *list)
{
	for (size_t i = 1; i < list->count; i++) {
		if (brief_compare(&list->items[i - 1], &list->items[i]) > 0) {
			qsort(list->items, list->count, sizeof(*list->items), brief_compare);
			return;
		}
	}
}

/* ---- the index ------------------------------------------------------------------------------------------------------ */

static bool is_settled(int64_t changed, int64_t now_ns)
{
	return changed < now_ns - (changed % NS_PER_MS != 0 ? SETTLED_FINE_NS : SETTLED_COARSE_NS);
}

static bool is_kept(const struct container_brief *brief, int64_t now_ns)
{
	return (brief->state.status == CONTAINER_CREATED ||
		brief->state.status == CONTAINER_EXITED) &&
	       is_settled(brief->changed_ns, now_ns);
}

static void add_row(struct strbuf *body, const struct container_brief *brief)
{
	static const char zeros[8];
	const char *texts[TEXT_COUNT] = { brief->name, brief->image_name, brief->image_id,
					  brief->command, brief->ports };
	struct index_row row = {
		.inode = brief->inode,
		.changed_ns = brief->changed_ns,
		.created_ns = brief->created_ns,
		.started_ns = brief->state.started_ns,
		.finished_ns = brief->state.finished_ns,
		.exit_code = brief->state.exit_code,
		.signal = brief->state.signal,
		.status = brief->state.status,
		.oom_killed = brief->state.oom_killed,
		.working = brief->working,
	};
	size_t begin = body->length;

	memcpy(row.id, brief->id.text, sizeof(row.id));
	for (size_t i = 0; i < TEXT_COUNT; i++)
		row.lengths[i] = (uint32_t)strlen(texts[i]);
	strbuf_add(body, &row, sizeof(row));
	for (size_t i = 0; i < TEXT_COUNT; i++)
		strbuf_add(body, texts[i], row.lengths[i] + (size_t)1);
	strbuf_add(body, zeros, row_bytes(&row) - (body->length - begin));
}

static void index_write(int run_fd, const struct container_brief_list *list, const struct stat *dir,
			int64_t now_ns)
{
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	struct index_head head = { 0 };
	struct err err = { 0 };

	strbuf_add(&body, &head, sizeof(head));
	for (size_t i = 0; i < list->count; i++) {
		if (!is_kept(&list->items[i], now_ns))
			continue;
		add_row(&body, &list->items[i]);
		head.count++;
	}
	/* all names are known as long as the directory is the same one */
	if (head.count == list->count && is_settled(changed_ns(dir), now_ns)) {
		head.inode = dir->st_ino;
		head.changed_ns = changed_ns(dir);
	}
	memcpy(body.data, &head, sizeof(head));
	if (body.length <= RECORD_LIMIT_BYTES &&
	    record_write(run_fd, INDEX_FILE, INDEX_KIND, INDEX_VERSION, body.data, body.length, 0,
			 &err) < 0)
		debug("cannot keep the index of containers, ignoring: %s", err.msg);
}

/* ---- the list ------------------------------------------------------------------------------------------------------- */

struct walk {
	int containers_fd;
	struct index index;
	struct container_brief_list *list;
	size_t size;
	int64_t now_ns;
};

static struct container_brief *next_item(struct walk *walk)
{
	struct container_brief_list *list = walk->list;

	if (list->count == walk->size) {
		walk->size = walk->size * 2 + 64;
		list->items = xreallocarray(list->items, walk->size, sizeof(*list->items));
	}
	return &list->items[list->count];
}

static int visit(struct walk *walk, const char *id, const struct index_row *row, struct err *err)
{
	struct container *container = NULL;
	struct stat st;
	int found;

	if (fstatat(walk->containers_fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0; /* removed meanwhile */
		return err_sys(err, errno, "cannot look at container '%s'", id);
	}
	if (row != NULL && row->inode == st.st_ino && row->changed_ns == changed_ns(&st)) {
		brief_from_row(row, next_item(walk));
		walk->list->count++;
		return 0;
	}
	found = container_load(walk->containers_fd, id, &container, err);
	if (found <= 0)
		return found;
	brief_from_container(container, &st, next_item(walk));
	walk->index.changed |= is_kept(&walk->list->items[walk->list->count], walk->now_ns);
	walk->list->count++;
	return 0;
}

static int walk_rows(struct walk *walk, struct err *err)
{
	for (size_t i = 0; i < walk->index.count; i++) {
		if (visit(walk, walk->index.rows[i]->id, walk->index.rows[i], err) < 0)
			return -1;
	}
	return 0;
}

static int walk_directory(struct walk *walk, struct err *err)
{
	int dup_fd = openat(walk->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	int status = 0;

	if (dir == NULL) {
		err_sys(err, errno, "cannot list the containers");
		fd_close(&dup_fd);
		return -1;
	}
	/* to find them by id */
	if (walk->index.count > 0)
		qsort(walk->index.rows, walk->index.count, sizeof(*walk->index.rows), row_compare);
	for (struct dirent *entry; status == 0 && (entry = readdir(dir)) != NULL;) {
		struct object_id id;

		if (object_id_parse(entry->d_name, &id) == 0)
			status = visit(walk, id.text, index_find(&walk->index, id.text), err);
	}
	closedir(dir);
	return status;
}

int container_list_brief(struct engine *engine, struct container_brief_list *ret_list,
			 struct err *err)
{
	cleanup_fd int containers_fd = container_open_dir(engine, false, err);
	struct container_brief_list list = { NULL, 0, NULL };
	struct walk walk = { .list = &list, .now_ns = time_now_ns(), .index = { STRBUF_INIT } };
	struct stat dir;
	int status;

	*ret_list = list;
	if (containers_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	if (fstat(containers_fd, &dir) < 0)
		return err_sys(err, errno, "cannot list the containers");

	walk.containers_fd = containers_fd;
	index_read(engine->store->run_fd, &walk.index);
	if (walk.index.count > 0 && walk.index.head.inode == dir.st_ino &&
	    walk.index.head.changed_ns == changed_ns(&dir)) {
		status = walk_rows(&walk, err);
	} else {
		status = walk_directory(&walk, err);
		/* then the next list needs no reading of names */
		walk.index.changed |=
			list.count < walk.index.count || is_settled(changed_ns(&dir), walk.now_ns);
	}
	if (status == 0) {
		sort(&list);
		if (walk.index.changed && list.count >= INDEX_MIN_ROWS &&
		    engine->store->run_fd >= 0)
			index_write(engine->store->run_fd, &list, &dir, walk.now_ns);
	}
	/* rows point into it */
	list.memory = strbuf_take(&walk.index.body);
	index_release(&walk.index);
	if (status < 0)
		container_brief_list_release(&list);
	else
		*ret_list = list;
	return status;
}
