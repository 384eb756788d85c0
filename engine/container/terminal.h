/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/terminal.h - the caller's terminal: raw while a container has it, and as it was afterwards (private to engine/container)
 */
#ifndef ENGINE_CONTAINER_TERMINAL_H
#define ENGINE_CONTAINER_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct terminal {
	bool raw;
	struct termios before;
};

/** Size of the terminal that one of the standard streams is; false when there is none. */
bool terminal_size(uint16_t *ret_rows, uint16_t *ret_columns);
/** Make stdin's terminal raw; nothing when stdin is none. */
void terminal_raw(struct terminal *terminal);
/** Undo terminal_raw(); may be called twice. */
void terminal_restore(struct terminal *terminal);

#endif
