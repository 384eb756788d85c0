/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/owner-reaches-inside.c - a plain process outside may join the namespaces of a user namespace that its user owns with one
 * setns, signal processes in it by pidfd, and open /proc/PID/root; so the monitor and exec need no namespace of their own
 */
#include "tests/kernel/belief.h"

static int join(int pid_fd)
{
	if (setns(pid_fd, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) < 0)
		return 2;
	return 0;
}

int main(void)
{
	char path[64];
	pid_t pid = clone_into(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);

	if (pid < 0)
		CANNOT_TELL("no user namespaces");
	if (pid == 0) {
		pause();
		_exit(1);
	}
	int pid_fd = sys_pidfd_open(pid, 0);
	BELIEVE(pid_fd >= 0);

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	BELIEVE(root_fd >= 0);

	pid_t joiner = fork();
	if (joiner == 0)
		_exit(join(pid_fd));
	errno = 0;
	BELIEVE(wait_for(joiner) == 0);

	BELIEVE(sys_pidfd_send_signal(pid_fd, SIGKILL, NULL, 0) == 0);
	BELIEVE(wait_for(pid) == 128 + SIGKILL);
	return 0;
}
