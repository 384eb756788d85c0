/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path_walk.h - resolve a path by single components; private to base/path*.c
 *
 * Does what openat2 does, with more system calls: every component is opened O_PATH | O_NOFOLLOW from the descriptor of the
 * one before, links are read and put in front of the rest, and ".." goes back by walking the names so far again from the
 * root. So nothing that is renamed meanwhile can lead out of it.
 */
#ifndef BASE_PATH_WALK_H
#define BASE_PATH_WALK_H

#include <stdint.h>
#include <sys/types.h>

enum path_walk_kind {
	PATH_WALK_IN_ROOT, /* links are followed and end at the root */
	PATH_WALK_BENEATH, /* no links, and leaving is -EXDEV */
};

/** As path_open_in_root() and path_open_beneath(). */
int path_walk_open(int root_fd, const char *path, int flags, mode_t mode, enum path_walk_kind kind);
/** O_PATH fd of the last directory; missing ones are made. */
int path_walk_make_dirs(int root_fd, const char *path, mode_t mode, enum path_walk_kind kind,
			int *ret_made);

/** openat2 with these RESOLVE_ flags: fd, -ENOSYS when there is none, or -errno. */
int path_try_openat2(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve);

#endif
