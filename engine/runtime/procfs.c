/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/procfs.c - writing to /proc without looking at the container's
 */
#include "engine/runtime/procfs.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

int procfs_open(struct err *err)
{
	cleanup_fd int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(err, errno, "cannot open '/proc'");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use '/proc': it is no proc file system");
	return TAKE_FD(fd);
}

int procfs_write(int proc_fd, const char *path, const char *text)
{
	struct open_how how = { .flags = O_WRONLY | O_CLOEXEC | O_NOCTTY,
				.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
	cleanup_fd int fd = sys_openat2(proc_fd, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		fd = openat(proc_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;

	/* the kernel takes a value in one write only */
	ssize_t written = write(fd, text, strlen(text));
	if (written < 0)
		return -errno;
	return (size_t)written == strlen(text) ? 0 : -EIO;
}
