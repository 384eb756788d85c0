/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/health.h - the parts of a health check (private to engine/container)
 */
#ifndef ENGINE_CONTAINER_HEALTH_H
#define ENGINE_CONTAINER_HEALTH_H

#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/container.h"
#include "engine/container/record.h"
#include "engine/health.h"

#define FILE_HEALTH	      "health"
#define FILE_HEALTH_LOCK      "health.lock"
#define RECORD_KIND_HEALTH    "container-health"
#define RECORD_VERSION_HEALTH 1

/* of create.json's "health" */
#define KEY_TEST	    "test"
#define KEY_INTERVAL_NS	    "intervalNs"
#define KEY_TIMEOUT_NS	    "timeoutNs"
#define KEY_START_PERIOD_NS "startPeriodNs"
#define KEY_RETRIES	    "retries"
#define KEY_ON_FAILURE	    "onFailure"
#define KEY_LOG_COUNT	    "logCount"
#define KEY_LOG_BYTES	    "logBytes"
#define KEY_LOG_DIRECTORY   "logDirectory"
#define KEY_STARTUP	    "startup"
#define KEY_SUCCESS	    "success"

/* of the record */
#define KEY_STARTED_NS	      "startedNs"
#define KEY_STATUS	      "status"
#define KEY_FAILING_STREAK    "failingStreak"
#define KEY_STARTUP_DONE      "startupDone"
#define KEY_STARTUP_SUCCESSES "startupSuccesses"
#define KEY_STARTUP_FAILURES  "startupFailures"

/** One run of a check. */
struct health_check {
	struct strv argv;
	int64_t timeout_ns;
	size_t output_limit_bytes; /* of what is kept; the rest is read and dropped */
};
struct health_outcome {
	int64_t start_ns, end_ns;
	int32_t exit_code; /* -1: time-out */
	bool early;	   /* the monitor's first check: a failure does not count */
	struct strbuf output;
};
#define HEALTH_OUTCOME_INIT                                                                        \
	{                                                                                          \
		0, 0, 0, false, STRBUF_INIT                                                        \
	}
/** Run it in the container and wait. A program that cannot be started is an outcome (126, 127), not a failure. */
int health_execute(struct engine *engine, const struct container *container,
		   const struct health_check *check, struct health_outcome *ret_outcome,
		   struct err *err);

/** What is to be done after an outcome. */
struct health_decision {
	enum health_status before, after;
	bool restart_for_startup;
};
/**
 * The rules: change the record by an outcome. health is the object of create.json. Nothing is read or written, so that they can be
 * tested as a table.
 */
void health_judge(const json_t *health, json_t *record, const struct health_outcome *outcome,
		  struct health_decision *ret_decision);
/** True when the start-up check is what runs next. */
bool health_is_startup(const json_t *health, const json_t *record);
/** A record for a start that was not checked yet. New reference. */
json_t *health_record_new(int64_t started_ns);

#endif
