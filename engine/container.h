/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container.h - containers: records, state, verbs
 *
 *	containers/ID/
 *	  create.json	record: what the user asked for, with names resolved (struct container); rewritten by rename and update only
 *	  config.json	the OCI configuration, made by create, adjusted by start; plain JSON
 *	  run, exit	records of the monitor (engine/monitor.h)
 *	  restarts, stopped	what the restart policy has done, what the user wants (engine/container/restart.h)
 *	  alive		file whose lock is held by the monitor: the container runs if and only if it is held
 *	  stopping	file whose lock is held by who stops it: what runs is shown as `stopping` meanwhile
 *	  upper/ work/	the writable layer
 *	  log, log.1 ...	the log, unless --log-opt path
 *	names/ESCAPED-NAME	-> ID: made with O_EXCL (link): exactly one winner of a name
 *
 * State is derived, never stored: alive held and `run` there: running (paused when the cgroup is frozen); held without `run`: initialized
 * (a start is under way); not held and `exit`: exited; not held and only `run`: exited, and the monitor was killed (code 255); neither: created. An initialized container whose lock is free was
 * prepared by `init`, and waits for a start. So reboot,
 * SIGKILL and pid reuse need no special case.
 *
 * Verbs that change a container take its lock (containers/ID/lock) for the change only, never while waiting for its program. A directory
 * without a readable create.json is a damaged container: it is listed as such and can be removed.
 */
#ifndef ENGINE_CONTAINER_H
#define ENGINE_CONTAINER_H

#include "base/digest.h"
#include "base/names.h"
#include "base/strv.h"
#include "engine/engine.h"
#include "engine/image.h"
#include "network/network.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- options, as the user wrote them; the engine parses and checks every text ------------------------------------------- */

#define TRI_UNSET (-1) /* int members that are -1, 0 or 1 */

/** Options of create and run. Strings are NULL when not given. The command line fills it by its option table. */
/* --userns: the caller has the same ids inside as outside */
#define USERNS_KEEP_ID "keep-id"

struct container_create_opts {
	/* what and who */
	char *name;
	char *entrypoint; /* text or JSON list; "" resets it; NULL: the image's */
	bool has_entrypoint;
	char *user; /* --user */
	char *workdir;
	char *hostname;
	struct strv labels, label_files, annotations;
	char *cidfile, *pidfile, *conmon_pidfile;
	bool replace, rm, rmi;
	struct strv requires;
	/* image */
	struct image_pull_opts pull; /* --pull, --platform, --authfile ... */
	bool rootfs;		     /* the first argument is a directory */
	char *image_volume;	     /* bind (anonymous volumes), tmpfs, ignore */
	/* environment */
	struct strv env, env_files, env_merge, unset_env;
	bool env_host, unset_env_all;
	int http_proxy; /* default 1 */
	char *tz, *umask;
	/* streams */
	bool interactive, tty, detach;
	struct strv attach; /* stdin stdout stderr */
	char *detach_keys;
	int sig_proxy;		 /* default 1 */
	int64_t preserve_fds;	 /* count */
	struct strv preserve_fd; /* numbers */
	/* files */
	struct strv volumes, mounts, tmpfs, volumes_from, secrets, devices, chroot_dirs;
	bool read_only;
	int read_only_tmpfs; /* default 1 */
	char *shm_size, *shm_size_systemd;
	char *hosts_file;
	/* namespaces and ids */
	char *userns, *pid, *ipc, *uts, *cgroupns;
	struct strv uidmap, gidmap;
	char *subuidname, *subgidname;
	struct strv group_add, hostuser;
	char *passwd_entry, *group_entry;
	int passwd; /* default 1 */
	/* network */
	struct strv network, publish, expose, add_host, dns, dns_search, dns_option;
	bool publish_all, no_hosts, no_hostname;
	/* privileges */
	struct strv cap_add, cap_drop, security_opt, gpus;
	bool privileged;
	char *seccomp_policy;
	/* limits */
	struct strv ulimit, sysctl, cgroup_conf;
	char *cgroups, *cgroup_parent;
	char *memory, *memory_reservation, *memory_swap;
	char *cpus, *cpuset_cpus, *cpuset_mems, *blkio_weight;
	int64_t cpu_period, cpu_quota, cpu_shares; /* 0: unset */
	char *pids_limit;			   /* NULL: 2048 */
	struct strv blkio_weight_device, device_read_bps, device_read_iops, device_write_bps,
		device_write_iops;
	char *oom_score_adj;
	char *personality;
	/* life */
	bool init;
	char *init_path, *systemd, *sdnotify, *restart, *stop_signal;
	char *stop_timeout; /* seconds; NULL: 10 */
	int64_t timeout_s;  /* --timeout; 0: none */
	/* health */
	char *health_cmd, *health_interval, *health_timeout, *health_start_period,
		*health_on_failure, *health_log_destination;
	char *health_retries, *health_max_log_count, *health_max_log_size;
	char *health_startup_cmd, *health_startup_interval, *health_startup_timeout,
		*health_startup_retries, *health_startup_success;
	bool no_healthcheck;
	/* log */
	char *log_driver;
	struct strv log_opt;
	bool quiet;
	bool working; /* a working container (engine/working.h); "scratch" is an image then */
	struct strv command_line; /* the whole command, for inspect's CreateCommand */
};
void container_create_opts_release(struct container_create_opts *opts);
/** Variable that generated services set, and the label that their containers get from it. */
#define SYSTEMD_UNIT_LABEL "PODMAN_SYSTEMD_UNIT"

