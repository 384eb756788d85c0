/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/state.h - what the files of engine/container share about loading and names
 */
#ifndef ENGINE_CONTAINER_STATE_H
#define ENGINE_CONTAINER_STATE_H

#include "engine/container.h"

/** containers/, for reading or made; fd, -1 (ERR_NOT_FOUND when there is no store). */
int container_open_dir(struct engine *engine, bool make, struct err *err);
/** Load by full id: 1, 0 there is none, -1. A record that cannot be read makes a container of status CONTAINER_DAMAGED. */
int container_load(int containers_fd, const char *id, struct container **ret_container,
		   struct err *err);
/** Point the members that are borrowed from the record into it anew, after it was changed. */
void container_borrow(struct container *container);
/** Id that the name stands for: 1 or 0. */
int container_name_read(int names_fd, const char *name, struct object_id *ret_id);
/** [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 240 bytes. */
bool container_name_is_valid(const char *name);

/** Bytes on disk of the writable layer. */
int container_size(const struct container *container, unsigned long long *ret_bytes,
		   struct err *err);

/** Derive the state from the lock and the records in the container's directory; quiet. */
void container_state_read(int dir_fd, struct container_state *ret_state);

#endif
