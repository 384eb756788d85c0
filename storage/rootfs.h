/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs.h - from layers to a mounted root file system
 *
 * Three steps:
 *
 *	rootfs_prepare()	outside every namespace: picks the driver, makes upper/ and work/ (or the vfs copy), starts the
 *				process that will be fuse-overlayfs if that is the driver
 *	rootfs_begin()		in the container's user and mount namespace, id maps written or not: opens the layers again (the
 *				kernel mounts only what belongs to the mount namespace of the caller) and sets the mount up
 *	rootfs_mount()		when the id maps are written and the caller is root there: makes the mount, detached (R2).
 *				Calls rootfs_begin() itself if that was not done
 *
 * The kernel refuses to make an overlay before the maps are there (its work directory has mode 000, and only a capability
 * over its owner opens it), so rootfs_mount_is_early() says no for it; but opening 130 layers takes as long as newuidmap does, and
 * rootfs_begin() lets both happen at the same time.
 *
 * fuse-overlayfs runs outside the container: in the host's pid and mount namespaces, in a user namespace of its own with the
 * store's maps. So nothing in the container can see or kill it, and it dies when its mount goes. The mount itself is made in
 * the container by rootfs_mount(), which passes the descriptor of /dev/fuse on. In the protocol the ids of a file are numbers of
 * the mount's user namespace: the server sees on the disk what the store's maps say (file owner 0 is image owner 0), and the
 * container sees the same numbers through its own maps. So other maps (keep-id, auto, custom) cost no copy and no option,
 * and upper/ is always owned as the layers are, whatever maps the container had. A plain user cannot have an
 * id-mapped mount of the store's file system, so with other maps native overlay is not possible; without fuse-overlayfs
 * the image is copied (vfs), and note says so.
 *
 * Whiteouts in upper/ are 0:0 devices, also those of fuse-overlayfs; opaque directories have user.overlay.opaque=y from the
 * kernel, user.fuseoverlayfs.opaque=y from fuse-overlayfs. Each reads the other's, so a container can change drivers.
 * In single form (no subordinate ids) only fuse-overlayfs knows the owners, in user.containers.override_stat.
 */
#ifndef STORAGE_ROOTFS_H
#define STORAGE_ROOTFS_H

#include "base/digest.h"
#include "storage/store.h"

struct rootfs_place;
struct rootfs_lower;

/** Ways to make an overlay, the newest first; each falls back to the next. */
enum rootfs_mount_api {
	ROOTFS_API_FDS,	  /* fsconfig(FSCONFIG_SET_FD), kernel 6.13 */
	ROOTFS_API_PATHS, /* fsconfig("lowerdir+", "/proc/self/fd/N"), kernel 6.7 */
	ROOTFS_API_MOUNT  /* mount(2) */
};

struct rootfs {
	enum storage_driver driver; /* decided; meaningless for ROOTFS_DIRECTORY */
	enum { ROOTFS_LAYERS, ROOTFS_DIRECTORY } kind; /* vfs is a directory too: the copy */
	bool volatile_upper;			       /* --rm: no sync at all */
	bool read_only;				       /* a view without upper/ */
	bool single;				       /* owners are metadata (single-id mode) */
	bool map_ids;	  /* the container's maps differ from the store's (keep-id, auto ...) */
	const char *note; /* something that the user should be told, or NULL */

	/* private */
	struct rootfs_place *places; /* directories that are known by path and identity */
	size_t place_count;
	struct rootfs_lower *lowers; /* topmost first */
	size_t lower_count;
	size_t upper_place; /* index of the container's directory; unused when read_only */
	const char *upper_path, *work_path, *directory_path; /* below that place, or NULL */
	enum rootfs_mount_api api; /* where to begin; tests skip the first ones */
	int fs_fd;		   /* what rootfs_begin() made: an fsopen context, or -1 */
	int server_fd;		   /* socket to the process that becomes fuse-overlayfs, or -1 */
	pid_t server_pid;    /* of that process, for whoever keeps processes together; 0: none */
	int log_fd;	     /* what that process says when it fails, or -1 */
	struct store *store; /* borrowed, for the removal of the copy below */
	struct staging copy; /* a vfs copy that only this view has */
};
#define ROOTFS_INIT                                                                                \
	{                                                                                          \
		.fs_fd = -1, .server_fd = -1, .log_fd = -1, .copy = STAGING_INIT                   \
	}
void rootfs_release(struct rootfs *rootfs);
#define cleanup_rootfs __attribute__((cleanup(rootfs_release)))

struct rootfs_request {
	const struct digest *diff_ids; /* lowest first */
	size_t diff_id_count;
	int directory_fd;	/* --rootfs DIR, or -1 */
	bool directory_overlay; /* --rootfs DIR:O: an upper over it */
	int container_dir_fd; /* where upper/ and work/ are made (existing ones are used again); -1: read-only view */
	bool volatile_upper;
	const struct idmaps *container_maps; /* NULL: the default */
};

/** ERR_NOT_FOUND: a layer is missing, or there in a form that this machine cannot use now: pull the image again. */
int rootfs_prepare(struct store *store, const struct rootfs_request *request,
		   struct rootfs *ret_rootfs, struct err *err);
int rootfs_begin(struct rootfs *rootfs, struct err *err);
/** Detached mount fd (open_tree/fsmount style), MOUNT_ATTR_NODEV|NOSUID are not set here: the caller decides. -1 with err. */
int rootfs_mount(struct rootfs *rootfs, struct err *err);
/** True when rootfs_mount() may run before the id maps are written. */
bool rootfs_mount_is_early(const struct rootfs *rootfs);
/** The driver that this machine can use; the answer of the try-mount is kept in the runtime directory. */
int rootfs_driver(struct store *store, enum storage_driver *ret_driver, struct err *err);

#endif