/* ---- a container as its records tell it ------------------------------------------------------------------------------- */

enum container_status {
	CONTAINER_CREATED,
	CONTAINER_INITIALIZED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_EXITED,
	CONTAINER_DAMAGED,
	CONTAINER_STATUS_COUNT
};
NAME_TABLE_DECLARE(container_status)

/** What changes by itself: lock, records of the monitor, cgroup. */
struct container_state {
	enum container_status status;
	bool stopping;		/* up, and somebody waits for its end after the stop signal */
	pid_t pid, monitor_pid; /* 0 unless running */
	uint64_t start_ticks;	/* of pid */
	int32_t exit_code;
	int32_t signal; /* that killed it, or 0 */
	bool oom_killed;
	int64_t started_ns, finished_ns; /* 0: never */
};

/** What the state is called: the name of its status, or "stopping". */
const char *container_state_name(const struct container_state *state);

/** A container: create.json, parsed. The JSON is kept; members are borrowed from it unless said. */
struct container {
	struct object_id id;
	char *name;	/* owned; NULL when damaged */
	json_t *create; /* the record's body; NULL when damaged */
	int dir_fd;	/* O_PATH | O_DIRECTORY of containers/ID */
	/* often used parts of create */
	const char *image_name, *image_id, *image_manifest; /* "" with --rootfs */
	int64_t created_ns;
	bool remove_at_exit, terminal, interactive;
	struct container_state state; /* as it was when loaded */
};
void container_free(struct container *container);
DEFINE_CLEANUP(container)
#define cleanup_container __attribute__((cleanup(container_free_ptr)))

struct container_list {
	struct container **items;
	size_t count;
};
void container_list_release(struct container_list *list);
#define cleanup_container_list __attribute__((cleanup(container_list_release)))

/** True for a working container (engine/working.h): ps, rm --all and prune pass it over, start refuses it. */
bool container_is_working(const struct container *container);
/** True when a prune may remove it: it does not run, and is no working container. */
bool container_is_idle(const struct container *container);
/** Where the monitor of the container writes its process id at each start; not for one that is removed at its end. Yours. */
char *container_pid_file(const struct engine *engine, const struct container *container);
/** By full name, id, or unique id prefix: 1 found, 0 not, -1 (ERR_AMBIGUOUS). */
int container_find(struct engine *engine, const char *text, struct container **ret_container,
		   struct err *err);
/** As above, but not found is ERR_NOT_FOUND with podman's sentence: no container with name or ID "x" found: no such container. */
int container_get(struct engine *engine, const char *text, struct container **ret_container,
		  struct err *err);
/** The one that was created last: 1, 0 there is none, -1. */
int container_find_latest(struct engine *engine, struct container **ret_container, struct err *err);
/** All, oldest first; damaged ones are in it. No process is started, no namespace made, nothing locked. */
int container_list(struct engine *engine, struct container_list *ret_list, struct err *err);
/** What a row of `ps` shows. */
struct container_brief {
	struct object_id id;
	const char *name, *image_name,
		*image_id;   /* borrowed from the list, like all texts; "" when there is none */
	const char *command; /* with its arguments, blanks between */
	const char *ports;   /* container_ports_format() */
	int64_t created_ns;
	bool working; /* engine/working.h */
	struct container_state state;
	struct container
		*container; /* always there when it runs; else NULL when the index had the row */
	/* of the directory, as it was before it was read */
	uint64_t inode;
	int64_t changed_ns;
	char *owned; /* the texts, NULL: in the index */
};
struct container_brief_list {
	struct container_brief *items;
	size_t count;
	char *memory;
};
void container_brief_list_release(struct container_brief_list *list);
#define cleanup_container_brief_list __attribute__((cleanup(container_brief_list_release)))
/** container_list(), but a thousand that do not run cost milliseconds: they are remembered in the runtime directory. */
int container_list_brief(struct engine *engine, struct container_brief_list *ret_list,
			 struct err *err);
