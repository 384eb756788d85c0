/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/terminal.c - the caller's terminal: raw while a container has it, and as it was afterwards
 */
#include "engine/container/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_size(uint16_t *ret_rows, uint16_t *ret_columns)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		struct winsize size;

		if (ioctl(fd, TIOCGWINSZ, &size) < 0)
			continue;
		*ret_rows = size.ws_row;
		*ret_columns = size.ws_col;
		return true;
	}
	return false;
}

void terminal_raw(struct terminal *terminal)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
		return;
	raw = terminal->before;
	cfmakeraw(&raw);
	terminal->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void terminal_restore(struct terminal *terminal)
{
	if (terminal->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
	terminal->raw = false;
}
