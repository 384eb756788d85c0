/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/health.c - run a health check and keep what it says
 */
#include "engine/container/health.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/record.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/events.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

static const json_t *health_of(const struct container *container)
{
	return json_object_get(container->create, KEY_HEALTH);
}

/* The record of the present start, or a fresh one. New reference. */
static json_t *read_record(const struct container *container)
{
	struct err ignored; /* a damaged one is as good as none: the next check writes it anew */
	json_t *record = NULL;

	if (record_read_json(container->dir_fd, FILE_HEALTH, RECORD_KIND_HEALTH,
			     RECORD_VERSION_HEALTH, &record, &ignored) > 0 &&
	    json_get_int(record, 0, KEY_STARTED_NS, NULL) == container->state.started_ns)
		return record;
	json_decref(record);
	return health_record_new(container->state.started_ns);
}

enum health_status container_health_status(const struct container *container)
{
	if (!json_is_object(health_of(container)) || !container_is_up(container))
		return HEALTH_NONE;
	cleanup_json json_t *record = read_record(container);
	int status = health_status_parse(json_get_string(record, "", KEY_STATUS, NULL));

	return status < 0 ? HEALTH_STARTING : (enum health_status)status;
}

json_t *container_health(const struct container *container)
{
	if (!json_is_object(health_of(container)))
		return NULL;
	cleanup_json json_t *record = read_record(container);
	json_t *object = json_object(), *log = json_object_get(record, KEY_LOG);

	json_put_string(object, "Status", json_get_string(record, "starting", KEY_STATUS, NULL));
	json_put_int(object, "FailingStreak", json_get_int(record, 0, KEY_FAILING_STREAK, NULL));
	json_put(object, "Log", json_is_array(log) ? json_incref(log) : json_array());
	return object;
}

json_t *container_health_config(const struct container *container)
{
	const json_t *health = health_of(container);
	static const char *const members[][2] = {
		{ "StartPeriod", KEY_START_PERIOD_NS },
		{ "Interval", KEY_INTERVAL_NS },
		{ "Timeout", KEY_TIMEOUT_NS },
		{ "Retries", KEY_RETRIES },
	};

	if (!json_is_object(health))
		return NULL;
	json_t *object = json_object();

	json_put(object, "Test", json_incref(json_object_get(health, KEY_TEST)));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		int64_t value = json_get_int(health, 0, members[i][1], NULL);

		if (value != 0)
			json_put_int(object, members[i][0], value);
	}
	return object;
}

void health_intervals(const struct container *container, int64_t *ret_ns, int64_t *ret_startup_ns)
{
	const json_t *health = health_of(container);
	const json_t *startup = json_object_get(health, KEY_STARTUP);

	*ret_ns = json_get_int(health, 0, KEY_INTERVAL_NS, NULL);
	*ret_startup_ns = json_is_object(startup)
				  ? json_get_int(startup, HEALTH_INTERVAL_NS, KEY_INTERVAL_NS, NULL)
				  : 0;
}

static int read_check(const struct container *container, const json_t *record,
		      struct health_check *check, struct err *err)
{
	const json_t *health = health_of(container);
	int64_t bytes = json_get_int(health, HEALTH_LOG_BYTES, KEY_LOG_BYTES, NULL);

	if (health_is_startup(health, record))
		health = json_object_get(health, KEY_STARTUP);
	const json_t *test = json_object_get(health, KEY_TEST);
	const char *kind = json_string_value(json_array_get(test, 0));

	if (kind == NULL || json_get_strv(health, KEY_TEST, &check->argv) < 0 ||
	    check->argv.count < 2)
		return err_set(err, ERR_CORRUPT, "the health check of container '%s' is damaged",
			       container->name);
	strv_remove(&check->argv, 0);
	if (str_equal(kind, "CMD-SHELL")) {
		cleanup_free char *line = strv_join(&check->argv, " ");

		strv_clear(&check->argv);
		strv_add(&check->argv, "/bin/sh");
		strv_add(&check->argv, "-c");
		strv_add(&check->argv, line);
	}
	check->timeout_ns = json_get_int(health, HEALTH_TIMEOUT_NS, KEY_TIMEOUT_NS, NULL);
	check->output_limit_bytes =
		bytes <= 0 || bytes > HEALTH_LOG_BYTES_MAX ? HEALTH_LOG_BYTES_MAX : (size_t)bytes;
	return 0;
}

/* A copy of what is known, where the user wants it; for people, so a failure is a warning. */
static void write_copy(struct engine *engine, const struct container *container)
{
	const char *directory =
		json_get_string(health_of(container), NULL, KEY_LOG_DIRECTORY, NULL);
	cleanup_json json_t *state = container_health(container);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct err err;

	if (directory == NULL)
		return;
	cleanup_free char *name = xasprintf("%s-healthcheck.log", container->id.text);
	cleanup_fd int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	json_print(state, 4, &text);
	strbuf_addc(&text, '\n');
	if (dir_fd < 0)
		engine_warn(engine, "cannot open the directory '%s' for the health log, ignoring",
			    directory);
	else if (record_publish_raw(dir_fd, name, text.data, text.length, 0600, 0, &err) < 0)
		engine_warn(engine, "cannot write the health log, ignoring: %s", err.msg);
}

