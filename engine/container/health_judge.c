/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/health_judge.c - what the outcome of a check means
 *
 * The rules, of which some are docker's and some podman's:
 * - a success makes it healthy at once and ends the start period;
 * - a failure within the start period is logged and not counted;
 * - retries failures in a row make it unhealthy;
 * - while there is a start-up check that has not succeeded often enough, its outcomes count for nothing else.
 */
#include "engine/container/health.h"

#include "base/json.h"
#include "base/parse.h"

static const char *const health_status_names[] = {
	[HEALTH_NONE] = "none",
	[HEALTH_STARTING] = "starting",
	[HEALTH_HEALTHY] = "healthy",
	[HEALTH_UNHEALTHY] = "unhealthy",
};
NAME_TABLE(health_status, HEALTH_STATUS_COUNT)

static const char *const health_action_names[] = {
	[HEALTH_ACTION_NONE] = "none",
	[HEALTH_ACTION_KILL] = "kill",
	[HEALTH_ACTION_RESTART] = "restart",
	[HEALTH_ACTION_STOP] = "stop",
};
NAME_TABLE(health_action, HEALTH_ACTION_COUNT)

json_t *health_record_new(int64_t started_ns)
{
	json_t *record = json_object();

	json_put_int(record, KEY_STARTED_NS, started_ns);
	json_put_string(record, KEY_STATUS, health_status_name(HEALTH_STARTING));
	json_put_int(record, KEY_FAILING_STREAK, 0);
	json_put(record, KEY_LOG, json_array());
	return record;
}

static enum health_status record_status(const json_t *record)
{
	int status = health_status_parse(json_get_string(record, "starting", KEY_STATUS, NULL));

	return status < 0 ? HEALTH_STARTING : (enum health_status)status;
}

bool health_is_startup(const json_t *health, const json_t *record)
{
	return json_is_object(json_object_get(health, KEY_STARTUP)) &&
	       !json_get_bool(record, false, KEY_STARTUP_DONE, NULL);
}

/* Entries that are too many go, the oldest first. */
static void add_log(const json_t *health, json_t *record, const struct health_outcome *outcome)
{
	json_t *log = json_object_get(record, KEY_LOG), *entry = json_object();
	int64_t count = json_get_int(health, HEALTH_LOG_COUNT, KEY_LOG_COUNT, NULL);
	char time[TIME_TEXT_MAX];

	if (!json_is_array(log)) {
		log = json_array();
		json_put(record, KEY_LOG, log);
	}
	if (count <= 0 || count > HEALTH_LOG_COUNT_MAX)
		count = HEALTH_LOG_COUNT_MAX;
	time_format_rfc3339(outcome->start_ns, time);
	json_put_string(entry, "Start", time);
	time_format_rfc3339(outcome->end_ns, time);
	json_put_string(entry, "End", time);
	json_put_int(entry, "ExitCode", outcome->exit_code);
	/* a NUL in it would end the text */
	json_put_string(entry, "Output", outcome->output.data);
	json_array_append_new(log, entry);
	while (json_array_size(log) > (size_t)count)
		json_array_remove(log, 0);
}

static void count_up(json_t *record, const char *key)
{
	json_put_int(record, key, json_get_int(record, 0, key, NULL) + 1);
}

static void judge_startup(const json_t *startup, json_t *record, bool success,
			  struct health_decision *decision)
{
	int64_t wanted = json_get_int(startup, 0, KEY_SUCCESS, NULL);
	int64_t retries = json_get_int(startup, 0, KEY_RETRIES, NULL);

	if (success) {
		count_up(record, KEY_STARTUP_SUCCESSES);
		json_put_int(record, KEY_STARTUP_FAILURES, 0);
		if (json_get_int(record, 0, KEY_STARTUP_SUCCESSES, NULL) >= wanted)
			json_put_bool(record, KEY_STARTUP_DONE, true);
		return;
	}
	count_up(record, KEY_STARTUP_FAILURES);
	json_put_int(record, KEY_STARTUP_SUCCESSES, 0);
	decision->restart_for_startup =
		retries > 0 && json_get_int(record, 0, KEY_STARTUP_FAILURES, NULL) >= retries;
}

static bool in_start_period(const json_t *health, const json_t *record, int64_t start_ns)
{
	int64_t period_ns = json_get_int(health, 0, KEY_START_PERIOD_NS, NULL);
	int64_t started_ns = json_get_int(record, 0, KEY_STARTED_NS, NULL);

	return record_status(record) == HEALTH_STARTING && start_ns - started_ns < period_ns;
}

void health_judge(const json_t *health, json_t *record, const struct health_outcome *outcome,
		  struct health_decision *ret_decision)
{
	bool success = outcome->exit_code == 0;

	*ret_decision = (struct health_decision){ .before = record_status(record) };
	add_log(health, record, outcome);
	ret_decision->after = ret_decision->before;
	if (health_is_startup(health, record)) {
		if (success || !outcome->early)
			judge_startup(json_object_get(health, KEY_STARTUP), record, success,
				      ret_decision);
		return;
	}
	if (success) {
		json_put_int(record, KEY_FAILING_STREAK, 0);
		ret_decision->after = HEALTH_HEALTHY;
	} else if (!(outcome->early && ret_decision->before == HEALTH_STARTING) &&
		   !in_start_period(health, record, outcome->start_ns)) {
		count_up(record, KEY_FAILING_STREAK);
		if (json_get_int(record, 0, KEY_FAILING_STREAK, NULL) >=
		    json_get_int(health, HEALTH_RETRIES, KEY_RETRIES, NULL))
			ret_decision->after = HEALTH_UNHEALTHY;
	}
	json_put_string(record, KEY_STATUS, health_status_name((int)ret_decision->after));
}
