/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs.h - from layers to a mounted root file system
 *
 * Two phases. rootfs_prepare() runs outside every namespace: picks the driver, opens the layers, makes upper/ and work/ (or the
 * vfs copy). rootfs_mount() runs as root of the container's user namespace, in its mount namespace (maps may not be
 * written yet when the driver is native overlay: the kernel does not need them), and gives a detached mount (R2). fuse-overlayfs is
 * started by rootfs_mount() and lives as long as its mount.
 */
#ifndef STORAGE_ROOTFS_H
#define STORAGE_ROOTFS_H

#include "base/digest.h"
#include "storage/store.h"

struct rootfs {
	enum storage_driver driver; /* decided */
	enum { ROOTFS_LAYERS, ROOTFS_DIRECTORY } kind;
	int *lower_fds; /* O_PATH, topmost first */
	size_t lower_count;
	int upper_fd, work_fd; /* -1 when read-only without an upper (image mounts) */
	int directory_fd;      /* ROOTFS_DIRECTORY (--rootfs), or the vfs copy */
	bool volatile_upper;   /* --rm: no sync at all */
	bool single; /* owners are metadata (single-id mode): fuse-overlayfs with xattr_permissions */
	bool map_ids; /* the container's maps differ from the default maps that the layers are owned by (keep-id, auto ...) */
	struct idmaps store_maps; /* owners as written on disk */
	struct idmaps container_maps;
	int fuse_fd; /* opened /dev/fuse for fuse-overlayfs, or -1 */
};
void rootfs_release(struct rootfs *rootfs);

struct rootfs_request {
	const struct digest *diff_ids; /* lowest first */
	size_t diff_id_count;
	int directory_fd;	/* --rootfs DIR, or -1 */
	bool directory_overlay; /* --rootfs DIR:O: an upper over it */
	int container_dir_fd; /* where upper/ and work/ are made (existing ones are used again); -1: read-only view */
	bool volatile_upper;
	const struct idmaps *container_maps; /* NULL: the default */
};

int rootfs_prepare(struct store *store, const struct rootfs_request *request,
		   struct rootfs *ret_rootfs, struct err *err);
/** Detached mount fd (open_tree/fsmount style), MOUNT_ATTR_NODEV|NOSUID are not set here: the caller decides. -1 with err. */
int rootfs_mount(const struct rootfs *rootfs, struct err *err);
/** True when rootfs_mount() may run before the id maps are written. */
bool rootfs_mount_is_early(const struct rootfs *rootfs);
/** The driver that this machine can use; the answer of the try-mount is kept in the runtime directory. */
int rootfs_driver(struct store *store, enum storage_driver *ret_driver, struct err *err);

#endif
