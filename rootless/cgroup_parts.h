/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup_parts.h - the parts of the cgroup code; private to this folder
 */
#ifndef ROOTLESS_CGROUP_PARTS_H
#define ROOTLESS_CGROUP_PARTS_H

#include "rootless/cgroup.h"

/** The root of the cgroup2 mount: O_PATH fd, or -1 with ERR_UNSUPPORTED. */
int cgroup_root_fd(struct err *err);
/** Path of the own cgroup below that mount, yours; NULL when it cannot be named there. */
char *cgroup_own_path(void);
/** The same of another process. */
char *cgroup_path_of(pid_t pid);
/** Write a file of a cgroup: one open, one write. 0 or -errno. */
int cgroup_write(int dir_fd, const char *file, const char *text);

/**
 * Let the children of parent_fd have the controllers that these limits need, and write the limits to dir_fd.
 * @param pids_is_default  do without pids.max when the controller is not there
 */
int cgroup_limits_apply(int parent_fd, int dir_fd, const struct cgroup_limits *limits,
			bool pids_is_default, struct err *err);
/** Check what does not depend on the system. ERR_USAGE. */
int cgroup_limits_check(const struct cgroup_limits *limits, struct err *err);

/** True when a user's systemd may be there to ask: its bus has an address. */
bool cgroup_systemd_is_there(void);
/**
 * Ask for the scope "NAME.scope" in a slice, delegated, with this process and its company in it, or (NULL) with one that keeps the scope until there is somebody in its
 * child SCOPE_CHILD. Path of the scope's cgroup, yours, or NULL with err (ERR_UNAVAILABLE: nobody answers).
 */
char *cgroup_systemd_scope(const struct cgroup_company *company, const char *slice,
			   const char *name, struct err *err);
/** Have systemd move a process into a cgroup at or below one of its delegated units. */
int cgroup_systemd_attach(pid_t pid, const char *path, struct err *err);

/* in a scope of ours */
#define SCOPE_CHILD   "container"
#define SCOPE_MONITOR "monitor"

#endif
