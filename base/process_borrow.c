/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process_borrow.c - children that borrow our memory
 *
 * vfork: no page tables are copied, and no page that we write to afterwards costs a fault. The child goes on deeper on our own stack, and our
 * frames are as they were when we wake up, because the child never returns from here.
 *
 * AddressSanitizer keeps the return address of one vfork at a time, and some of our borrowers lend on; so there each child gets a stack
 * of its own.
 */
#include "base/process.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sched.h>
#include <sys/mman.h>

#define STACK_BYTES (1024 * 1024)

pid_t process_borrow(int (*function)(void *arg), void *arg)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t pid;

	if (stack == MAP_FAILED)
		return -errno;
	pid = clone(function, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, arg);
	if (pid < 0)
		pid = -errno;
	/* frames that never returned have left their marks */
	ASAN_UNPOISON_MEMORY_REGION(stack, STACK_BYTES);
	munmap(stack, STACK_BYTES);
	return pid;
}
#else
pid_t __attribute__((noinline)) process_borrow(int (*function)(void *arg), void *arg)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(function(arg));
	return pid < 0 ? -errno : pid;
}
#endif
