/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs_private.h - what the files of the drivers share (private)
 *
 * The kernel makes mounts only of what belongs to the caller's mount namespace, and a descriptor belongs to the one in which it was
 * opened. So a directory that will be mounted from is known as a place, which is a path and the identity that it had
 * outside: inside it is opened by path again and must be the same directory (R1), and from there on everything is opened
 * beneath.
 */
#ifndef STORAGE_ROOTFS_PRIVATE_H
#define STORAGE_ROOTFS_PRIVATE_H

#include <sys/types.h>

#include "storage/layer.h"
#include "storage/rootfs.h"

struct rootfs_place {
	char *path;
	dev_t dev;
	ino_t ino;
};

#define ROOTFS_LOWER_PATH_MAX (sizeof("layers/sha256//diff") + DIGEST_HEX)
struct rootfs_lower {
	size_t place;
	char path[ROOTFS_LOWER_PATH_MAX]; /* below the place; "." is the place itself */
};

#define ROOTFS_UPPER_DIR "upper"
#define ROOTFS_WORK_DIR	 "work"
#define ROOTFS_COPY_DIR	 "rootfs"

/* rootfs_place.c */
/** Remember an open directory; its index. path NULL: found through /proc. -1 with err. */
int rootfs_place_add(struct rootfs *rootfs, int dir_fd, const char *path, struct err *err);
/** Open it again, in whatever mount namespace we are. fd. */
int rootfs_place_open(const struct rootfs_place *place, struct err *err);
/** Open what is beneath, O_PATH. fd. */
int rootfs_open_below(const struct rootfs_place *place, int place_fd, const char *path,
		      struct err *err);

/* rootfs_overlay.c: native overlay */
int rootfs_overlay_begin(struct rootfs *rootfs, struct err *err);
int rootfs_overlay_mount(struct rootfs *rootfs, struct err *err);

/* rootfs_fuse.c: fuse-overlayfs */
/** True when the program is there and /dev/fuse can be opened; *ret_path (may be NULL) is yours. */
bool rootfs_fuse_available(char **ret_path);
int rootfs_fuse_start(struct store *store, struct rootfs *rootfs, struct err *err);
int rootfs_fuse_mount(struct rootfs *rootfs, struct err *err);

/* rootfs_vfs.c: copies */
/**
 * Copy the layers into the directory ROOTFS_COPY_DIR of dir_fd, unless it is there.
 * @param container_maps  owners are translated for these
 */
int rootfs_vfs_copy(struct store *store, const struct rootfs *rootfs, int dir_fd,
		    const struct idmaps *container_maps, struct err *err);

/* rootfs_driver.c */
/** The driver for this rootfs: as asked for or possible, with single and map_ids minded. Sets driver and note. */
int rootfs_choose(struct store *store, struct rootfs *rootfs, struct err *err);

#endif
