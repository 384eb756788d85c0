/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/stop.c - `stop` and `restart`: a signal, some patience, SIGKILL
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/select.h"

struct stop_opts {
	struct select_opts select;
	int64_t time_s; /* -1: the container's own */
	bool running;	/* restart: only those that run */
};

static int stop_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct stop_opts *opts = arg;

	return container_stop(cli->engine, container, opts->time_s, err);
}

static int stop_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct stop_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->select.all,
		.latest = opts->select.latest,
		.filters = &opts->select.filters,
		.cidfiles = &opts->select.cidfiles,
		.ignore = opts->select.ignore,
		.states = 1U << CONTAINER_RUNNING | 1U << CONTAINER_PAUSED |
			  1U << CONTAINER_INITIALIZED,
	};

	return select_each(cli, &request, stop_one, opts, err);
}

static const struct opt stop_opts[] = {
	OPT_INCLUDE(struct stop_opts, select, struct select_opts, select_rows),
	OPT_FLAG('i', "ignore", struct stop_opts, select.ignore, "a missing container is no error"),
	OPT_SECONDS('t', "time", struct stop_opts, time_s, "SECONDS",
		    "wait before killing; -1: for ever"),
	OPT_ALIAS("timeout", "time"),
	OPT_REFUSED_VALUE('s', "signal", "say `kill --signal`, or --stop-signal to create"),
	OPT_END
};

const struct cmd cmd_stop = {
	.paths = { "stop", "container stop" },
	.synopsis = "[CONTAINER...]",
	.help = "Stop running containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.needs = NEEDS_WRITING,
	.opts = stop_opts,
	.opts_size = sizeof(struct stop_opts),
	.defaults = &(const struct stop_opts){ .time_s = -1 },
	.run = stop_run,
};

static int restart_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct stop_opts *opts = arg;

	return container_restart(cli->engine, container, opts->time_s, err);
}

static int restart_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct stop_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->select.all || (opts->running && args->count == 0),
		.latest = opts->select.latest,
		.filters = &opts->select.filters,
		.cidfiles = &opts->select.cidfiles,
		.states = opts->running ? 1U << CONTAINER_RUNNING : 0,
	};

	return select_each(cli, &request, restart_one, opts, err);
}

static const struct opt restart_opts[] = {
	OPT_INCLUDE(struct stop_opts, select, struct select_opts, select_rows),
	OPT_FLAG(0, "running", struct stop_opts, running, "only those that run"),
	OPT_SECONDS('t', "time", struct stop_opts, time_s, "SECONDS",
		    "wait before killing; -1: for ever"),
	OPT_ALIAS("timeout", "time"),
	OPT_REFUSED_VALUE('s', "signal", "say --stop-signal to create"),
	OPT_END
};

const struct cmd cmd_restart = {
	.paths = { "restart", "container restart" },
	.synopsis = "[CONTAINER...]",
	.help = "Stop containers and start them again",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = restart_opts,
	.opts_size = sizeof(struct stop_opts),
	.defaults = &(const struct stop_opts){ .time_s = -1 },
	.run = restart_run,
};
