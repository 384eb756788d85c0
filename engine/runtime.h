/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime.h - execute an OCI configuration (config.json of the runtime specification)
 *
 * Two halves. The plan: the configuration is parsed and checked into a list of operations, without any privilege, so it can be
 * printed and tested. The execution: a child in new namespaces performs the list and becomes the container's program. Nothing here knows
 * images, names or records: dhow-runtime uses the same door.
 *
 * A start, as engine/container does it (C: command line, M: the monitor to be, I: the container's init):
 *
 *	C	runtime_userns_start()		optional, as early as the maps are known: newuidmap || newgidmap run beside all that
 *						follows, and idmap_write() and runtime_sync_mapped() below fall away
 *	C	runtime_plan_new()		parse and check
 *	C	fork -> M
 *	M	runtime_clone()	-> I		user and pid namespace (and what else is shared or joined); I unshares the rest and prepares detached
 *						mounts while the maps are written
 *	M	exec libexec/dhow/monitor	stays the parent of I
 *	C	idmap_write(pid of I)		newuidmap || newgidmap
 *	C	runtime_sync_mapped()		I goes on: mounts, devices, masks, pivot, user, capabilities, seccomp
 *						(runtime_userns_finish() instead, if it was started early)
 *	C	network_start(), network_connect() meanwhile; network_finish() after go
 *	C	runtime_sync_go()		I executes the program
 *	C	runtime_sync_result()		end of file: started; or the struct err of I
 *
 * I dies when C goes away before the program runs, and when M dies at any time (death signal).
 *
 * Security: R1-R9 hold here. Mounts by fd, procfs and sysfs fresh, devices from the host by fd, masks of our own, no foreign code after pivot, passwd and
 * group read by our own bounded parser, every descriptor closed but 0, 1, 2 and the preserved.
 */
#ifndef ENGINE_RUNTIME_H
#define ENGINE_RUNTIME_H

#include "base/alloc.h"
#include "base/strv.h"
#include "rootless/rootless.h"
#include "storage/rootfs.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct runtime_plan;
struct runtime_sync;

/** What an OCI configuration cannot say, because it needs the mounted image (R6, R7) or descriptors. */
struct runtime_extra {
	char *user; /* "NAME|UID[:GROUP|GID]", resolved in the image's passwd and group; NULL: config's numbers hold */
	struct strv group_add; /* names or numbers */
	bool keep_groups;      /* --group-add keep-groups */
	bool set_home;	       /* HOME of the passwd entry unless the environment has one */
	bool create_cwd; /* the image's WORKDIR is made when missing (owner: container root); a user's -w is not */
	/* an account for the caller (keep-id), or --passwd-entry: written to a copy of the image's files that is bind-mounted */
	char *passwd_entry, *group_entry; /* whole lines without newline, or NULL */
	struct strv host_users;		  /* further passwd lines */
	/* copy the image's content to volumes that are new, before they are mounted */
	struct runtime_copy_up {
		char *destination; /* in the container */
		int data_fd;	   /* the volume */
	} * copy_ups;
	size_t copy_up_count;
	/* other root file systems of storage: images, overlays on directories of the host */
	struct runtime_view {
		char *destination;     /* of the mount in config.json whose place it takes */
		struct rootfs *rootfs; /* prepared; borrowed */
		char *subpath;	       /* NULL: all of it */
	} * views;
	size_t view_count;
	char *container_env; /* content of /run/.containerenv; NULL: neither that file nor /etc/mtab are made */
	int *preserved_fds; /* become 3, 4, ... (or their own numbers when preserve_numbers) */
	size_t preserved_fd_count;
	bool preserve_numbers;
	char *init_path; /* --init: host path of a small init that is bound to /run/.dhow-init and runs the program; NULL: none */
	char *seccomp_cache_dir; /* unused when NULL */
	int cache_dir_fd;	 /* for compiled filters; -1: none */
	int64_t timeout_s;	 /* unused by the runtime itself */
};
#define RUNTIME_EXTRA_INIT                                                                         \
	{                                                                                          \
		.cache_dir_fd = -1                                                                 \
	}
void runtime_extra_release(struct runtime_extra *extra);

/**
 * Parse and check. config is not kept; rootfs, extra and maps are borrowed until the plan is freed. All values are checked here, so that
 * what can be refused is refused before anything exists: ERR_USAGE or ERR_UNSUPPORTED name the key.
 * @param rootfs  NULL: root.path of config below bundle_fd
 * @param maps    maps of the new user namespace; NULL: config's linux.uidMappings
 */
int runtime_plan_new(const json_t *config, int bundle_fd, struct rootfs *rootfs,
		     const struct idmaps *maps, const struct runtime_extra *extra,
		     struct runtime_plan **ret_plan, struct err *err);
void runtime_plan_free(struct runtime_plan *plan);
/** The operations as text, one a line, for debugging and tests. Yours. */
char *runtime_plan_print(const struct runtime_plan *plan);
/** True when config asks for a terminal. */
bool runtime_plan_terminal(const struct runtime_plan *plan);
/** Maps that have to be written for the child, or NULL when it joins a user namespace or stays in ours. Borrowed. */
const struct idmaps *runtime_plan_maps(const struct runtime_plan *plan);
/** True when a mount wants the container's ids (idmap): runtime_plan_map_ids() has to be called before the fork. */
bool runtime_plan_wants_ids(const struct runtime_plan *plan);
/** The root file system is the directory path, with the container's ids. */
void runtime_plan_map_root(struct runtime_plan *plan, const char *path);
/** Make these mounts. userns_fd: the one that was made ahead, with its maps; -1: the one that the plan joins. ERR_UNSUPPORTED with the cure. */
int runtime_plan_map_ids(struct runtime_plan *plan, int userns_fd, struct err *err);
/** True when the container gets a network namespace of its own. */
bool runtime_plan_new_network(const struct runtime_plan *plan);

/**
 * A user namespace that is made ahead of time, so that the helpers which write its maps (2 ms, the largest single cost of a start) run
 * while the command line still reads images and writes records. A tiny process keeps it until runtime_userns_release(). A network namespace
 * can come with it, so that the network's helper starts before the container: on the process that keeps them.
 */
struct runtime_userns {
	pid_t holder_pid; /* a child of the caller, 0: none */
	int hold_fd;	  /* the holder ends with it */
	int userns_fd;
	int netns_fd; /* -1: none was asked for */
	struct idmap_writer writer;
	const struct idmaps *maps; /* borrowed */
};
#define RUNTIME_USERNS_INIT                                                                        \
	{                                                                                          \
		0, -1, -1, -1, { 0, 0, -1, -1 }, NULL                                              \
	}
/** Make it and start the helpers; returns at once. maps must stay until runtime_userns_release(). */
int runtime_userns_start(const struct idmaps *maps, bool with_network,
			 struct runtime_userns *ret_userns, struct err *err);
/** Wait until the maps are written; the rest is runtime_userns_finish()'s. */
int runtime_userns_wait(struct runtime_userns *userns, struct err *err);
/**
 * Wait until the maps are written, tell I (sync may be NULL). Call it in the process that started it. After a failure sync is closed, so
 * that I ends.
 */
int runtime_userns_finish(struct runtime_userns *userns, struct runtime_sync *sync,
			  struct err *err);
/** Let the holder go. Also without finish: kills the helpers. */
void runtime_userns_release(struct runtime_userns *userns);

struct runtime_io {
	int stdin_fd, stdout_fd, stderr_fd; /* without a terminal; borrowed */
	int console_fd; /* a socket to which the pty's master is sent (one byte and the fd), with a terminal */
	uint16_t rows, columns; /* first size of the terminal; 0: unset */
	int started_fd; /* pipe to the monitor, closed by exec: end of file says started. One byte 'x' before: it failed */
	int cgroup_fd; /* CLONE_INTO_CGROUP, or -1 */
	const struct runtime_userns *
		userns; /* I joins it, and its network namespace if its own would be new; NULL: runtime_clone() makes the user namespace */
	bool hooked;	/* I stops before the root is changed, until runtime_sync_hooked() */
	bool detached;	/* I lives on when its parent ends, before and after exec */
	/*
	 * A listening SOCK_SEQPACKET socket: when I is ready it says so and waits there for the go of whoever connects, who continues the
	 * conversation (OCI's create and start are two processes). NULL: C goes on itself.
	 */
	const int *start_listen_fd;
};

/** The two ends of the conversation between C and I. */
struct runtime_sync {
	int parent_fd, child_fd; /* SOCK_SEQPACKET */
};
#define RUNTIME_SYNC_INIT                                                                          \
	{                                                                                          \
		-1, -1                                                                             \
	}
int runtime_sync_new(struct runtime_sync *ret_sync, struct err *err);
/** C tells I that its maps are written. */
int runtime_sync_mapped(struct runtime_sync *sync, struct err *err);
/** With runtime_io.hooked: C waits until all is mounted and the root is still the host's; then it lets I go on. */
int runtime_sync_wait_created(struct runtime_sync *sync, struct err *err);
int runtime_sync_hooked(struct runtime_sync *sync, struct err *err);
/** C waits until I has mounted all and is about to execute; 0, or -1 with the err of I. */
int runtime_sync_wait_ready(struct runtime_sync *sync, struct err *err);
int runtime_sync_go(struct runtime_sync *sync, struct err *err);
/** An I that waits at start_listen_fd, and that sync is connected to, is not wanted any more. Closes the parent's end. */
int runtime_sync_end(struct runtime_sync *sync, struct err *err);
/** 0 started; -1 with the err of I (ERR_NO_COMMAND, ERR_CANNOT_RUN ...). Closes the parent's end. */
int runtime_sync_result(struct runtime_sync *sync, struct err *err);

/**
 * Who "NAME|UID[:GROUP|GID]" is, by the passwd and group below root_fd, which nobody is trusted with (R6). NULL: 0:0. ERR_CANNOT_RUN.
 */
int runtime_identity(int root_fd, const char *user, uint32_t *ret_uid, uint32_t *ret_gid,
		     struct err *err);

/**
 * Make I. Called in M; I never returns. pid_fd is yours.
 */
int runtime_clone(struct runtime_plan *plan, const struct runtime_io *io, struct runtime_sync *sync,
		  pid_t *ret_pid, int *ret_pid_fd, struct err *err);

/** One more process in a running container (`exec`). */
struct runtime_exec {
	pid_t init_pid; /* and its pidfd, checked by start time by the caller */
	int init_pid_fd;
	const json_t *config; /* of the container: profile, masks, default user, environment, cwd */
	struct strv argv, env; /* env: on top of the container's */
	char *user;	       /* NULL: the container's */
	char *cwd;	       /* NULL: the container's */
	bool terminal, privileged, no_new_privileges;
	int stdin_fd, stdout_fd, stderr_fd, console_fd;
	uint16_t rows, columns;
	int *preserved_fds;
	size_t preserved_fd_count;
	bool preserve_numbers;
	const char *cgroup_path; /* of the container, or NULL */
	bool cgroup_required; /* fail when it may not be entered: from another login session it may not */
	int cache_dir_fd;
	struct strv group_add;
};
/**
 * Join the container's namespaces, fork, become the user, run. Returns in the caller with the pid of the child in the caller's pid
 * namespace (the caller waits for it); -1 with ERR_NO_COMMAND, ERR_CANNOT_RUN ... after the child told why it failed.
 */
int runtime_exec(const struct runtime_exec *exec, pid_t *ret_pid, int *ret_pid_fd, struct err *err);

/**
 * R5, CVE-2019-5736: main() calls this first for commands that enter containers. When the file that this program was started from could
 * be changed by its user (who is root in the container), the program starts itself again from a sealed copy in memory; does not
 * return then. A file that only somebody else can write needs nothing and costs two system calls.
 */
int runtime_protect_self(char **argv, struct err *err);

/* The default profile (R8): the only place where it is written down. */
/** Default capabilities as "CAP_..." names, sorted. */
void profile_capabilities(struct strv *ret_names);
/** Masked and read-only paths. */
void profile_masked_paths(struct strv *ret_paths);
void profile_read_only_paths(struct strv *ret_paths);
/** Number of a capability by name, with or without CAP_, in any case; -1 when unknown. */
int capability_parse(const char *name);
/** "CAP_CHOWN"; NULL when out of range. */
const char *capability_name(int number);
/** Number of the last one this kernel knows. */
int capability_last(void);
/** The default seccomp profile as the OCI linux.seccomp object for these capabilities (it allows more to some of them). New reference. */
json_t *profile_seccomp(const struct strv *capabilities);
/**
 * The same profile by name: an object that the runtime reads as profile_seccomp(capabilities), a hundredth of its length, so that a start
 * neither writes nor reads four hundred names. Another runtime sees a profile that denies every call. New reference.
 */
json_t *profile_seccomp_named(const struct strv *capabilities);
/**
 * A profile file in docker's format (defaultAction, architectures, syscalls with includes/excludes by caps and arches) as an OCI
 * linux.seccomp object.
 */
json_t *seccomp_profile_load(const char *path, const struct strv *capabilities, struct err *err);

#endif
