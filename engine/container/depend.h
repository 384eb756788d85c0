/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/depend.h - containers that need others: --requires, and namespaces of others (private to engine/container)
 *
 * What a container needs is in its create.json ("requires", "joins"). Beside it, so that `rm` need not read all containers, the needed one has
 * a directory `dependents` with an empty file named by the id of each that needs it. It is a hint: who reads it looks into the record.
 * Only containers that exist can be named, so there are no circles.
 */
#ifndef ENGINE_CONTAINER_DEPEND_H
#define ENGINE_CONTAINER_DEPEND_H

#include "engine/container/create.h"

/** Leave the hints, before the container is published. */
int depend_note(struct create *create, struct err *err);
/** Ids of those that need it. */
int depend_list(struct engine *engine, const struct container *container, struct strv *ret_ids,
		struct err *err);

#endif
