/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/tree.h - the file system of a container, running or not, for cp, export, commit, diff, mount (private to engine)
 *
 * A running container is entered: a child of ours joins its user and mount namespace, where "/" is its root. A stopped one is mounted in
 * a child in a user namespace with its maps, for the time of the function; its lock is held meanwhile, so that it is not started on the
 * same directories. Either way owners are seen as the container sees them, nothing of the container is executed, and everything
 * below root_fd is to be reached with base/path.h (R1, R21).
 */
#ifndef ENGINE_CONTAINER_TREE_H
#define ENGINE_CONTAINER_TREE_H

#include "engine/container.h"
#include "rootless/rootless.h"
#include "storage/rootfs.h"

struct container_tree {
	int root_fd;		   /* its root directory */
	const struct idmaps *maps; /* of the user namespace that the function runs in */
};
/** Runs in the child: its memory is a copy, what it opens is gone when it returns. */
typedef int container_tree_function(void *arg, const struct container_tree *tree, struct err *err);

enum container_tree_flags {
	TREE_MOUNTS =
		1
		<< 0, /* volumes and bind mounts are in it (cp); else only the root file system itself (export) */
};
int container_tree_run(struct engine *engine, struct container *container, unsigned flags,
		       container_tree_function *function, void *arg, struct err *err);

/** The maps of its user namespace: what was asked for, or the store's. */
int container_read_maps(struct engine *engine, const struct container *container,
			struct idmaps *maps, struct err *err);
/** Its layers, lowest first; the caller frees. None with --rootfs. */
int container_read_layers(const struct container *container, struct digest **ret_layers,
			  size_t *ret_count, struct err *err);
/** A list of layers of a record: diffIDs. The caller frees. */
int container_parse_layers(const json_t *list, struct digest **ret_layers, size_t *ret_count,
			   struct err *err);
/** rootfs_prepare() for it, with its upper directory. */
int container_prepare_rootfs(struct engine *engine, const struct container *container,
			     const struct idmaps *maps, bool volatile_upper,
			     struct rootfs *ret_rootfs, struct err *err);
/** Paths that the engine makes in a root file system to mount on ("etc/hosts"): no change of the user's. Borrowed, sorted. */
const struct strv *container_engine_paths(struct strv *storage);

#endif
