/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_child.c - execute the command line, beside the monitor or in its place
 *
 * A fork of the monitor is cheap, because there is nothing to copy. Not a vfork: parent and child would be in one stack frame of code
 * that no C library has arranged for it.
 */
#include "engine/monitor/monitor_child.h"

#include "engine/monitor/monitor_args.h"
#include "engine/monitor/monitor_sys.h"

#include <linux/sched.h>
#include <linux/wait.h>
#include <signal.h>
#include <string.h>

#define ARGS_MAX	   32
#define EXIT_NOT_EXECUTED  127
#define WAIT_STATUS_EXITED 1 /* CLD_EXITED */

static bool add(const char **argv, size_t *count, const char *const *words)
{
	for (; words != NULL && *words != NULL; words++) {
		if (*count >= ARGS_MAX)
			return false;
		argv[(*count)++] = *words;
	}
	return true;
}

void monitor_become(const struct monitor_config *config, const char *const *environment,
		    const char *const *words)
{
	const char *argv[ARGS_MAX + 3];
	size_t count = 0;
	uint64_t no_signals = 0;

	argv[count++] = "dhow";
	if (config->dhow_path == NULL || !add(argv, &count, config->dhow_args) ||
	    !add(argv, &count, words))
		return;
	argv[count++] = config->container_id;
	argv[count] = NULL;

	MON_CALL(SYS_close_range, MONITOR_FD_FIRST, ~0U, 0, 0, 0);
	MON_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, 0, sizeof(no_signals), 0);
	MON_CALL(SYS_execve, config->dhow_path, argv, environment, 0, 0);
}

int monitor_child_start(const struct monitor_config *config, const char *const *environment,
			const char *const *words, struct monitor_child *child)
{
	int pid_fd = -1;
	long pid;

	if (config->dhow_path == NULL)
		return -ENOENT;
	pid = MON_CALL(SYS_clone, SIGCHLD | CLONE_PIDFD, 0, &pid_fd, 0, 0);
	if (pid == 0) {
		monitor_become(config, environment, words);
		for (;;)
			MON_CALL(SYS_exit_group, EXIT_NOT_EXECUTED, 0, 0, 0, 0);
	}
	if (pid < 0)
		return (int)pid;
	*child = (struct monitor_child){ (pid_t)pid, pid_fd };
	return 0;
}

int monitor_child_reap(struct monitor_child *child)
{
	siginfo_t info = { 0 };
	long result;

	do
		result = MON_CALL(SYS_waitid, P_PID, child->pid, &info, WEXITED, 0);
	while (result == -EINTR);
	mon_close(&child->pid_fd);
	child->pid = 0;
	return result == 0 && info.si_code == WAIT_STATUS_EXITED ? info.si_status : -1;
}
