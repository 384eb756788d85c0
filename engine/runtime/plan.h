/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/plan.h - the plan: what I will do, as data
 *
 * A plan is made of three parts: the namespaces, the list of operations on file systems and kernel settings, and the program. Each
 * operation has a kind; ops.c has one table with two functions per kind:
 *
 *	prepare		before the id maps are written: opens sources on the host with the user's rights, makes detached mounts whose
 *			owner does not matter. Touches nothing of the root file system. What cannot be done yet is left to apply.
 *	apply		as root of the user namespace, in the order of the list
 *
 * Private to engine/runtime.
 */
#ifndef ENGINE_RUNTIME_PLAN_H
#define ENGINE_RUNTIME_PLAN_H

#include "base/strv.h"
#include "engine/runtime.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

struct err;

/* ---- namespaces ---- */

enum namespace_kind {
	/* in the order of joining: the user namespace gives the right to the others */
	NAMESPACE_USER,
	NAMESPACE_PID,
	NAMESPACE_NETWORK,
	NAMESPACE_IPC,
	NAMESPACE_UTS,
	NAMESPACE_TIME,
	NAMESPACE_CGROUP,
	NAMESPACE_MOUNT,
	NAMESPACE_COUNT
};

struct namespace_info {
	const char *name; /* as in the configuration */
	unsigned long clone_flag;
};
extern const struct namespace_info namespace_infos[NAMESPACE_COUNT];

struct namespace_plan {
	bool fresh;
	int join_fd; /* -1: none */
};

/* ---- operations ---- */

enum op_kind {
	OP_LOOPBACK,	   /* bring lo up */
	OP_HOSTNAME,	   /* value */
	OP_DOMAINNAME,	   /* value */
	OP_ROOT,	   /* mount the root file system and cover the host's with it */
	OP_COPY_UP,	   /* content of target in the image to a new volume (fd) */
	OP_ACCOUNTS,	   /* passwd and group with more entries */
	OP_MARKS,	   /* /run/.containerenv and /etc/mtab */
	OP_FILESYSTEM,	   /* a new file system of type at target */
	OP_VIEW,	   /* one more root file system of storage at target */
	OP_BIND,	   /* source of the host at target */
	OP_REMOUNT,	   /* other flags for what is mounted at target */
	OP_DEVICES,	   /* the default devices and links below target (/dev) */
	OP_DEVICE,	   /* one device of the host at target */
	OP_FIFO,	   /* a named pipe at target */
	OP_CONSOLE,	   /* a new pty; its peer at /dev/console */
	OP_SYSCTL,	   /* target (path below /proc/sys) gets value */
	OP_MASK,	   /* hide target */
	OP_READ_ONLY,	   /* target becomes read-only */
	OP_ROOT_READ_ONLY, /* the root mount itself */
	OP_ENTER,	   /* pivot_root, and the host's tree goes */
	OP_KIND_COUNT
};

/** Flags and propagation of a mount, ready for mount_setattr(2). */
struct mount_flags {
	uint64_t set, clear;			 /* of the mount itself */
	uint64_t recursive_set, recursive_clear; /* of it and all below */
	uint64_t propagation;			 /* MS_PRIVATE ..., 0: private with all below */
	bool propagation_recursive;
};

struct op {
	enum op_kind kind;
	char *target;	  /* path in the container */
	char *source;	  /* path on the host */
	char *value;	  /* type of the file system, name, value */
	struct strv data; /* OP_FILESYSTEM: options of the file system */
	struct mount_flags flags;
	bool recursive; /* OP_BIND: what is mounted below, too */
	bool map_ids; /* OP_BIND, OP_ROOT: with the container's ids; fd is made by mount_ids.c in the caller */
	bool copy_up;		  /* OP_FILESYSTEM: tmpfs with the image's content */
	bool is_device, is_block; /* OP_DEVICE */
	uint32_t major, minor, mode, uid, gid;
	bool has_mode;
	bool optional;			 /* nothing happens when the target is not there */
	const struct runtime_view *view; /* OP_VIEW: borrowed */
	int data_fd;			 /* OP_COPY_UP: borrowed */
	int fd;				 /* in I: what prepare made; -1 */
};

/* ---- the program ---- */

#define CAPABILITY_SETS 5
enum capability_set {
	CAPABILITY_EFFECTIVE,
	CAPABILITY_PERMITTED,
	CAPABILITY_INHERITABLE,
	CAPABILITY_BOUNDING,
	CAPABILITY_AMBIENT
};

struct rlimit_plan {
	bool is_set;
	struct rlimit limit;
};

struct program {
	struct strv args, env;
	char *cwd;
	bool create_cwd;
	uint32_t uid, gid;
	struct strv additional_gids; /* decimal, parsed */
	char *user;		     /* to be resolved in the image; NULL: uid and gid hold */
	struct strv group_add;
	bool keep_groups, set_home;
	int umask; /* -1: stays */
	uint64_t capabilities[CAPABILITY_SETS];
	bool no_new_privileges;
	bool has_oom_score_adj;
	int oom_score_adj;
	struct rlimit_plan rlimits[RLIM_NLIMITS];
	char *apparmor_profile, *selinux_label;
	bool has_personality;
	unsigned long personality;
	bool has_io_priority;
	int io_priority; /* as ioprio_set takes it */
	bool has_scheduler;
	int scheduler_policy, nice;
	bool terminal;
	uint16_t rows, columns;
	json_t *seccomp;	  /* linux.seccomp, or NULL */
	int cache_dir_fd;	  /* borrowed */
	const int *preserved_fds; /* borrowed */
	size_t preserved_fd_count;
	bool preserve_numbers;
};
void program_init(struct program *program);
void program_release(struct program *program);

/* ---- hooks ---- */

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KIND_COUNT
};

/* ---- all of it ---- */

struct runtime_plan {
	struct namespace_plan namespaces[NAMESPACE_COUNT];
	struct idmaps maps; /* of a fresh user namespace, own copy */
	bool owner_is_root; /* what I makes before the maps are there belongs to the container's root */
	struct rootfs *rootfs; /* borrowed; NULL: root_fd */
	int root_fd;	       /* root.path of a bundle; -1 */
	bool root_read_only;
	uint64_t root_propagation; /* 0: private */
	bool wants_propagation;	   /* some mount is shared with the host or its slave */
	struct op *ops;
	size_t op_count;
	struct program program;
	const struct runtime_extra *extra; /* borrowed */
};

/** Append an operation; borrowed until the next one. */
struct op *plan_add_op(struct runtime_plan *plan, enum op_kind kind, const char *target);

/* plan_mounts.c */
int plan_mounts(struct runtime_plan *plan, const json_t *config, struct err *err);
/** Name of mount option number index, or NULL behind the last. */
const char *plan_mount_option_name(size_t index);
/* plan_process.c: process.* of config; also for exec */
int plan_process(struct program *program, const json_t *process, struct err *err);
/** "RLIMIT_NOFILE" or "nofile" to its number, or -1. */
int rlimit_parse(const char *name);
const char *rlimit_name(int number);
/* plan_settings.c: devices, sysctls, masks */
int plan_devices(struct runtime_plan *plan, const json_t *config, struct err *err);
int plan_sysctls(struct runtime_plan *plan, const json_t *config, struct err *err);
int plan_paths(struct runtime_plan *plan, const json_t *config, struct err *err);

/** key as text; ERR_USAGE when it is there and no string. 1 there, 0 not, -1. */
int plan_get_text(const json_t *object, const char *key, const char **ret_text, struct err *err);

#endif
