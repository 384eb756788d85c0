/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/belief.h - what the programs of this folder share
 *
 * Each program tests one thing that we believe about the kernel: it exits 0 when that is so, and 1 with a line that says what is
 * not. Where a belief needs something that this machine does not have, it says so and exits 0. They are the first place to look on a
 * new system: build/tests/kernel/NAME.
 */
#ifndef TESTS_KERNEL_BELIEF_H
#define TESTS_KERNEL_BELIEF_H

#include "base/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/** The belief holds only if the condition does. */
#define BELIEVE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "not so: %s (line %d): %s\n", #condition, __LINE__,        \
				strerror(errno));                                                  \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/** This machine cannot answer. */
#define CANNOT_TELL(reason)                                                                        \
	do {                                                                                       \
		printf("cannot tell: %s%s%s\n", reason, errno != 0 ? ": " : "",                    \
		       errno != 0 ? strerror(errno) : "");                                         \
		exit(0);                                                                           \
	} while (0)

/** fork() into new namespaces, without libc. */
static inline pid_t clone_into(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

/** Exit status of a child, or 128 + signal. */
static inline int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t size = write(fd, text, strlen(text));
	int errno_value = errno;
	close(fd);
	errno = errno_value;
	return size == (ssize_t)strlen(text) ? 0 : -1;
}

/** A directory of this test's own below /tmp, removed by nobody when the test fails. */
static inline void make_trash(char path[32])
{
	snprintf(path, 32, "/tmp/belief-XXXXXX");
	BELIEVE(mkdtemp(path) != NULL);
}

#endif
