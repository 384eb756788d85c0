/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/volume.h - named volumes
 *
 *	volumes/NAME/meta	record: name, driver, labels, options, created, anonymous
 *	volumes/NAME/_data/	the content
 *	volumes/NAME/copied	empty; the content of an image went in, or the volume was in use (volume_set_copied)
 *
 * A volume is staged and renamed into its place: exactly one winner, and never one without a record. A damaged record makes a
 * volume that is marked: it is in the lists, its data can be opened, it can be removed. Who uses a volume is found by looking at the containers'
 * records (engine/container).
 */
#ifndef STORAGE_VOLUME_H
#define STORAGE_VOLUME_H

#include "base/strv.h"
#include "storage/store.h"

struct volume {
	char *name;
	char *driver;		     /* "local" */
	struct strv labels, options; /* NAME=VALUE */
	int64_t created_ns;
	bool anonymous;
	bool needs_copy_up; /* new and never mounted: the image's content goes in first (R22) */
	bool damaged;
	char *mount_point; /* absolute path of _data */
};
void volume_free(struct volume *volume);
DEFINE_CLEANUP(volume)
#define cleanup_volume __attribute__((cleanup(volume_free_ptr)))

struct volume_list {
	struct volume **items;
	size_t count;
};
void volume_list_release(struct volume_list *list);

/** [a-zA-Z0-9][a-zA-Z0-9_.-]* as podman has it. */
bool volume_name_is_valid(const char *name);
/**
 * name NULL: one with a 64-digit name. ERR_EXISTS. Durable, but not an anonymous one: it is as durable as the container's
 * record that is written after it.
 */
int volume_create(struct store *store, const char *name, const struct strv *labels,
		  const struct strv *options, bool anonymous, struct volume **ret_volume,
		  struct err *err);
/** By name, or by a unique prefix when allow_prefix: 1, 0, -1 (ERR_AMBIGUOUS). */
int volume_find(struct store *store, const char *name, bool allow_prefix,
		struct volume **ret_volume, struct err *err);
int volume_list(struct store *store, struct volume_list *ret_list, struct err *err);
/** Names only, in no order, without a look at the volumes: for completion. */
int volume_all_names(struct store *store, struct strv *ret_names, struct err *err);
/** fd of _data, O_PATH | O_DIRECTORY. */
int volume_open(struct store *store, const struct volume *volume, struct err *err);
int volume_lock(struct store *store, const char *name, struct err *err);
/** The content was copied up: remember it. */
int volume_set_copied(struct store *store, const char *name, struct err *err);
int volume_remove(struct store *store, const char *name, struct err *err);
/**
 * Copy the tree at source_fd into the volume's directory with owner, mode, times, hard links and attributes, no link followed, devices and
 * sockets skipped (R22). A directory that is not empty is left as it is. Runs as root of the user namespace.
 */
int volume_copy_up(int source_fd, int data_fd, struct err *err);
/**
 * Give everything below a directory (or one file), and itself last, to uid and gid; no link is followed, what is mounted inside is left alone.
 * Runs as root of a user namespace that has both ids and those of the present owners.
 * @param tree_fd  O_PATH is enough
 */
int tree_change_owner(int tree_fd, uid_t uid, gid_t gid, struct err *err);

#endif
