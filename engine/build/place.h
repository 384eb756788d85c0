/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/place.h - put files into a root file system, in a worker (private to engine/build)
 *
 * Runs as root of a user namespace with the store's maps. The root's content is hostile: every directory is resolved in it, files are
 * made new and never followed (R1).
 */
#ifndef ENGINE_BUILD_PLACE_H
#define ENGINE_BUILD_PLACE_H

#include "engine/build/source.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

/** --chmod: octal or symbolic. */
struct mode_change {
	bool is_set;
	bool is_octal;
	mode_t mode;
	const char *text; /* of a symbolic one; checked */
};
int mode_change_parse(const char *text, struct mode_change *ret_change, struct err *err);
mode_t mode_change_apply(const struct mode_change *change, mode_t mode);

struct place {
	int root_fd;
	bool has_owner;
	uint32_t uid, gid; /* of all that is placed; 0 unless has_owner */
	struct mode_change mode;
	bool keep_xattrs; /* the source is a stage or an image */
	bool keep_owner;  /* of the source, for mounts */
};

/** `mkdir -p` in the root; new ones get the owner. O_PATH fd, or -1. */
int place_dirs(const struct place *place, const char *path, struct err *err);
/** Put an item at a path: a directory's content into it, a file as it or, when into_dir or when it is a directory, into it. */
int place_item(const struct place *place, const struct source_root *root,
	       const struct source_item *item, const struct ignore *excludes, const char *path,
	       bool into_dir, struct err *err);
/** A new file with this text. */
int place_text(const struct place *place, const char *path, bool into_dir, const char *name,
	       const char *text, mode_t mode, struct err *err);
/** "USER[:GROUP]" by the root's own passwd and group. */
int place_owner(struct place *place, const char *text, struct err *err);

#endif
