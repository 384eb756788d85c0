/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/events/journal.c - append one line to the journal
 *
 * Appends of several writers do not mix: a write with O_APPEND is one step under the lock of the inode. What can tear a line is a
 * full disk, a power cut, or a kill in a write of several pages; readers know (engine/events.h).
 */
#include "engine/events/parts.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_PATH EVENTS_DIR "/" EVENTS_JOURNAL

/* Make room, unless somebody else is doing that. What goes wrong here leaves a journal that is too large, and the next one tries. */
static void rotate(int root_fd)
{
	struct err ignored;
	struct stat st;
	cleanup_fd int dir_fd =
		path_open_beneath(root_fd, EVENTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (dir_fd < 0)
		return;
	cleanup_fd int lock_fd = lock_try(dir_fd, EVENTS_LOCK, true, &ignored);

	if (lock_fd < 0)
		return;
	/* under the lock: it may be a new one by now */
	if (fstatat(dir_fd, EVENTS_JOURNAL, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_size < EVENTS_MAX_BYTES)
		return;
	if (renameat(dir_fd, EVENTS_JOURNAL, dir_fd, EVENTS_JOURNAL_OLD) < 0)
		debug("cannot rotate the journal of events: %s", strerror(errno));
}

/* fd or -errno. */
static int open_journal(int root_fd)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC;
	int fd = path_open_beneath(root_fd, JOURNAL_PATH, flags, 0600);

	if (fd != -ENOENT)
		return fd;
	/* the first event of a store */
	if (mkdirat(root_fd, EVENTS_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	return path_open_beneath(root_fd, JOURNAL_PATH, flags, 0600);
}

static int append(int root_fd, const struct strbuf *line)
{
	cleanup_fd int fd = open_journal(root_fd);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && st.st_size >= EVENTS_MAX_BYTES) {
		rotate(root_fd);
		fd_close(&fd);
		fd = open_journal(root_fd);
		if (fd < 0)
			return fd;
	}
	/* not fd_write_full(): the rest of a line behind lines of others is of no use */
	ssize_t written = write(fd, line->data, line->length);

	return written < 0 ? -errno : (size_t)written < line->length ? -ENOSPC : 0;
}

void engine_event(struct engine *engine, const struct event *event)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	int status;

	/* a store that is not there or cannot be changed has no journal of ours */
	if (engine->store->root_fd < 0 || engine->store->read_only)
		return;
	event_line(event, time_now_ns(), &line);
	status = append(engine->store->root_fd, &line);
	if (status < 0)
		engine_warn(engine, "cannot write down the event '%s %s', ignoring: %s",
			    event_type_name((int)event->type),
			    event_status_name((int)event->status), strerror(-status));
}
