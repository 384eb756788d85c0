/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/marks.c - what programs in a container look for: /run/.containerenv and /etc/mtab
 *
 * Scripts ask the one whether they are in a container; df and its like read the other. Both are left out where the directory is one of the
 * host's, mounted by the user, or cannot be written: their absence hurts nobody enough to refuse a start.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_mounted_by_user(const struct runtime_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->op_count; i++) {
		const struct op *op = &plan->ops[i];

		if ((op->kind == OP_BIND || op->kind == OP_VIEW) && op->target != NULL &&
		    str_equal(op->target, path))
			return true;
	}
	return false;
}

/* fd of a directory of the image, or of our tmpfs on it; -errno */
static int open_directory(const struct init *init, const char *path)
{
	if (is_mounted_by_user(init->plan, path))
		return -EROFS;
	return path_open_in_root(init->root_fd, path, O_PATH | O_DIRECTORY, 0);
}

static int mark_run(const struct init *init, const char *text)
{
	cleanup_fd int run_fd = open_directory(init, "/run");
	cleanup_fd int fd = -1;

	if (run_fd == -ENOENT && mkdirat(init->root_fd, "run", 0755) == 0)
		run_fd = open_directory(init, "/run");
	if (run_fd < 0)
		return run_fd;
	fd = openat(run_fd, ".containerenv",
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	return fd_write_full(fd, text, strlen(text));
}

static int mark_mtab(const struct init *init)
{
	cleanup_fd int etc_fd = open_directory(init, "/etc");

	if (etc_fd < 0)
		return etc_fd;
	return symlinkat("/proc/mounts", etc_fd, "mtab") < 0 && errno != EEXIST ? -errno : 0;
}

int marks_apply(struct init *init, struct op *op, struct err *err)
{
	int run = mark_run(init, init->plan->extra->container_env);
	int mtab = mark_mtab(init);

	(void)op;
	(void)err;
	if (run < 0 || mtab < 0)
		debug("no /run/.containerenv (%d) or /etc/mtab (%d) in this container", run, mtab);
	return 0;
}
