/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/stop.c - `stop` and `restart`: a signal, some patience, SIGKILL
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/parse.h"
#include "cli/select.h"

#define UNHANDLED_ROW                                                                              \
	OPT_CHOICE(0, "unhandled", struct stop_opts, stop.unhandled, "WHAT", stop_unhandled_words, \
		   "when its first process has no handler for the stop signal: wait or kill")
#define SIGNAL_ROW                                                                                 \
	OPT_STRING('s', "signal", struct stop_opts, signal, "SIGNAL",                              \
		   "signal that asks it to end, in place of its own")

static const char *const stop_unhandled_words[] = {
	[STOP_UNHANDLED_WAIT] = "wait",
	[STOP_UNHANDLED_KILL] = "kill",
	[STOP_UNHANDLED_KILL + 1] = NULL,
};

struct stop_opts {
	struct select_opts select;
	struct container_stop_opts stop;
	char *signal; /* NULL: the container's own */
	bool running; /* restart: only those that run */
};

static int read_signal(struct stop_opts *opts, struct err *err)
{
	if (opts->signal == NULL || parse_signal(opts->signal, &opts->stop.signal) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "invalid signal: %s", opts->signal);
}

static int stop_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct stop_opts *opts = arg;

	return container_stop(cli->engine, container, &opts->stop, err);
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

	if (read_signal(opts, err) < 0)
		return -1;
	return select_each(cli, &request, stop_one, opts, err);
}

static const struct opt stop_opts[] = {
	OPT_INCLUDE(struct stop_opts, select, struct select_opts, select_rows),
	OPT_FLAG('i', "ignore", struct stop_opts, select.ignore, "a missing container is no error"),
	OPT_SECONDS('t', "time", struct stop_opts, stop.time_s, "SECONDS",
		    "wait before killing; -1: for ever"),
	OPT_ALIAS("timeout", "time"),
	UNHANDLED_ROW,
	SIGNAL_ROW,
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
	.defaults = &(const struct stop_opts){ .stop.time_s = -1 },
	.run = stop_run,
};

static int restart_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct stop_opts *opts = arg;

	return container_restart(cli->engine, container, &opts->stop, err);
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

	if (read_signal(opts, err) < 0)
		return -1;
	return select_each(cli, &request, restart_one, opts, err);
}

static const struct opt restart_opts[] = {
	OPT_INCLUDE(struct stop_opts, select, struct select_opts, select_rows),
	OPT_FLAG(0, "running", struct stop_opts, running, "only those that run"),
	OPT_SECONDS('t', "time", struct stop_opts, stop.time_s, "SECONDS",
		    "wait before killing; -1: for ever"),
	OPT_ALIAS("timeout", "time"),
	UNHANDLED_ROW,
	SIGNAL_ROW,
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
	.defaults = &(const struct stop_opts){ .stop.time_s = -1 },
	.run = restart_run,
};
