/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/exec_terminal.h - a terminal for one more program in a container (private to engine/container)
 */
#ifndef ENGINE_CONTAINER_EXEC_TERMINAL_H
#define ENGINE_CONTAINER_EXEC_TERMINAL_H

#include <stdbool.h>

struct err;

/**
 * Be between our terminal and the pty until the program ends or is left with the detach keys. The master comes through console_fd.
 * 1 the program has ended, 0 it was left and goes on, -1 with err.
 * @param child_fd     pidfd of the program
 * @param interactive  our stdin is its input
 */
int exec_terminal_relay(int console_fd, int child_fd, bool interactive, const char *detach_keys,
			struct err *err);

#endif
