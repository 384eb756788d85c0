/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/preserve.c - --preserve-fds, --preserve-fd, and the sockets of a service manager
 */
#include "cli/preserve.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strv.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define FIRST_FD       3
#define LISTEN_FDS_MAX 1024

void preserved_release(struct preserved *preserved)
{
	free(preserved->fds);
}

static int preserve_one(struct preserved *preserved, uint32_t fd, struct err *err)
{
	int flags = fd > 2 && fd <= INT_MAX ? fcntl((int)fd, F_GETFD) : -1;

	/* what the caller passed on is never close-on-exec; a descriptor of ours with that number always is */
	if (flags < 0 || (flags & FD_CLOEXEC)) {
		err_set(err, ERR_USAGE, "cannot preserve file descriptor %u: it is not open", fd);
		return err_hint(err, "Open it in the shell: exec %u<FILE", fd);
	}
	preserved->fds = xreallocarray(preserved->fds, preserved->count + 1, sizeof(int));
	preserved->fds[preserved->count++] = (int)fd;
	return 0;
}

/* As sd_listen_fds() reads them: what was meant for another process is not ours. */
static int find_listen_fds(struct preserved *preserved, struct err *err)
{
	const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
	uint32_t pid, count;

	if (pid_text == NULL || count_text == NULL || parse_u32(pid_text, &pid) < 0 ||
	    pid != (uint32_t)getpid())
		return 0;
	if (parse_u32(count_text, &count) < 0 || count > LISTEN_FDS_MAX)
		return err_set(err, ERR_USAGE, "cannot pass LISTEN_FDS '%s' on", count_text);
	for (uint32_t i = 0; i < count; i++) {
		/* the manager's library marks them when it has read them */
		if (fcntl((int)(FIRST_FD + i), F_SETFD, 0) < 0 ||
		    preserve_one(preserved, FIRST_FD + i, err) < 0)
			return err_set(err, ERR_USAGE,
				       "cannot pass LISTEN_FDS '%s' on: descriptor %u is not open",
				       count_text, FIRST_FD + i);
	}
	preserved->listen_count = count;
	preserved->listen_names = getenv("LISTEN_FDNAMES");
	return 0;
}

int preserved_find(int64_t count, const struct strv *list, struct preserved *preserved,
		   struct err *err)
{
	if (count > 0 && list->count > 0)
		return err_set(err, ERR_USAGE,
			       "--preserve-fds and --preserve-fd exclude each other");
	if (find_listen_fds(preserved, err) < 0)
		return -1;
	preserved->numbers = list->count > 0;
	for (int64_t i = 0; i < count; i++) {
		if (preserve_one(preserved, FIRST_FD + preserved->listen_count + (uint32_t)i, err) <
		    0)
			return -1;
	}
	for (size_t i = 0; i < list->count; i++) {
		uint32_t fd;

		if (parse_u32(list->items[i], &fd) < 0)
			return err_set(
				err, ERR_USAGE,
				"invalid argument '%s' for '--preserve-fd': a number is wanted",
				list->items[i]);
		if (preserve_one(preserved, fd, err) < 0)
			return -1;
	}
	return 0;
}
