/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/events/read.c - read the journal, and wait for more of it
 *
 * Two files are read like one: the journal of before and the present one. A follower watches their directory. When the name "journal" leads
 * to another file than the one it reads, that was rotated: it stays open as the old one, because a writer that opened it before may
 * still append to it. Where the user has no inotify instance left, the follower looks every FOLLOW_POLL_MS.
 */
#include "engine/events/parts.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK_BYTES (64U << 10)
#define LINE_LIMIT_BYTES (2 * EVENT_LINE_MAX)
#define FOLLOW_POLL_MS	 200
#define NS_PER_MS	 1000000

/* A file that is being read, and the line that is not whole yet. */
struct journal {
	int fd;
	struct strbuf line;
	bool too_long; /* the rest of this line is dropped */
};
#define JOURNAL_INIT                                                                               \
	{                                                                                          \
		-1, STRBUF_INIT, false                                                             \
	}

struct reader {
	const struct events_opts *opts;
	struct event_filters *filters;
	events_function function;
	void *arg;
	bool stopped; /* the caller has seen enough, or until is over */
	struct journal old, current;
};

static void journal_release(struct journal *journal)
{
	fd_close(&journal->fd);
	strbuf_release(&journal->line);
}

static void reader_release(struct reader *reader)
{
	event_filters_free(reader->filters);
	journal_release(&reader->old);
	journal_release(&reader->current);
}
#define cleanup_reader __attribute__((cleanup(reader_release)))

static void read_line(struct reader *reader, const char *line, size_t length)
{
	int64_t time_ns;
	size_t start;
	json_error_t ignored;

	if (event_line_find(line, length, &start, &time_ns) == 0)
		return;
	if (time_ns < reader->opts->since_ns)
		return;
	/* writers are many, so a later line may be a little older: not yet the end */
	if (reader->opts->until_ns != 0 && time_ns > reader->opts->until_ns)
		return;
	cleanup_json json_t *event = json_loadb(line + start, length - start, 0, &ignored);

	if (!json_is_object(event) || !event_filters_match(reader->filters, event))
		return;
	reader->stopped = reader->function(reader->arg, event) < 0;
}

static void read_text(struct reader *reader, struct journal *journal, const char *text,
		      size_t length)
{
	while (length > 0 && !reader->stopped) {
		const char *newline = memchr(text, '\n', length);
		size_t part = newline != NULL ? (size_t)(newline - text) : length;

		if (journal->line.length + part > LINE_LIMIT_BYTES)
			journal->too_long = true;
		if (!journal->too_long && (newline == NULL || journal->line.length > 0))
			strbuf_add(&journal->line, text, part);
		if (newline == NULL)
			return;

		if (journal->too_long)
			journal->too_long = false;
		else if (journal->line.length > 0)
			read_line(reader, journal->line.data, journal->line.length);
		else
			read_line(reader, text, part);
		strbuf_clear(&journal->line);
		text += part + 1;
		length -= part + 1;
	}
}

/* All that is there now. */
static int drain(struct reader *reader, struct journal *journal, struct err *err)
{
	cleanup_free char *chunk = NULL;

	if (journal->fd < 0)
		return 0;
	chunk = xmalloc(READ_CHUNK_BYTES);
	while (!reader->stopped) {
		ssize_t length = fd_read_full(journal->fd, chunk, READ_CHUNK_BYTES);

		if (length < 0)
			return err_sys(err, (int)-length, "cannot read the journal of events");
		read_text(reader, journal, chunk, (size_t)length);
		if ((size_t)length < READ_CHUNK_BYTES)
			break;
	}
	return 0;
}

/* fd, or -1: it is not there or cannot be read. */
static int open_file(int dir_fd, const char *name)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	return TAKE_FD(fd);
}

/* The name leads to another file than the one that is read. */
static bool is_rotated(int dir_fd, int fd)
{
	struct stat named, mine;

	return fstatat(dir_fd, EVENTS_JOURNAL, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (fd < 0 || fstat(fd, &mine) < 0 || named.st_ino != mine.st_ino ||
		named.st_dev != mine.st_dev);
}

/* Nothing in it is new enough. */
static bool is_too_old(int fd, int64_t since_ns)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (int64_t)st.st_mtim.tv_sec < since_ns / 1000000000;
}

