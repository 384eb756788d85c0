/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start.h - what the files of a start share (private to engine/container)
 *
 * start.c walks, start_request.c reads the records into what the runtime, storage, network and cgroups are asked for,
 * start_files.c writes the files that are mounted into the container, start_notify.c takes what a service manager has given, start_monitor.c makes pipes and sockets and forks the monitor.
 */
#ifndef ENGINE_CONTAINER_START_H
#define ENGINE_CONTAINER_START_H

#include "engine/container.h"
#include "engine/monitor.h"
#include "engine/runtime.h"
#include "rootless/cgroup.h"
#include "storage/rootfs.h"

/* container's end and the other end of a pipe or socket */
struct start_pipe {
	int inner_fd, outer_fd;
};

struct start {
	struct engine *engine;
	struct container *container;
	const struct container_start_opts *opts;

	json_t *config;
	bool new_userns, new_network;
	struct idmaps maps;
	struct rootfs rootfs;
	bool rootfs_prepared;
	struct runtime_extra extra;
	struct rootfs *views; /* in the order of extra.views */
	size_t view_count;
	struct strv copy_up_volumes; /* names, in the order of extra.copy_ups */
	struct runtime_plan *plan;
	struct runtime_userns userns;
	struct cgroup cgroup;
	bool cgroup_by_monitor; /* a scope of systemd: start_make_scope() makes it */
	bool cgroup_apart;	/* the init has to be moved into it */

	struct network_mode mode;
	struct port_mappings ports;
	struct network_request network;
	struct network_handle handle;
	bool network_started;

	char *run_path; /* the container's runtime directory */
	char *pid_path; /* where the monitor writes its process id; NULL: nowhere */
	int run_fd;
	int wait_fd; /* init: the container's init listens here for the start */
	int lock_fd, alive_fd, listen_fd, log_dir_fd, events_fd;
	enum log_driver log_driver;
	int notify_fd, notify_listen_fd;
	enum monitor_notify notify;
	char *log_name;
	char *journal_fields; /* with journald: log_dir_fd is its socket */
	struct start_pipe in, out, errors, started, exit_pipe, console;
	struct start_pipe client; /* inner: the monitor's end, outer: ours */
	int report_fd;		  /* of the monitor to be: its pid of the init, or its err */
	struct runtime_sync sync;
	pid_t monitor_pid; /* 0: not forked, or reaped */
	pid_t init_pid;
};

/* start.c */

void start_init(struct start *start, struct engine *engine, struct container *container,
		const struct container_start_opts *opts);
void start_release(struct start *start);
/** Start the network helper for start->init_pid. */
int start_network(struct start *start, struct err *err);
/** The same as early as there is a network namespace for it; then start->network_started is set. */
int start_network_ahead(struct start *start, struct err *err);
/** The network failed: -1, with what the init said if that is the true cause. */
int start_network_failed(struct start *start, struct err *err);

/* start_request.c */

/** config.json, joins filled in. Starts containers that this one joins and that do not run. */
int start_read_config(struct start *start, struct err *err);
int start_read_maps(struct start *start, struct err *err);
int start_prepare_rootfs(struct start *start, struct err *err);
int start_read_extra(struct start *start, struct err *err);
/** run_fd and run_path: the container's directory in the runtime directory, made when missing. */
int start_open_run_dir(struct start *start, struct err *err);
/** Only where it needs no systemd; else start->cgroup_by_monitor is set. */
int start_make_cgroup(struct start *start, struct err *err);
/** The rest of it, in the process that becomes the monitor: systemd puts that into the scope. */
int start_make_scope(struct start *start, struct err *err);
int start_read_network(struct start *start, struct err *err);

/* start_views.c */

/** Overlays and images that the container mounts. After start_read_extra(). */
int start_prepare_views(struct start *start, struct err *err);
void start_release_views(struct start *start);

/* start_owners.c */

/** U: give trees to the container's user, once. Before the plan is made. */
int start_change_owners(struct start *start, struct err *err);

/* start_files.c */

/** hosts, resolv.conf and hostname in the container's directory. */
int start_write_files(struct start *start, struct err *err);
/** The log's driver, directory and name. */
int start_open_log(struct start *start, struct err *err);

/* start_notify.c */

/** The service manager's sockets; what the container gets of them is put into start->config. */
int start_open_notify(struct start *start, struct err *err);

/* start_prepared.c */

/** init_only: the socket that the container's init waits at. */
int start_open_wait(struct start *start, struct err *err);
/** Go on with a container that init has prepared. The lock is held. */
int start_prepared(struct start *start, struct err *err);

/* start_monitor.c */

/** What the client is there for, sent ahead. */
int start_send_hello(struct start *start, struct err *err);
/** Pipes, sockets, the client's first packets. */
int start_open_streams(struct start *start, struct err *err);
/** Fork the monitor, which makes the init; start->init_pid is set. */
int start_fork_monitor(struct start *start, struct err *err);
/** Close what only the container and the monitor need. */
void start_close_inner(struct start *start);
/** Wait for ATTACH_STARTED; -1 when the monitor has gone without. */
int start_wait_started(struct start *start, struct err *err);
void start_close_all(struct start *start);

/* shared by start, exec, attach, cleanup */

/** Runtime directory of a container; fd, -1 (ERR_NOT_FOUND when there is none and make is false). */
int container_open_run_dir(struct engine *engine, const struct container *container, bool make,
			   struct err *err);
/** True when the user asked for a limit of the cgroup: whoever cannot enter the cgroup must not run in the container. */
bool container_has_limits(const struct container *container);
/** The object of create.json in cgroups' words; limits is released by the caller. */
void container_read_limits(const json_t *json, struct cgroup_limits *limits,
			   bool *ret_pids_default);
/** config.json. New reference. */
int container_read_config(const struct container *container, json_t **ret_config, struct err *err);

#endif
