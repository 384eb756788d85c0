/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/state.c - a container's state, derived and never stored (R25)
 *
 * The monitor holds the lock of `alive` as long as it lives, publishes `run` when the program was executed and `exit` before it lets the
 * lock go. A start takes the lock first and removes the records of the run before, so a reader that sees the lock held and no `run` sees a start
 * under way. See engine/container.h for the table.
 */
#include "engine/container/state.h"

#include "base/err.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/record.h"
#include "engine/container/record.h"
#include "rootless/cgroup.h"

static const char *const container_status_names[] = {
	[CONTAINER_CREATED] = "created", [CONTAINER_INITIALIZED] = "initialized",
	[CONTAINER_RUNNING] = "running", [CONTAINER_PAUSED] = "paused",
	[CONTAINER_EXITED] = "exited",	 [CONTAINER_DAMAGED] = "damaged",
};
NAME_TABLE(container_status, CONTAINER_STATUS_COUNT)

const char *container_state_name(const struct container_state *state)
{
	return state->stopping ? "stopping" : container_status_name((int)state->status);
}

/* Exit code of a container whose monitor was killed: nobody saw the end. */
#define EXIT_CODE_UNKNOWN 255

/* A damaged record of the monitor counts as missing: the lock alone says whether it runs. */
static json_t *read_monitor_record(int dir_fd, const char *file, const char *kind, unsigned version)
{
	struct err err = { 0 };
	json_t *body = NULL;

	if (record_read_json(dir_fd, file, kind, version, &body, &err) < 0)
		debug("cannot read the record '%s', ignoring: %s", file, err.msg);
	return body;
}

static void state_from_run(const json_t *run, struct container_state *state)
{
	state->pid = (pid_t)json_get_int(run, 0, "pid", NULL);
	state->start_ticks = (uint64_t)json_get_int(run, 0, "startTicks", NULL);
	state->monitor_pid = (pid_t)json_get_int(run, 0, "monitorPid", NULL);
	state->started_ns = json_get_int(run, 0, "startedNs", NULL);
	const char *cgroup = json_get_string(run, NULL, "cgroup", NULL);

	state->status =
		cgroup != NULL && cgroup_is_frozen(cgroup) ? CONTAINER_PAUSED : CONTAINER_RUNNING;
}

static void state_from_exit(const json_t *body, struct container_state *state)
{
	state->status = CONTAINER_EXITED;
	state->exit_code = (int32_t)json_get_int(body, EXIT_CODE_UNKNOWN, "exitCode", NULL);
	state->signal = (int32_t)json_get_int(body, 0, "signal", NULL);
	state->oom_killed = json_get_bool(body, false, "oomKilled", NULL);
	state->started_ns = json_get_int(body, 0, "startedNs", NULL);
	state->finished_ns = json_get_int(body, 0, "finishedNs", NULL);
}

void container_state_read(int dir_fd, struct container_state *ret_state)
{
	*ret_state = (struct container_state){ .status = CONTAINER_CREATED };

	if (alive_is_held(dir_fd, FILE_ALIVE)) {
		cleanup_json json_t *run =
			read_monitor_record(dir_fd, FILE_RUN, RECORD_KIND_RUN, RECORD_VERSION_RUN);

		ret_state->status = CONTAINER_INITIALIZED;
		if (run != NULL)
			state_from_run(run, ret_state);
		ret_state->stopping = alive_is_held(dir_fd, FILE_STOPPING);
		return;
	}

	cleanup_json json_t *body =
		read_monitor_record(dir_fd, FILE_EXIT, RECORD_KIND_EXIT, RECORD_VERSION_EXIT);
	if (body != NULL) {
		state_from_exit(body, ret_state);
		return;
	}
	cleanup_json json_t *run =
		read_monitor_record(dir_fd, FILE_RUN, RECORD_KIND_RUN, RECORD_VERSION_RUN);
	if (run != NULL) {
		ret_state->status = CONTAINER_EXITED;
		ret_state->exit_code = EXIT_CODE_UNKNOWN;
		ret_state->started_ns = json_get_int(run, 0, "startedNs", NULL);
		ret_state->finished_ns = ret_state->started_ns;
	}
}

int container_refresh(struct container *container, struct err *err)
{
	(void)err;
	if (container->create == NULL) {
		container->state = (struct container_state){ .status = CONTAINER_DAMAGED };
		return 0;
	}
	container_state_read(container->dir_fd, &container->state);
	return 0;
}