/** Read the state again. */
int container_refresh(struct container *container, struct err *err);

/**
 * Filters as podman's: id name label status exited ancestor before since volume network health pod until command restart-policy
 * should-start. Several values of one key: any of them; several keys: all of them (label: all). ERR_USAGE for an unknown one.
 */
struct container_filter;
int container_filter_new(struct engine *engine, const struct strv *filters,
			 struct container_filter **ret_filter, struct err *err);
bool container_filter_match(const struct container_filter *filter,
			    const struct container *container);
void container_filter_free(struct container_filter *filter);
DEFINE_CLEANUP(container_filter)
#define cleanup_container_filter __attribute__((cleanup(container_filter_free_ptr)))

/** podman's `container inspect` object. New reference. */
json_t *container_inspect(struct engine *engine, const struct container *container, bool size,
			  struct err *err);
/** podman's `ps --format json` object, with all fields that a ps template can name. New reference. */
json_t *container_summary(struct engine *engine, const struct container *container, bool size,
			  bool namespaces, struct err *err);
/** Port mappings. */
int container_ports(const struct container *container, struct port_mappings *ret_ports,
		    struct err *err);
/** "0.0.0.0:9091->80/tcp, 8080/tcp": what is published, then what is only exposed. */
void container_ports_format(const struct container *container, struct strbuf *out);
/** True when a container was made from this image (manifest digest); *ret_id names one of them. */
int container_uses_image(struct engine *engine, const struct digest *manifest, struct strv *ret_ids,
			 struct err *err);
/** Names or ids of the containers that use a volume. */
int container_uses_volume(struct engine *engine, const char *volume, struct strv *ret_ids,
			  struct err *err);

/* ---- verbs ------------------------------------------------------------------------------------------------------------ */

/**
 * Create: image resolved or pulled, options checked whole before anything is made, records written, name taken. The container is durable
 * unless --rm.
 * @param image_text  image, or a directory with opts->rootfs
 * @param argv        command and arguments, may be empty
 */
int container_create(struct engine *engine, const char *image_text, const struct strv *argv,
		     const struct container_create_opts *opts, progress_function progress,
		     void *progress_arg, struct container **ret_container, struct err *err);

/**
 * Check options as container_create() does, without an image and without making anything. ERR_NOT_FOUND: what they name is not
 * there now; it may be at the time of a start.
 */
int container_check_opts(struct engine *engine, const struct container_create_opts *opts,
			 struct err *err);

/** The caller's part of a start. */
struct container_start_opts {
	bool attach; /* ret_attach_fd is wanted */
	bool attach_stdin, attach_stdout, attach_stderr;
	uint16_t rows, columns; /* of the caller's terminal, 0: none */
	const int *
		preserved_fds; /* run --preserve-fds, --preserve-fd: descriptors of the caller, or NULL */
	size_t preserved_fd_count;
	bool preserve_numbers; /* --preserve-fd: they keep their numbers; else they become 3, 4, ... */
	unsigned
		listen_fd_count; /* so many of them, the first, are a service manager's LISTEN_FDS */
	const char *listen_fd_names; /* its LISTEN_FDNAMES, or NULL */
	bool init_only; /* stop before the program is executed: the next start goes on from there */
	bool by_policy; /* the restart policy wants it: nothing is done when the user has stopped it meanwhile */
};
/**
 * Start. Returns when the program was executed and that is on record. Starting a running one succeeds (ERR_STATE when attach is wanted).
 * ERR_NO_COMMAND, ERR_CANNOT_RUN, ERR_IN_USE (port).
 */
/**
 * Called before container_create() of a container that is to be started at once: its user namespace is made while the image is looked for and
 * records are written. A hint: where the options ask for other maps than the default ones, or it fails, nothing has happened.
 */
void container_start_ahead(struct engine *engine, const struct container_create_opts *opts);
int container_start(struct engine *engine, struct container *container,
		    const struct container_start_opts *opts, int *ret_attach_fd, struct err *err);

/** Prepare all but the program's execution (`initialized`). ERR_STATE when it runs or is prepared already. */
int container_init(struct engine *engine, struct container *container, struct err *err);

/** What one end of an attachment does: streams of this process <-> connection. */
struct container_attach_opts {
	int connection_fd; /* from container_start(), closed in any case; or -1: connect */
	bool stdin_on, stdout_on, stderr_on;
	bool sig_proxy;
	const char *detach_keys; /* NULL: ctrl-p,ctrl-q; "": none */
	bool terminal;		 /* put our terminal into raw mode, follow its size */
	bool cleanup;		 /* --rm: we remove the container at its end */
};
enum attach_result { ATTACH_ENDED, ATTACH_DETACHED, ATTACH_BROKEN };
/** Returns enum attach_result; the exit code with ATTACH_ENDED. Signals that are not passed on end the process as usual. */
int container_attach(struct engine *engine, struct container *container,
		     const struct container_attach_opts *opts, int32_t *ret_exit_code,
		     struct err *err);

