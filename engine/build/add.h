/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/add.h - what ADD can and COPY cannot: URLs, git repositories, archives (private to engine/build)
 *
 * Everything from outside is fetched by libexec/dhow/transfer, everything that is packed is unpacked by the sandboxed unpacker, both
 * into the job's staging directory; from there it is placed like files of a context.
 */
#ifndef ENGINE_BUILD_ADD_H
#define ENGINE_BUILD_ADD_H

#include "engine/build/build_private.h"
#include "engine/build/place.h"

/** http(s)://, or a git repository. */
bool add_is_remote(const char *word);
/** Check --checksum, and fetch what has none: its content is part of the key. */
int add_plan(struct build *build, struct job *job, struct sha256 *hash, struct err *err);
/** In the worker, outside of the namespace. */
int add_fetch(struct build *build, struct job *job, struct err *err);
/** Inside: place what was fetched. */
int add_place(struct build *build, struct job *job, struct place *place, struct err *err);
/** The index-th file of a context: 1 it was an archive and is placed unpacked, 0 it is something else, -1. */
int add_archive(struct build *build, struct job *job, struct place *place, size_t index,
		struct err *err);

#endif
