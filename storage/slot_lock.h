/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/slot_lock.h - many locks in one empty file (private)
 *
 * An open-file-description lock on one byte, whose offset is a number of the object: a random one of a staging directory, the
 * first bits of a digest for a layer. Nothing is left behind when the holder goes, so nothing must be collected, and nobody
 * can unlink a lock that another waits for. The lock belongs to the descriptor: children that inherit it hold it too.
 * Two objects with the same offset wait for each other, which is harmless.
 */
#ifndef STORAGE_SLOT_LOCK_H
#define STORAGE_SLOT_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct digest;

/** Open (make) the lock file; fd or -errno. */
int slot_lock_open(int dir_fd, const char *name);
/** Take the lock of a slot: 0, -EAGAIN when it is held and wait is false, -errno. */
int slot_lock_take(int lock_fd, uint64_t slot, bool wait);
/** True when somebody else holds it. */
bool slot_lock_is_held(int lock_fd, uint64_t slot);
/** Slot of a digest. */
uint64_t slot_of_digest(const struct digest *digest);

#endif