/* Under the lock: others may have run the check at the same time. */
static int remember(struct engine *engine, const struct container *container,
		    const struct health_outcome *outcome, struct health_decision *ret_decision,
		    bool *ret_in_startup, struct err *err)
{
	cleanup_fd int dir_fd = openat(container->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int lock_fd = dir_fd < 0 ? -1 : lock_take(dir_fd, FILE_HEALTH_LOCK, true, err);

	if (dir_fd < 0)
		return err_set(err, ERR_NOT_FOUND, "container '%s' is gone", container->name);
	if (lock_fd < 0)
		return -1;
	cleanup_json json_t *record = read_record(container);

	health_judge(health_of(container), record, outcome, ret_decision);
	if (record_write_json(dir_fd, FILE_HEALTH, RECORD_KIND_HEALTH, RECORD_VERSION_HEALTH,
			      record, 0, err) < 0)
		return err_wrap(err, "cannot remember the health of container '%s'",
				container->name);
	*ret_in_startup = health_is_startup(health_of(container), record);
	write_copy(engine, container);
	return 0;
}

static int act(struct engine *engine, struct container *container, enum health_action action,
	       struct err *err)
{
	static const struct container_stop_opts own_time = { .time_s = -1 };

	switch (action) {
	case HEALTH_ACTION_KILL:
		/* not as the user's own: its restart policy holds */
		return container_send_signal(engine, container, SIGKILL, err);
	case HEALTH_ACTION_STOP:
		return container_stop(engine, container, &own_time, err);
	case HEALTH_ACTION_RESTART:
		/* the check's program has left us closed to everybody (R5), but a start is helped by newuidmap, which must look at a child of ours */
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		return container_restart(engine, container, &own_time, err);
	case HEALTH_ACTION_NONE:
	case HEALTH_ACTION_COUNT:
		break;
	}
	return 0;
}

static int follow_up(struct engine *engine, struct container *container,
		     const struct health_decision *decision, struct err *err)
{
	int action = health_action_parse(
		json_get_string(health_of(container), "none", KEY_ON_FAILURE, NULL));

	if (decision->before != decision->after)
		event_container_health(engine, container, health_status_name((int)decision->after));
	if (decision->restart_for_startup)
		action = HEALTH_ACTION_RESTART;
	else if (decision->after != HEALTH_UNHEALTHY || decision->before == HEALTH_UNHEALTHY ||
		 action < 0)
		return 0;
	if (act(engine, container, (enum health_action)action, err) < 0)
		return err_wrap(err, "container '%s' is unhealthy, but", container->name);
	return 0;
}

static void outcome_release(struct health_outcome *outcome)
{
	strbuf_release(&outcome->output);
}

/* Of the check that runs now. */
static int64_t interval_ns(const struct container *container, const json_t *record)
{
	int64_t interval, startup;

	health_intervals(container, &interval, &startup);
	return health_is_startup(health_of(container), record) ? startup : interval;
}

/* It must be the same life that was checked: an end while the check ran is no bad health. */
static int check_same_life(struct container *container, int64_t started_ns, struct err *err)
{
	if (container_refresh(container, err) < 0)
		return -1;
	if (container_is_up(container) && container->state.started_ns == started_ns)
		return 0;
	return err_set(err, ERR_STATE, "container '%s' ended while its health was checked",
		       container->name);
}

int container_health_run(struct engine *engine, struct container *container, bool automatic,
			 struct health_result *ret_result, struct err *err)
{
	__attribute__((cleanup(outcome_release))) struct health_outcome outcome =
		HEALTH_OUTCOME_INIT;
	struct health_check check = { .argv = STRV_INIT };
	struct health_decision decision;
	int64_t started_ns = container->state.started_ns;
	bool in_startup = false;

	if (!json_is_object(health_of(container))) {
		err_set(err, ERR_STATE, "container '%s' has no defined healthcheck",
			container->name != NULL ? container->name : container->id.text);
		return err_hint(err, "Give one with --health-cmd when it is created.");
	}
	cleanup_json json_t *record = read_record(container);
	int status = read_check(container, record, &check, err);

	if (status == 0)
		status = health_execute(engine, container, &check, &outcome, err);
	strv_release(&check.argv);
	if (status == 0)
		status = check_same_life(container, started_ns, err);
	outcome.early = automatic && outcome.start_ns - started_ns < interval_ns(container, record);
	if (status < 0 || remember(engine, container, &outcome, &decision, &in_startup, err) < 0)
		return -1;
	*ret_result = (struct health_result){
		.in_startup = in_startup,
		.status = decision.after,
		.exit_code = outcome.exit_code,
		.changed = decision.before != decision.after,
	};
	if (follow_up(engine, container, &decision, err) < 0)
		return -1;
	return outcome.exit_code != 0;
}
