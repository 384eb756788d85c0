/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd.c - file descriptors: ownership, whole reads and writes, passing
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"

/* What the kernel takes and gives in one message (SCM_MAX_FD). */
#define SCM_FD_MAX 253

void fd_close_ptr(int *fd)
{
	fd_close(fd);
}

void fd_close(int *fd)
{
	int saved_errno = errno;

	if (*fd < 0)
		return;
	/* never again on EINTR: Linux has closed it. EBADF follows fd_close_from() in a child */
	close(*fd);
	*fd = -1;
	errno = saved_errno;
}

void fd_proc_path(int fd, char path[PROC_FD_PATH_MAX])
{
	snprintf(path, PROC_FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

/* Wait until events happen on fd; 0 or -errno. */
static int wait_for(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

ssize_t fd_read_full(int fd, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, (char *)data + done, size - done);

		if (got > 0) {
			done += (size_t)got;
		} else if (got == 0) {
			break;
		} else if (errno == EAGAIN) {
			int status = wait_for(fd, POLLIN);

			if (status < 0)
				return status;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return (ssize_t)done;
}

int fd_write_full(int fd, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t put = write(fd, (const char *)data + done, size - done);

		if (put >= 0) {
			done += (size_t)put;
		} else if (errno == EAGAIN) {
			int status = wait_for(fd, POLLOUT);

			if (status < 0)
				return status;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int fd_read_all(int fd, struct strbuf *buf, size_t limit_bytes)
{
	size_t total = 0;
	size_t step = 4096;

	for (;;) {
		size_t want = step;
		ssize_t got;

		/* one byte more than allowed tells that there is more */
		if (want > limit_bytes - total)
			want = limit_bytes - total + 1;
		strbuf_grow(buf, want);
		got = fd_read_full(fd, buf->data + buf->length, want);
		if (got < 0)
			return (int)got;
		if ((size_t)got > limit_bytes - total)
			return -EFBIG;

		buf->length += (size_t)got;
		buf->data[buf->length] = '\0';
		total += (size_t)got;
		if ((size_t)got < want)
			return 0;
		if (step < 1U << 20)
			step *= 2;
	}
}

int fd_read_file(int dir_fd, const char *path, struct strbuf *buf, size_t limit_bytes)
{
	cleanup_fd int fd =
		openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > 0 && (uintmax_t)st.st_size > limit_bytes)
		return -EFBIG;
	return fd_read_all(fd, buf, limit_bytes);
}

int fd_write_file(int dir_fd, const char *path, const char *text)
{
	cleanup_fd int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	size_t length = strlen(text);
	ssize_t put;

	if (fd < 0)
		return -errno;

	/* the kernel takes a map or a limit whole or not at all */
	do
		put = write(fd, text, length);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	return (size_t)put == length ? 0 : -EIO;
}

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

int fd_set_cloexec(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -errno;
	if (fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int fd_ensure_stdio(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* the lowest free number is fd, since those below are open; stdio is meant to be inherited */
		if (open("/dev/null", O_RDWR) != fd)
			return errno != 0 ? -errno : -EBADF;
	}
	return 0;
}

void fd_close_from(int first)
{
	struct rlimit limit;

	if (sys_close_range((unsigned)first, ~0U, 0) == 0)
		return;

	/* an old kernel or a filter; /proc may be missing here, and without a limit there is no better bound than a guess */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 65536)
		limit.rlim_cur = 65536;
	for (int fd = first; fd < (int)limit.rlim_cur; fd++)
		close(fd);
}

int fd_send(int socket_fd, const void *data, size_t size, const int *fds, size_t fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(SCM_FD_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t put;

	if (fd_count > SCM_FD_MAX || size == 0)
		return -EINVAL;
	if (fd_count > 0) {
		memset(&control, 0, CMSG_SPACE(fd_count * sizeof(int)));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
	}

	for (;;) {
		put = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
		if (put >= 0)
			break;
		if (errno == EAGAIN) {
			int status = wait_for(socket_fd, POLLOUT);

			if (status < 0)
				return status;
		} else if (errno != EINTR) {
			return -errno;
		}
	}

	/* a stream may take a part; the descriptors went with the first byte */
	while ((size_t)put < size) {
		ssize_t more =
			send(socket_fd, (const char *)data + put, size - (size_t)put, MSG_NOSIGNAL);

		if (more >= 0) {
			put += more;
		} else if (errno == EAGAIN) {
			int status = wait_for(socket_fd, POLLOUT);

			if (status < 0)
				return status;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Hand the descriptors of one control message over, and close those that have no place. */
static void take_fds(const struct cmsghdr *header, int *fds, size_t fd_count, size_t *used)
{
	size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
		if (*used < fd_count)
			fds[(*used)++] = fd;
		else
			close(fd);
	}
}

ssize_t fd_receive(int socket_fd, void *data, size_t size, int *fds, size_t fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(SCM_FD_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t used = 0;
	ssize_t got;

	for (size_t i = 0; i < fd_count; i++)
		fds[i] = -1;

	do
		got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
			take_fds(header, fds, fd_count, &used);
	}
	return got;
}

int fd_sealed(const char *name, const void *data, size_t size)
{
	cleanup_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int status;

	if (fd < 0)
		return -errno;

	status = fd_write_full(fd, data, size);
	if (status < 0)
		return status;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int fd_wait_readable(int fd, int64_t timeout_ms)
{
	int64_t deadline_ms = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		struct timespec now;
		int64_t now_ms;
		int64_t left_ms = -1;
		int ready;

		if (timeout_ms >= 0) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
			if (deadline_ms == 0 &&
			    __builtin_add_overflow(now_ms, timeout_ms, &deadline_ms))
				deadline_ms = INT64_MAX;
			left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
			if (left_ms > INT32_MAX)
				left_ms = INT32_MAX;
		}

		ready = poll(&poll_fd, 1, (int)left_ms);
		if (ready > 0)
			return poll_fd.revents & POLLNVAL ? -EBADF : 1;
		if (ready == 0 && left_ms < INT32_MAX)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
}
