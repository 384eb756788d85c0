/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_sys.h - system calls without a C library (private to the monitor)
 *
 * There is one monitor per container, so its memory is what a running container costs. A static glibc program that does nothing maps and
 * touches 650 KB before main(); without a library the whole monitor has 20 KB. Hence the monitor's files call the kernel by
 * these functions and nothing else of libc but memcpy and friends, which monitor_main.c has too. The same files are linked with libc into
 * unit tests and into sanitized builds, and on processors without a stub here.
 *
 * All return the result or -errno. Only calls and layouts that are the same on all processors are used (openat, ppoll, statx ...).
 */
#ifndef ENGINE_MONITOR_SYS_H
#define ENGINE_MONITOR_SYS_H

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
static inline long mon_call(long number, long a, long b, long c, long d, long e)
{
	register long d_register __asm__("r10") = d;
	register long e_register __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d_register), "r"(e_register)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long mon_call(long number, long a, long b, long c, long d, long e)
{
	register long number_register __asm__("x8") = number;
	register long result __asm__("x0") = a;
	register long b_register __asm__("x1") = b;
	register long c_register __asm__("x2") = c;
	register long d_register __asm__("x3") = d;
	register long e_register __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(result)
			 : "r"(number_register), "r"(b_register), "r"(c_register), "r"(d_register),
			   "r"(e_register)
			 : "memory");
	return result;
}
#else
static inline long mon_call(long number, long a, long b, long c, long d, long e)
{
	long result = syscall(number, a, b, c, d, e);

	return result < 0 ? -errno : result;
}
#endif

#define MON_CALL(number, a, b, c, d, e)                                                            \
	mon_call((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static inline ssize_t mon_read(int fd, void *data, size_t size)
{
	return MON_CALL(SYS_read, fd, data, size, 0, 0);
}
static inline ssize_t mon_write(int fd, const void *data, size_t size)
{
	return MON_CALL(SYS_write, fd, data, size, 0, 0);
}
static inline ssize_t mon_pwrite(int fd, const void *data, size_t size, int64_t offset)
{
	return MON_CALL(SYS_pwrite64, fd, data, size, offset, 0);
}
static inline ssize_t mon_writev(int fd, const struct iovec *iov, int count)
{
	return MON_CALL(SYS_writev, fd, iov, count, 0, 0);
}
static inline int mon_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
	return (int)MON_CALL(SYS_openat, dir_fd, path, flags, mode, 0);
}
static inline void mon_close(int *fd)
{
	if (*fd >= 0)
		MON_CALL(SYS_close, *fd, 0, 0, 0, 0);
	*fd = -1;
}
static inline int mon_rename(int dir_fd, const char *from, const char *to)
{
#ifdef SYS_renameat
	return (int)MON_CALL(SYS_renameat, dir_fd, from, dir_fd, to, 0);
#else
	return (int)MON_CALL(SYS_renameat2, dir_fd, from, dir_fd, to, 0);
#endif
}
static inline int mon_unlink(int dir_fd, const char *name)
{
	return (int)MON_CALL(SYS_unlinkat, dir_fd, name, 0, 0, 0);
}
static inline int mon_ftruncate(int fd, int64_t size)
{
	return (int)MON_CALL(SYS_ftruncate, fd, size, 0, 0, 0);
}
static inline int64_t mon_lseek(int fd, int64_t offset, int whence)
{
	return MON_CALL(SYS_lseek, fd, offset, whence, 0, 0);
}
static inline int mon_fallocate(int fd, int64_t size)
{
	return (int)MON_CALL(SYS_fallocate, fd, 0, 0, size, 0);
}
static inline int mon_fcntl(int fd, int command, long argument)
{
	return (int)MON_CALL(SYS_fcntl, fd, command, argument, 0, 0);
}
static inline int mon_ioctl(int fd, unsigned long request, const void *argument)
{
	return (int)MON_CALL(SYS_ioctl, fd, request, argument, 0, 0);
}
/** timeout NULL waits for ever. */
static inline int mon_ppoll(struct pollfd *fds, size_t count, const struct timespec *timeout)
{
	struct timespec copy;

	if (timeout != NULL) {
		copy = *timeout;
		timeout = &copy;
	}
	return (int)MON_CALL(SYS_ppoll, fds, count, timeout, 0, 8);
}
static inline ssize_t mon_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return MON_CALL(SYS_sendmsg, fd, message, flags, 0, 0);
}
static inline ssize_t mon_recvmsg(int fd, struct msghdr *message, int flags)
{
	return MON_CALL(SYS_recvmsg, fd, message, flags, 0, 0);
}
static inline int mon_accept(int fd, int flags)
{
	return (int)MON_CALL(SYS_accept4, fd, 0, 0, flags, 0);
}
static inline int mon_getsockopt(int fd, int level, int name, void *value, unsigned *length)
{
	return (int)MON_CALL(SYS_getsockopt, fd, level, name, value, length);
}
static inline int64_t mon_clock_ns(int clock)
{
	struct timespec now = { 0, 0 };

	MON_CALL(SYS_clock_gettime, clock, &now, 0, 0, 0);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
