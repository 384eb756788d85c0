/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/rootless.h - id ranges, user namespaces, and work inside them
 *
 * A plain user owns one id and, by /etc/subuid and /etc/subgid (or NSS), ranges of subordinate ids. A container lives in a
 * user namespace of its own whose maps are made of these. This folder finds the ranges, plans maps, writes them through
 * newuidmap and newgidmap (started side by side: 2 ms and not 5), and runs short functions of ours as root of such a
 * namespace (removing files of subordinate ids, mounting a stopped container). Uses base only.
 *
 * Calling sequence of a start:
 *	idmap_ranges_load()	once per command; cheap: answers are kept in the runtime directory, keyed by the inode, size
 *				and time of the files and of nsswitch.conf
 *	idmap_plan_default()	or one of the others: what --userns says
 *	clone(CLONE_NEWUSER)	by the runtime; the child waits for its maps
 *	idmap_write()		by the parent, for the pid of the child
 *
 * Without ranges there is single-id mode (U60): the map is 0 -> own id, one id long; ids.single is set, the caller warns once
 * and storage keeps owners as metadata in an xattr (override_stat).
 *
 * Every way this fails on real systems ends in one sentence with the cure in the hint: user namespaces off
 * (kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), helper missing
 * or not setuid (or without file capabilities), range missing, short, overlapping.
 */
#ifndef ROOTLESS_ROOTLESS_H
#define ROOTLESS_ROOTLESS_H

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/** One line of a uid_map or gid_map: container ids [inside, inside + count) are host ids [outside, outside + count). */
struct idmap_entry {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

#define IDMAP_ENTRIES_MAX 340 /* the kernel's limit */

/** A list of entries. */
struct idmap {
	struct idmap_entry *entries;
	size_t count;
};

/** Both maps of a user namespace. */
struct idmaps {
	struct idmap uid;
	struct idmap gid;
	bool single; /* one id only: there are no subordinate ranges */
};
#define IDMAPS_INIT                                                                                \
	{                                                                                          \
		{ NULL, 0 }, { NULL, 0 }, false                                                    \
	}
void idmaps_release(struct idmaps *maps);
#define cleanup_idmaps __attribute__((cleanup(idmaps_release)))
void idmaps_copy(struct idmaps *maps, const struct idmaps *from);
void idmap_add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count);

/** What the user owns: own ids, and subordinate ranges in the order of the files (inside is unused). */
struct id_ranges {
	uid_t own_uid;
	gid_t own_gid;
	char *user_name; /* for messages; the number when there is no account */
	struct idmap uid;
	struct idmap gid;
};
void id_ranges_release(struct id_ranges *ranges);

/**
 * Find the ranges through libsubid, asked by libexec/dhow/host (files and NSS, by name or uid, several ranges).
 * No range is no error: the lists are empty.
 * @param cache_dir_fd  where the answer is kept (the runtime directory), or -1
 * @param sub_name      ranges of this name of /etc/subuid and /etc/subgid (--subuidname), or NULL for the user's own
 */
int idmap_ranges_load(int cache_dir_fd, const char *sub_name, struct id_ranges *ret_ranges,
		      struct err *err);

/** Container root is the caller, ids from 1 on are the ranges one after another; single when there are none. */
int idmap_plan_default(const struct id_ranges *ranges, struct idmaps *ret_maps, struct err *err);
/** The caller keeps uid/gid inside (keep-id); the other ids of the ranges are around it. ERR_UNSUPPORTED without ranges. */
int idmap_plan_keep_id(const struct id_ranges *ranges, uint32_t inside_uid, uint32_t inside_gid,
		       struct idmaps *ret_maps, struct err *err);
/** Ids from 0 on are the ranges; the caller is not in the map (nomap). */
int idmap_plan_nomap(const struct id_ranges *ranges, struct idmaps *ret_maps, struct err *err);
/**
 * size ids of the ranges that no map in taken uses (auto). ERR_LIMIT when no free piece is large enough.
 * @param taken  host ranges in use by other auto containers
 */
int idmap_plan_auto(const struct id_ranges *ranges, uint32_t size, const struct idmap *taken,
		    struct idmaps *ret_maps, struct err *err);
/**
 * --uidmap and --gidmap: items "CONTAINER:HOST:SIZE" where HOST counts in the caller's default namespace (0 is the caller,
 * 1 the first subordinate id), "@" before HOST takes a real host id; a leading "+" adds to the default map; SIZE is optional (1).
 * An empty gid list takes the uid list's items and the other way round, as podman does.
 */
int idmap_plan_custom(const struct id_ranges *ranges, const struct strv *uid_items,
		      const struct strv *gid_items, struct idmaps *ret_maps, struct err *err);

/** Host id of an inside id: 1 and *ret, or 0 when it is not mapped. And back. */
int idmap_to_host(const struct idmap *map, uint32_t inside, uint32_t *ret);
int idmap_to_inside(const struct idmap *map, uint32_t outside, uint32_t *ret);
/** How many ids from 0 on are mapped without a gap. */
uint32_t idmap_contiguous(const struct idmap *map);
/** "0:1000:1,1:100000:65536", for records and keys. Yours. */
char *idmap_format(const struct idmap *map);
int idmap_parse(const char *text, struct idmap *ret);

/**
 * Write the maps of process pid, a child of ours in a fresh user namespace. Both helpers run at the same time. A map of one
 * own id is written by hand (setgroups is denied then). Blocks until both are written.
 */
int idmap_write(pid_t pid, const struct idmaps *maps, struct err *err);
/** The same in two halves, so that the caller can work meanwhile: start returns at once. */
struct idmap_writer {
	pid_t uid_pid, gid_pid; /* helpers that run, or 0 */
	int uid_error_fd, gid_error_fd;
};
int idmap_write_start(pid_t pid, const struct idmaps *maps, struct idmap_writer *ret_writer,
		      struct err *err);
int idmap_write_finish(struct idmap_writer *writer, const struct idmaps *maps, struct err *err);

/** Why a user namespace could not be made: fills err with the sentence and the cure for this system. */
int userns_explain(int errno_value, struct err *err);

/**
 * Run function as root of a new user namespace (and mount namespace) with these maps, in a child, and wait for it.
 * The child has the caller's memory and descriptors as a copy; what it returns is the result: 0 or more becomes the return
 * value, -1 fills err with the child's own err.
 */
int userns_run(const struct idmaps *maps, int (*function)(void *arg, struct err *err), void *arg,
	       struct err *err);

/**
 * The same in the user and mount namespace of a running process that is the caller's: "/" is its root in function. Nothing of it is
 * executed, and it cannot see the child, which is in no pid namespace of its.
 */
int userns_run_in(int pid_fd, int (*function)(void *arg, struct err *err), void *arg,
		  struct err *err);

/**
 * The same in a user namespace that is there already, with these maps, and a new mount namespace: for many short functions, whose maps
 * are written once.
 */
int userns_run_fd(int userns_fd, const struct idmaps *maps,
		  int (*function)(void *arg, struct err *err), void *arg, struct err *err);

/** Become root of a new user and mount namespace with these maps (`unshare`, `mount`): returns in the same process. */
int userns_enter(const struct idmaps *maps, struct err *err);

/** True when this process is already root of a user namespace that has more than the own id (nested use, real root). */
bool userns_is_inside(void);

#endif
