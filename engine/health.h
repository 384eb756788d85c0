/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/health.h - health checks: what is asked for, how a check is run, what is known
 *
 * What was asked for is in create.json, written by create_health() (engine/container/create_health.c):
 *
 *	"health": {
 *	  "test":	["CMD", program, argument ...] or ["CMD-SHELL", line]
 *	  "intervalNs"	0: the monitor does not run it
 *	  "timeoutNs", "startPeriodNs", "retries"
 *	  "onFailure"	"none", "kill", "stop" or "restart": what is done when it becomes unhealthy
 *	  "logCount", "logBytes"	how many results are kept, and how much output of each; 0: as many as HEALTH_LOG_COUNT_MAX allows
 *	  "logDirectory"	ID-healthcheck.log is written there too [null]
 *	  "startup":	{"test", "intervalNs", "timeoutNs", "retries", "success"}: runs instead of test until it has succeeded so often;
 *			after retries failures the container is restarted (0: never) [missing]
 *	}
 *
 * What is known is a record, containers/ID/health, of one start: it has the time of the start, and is stale when the container was
 * started again. So no restart has to reset anything.
 *
 *	{"startedNs": N, "status": "starting"|"healthy"|"unhealthy", "failingStreak": N, "startupDone": bool, "startupSuccesses": N,
 *	 "startupFailures": N, "log": [{"Start": time, "End": time, "ExitCode": N, "Output": text}, ...]}
 *
 * A failure within the start period counts only when the container was healthy already, and so does one of the monitor's first check,
 * which is sooner than an interval after the start. The monitor calls `dhow healthcheck run --auto ID` after each
 * interval, and first when the container has run for a second; people call it without --auto. The program runs as exec runs one, and is killed at its time-out.
 * A lock (containers/ID/health.lock) is held while the record is changed, never while the program runs. An event is written when the
 * status changes, and only then (U50).
 */
#ifndef ENGINE_HEALTH_H
#define ENGINE_HEALTH_H

#include "base/names.h"
#include "engine/engine.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct container;
struct err;

#define HEALTH_LOG_COUNT_MAX 1000
#define HEALTH_LOG_BYTES_MAX (64U << 10)
/* defaults, podman's */
#define HEALTH_INTERVAL_NS INT64_C(30000000000)
#define HEALTH_TIMEOUT_NS  INT64_C(30000000000)
#define HEALTH_RETRIES	   3
#define HEALTH_LOG_COUNT   5
#define HEALTH_LOG_BYTES   500

enum health_status {
	HEALTH_NONE,
	HEALTH_STARTING,
	HEALTH_HEALTHY,
	HEALTH_UNHEALTHY,
	HEALTH_STATUS_COUNT
};
/** "none", "starting", "healthy", "unhealthy" */
NAME_TABLE_DECLARE(health_status)

enum health_action {
	HEALTH_ACTION_NONE,
	HEALTH_ACTION_KILL,
	HEALTH_ACTION_RESTART,
	HEALTH_ACTION_STOP,
	HEALTH_ACTION_COUNT
};
NAME_TABLE_DECLARE(health_action)

/** HEALTH_NONE when it has no check or does not run. Reads one small file. */
enum health_status container_health_status(const struct container *container);
/** podman's .State.Health: {"Status", "FailingStreak", "Log"}, or NULL when it has no check. New reference. */
json_t *container_health(const struct container *container);
/** podman's .Config.Healthcheck: {"Test", "StartPeriod", "Interval", "Timeout", "Retries"}, or NULL. New reference. */
json_t *container_health_config(const struct container *container);
/** How long the monitor waits between checks, and between start-up checks as long as these run; 0: there are none to be run. */
void health_intervals(const struct container *container, int64_t *ret_ns, int64_t *ret_startup_ns);

struct health_result {
	enum health_status status; /* after this check */
	int32_t exit_code;	   /* of the program; -1: it was killed at its time-out */
	bool changed;		   /* the status is another one than before */
	bool in_startup;	   /* it is still the start-up check that runs next */
};
/**
 * Run the check once, remember the result, and do what the container's on-failure action says when it has become unhealthy. Blocks
 * until the check has ended. 0: the program says healthy, 1: it does not. ERR_STATE when the container has no check, does not run, or has
 * ended before the check had.
 * @param automatic  the monitor asks for it
 */
int container_health_run(struct engine *engine, struct container *container, bool automatic,
			 struct health_result *ret_result, struct err *err);

#endif
