/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/runtime_state.h - containers of dhow-runtime on disk (private to engine/runtime)
 *
 *	ROOT/ID/state		record: what `state` tells, with the start time of the process
 *	ROOT/ID/config.json	the configuration as it was at create
 *	ROOT/ID/start		socket where the init waits; gone when it was started
 *
 * The status is derived: no such process: stopped; start is there: created; else running, or paused when its cgroup is frozen.
 */
#ifndef ENGINE_RUNTIME_RUNTIME_STATE_H
#define ENGINE_RUNTIME_RUNTIME_STATE_H

#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/** Global options of dhow-runtime. */
struct runtime_options {
	const char *root;
	int cgroup_manager; /* enum cgroup_manager */
};

struct runtime_state {
	char *id;
	int root_fd, dir_fd;
	pid_t pid;
	uint64_t start_ticks;
	char *bundle, *cgroup_path; /* cgroup_path: NULL without one */
	int64_t created_ns;
	json_t *annotations; /* or NULL */
};
#define RUNTIME_STATE_INIT                                                                         \
	{                                                                                          \
		.root_fd = -1, .dir_fd = -1                                                        \
	}
void runtime_state_release(struct runtime_state *state);
#define cleanup_runtime_state __attribute__((cleanup(runtime_state_release)))

/** The root directory, made when missing. fd. */
int runtime_root_open(const struct runtime_options *options, struct err *err);
/** An id that can be a directory's name. */
int runtime_id_check(const char *id, struct err *err);
/** Take the id: makes its directory. ERR_EXISTS. */
int runtime_state_new(const struct runtime_options *options, const char *id,
		      struct runtime_state *ret_state, struct err *err);
/** ERR_NOT_FOUND. */
int runtime_state_load(const struct runtime_options *options, const char *id,
		       struct runtime_state *ret_state, struct err *err);
int runtime_state_save(const struct runtime_state *state, struct err *err);
/** Remove it from the disk. */
int runtime_state_remove(struct runtime_state *state, struct err *err);
/** "created", "running", "paused", "stopped". */
const char *runtime_state_status(const struct runtime_state *state);
/** What `state` prints and hooks get. New reference. @param status NULL: the present one */
json_t *runtime_state_json(const struct runtime_state *state, const char *status);
/** The configuration of its creation. New reference. */
json_t *runtime_state_config(const struct runtime_state *state, struct err *err);
/** All ids. */
int runtime_state_list(const struct runtime_options *options, struct strv *ret_ids,
		       struct err *err);
/** pidfd of the init, or -1 when it is gone. */
int runtime_state_pid_fd(const struct runtime_state *state);

/* hooks.c */
/** Run hooks.NAME of config with the state on stdin. The first failure ends it. */
int hooks_run(const json_t *config, const char *name, const struct runtime_state *state,
	      const char *status, struct err *err);

/* runtime_spec.c */
json_t *runtime_spec_new(bool rootless);
json_t *runtime_features(void);

/* runtime_create.c, runtime_manage.c, runtime_exec_cmd.c: commands; exit status, or -1 with err */
struct runtime_create_opts {
	const char *bundle, *console_socket, *pid_file;
	int64_t preserve_fds;
	bool detach, keep;
};
int runtime_command_create(const struct runtime_options *options, const char *id,
			   const struct runtime_create_opts *opts, struct err *err);
int runtime_command_run(const struct runtime_options *options, const char *id,
			const struct runtime_create_opts *opts, struct err *err);
int runtime_command_start(const struct runtime_options *options, const char *id, struct err *err);
int runtime_command_kill(const struct runtime_options *options, const char *id, const char *signal,
			 bool all, struct err *err);
int runtime_command_delete(const struct runtime_options *options, const char *id, bool force,
			   struct err *err);
int runtime_command_freeze(const struct runtime_options *options, const char *id, bool freeze,
			   struct err *err);

struct runtime_exec_opts {
	const char *process_file, *console_socket, *pid_file, *user, *cwd;
	struct strv env, caps;
	bool tty, detach, no_new_privileges;
	int64_t preserve_fds;
	char *const *argv;
};
int runtime_command_exec(const struct runtime_options *options, const char *id,
			 const struct runtime_exec_opts *opts, struct err *err);
/** Connect to the receiver of a pty. fd or -1. */
int console_socket_open(const char *path, struct err *err);
int pid_file_write(const char *path, pid_t pid, struct err *err);

#endif