static int read_both(struct reader *reader, int dir_fd, struct err *err)
{
	if (drain(reader, &reader->old, err) < 0 || drain(reader, &reader->current, err) < 0)
		return -1;
	while (!reader->stopped && is_rotated(dir_fd, reader->current.fd)) {
		journal_release(&reader->old);
		reader->old = reader->current;
		reader->current = (struct journal)JOURNAL_INIT;
		reader->current.fd = open_file(dir_fd, EVENTS_JOURNAL);
		if (reader->current.fd < 0)
			break;
		/* what was appended between the last read and the rename */
		if (drain(reader, &reader->old, err) < 0 ||
		    drain(reader, &reader->current, err) < 0)
			return -1;
	}
	return 0;
}

/* How long to wait at most, -1 for ever; false when until is over. */
static bool time_left(const struct events_opts *opts, int64_t *ret_ms)
{
	*ret_ms = -1;
	if (opts->until_ns == 0)
		return true;
	int64_t left_ns = opts->until_ns - time_now_ns();

	*ret_ms = left_ns / NS_PER_MS + 1;
	return left_ns > 0;
}

static int watch(int dir_fd)
{
	char path[PROC_FD_PATH_MAX];
	cleanup_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	fd_proc_path(dir_fd, path);
	if (fd < 0 ||
	    inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -1;
	return TAKE_FD(fd);
}

static int wait_for_more(int watch_fd, int64_t left_ms, struct err *err)
{
	char events[4096];
	int status;

	if (watch_fd < 0) {
		const int64_t ms =
			left_ms < 0 || left_ms > FOLLOW_POLL_MS ? FOLLOW_POLL_MS : left_ms;
		const struct timespec pause = { .tv_nsec = ms * NS_PER_MS };

		(void)nanosleep(&pause, NULL);
		return 0;
	}
	status = fd_wait_readable(watch_fd, left_ms);
	if (status < 0)
		return err_sys(err, -status, "cannot wait for events");
	/* which file it was does not matter, both are read; more than one read's worth wakes us again */
	if (status > 0 && read(watch_fd, events, sizeof(events)) < 0)
		debug("cannot read what was watched: %s", strerror(errno));
	return 0;
}

int events_read(struct engine *engine, const struct events_opts *opts, events_function function,
		void *arg, struct err *err)
{
	cleanup_reader struct reader reader = { .opts = opts,
						.function = function,
						.arg = arg,
						.old = JOURNAL_INIT,
						.current = JOURNAL_INIT };
	cleanup_fd int watch_fd = -1;
	int64_t left_ms;

	if (event_filters_new(opts->filters, &reader.filters, err) < 0)
		return -1;
	bool follow = opts->follow && time_left(opts, &left_ms);
	cleanup_fd int dir_fd = store_open_dir(engine->store, EVENTS_DIR, follow, err);

	if (dir_fd < 0)
		return !follow && err->kind == ERR_NOT_FOUND ? 0 : -1;

	/* before the first read, so that nothing falls between them */
	if (follow)
		watch_fd = watch(dir_fd);
	reader.current.fd = open_file(dir_fd, EVENTS_JOURNAL);
	reader.old.fd = open_file(dir_fd, EVENTS_JOURNAL_OLD);
	/* it was rotated between the two */
	if (is_rotated(dir_fd, reader.current.fd)) {
		fd_close(&reader.current.fd);
		reader.current.fd = open_file(dir_fd, EVENTS_JOURNAL);
	}
	if (is_too_old(reader.old.fd, opts->since_ns))
		fd_close(&reader.old.fd);

	for (;;) {
		if (read_both(&reader, dir_fd, err) < 0)
			return -1;
		if (!follow || reader.stopped || !time_left(opts, &left_ms))
			return 0;
		if (wait_for_more(watch_fd, left_ms, err) < 0)
			return -1;
	}
}
