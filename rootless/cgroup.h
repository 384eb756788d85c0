/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup.h - a cgroup of the container's own, cgroup v2 only (R10)
 *
 * Two managers: "cgroupfs" makes a directory in a subtree that is delegated to the user: the parent of the own cgroup, when it may be written
 * and does not belong to the user's systemd. "systemd" asks the user's systemd over D-Bus for a scope. Unless told, the first is taken
 * where it is possible, because it costs nothing, then the second. Where neither is possible there is no cgroup: limits
 * that were asked for are refused with the reason, and everything else works. The monitor stays outside the container's cgroup.
 *
 * cgroup_create_scope() puts the calling process into the new scope, beside the container: a user may not move processes between a
 * login session and a scope otherwise, and CLONE_INTO_CGROUP would fail. So the process that becomes the monitor calls it, not the
 * command line. When it has to stay where it is, cgroup_attach() moves the container's init.
 */
#ifndef ROOTLESS_CGROUP_H
#define ROOTLESS_CGROUP_H

#include "base/names.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum cgroup_manager {
	CGROUP_MANAGER_AUTO,
	CGROUP_MANAGER_SYSTEMD,
	CGROUP_MANAGER_CGROUPFS,
	CGROUP_MANAGER_NONE,
	CGROUP_MANAGER_COUNT
};
NAME_TABLE_DECLARE(cgroup_manager)

/** Limits in the units of the cgroup files; -1 is unset, and INT64_MAX is "max". */
struct cgroup_limits {
	int64_t pids_max;
	int64_t memory_max_bytes, memory_swap_max_bytes, memory_low_bytes; /* swap without memory */
	int64_t cpu_quota_us, cpu_period_us, cpu_weight;
	char *cpuset_cpus, *cpuset_mems; /* NULL: unset */
	int64_t io_weight;
	struct strv files; /* more "file=value" (--cgroup-conf, io.max lines, hugetlb) */
};
#define CGROUP_LIMITS_INIT                                                                         \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1, NULL, NULL, -1, STRV_INIT                              \
	}
void cgroup_limits_release(struct cgroup_limits *limits);
/** True when a limit other than the default pids limit is set. */
bool cgroup_limits_any(const struct cgroup_limits *limits);

struct cgroup {
	char *path; /* below the cgroup2 mount, "/user.slice/..."; NULL: there is none */
	int dir_fd; /* -1: none */
};
#define CGROUP_INIT                                                                                \
	{                                                                                          \
		NULL, -1                                                                           \
	}
void cgroup_release(struct cgroup *cgroup);

/** Processes that serve a container from outside (its network, its file system), and go where its monitor goes. */
struct cgroup_company {
	const pid_t *pids;
	size_t count;
};

/** The delegated parent that containers go below: 1 and path (yours), 0 there is none (err tells why, with the cure), -1. */
int cgroup_find_parent(enum cgroup_manager manager, char **ret_path, struct err *err);
/**
 * Make the cgroup name below parent (relative to the cgroup2 mount, NULL: cgroup_find_parent) and set the limits, by directories only
 * unless the manager is systemd. dir_fd can be given to
 * clone3(CLONE_INTO_CGROUP). A limit whose controller is not available fails with ERR_UNSUPPORTED and names
 * it, except pids_max when pids_is_default.
 */
int cgroup_create(enum cgroup_manager manager, const char *parent, const char *name,
		  const struct cgroup_limits *limits, bool pids_is_default,
		  struct cgroup *ret_cgroup, struct err *err);
/** True when a scope of the user's systemd is what this manager makes here (parent as for cgroup_create). */
bool cgroup_wants_scope(enum cgroup_manager manager, const char *parent);
/**
 * Ask the user's systemd for the scope NAME.scope in a slice (NULL: the one for containers) and make the container's cgroup in it.
 * @param company  what comes into the scope with the calling process; NULL: that one stays where it is, too, and who shall be in the
 *		   cgroup must be moved there with cgroup_attach(), within half a minute
 */
int cgroup_create_scope(const char *slice, const char *name, const struct cgroup_limits *limits,
			bool pids_is_default, const struct cgroup_company *company,
			struct cgroup *ret_cgroup, struct err *err);
/** Move a process, which may be the calling one, into a cgroup of ours; systemd does it where the user may not. */
int cgroup_attach(const struct cgroup *cgroup, pid_t pid, struct err *err);
/**
 * --cgroups=split: move this process (and with it the monitor to be), its children and its company into a cgroup `supervisor` below its own
 * one, which the container's can then be made beside. Yours: the path of the own one, to be given as parent.
 */
int cgroup_split(const struct cgroup_company *company, char **ret_parent, struct err *err);
/** Open an existing one by its recorded path: 1, 0 it is gone, -1. */
int cgroup_open(const char *path, struct cgroup *ret_cgroup, struct err *err);
/** Change limits of a living one. */
int cgroup_update(const struct cgroup *cgroup, const struct cgroup_limits *limits, struct err *err);
/** Kill everything in it (cgroup.kill, or by pids) and remove it with its children. 0 also when it is gone. */
int cgroup_destroy(const char *path, struct err *err);
int cgroup_freeze(const struct cgroup *cgroup, bool freeze, struct err *err);
/** True when frozen. */
bool cgroup_is_frozen(const char *path);
/** Read one number of a file such as memory.current; -1 when it is not there. "max" is INT64_MAX. */
int64_t cgroup_read_number(const struct cgroup *cgroup, const char *file);
/** Read `key value` of a flat-keyed file such as memory.events or cpu.stat; -1 when it is not there. */
int64_t cgroup_read_key(const struct cgroup *cgroup, const char *file, const char *key);
/** Pids in the cgroup and below. Number, or -1. */
int cgroup_pids(const struct cgroup *cgroup, pid_t **ret_pids, struct err *err);

#endif
