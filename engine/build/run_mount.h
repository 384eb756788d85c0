/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/run_mount.h - what RUN --mount shows, in a worker (private to engine/build)
 *
 * Calling sequence: run_mounts_open_secrets() when run_mounts_need_namespace(), run_mounts_lock(), run_mounts_prepare(), run_mounts_list().
 */
#ifndef ENGINE_BUILD_RUN_MOUNT_H
#define ENGINE_BUILD_RUN_MOUNT_H

#include "engine/build/build_private.h"
#include "storage/rootfs.h"

#define BIND_RW "bind,rprivate,nosuid,nodev,rw"
#define BIND_RO "bind,rprivate,nosuid,nodev,ro"

struct mount_work {
	struct build *build;
	struct job *job;
	int mounts_fd; /* "mounts" in the staging directory */
	int cache_dir_fd;
	struct rootfs *rootfs; /* per mount: where its files come from */
	int lock_fd;	       /* of the secrets */
	int secrets_fd;	       /* below the runtime directory, which is in memory */
};

bool run_mounts_need_namespace(const struct job *job);
/** A directory in memory for secrets; its path is yours. */
int run_mounts_open_secrets(struct mount_work *work, char **ret_path, struct err *err);
/** After the worker, however it ended: what it wrote goes. */
void run_mounts_cleanup(struct build *build, const struct job *job);
/** The same for builders that were killed: nobody holds the lock of their secrets any more. */
void run_mounts_sweep(struct build *build);
/** sharing=locked waits for the others; private takes another directory when this one is in use. fds: one for each mount, -1 at first. */
int run_mounts_lock(struct mount_work *work, int *fds, struct err *err);
/** Copy what is bound, make caches, write secrets; env gets those that are variables. */
int run_mounts_prepare(struct mount_work *work, struct strv *env, struct err *err);
/** Append the OCI mounts. */
void run_mounts_list(const struct mount_work *work, const char *staging_path,
		     const char *secrets_path, json_t *mounts, struct strv *env);
/** Append one; words are its options, with commas between them. */
void run_mount_add(json_t *mounts, const char *type, const char *source, const char *target,
		   const char *words);

#endif
