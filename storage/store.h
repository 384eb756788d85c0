/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/store.h - the store on disk: its directories, locks, staging
 *
 * Door 1 of 10 (store.h, image.h, layer.h, layer_make.h, rootfs.h, volume.h, secret.h, sha256.h, tar_write.h, copy_tree.h; unpack.h is for
 * libexec/dhow/transfer only).
 *
 *	$XDG_DATA_HOME/dhow/ (--root)
 *	  images/	OCI image layout: oci-layout, index.json (derived), blobs/sha256/HEX; records/HEX; names/ESCAPED-NAME
 *	  layers/sha256/HEX/	diff/ meta		keyed by diffID
 *	  containers/ID/  names/  volumes/NAME/  networks/  secrets/  events/  cache/  tmp/	(containers, names: engine/container)
 *	$XDG_RUNTIME_DIR/dhow/ (--runroot)	sockets, cached filters and ranges; may be lost at any time
 *
 * Publishing is a rename (R27): staging_new() makes tmp/NAME with a lock held; work happens inside; staging_publish() syncs
 * and renames. Entries in tmp/ whose lock nobody holds are abandoned: store_open() of a command that writes removes them,
 * in a child that it waits for no longer than 20 ms. The locks are record locks on tmp/lock, one byte per entry, so that they
 * leave no files behind.
 * Locks are taken in the order images < layers < names < container < volume < network, none over the network or user code.
 * Readers never lock. Uses base and rootless.
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "base/alloc.h"
#include "base/names.h"
#include "rootless/rootless.h"

#include <stdbool.h>

struct err;

enum storage_driver {
	STORAGE_DRIVER_AUTO, /* native overlay when a try-mount works, else fuse-overlayfs, else vfs */
	STORAGE_DRIVER_OVERLAY,
	STORAGE_DRIVER_FUSE_OVERLAYFS,
	STORAGE_DRIVER_VFS,
	STORAGE_DRIVER_COUNT
};
NAME_TABLE_DECLARE(storage_driver)

struct store {
	char *root_path; /* absolute */
	char *run_path;
	int root_fd; /* O_RDONLY | O_DIRECTORY */
	int run_fd;
	enum storage_driver driver; /* as asked for; rootfs_driver() decides AUTO */
	bool read_only; /* the file system is: readers work, writers fail with ERR_DENIED */
	struct strv
		additional_roots; /* read-only stores below which images and layers are looked up too (U27) */
	int *additional_fds; /* one per additional root; -1: it cannot be opened, a debug line told why */
	struct id_ranges *ranges; /* private: NULL until store_id_ranges() */
	struct idmaps *maps;	  /* private: NULL until store_idmaps() */
};

struct store_options {
	const char *root; /* NULL: $XDG_DATA_HOME/dhow or $HOME/.local/share/dhow */
	const char *
		run_root; /* NULL: $XDG_RUNTIME_DIR/dhow; without it a checked private /run/user/UID or /tmp/dhow-UID */
	enum storage_driver driver;
	const struct strv *additional_roots; /* NULL: none */
	bool for_writing;		     /* make what is missing, collect abandoned staging */
};

/**
 * Open the store. Roots are 0700 and ours, or refused (R26). A store that does not exist yet is empty for readers.
 * Cheap: a handful of system calls. Note: with an absent root and !for_writing root_fd is -1 and all lists are empty.
 */
int store_open(const struct store_options *options, struct store **ret_store, struct err *err);
void store_free(struct store *store);

/** Open a directory below the root ("images/blobs/sha256"); made with 0700 when make. fd; -1 failed (ERR_NOT_FOUND if absent). */
int store_open_dir(struct store *store, const char *path, bool make, struct err *err);
/** The same below the runtime directory. */
int store_open_run_dir(struct store *store, const char *path, bool make, struct err *err);

/** Append the names of what is in a directory below the root, except "." names; none when it is not there. */
int store_list_dir(struct store *store, const char *path, struct strv *ret_names, struct err *err);

/** A directory below tmp/ that is being filled. */
struct staging {
	int dir_fd;
	int lock_fd;
	char name[40];
};
#define STAGING_INIT                                                                               \
	{                                                                                          \
		-1, -1, ""                                                                         \
	}
int staging_new(struct store *store, const char *kind, struct staging *ret_staging,
		struct err *err);
/** Sync (when durable) and rename to name in to_dir_fd; ERR_EXISTS when it is there already (the staging is kept). */
int staging_publish(struct store *store, struct staging *staging, int to_dir_fd, const char *name,
		    bool durable, struct err *err);
/** Remove it if it was not published. Needs the user namespace for files of other ids: does that itself. */
void staging_discard(struct store *store, struct staging *staging);

/**
 * Remove a tree below dir_fd that may hold files of subordinate ids: as the user when that is enough (the common case, no
 * process is started), else in a user namespace with the default maps.
 */
int store_remove_tree(struct store *store, int dir_fd, const char *name, struct err *err);
/**
 * Remove an entry of the store: it is gone for everybody at once, then deleted; who is killed meanwhile leaves the rest to the next command.
 * 1, 0 there is none, -1.
 */
int store_remove_entry(struct store *store, int dir_fd, const char *name, struct err *err);
/** Sync everything of the store's file system. One call, however many files were written. */
int store_sync(struct store *store, struct err *err);
/** The default maps of this user (cached in the store object). Borrowed. */
int store_idmaps(struct store *store, const struct idmaps **ret_maps, struct err *err);
/** The user's ranges (cached in the store object). Borrowed. */
int store_id_ranges(struct store *store, const struct id_ranges **ret_ranges, struct err *err);

DEFINE_CLEANUP(store)
#define cleanup_store __attribute__((cleanup(store_free_ptr)))

#endif
