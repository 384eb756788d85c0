/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/init_main.c - the small init of --init: libexec/dhow/init PROGRAM ARGUMENT...
 *
 * Runs as pid 1 of a container, statically linked, so that it needs nothing of the image. It starts the program in a process group of its own,
 * passes signals on, reaps whatever is left to it, and ends with the program's status. SIGCHLD and faults are its own; stop signals of the
 * terminal reach the program's group by themselves when it is in the foreground.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NO_COMMAND 127
#define EXIT_CANNOT_RUN 126

/* Faults of ours are not passed on, and SIGCHLD is why we are here. */
static int is_own_signal(int number)
{
	return number == SIGCHLD || number == SIGSEGV || number == SIGBUS || number == SIGFPE ||
	       number == SIGILL || number == SIGTRAP || number == SIGSYS || number == SIGABRT;
}

static void start_program(char **argv, const sigset_t *old_mask)
{
	setpgid(0, 0);
	/* The terminal's foreground belongs to the program; without one, or when it is not ours to give, this fails and nothing is lost. */
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(STDIN_FILENO, getpid());
	signal(SIGTTOU, SIG_DFL);
	sigprocmask(SIG_SETMASK, old_mask, NULL);
	execvp(argv[0], argv);
	int status = errno == ENOENT ? EXIT_NO_COMMAND : EXIT_CANNOT_RUN;
	const char *reason = strerror(errno);

	/* a failed write of the last message has no reader either */
	if (write(STDERR_FILENO, argv[0], strlen(argv[0])) < 0 ||
	    write(STDERR_FILENO, ": ", 2) < 0 || write(STDERR_FILENO, reason, strlen(reason)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(status);
	_exit(status);
}

/* Reap all that has ended; the status of the program when it is among them, else -1. */
static int reap(pid_t program)
{
	int result = -1, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

int main(int argc, char **argv)
{
	sigset_t all, old_mask;

	if (argc < 2)
		return EXIT_NO_COMMAND;
	/* what other inits want between their options and the program */
	if (strcmp(argv[1], "--") == 0 && argc > 2)
		argv++;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old_mask);

	pid_t program = fork();
	if (program < 0)
		return EXIT_CANNOT_RUN;
	if (program == 0)
		start_program(argv + 1, &old_mask);

	for (;;) {
		int number = sigwaitinfo(&all, NULL);

		if (number == SIGCHLD) {
			int status = reap(program);

			if (status >= 0)
				return status;
		} else if (number > 0 && !is_own_signal(number)) {
			kill(program, number);
		}
	}
}
