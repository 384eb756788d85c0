/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/wait.c - `wait`: until containers have ended, or another condition holds; prints the exit codes
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct wait_opts {
	struct strv conditions;
	char *interval;
	bool ignore, latest, first;
};

#define NS_PER_MS   INT64_C(1000000)
#define INTERVAL_MS 250

static int parse_conditions(const struct strv *words, unsigned *ret_conditions, struct err *err)
{
	unsigned conditions = 0;

	for (size_t i = 0; i < words->count; i++) {
		int condition = wait_condition_parse(words->items[i]);
		if (condition >= 0) {
			conditions |= 1U << condition;
			continue;
		}
		err_set(err, ERR_USAGE, "invalid argument '%s' for '--condition'", words->items[i]);
		return err_hint(err, "It can be stopped, exited, running, created, paused, "
				     "removing, healthy, unhealthy.");
	}
	*ret_conditions = conditions != 0 ? conditions : 1U << WAIT_STOPPED | 1U << WAIT_EXITED;
	return 0;
}

/* A number is milliseconds, as podman has it; else a duration. */
static int parse_interval(const char *text, int64_t *ret_ms, struct err *err)
{
	uint64_t number;
	int64_t ns;

	if (parse_u64(text, &number) == 0 && number < INT64_MAX)
		*ret_ms = (int64_t)number;
	else if (parse_duration(text, &ns) == 0)
		*ret_ms = ns / NS_PER_MS;
	else
		return err_set(err, ERR_USAGE,
			       "invalid argument '%s' for '-i, --interval': a duration is wanted",
			       text);
	return 0;
}

static int wait_one(struct cli *cli, const char *text, const struct wait_opts *opts,
		    unsigned conditions, int64_t interval_ms)
{
	cleanup_container struct container *container = NULL;
	struct err err = { 0 };
	int32_t exit_code = -1;
	int status = container_get(cli->engine, text, &container, &err);

	if (status < 0 && err.kind == ERR_NOT_FOUND && opts->ignore) {
		(void)printf("-1\n");
		return 0;
	}
	/* who only asks for its end need not wait for a container that has never run, as with docker and podman */
	if (status == 0 && opts->conditions.count == 0 &&
	    container->state.status == CONTAINER_CREATED) {
		(void)printf("0\n");
		return 0;
	}
	if (status < 0 ||
	    container_wait(cli->engine, container, conditions, interval_ms, &exit_code, &err) < 0)
		return cli_error(cli, &err);
	(void)printf("%" PRId32 "\n", exit_code);
	(void)fflush(stdout);
	return 0;
}

/* The conditions that hold in a state; a container that is gone was removed. */
static unsigned conditions_of(const struct container *container)
{
	switch (container->state.status) {
	case CONTAINER_RUNNING:
		return 1U << WAIT_RUNNING;
	case CONTAINER_PAUSED:
		return 1U << WAIT_PAUSED;
	case CONTAINER_EXITED:
		return 1U << WAIT_EXITED | 1U << WAIT_STOPPED;
	case CONTAINER_CREATED:
		return 1U << WAIT_CREATED;
	default:
		return 0;
	}
}

/* --exit-first-match: look at all in turn until one has come so far. */
static int wait_first(struct cli *cli, const struct strv *args, const struct wait_opts *opts,
		      unsigned conditions, int64_t interval_ms, struct err *err)
{
	const struct timespec pause = { .tv_sec = interval_ms / 1000,
					.tv_nsec = interval_ms % 1000 * NS_PER_MS };

	if (conditions & (1U << WAIT_HEALTHY | 1U << WAIT_UNHEALTHY))
		return err_set(err, ERR_UNSUPPORTED,
			       "--exit-first-match cannot wait for healthy or unhealthy");
	for (;; (void)nanosleep(&pause, NULL)) {
		for (size_t i = 0; i < args->count; i++) {
			cleanup_container struct container *container = NULL;
			int found = container_find(cli->engine, args->items[i], &container, err);

			if (found < 0)
				return -1;
			if (found == 0 && !opts->ignore && !(conditions & 1U << WAIT_REMOVING))
				return container_get(cli->engine, args->items[i], &container, err);
			if (found > 0 && !(conditions_of(container) & conditions))
				continue;
			(void)printf("%" PRId32 "\n",
				     found > 0 && container->state.status == CONTAINER_EXITED
					     ? container->state.exit_code
					     : -1);
			return 0;
		}
	}
}

static int wait_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct wait_opts *opts = opts_;
	unsigned conditions = 0;
	int64_t interval_ms = INTERVAL_MS;
	int worst = 0;

	if (parse_conditions(&opts->conditions, &conditions, err) < 0 ||
	    (opts->interval != NULL && parse_interval(opts->interval, &interval_ms, err) < 0))
		return -1;
	if (opts->latest) {
		cleanup_container struct container *container = NULL;

		if (select_one(cli, args, true, &container, err) < 0)
			return -1;
		return wait_one(cli, container->id.text, opts, conditions, interval_ms);
	}
	if (args->count == 0)
		return err_set(err, ERR_USAGE, "a container must be named, or --latest given");
	if (opts->first && args->count > 1)
		return wait_first(cli, args, opts, conditions, interval_ms, err);
	for (size_t i = 0; i < args->count; i++)
		worst = cli_worse(worst,
				  wait_one(cli, args->items[i], opts, conditions, interval_ms));
	return worst;
}

static const struct opt wait_opts[] = {
	OPT_WORDS(0, "condition", struct wait_opts, conditions, "CONDITION",
		  "stopped, exited, running, created, paused, removing, healthy, unhealthy"),
	OPT_STRING('i', "interval", struct wait_opts, interval, "DURATION",
		   "how often to look at what cannot be waited for"),
	OPT_FLAG(0, "ignore", struct wait_opts, ignore, "a missing container is -1 and no error"),
	OPT_FLAG('l', "latest", struct wait_opts, latest, "the container created last"),
	OPT_FLAG(0, "exit-first-match", struct wait_opts, first,
		 "end when the first of several has come so far"),
	OPT_END
};

const struct cmd cmd_wait = {
	.paths = { "wait", "container wait" },
	.synopsis = "[CONTAINER...]",
	.help = "Wait for containers to end and print their exit codes",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.opts = wait_opts,
	.opts_size = sizeof(struct wait_opts),
	.run = wait_run,
};
