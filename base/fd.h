/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd.h - file descriptors: ownership, whole reads and writes, passing
 *
 * -1 is unset, never 0. Every descriptor that a function of ours returns is O_CLOEXEC and belongs to the caller.
 *
 *	cleanup_fd int fd = open(...);
 *	return TAKE_FD(fd);
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

void fd_close_ptr(int *fd);
#define cleanup_fd __attribute__((cleanup(fd_close_ptr)))
/** Close *fd if it is set, and set it to -1. errno is kept. */
void fd_close(int *fd);
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_fd_ = (fd);                                                              \
		(fd) = -1;                                                                         \
		taken_fd_;                                                                         \
	})

/* "/proc/self/fd/2147483647" */
#define PROC_FD_PATH_MAX 32
void fd_proc_path(int fd, char path[PROC_FD_PATH_MAX]);

/** Read until size bytes or end of file; number of bytes, or -errno. Restarts on EINTR. */
ssize_t fd_read_full(int fd, void *data, size_t size);
/** Write all; 0 or -errno. Restarts on EINTR, waits when the descriptor is non-blocking. */
int fd_write_full(int fd, const void *data, size_t size);
/** Append all until end of file; -EFBIG when it is more than limit_bytes. 0 or -errno. */
int fd_read_all(int fd, struct strbuf *buf, size_t limit_bytes);
/** Read a file relative to a directory (AT_FDCWD), regular files only, O_NONBLOCK, no symlink at the end. 0 or -errno. */
int fd_read_file(int dir_fd, const char *path, struct strbuf *buf, size_t limit_bytes);
/** Write a file that is ours alone (/proc/PID/..., sysctl): one open, one write. 0 or -errno. */
int fd_write_file(int dir_fd, const char *path, const char *text);

/** Duplicate with O_CLOEXEC, at least 3; -errno on failure. */
int fd_dup(int fd);
int fd_set_cloexec(int fd, bool on);
int fd_set_nonblock(int fd, bool on);
/** Make sure that 0, 1 and 2 are open (on /dev/null if they are not), before anything else is opened. 0 or -errno. */
int fd_ensure_stdio(void);
/** Close all from first on (close_range, or /proc/self/fd). */
void fd_close_from(int first);

/** Send bytes with descriptors over a unix socket; MSG_NOSIGNAL. 0 or -errno. */
int fd_send(int socket_fd, const void *data, size_t size, const int *fds, size_t fd_count);
/**
 * Receive bytes and descriptors (O_CLOEXEC; unused places are -1). Number of bytes, 0 at end, or -errno.
 * @param fd_count  room in fds; more that arrive are closed
 */
ssize_t fd_receive(int socket_fd, void *data, size_t size, int *fds, size_t fd_count);

/** A sealed memfd that holds these bytes, positioned at 0. fd or -errno. */
int fd_sealed(const char *name, const void *data, size_t size);
/** Wait until fd is readable: 1, 0 on time-out, -errno. timeout_ms -1 waits for ever. */
int fd_wait_readable(int fd, int64_t timeout_ms);

#endif
