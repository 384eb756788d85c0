/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/copy.h - the parts of cp (private to engine/container)
 *
 *	copy.c		between a container and the host, from descriptor to descriptor
 *	copy_path.c	what a path means, as source and as target, on either side
 *	copy_stream.c	tar streams, and two containers
 */
#ifndef ENGINE_CONTAINER_COPY_H
#define ENGINE_CONTAINER_COPY_H

#include "engine/container/tree.h"
#include "engine/files.h"

struct copy_source {
	int fd; /* open for reading */
	bool is_directory;
	bool content_only; /* "DIR/." */
	char *base;	   /* the last component of its path, "" for the root */
};
void copy_source_release(struct copy_source *source);
#define COPY_SOURCE_INIT                                                                           \
	{                                                                                          \
		-1, false, false, NULL                                                             \
	}
/** Below the root of a container: the last link is followed within it. Special files are not opened. */
int copy_source_inside(int root_fd, const char *path, const char *where, struct copy_source *ret,
		       struct err *err);
int copy_source_on_host(const char *path, struct copy_source *ret, struct err *err);

/** Where a path leads: a directory that is there, or a name in one. */
struct copy_place {
	int dir_fd;
	char *name;		  /* NULL: dir_fd is the directory that the path names */
	bool wants_directory;	  /* "DIR/" */
	const char *path, *where; /* for messages; borrowed */
};
void copy_place_release(struct copy_place *place);
#define COPY_PLACE_INIT                                                                            \
	{                                                                                          \
		-1, NULL, false, NULL, NULL                                                        \
	}
int copy_place_inside(int root_fd, const char *path, const char *where, struct copy_place *ret,
		      struct err *err);
int copy_place_on_host(const char *path, struct copy_place *ret, struct err *err);
/** The name that the source gets in place->dir_fd; NULL: its content goes into that. Borrowed. ERR_NOT_FOUND for a file to "DIR/". */
int copy_target_name(const struct copy_place *place, const struct copy_source *source,
		     const char **ret_name, struct err *err);

/** A path in a container as cp takes it: relative ones count from its working directory. Yours. */
char *copy_container_path(const struct engine *engine, const json_t *spec, const char *path);
/** uid and gid of the container's user. */
int copy_user(int root_fd, const struct container *container, const json_t *spec, uint32_t *ret_uid,
	      uint32_t *ret_gid, struct err *err);

int copy_through_stream(struct engine *engine, const struct copy_end *from,
			const struct copy_end *to, const struct container_cp_opts *opts,
			struct err *err);

#endif
