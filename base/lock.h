/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/lock.h - kernel locks on files (R28)
 *
 * flock() on a file in the object's directory, for writers. Order: images < layers < names < container < volume < network.
 * None is held over the network or user code. A lock goes with its last descriptor, so kill -9 leaves nothing behind.
 * Liveness is another kind: an open-file-description lock that a monitor holds as long as it lives and that anybody who
 * may open the file can query without taking it. It belongs to the open file: a child has it too until it executes or
 * closes the descriptor, so what outlives the holder must not keep it.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/** Take the lock file name in dir_fd (made 0600 if missing), exclusive or shared; waits. fd that holds it, or -1. */
int lock_take(int dir_fd, const char *name, bool exclusive, struct err *err);
/** The same without waiting: fd, -2 when somebody else has it, -1 failed. */
int lock_try(int dir_fd, const char *name, bool exclusive, struct err *err);

/** Open (make) the file and take the liveness lock on it: fd, -2 somebody lives already, -1 failed. */
int alive_take(int dir_fd, const char *name, struct err *err);
/** True when somebody holds it (F_OFD_GETLK). No file: false. Asks through fd or by name. */
bool alive_is_held(int dir_fd, const char *name);

#endif
