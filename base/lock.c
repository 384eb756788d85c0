/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/lock.c - kernel locks on files (R28)
 *
 * A lock file lives in the directory of its object and goes with it. So after the lock was taken the name is looked up
 * again: if it is another file by now, the lock is on something that nobody else will look at, and we start over.
 */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

#define LOCK_MODE 0600

/* 1 when the name still is this file, 0 when not, -1 with errno. */
static int is_current(int dir_fd, const char *name, int fd)
{
	struct stat mine;
	struct stat named;

	if (fstat(fd, &mine) < 0)
		return -1;
	if (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

static int take_flock(int dir_fd, const char *name, int operation, struct err *err)
{
	for (;;) {
		cleanup_fd int fd =
			openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			       LOCK_MODE);
		int current;

		if (fd < 0)
			return err_sys(err, errno, "cannot open lock file '%s'", name);

		if (flock(fd, operation) < 0) {
			if (errno == EWOULDBLOCK)
				return -2;
			return err_sys(err, errno, "cannot take lock '%s'", name);
		}

		current = is_current(dir_fd, name, fd);
		if (current < 0)
			return err_sys(err, errno, "cannot inspect lock file '%s'", name);
		if (current > 0)
			return TAKE_FD(fd);
	}
}

int lock_take(int dir_fd, const char *name, bool exclusive, struct err *err)
{
	return take_flock(dir_fd, name, exclusive ? LOCK_EX : LOCK_SH, err);
}

int lock_try(int dir_fd, const char *name, bool exclusive, struct err *err)
{
	return take_flock(dir_fd, name, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB, err);
}

int alive_take(int dir_fd, const char *name, struct err *err)
{
	for (;;) {
		cleanup_fd int fd =
			openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			       LOCK_MODE);
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int current;

		if (fd < 0)
			return err_sys(err, errno, "cannot open liveness file '%s'", name);

		if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
			if (errno == EAGAIN || errno == EACCES)
				return -2;
			return err_sys(err, errno, "cannot take liveness lock '%s'", name);
		}

		current = is_current(dir_fd, name, fd);
		if (current < 0)
			return err_sys(err, errno, "cannot inspect liveness file '%s'", name);
		if (current > 0)
			return TAKE_FD(fd);
	}
}

bool alive_is_held(int dir_fd, const char *name)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return false;
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return false;
	return lock.l_type != F_UNLCK;
}
