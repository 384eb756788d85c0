/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/restart.c - stop and start again, as the user or the policy wants it
 */
#include "engine/container/restart.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/record.h"
#include "engine/container/record.h"
#include "engine/events.h"
#include "engine/health.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define FILE_RESTARTS		"restarts"
#define FILE_STOPPED		MONITOR_STOPPED_NAME
#define RECORD_KIND_RESTARTS	"container-restarts"
#define RECORD_VERSION_RESTARTS 1
#define KEY_COUNT		"count"
#define KEY_DELAY_MS		"delayMs"
#define NS_PER_MS		INT64_C(1000000)
#define NS_PER_S		INT64_C(1000000000)
/* a start that fails may succeed later (a port is free again); with the growing delays these are about two minutes */
#define START_ATTEMPTS_MAX 10

void restarts_read(const struct container *container, struct restarts *ret_restarts)
{
	cleanup_json json_t *record = NULL;
	struct err err; /* a damaged one is as good as none */

	if (record_read_json(container->dir_fd, FILE_RESTARTS, RECORD_KIND_RESTARTS,
			     RECORD_VERSION_RESTARTS, &record, &err) <= 0)
		record = NULL;
	ret_restarts->count = json_get_int(record, 0, KEY_COUNT, NULL);
	ret_restarts->delay_ms = json_get_int(record, MONITOR_RESTART_SHORT_MS, KEY_DELAY_MS, NULL);
}

static enum monitor_restart restart_kind(const struct container *container)
{
	const char *text = json_get_string(container->create, "no", KEY_RESTART, KEY_POLICY, NULL);

	if (str_equal(text, "always") || str_equal(text, "unless-stopped"))
		return RESTART_ALWAYS;
	return str_equal(text, "on-failure") ? RESTART_ON_FAILURE : RESTART_NEVER;
}

static bool may_retry(const struct container *container, const struct restarts *restarts)
{
	int64_t max = json_get_int(container->create, 0, KEY_RESTART, KEY_MAX, NULL);

	return restart_kind(container) != RESTART_ON_FAILURE || max == 0 || restarts->count < max;
}

bool restart_is_stopped(const struct container *container)
{
	return faccessat(container->dir_fd, FILE_STOPPED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void restart_policy(const struct container *container, const struct restarts *restarts,
		    struct attach_policy *ret_policy)
{
	*ret_policy = (struct attach_policy){
		.restart = may_retry(container, restarts) ? restart_kind(container) : RESTART_NEVER,
		.restart_delay_ms = restarts->delay_ms,
	};
	health_intervals(container, &ret_policy->check_interval_ns,
			 &ret_policy->startup_interval_ns);
}

int restart_stop(const struct container *container, struct err *err)
{
	if (restart_kind(container) == RESTART_NEVER)
		return 0;
	cleanup_fd int fd = openat(container->dir_fd, FILE_STOPPED,
				   O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno != ENOENT) /* removed meanwhile */
		return err_sys(err, errno, "cannot note that container '%s' shall not restart",
			       container->name);
	return 0;
}

void restart_reset(const struct container *container)
{
	unlinkat(container->dir_fd, FILE_STOPPED, 0);
	unlinkat(container->dir_fd, FILE_RESTARTS, 0);
}

bool container_should_restart(const struct container *container)
{
	struct restarts restarts;

	restarts_read(container, &restarts);
	if (container->create == NULL || restart_is_stopped(container) ||
	    !may_retry(container, &restarts))
		return false;
	if (container->state.status == CONTAINER_CREATED) /* its last restart failed */
		return restart_kind(container) != RESTART_NEVER && restarts.count > 0;
	if (container->state.status != CONTAINER_EXITED)
		return false;
	return restart_kind(container) == RESTART_ALWAYS ||
	       (restart_kind(container) == RESTART_ON_FAILURE && container->state.exit_code != 0);
}

int64_t container_restart_count(const struct container *container)
{
	struct restarts restarts;

	restarts_read(container, &restarts);
	return restarts.count;
}

int restart_count(const struct container *container, struct err *err)
{
	const struct container_state *state = &container->state;
	cleanup_json json_t *record = json_object();
	struct restarts restarts;

	restarts_read(container, &restarts);
	restarts.delay_ms = restarts.delay_ms > MONITOR_RESTART_MAX_MS / 2 ? MONITOR_RESTART_MAX_MS
									   : restarts.delay_ms * 2;
	if (state->status == CONTAINER_EXITED &&
	    state->finished_ns - state->started_ns >= MONITOR_RESTART_LONG_S * NS_PER_S)
		restarts.delay_ms = MONITOR_RESTART_SHORT_MS * 2;
	json_put_int(record, KEY_COUNT, restarts.count + 1);
	json_put_int(record, KEY_DELAY_MS, restarts.delay_ms);
	return record_write_json(container->dir_fd, FILE_RESTARTS, RECORD_KIND_RESTARTS,
				 RECORD_VERSION_RESTARTS, record, 0, err);
}

int container_restart(struct engine *engine, struct container *container,
		      const struct container_stop_opts *opts, struct err *err)
{
	static const struct container_start_opts plain = { 0 };

	if (container_stop(engine, container, opts, err) < 0)
		return -1;
	if (container_start(engine, container, &plain, NULL, err) < 0)
		return -1;
	event_container(engine, container, EVENT_RESTART);
	return 0;
}

/* In pieces of a second. False when it is not wanted any more. */
static bool wait_wanted(struct container *container, int64_t delay_ns)
{
	struct err ignored; /* what cannot be read is not restarted */

	for (int64_t left_ns = delay_ns; left_ns > 0; left_ns -= NS_PER_S) {
		int64_t piece_ns = left_ns < NS_PER_S ? left_ns : NS_PER_S;
		struct timespec piece = { piece_ns / NS_PER_S, piece_ns % NS_PER_S };

		nanosleep(&piece, NULL);
		if (container_refresh(container, &ignored) < 0 ||
		    !container_should_restart(container))
			return false;
	}
	return true;
}

int container_restart_by_policy(struct engine *engine, struct container *container, struct err *err)
{
	static const struct container_start_opts by_policy = { .by_policy = true };
	int64_t delay_ns = MONITOR_RESTART_SHORT_MS * NS_PER_MS;

	for (int attempt = 1;; attempt++) {
		if (container_start(engine, container, &by_policy, NULL, err) == 0)
			return 0;
		if (attempt == START_ATTEMPTS_MAX)
			return -1;
		delay_ns *= 2;
		if (!wait_wanted(container, delay_ns))
			return 0;
	}
}