/** What a stop does when the first process has no handler for the stop signal, so that waiting is for nothing (U17). */
enum stop_unhandled { STOP_UNHANDLED_WAIT, STOP_UNHANDLED_KILL };
struct container_stop_opts {
	int64_t time_s; /* before SIGKILL; -1: the container's own */
	int unhandled;	/* enum stop_unhandled; it is said in any case */
	int signal;	/* in place of the container's own; 0: that */
};
/** stop signal, wait, SIGKILL */
int container_stop(struct engine *engine, struct container *container,
		   const struct container_stop_opts *opts, struct err *err);
/** ERR_STATE when it does not run. */
int container_kill(struct engine *engine, struct container *container, int signal_number,
		   struct err *err);
int container_restart(struct engine *engine, struct container *container,
		      const struct container_stop_opts *opts, struct err *err);
/**
 * The monitor calls it after an end: start the container again if its policy and the user still want that, and try again for a while
 * when it cannot be started. 0 also when it is not wanted.
 */
int container_restart_by_policy(struct engine *engine, struct container *container,
				struct err *err);
/** True when it does not run but should, by its restart policy: after a reboot, or when its monitor was killed. */
bool container_should_restart(const struct container *container);
/** Restarts by the policy since a user has started it. */
int64_t container_restart_count(const struct container *container);
int container_pause(struct engine *engine, struct container *container, bool pause,
		    struct err *err);
/**
 * Change what was given: limits (of a running one at once), restart policy, health check, ulimits and environment (from the next start on).
 * Of opts only these members are looked at.
 */
int container_update(struct engine *engine, struct container *container,
		     const struct container_create_opts *opts, struct err *err);
int container_rename(struct engine *engine, struct container *container, const char *new_name,
		     struct err *err);

struct container_rm_opts {
	bool force, ignore, volumes, depend;
	struct container_stop_opts stop; /* with force */
	struct strv *
		ret_dependents; /* gets the ids of those that were removed with depend; NULL: nobody asks */
};
/** Remove. Running: ERR_STATE unless force. Needed by others: ERR_EXISTS unless depend, which removes these first. Anonymous volumes go with opts->volumes or when it was made with --rm. */
int container_remove(struct engine *engine, struct container *container,
		     const struct container_rm_opts *opts, struct err *err);
/** What the monitor calls at the end of a --rm container; also after a crash: removes leftovers (cgroup, runtime directory). */
int container_cleanup(struct engine *engine, struct container *container, bool remove,
		      struct err *err);

enum wait_condition {
	WAIT_STOPPED,
	WAIT_EXITED,
	WAIT_RUNNING,
	WAIT_CREATED,
	WAIT_PAUSED,
	WAIT_REMOVING,
	WAIT_HEALTHY,
	WAIT_UNHEALTHY,
	WAIT_CONDITION_COUNT
};
NAME_TABLE_DECLARE(wait_condition)
/** Wait until one of the conditions (bits 1 << WAIT_...) holds: by lock and poll, without a busy loop. interval_ms for what cannot be waited for. */
int container_wait(struct engine *engine, struct container *container, unsigned conditions,
		   int64_t interval_ms, int32_t *ret_exit_code, struct err *err);

struct container_exec_opts {
	bool detach, interactive, tty, privileged;
	char *detach_keys;
	struct strv env, env_files;
	char *user, *workdir;
	int64_t preserve_fds;
	struct strv preserve_fd;
	bool no_session;
	char *cidfile;
};
/** Run one more program in it. Returns its exit status (0..255), or -1. Detached: prints nothing, ret_id gets the session's id. */
int container_exec(struct engine *engine, struct container *container, const struct strv *argv,
		   const struct container_exec_opts *opts, struct object_id *ret_id,
		   struct err *err);

struct container_logs_opts {
	bool follow, timestamps, names, color, details;
	int64_t since_ns, until_ns; /* 0: unset */
	int64_t tail;		    /* -1: all */
};
/** One line of a log. */
struct log_line {
	const struct container *container;
	int64_t time_ns;
	bool is_stderr, partial; /* partial: no newline at its end */
	const char *text;
	size_t length;
};
/**
 * Calls line for each, in time order over all containers, and with NULL when it has to wait for more; follows until they have ended. line
 * returns less than 0 to stop.
 */
int container_logs(struct engine *engine, struct container *const *containers, size_t count,
		   const struct container_logs_opts *opts,
		   int (*line)(void *arg, const struct log_line *line), void *arg, struct err *err);

#endif
