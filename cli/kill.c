/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/kill.c - `kill`
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/parse.h"
#include "cli/select.h"

struct kill_opts {
	struct select_opts select;
	char *signal;
};

static int kill_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	return container_kill(cli->engine, container, *(const int *)arg, err);
}

static int kill_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct kill_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->select.all,
		.latest = opts->select.latest,
		.filters = &opts->select.filters,
		.cidfiles = &opts->select.cidfiles,
		.states = 1U << CONTAINER_RUNNING | 1U << CONTAINER_PAUSED,
	};
	int number;

	/* "-9" and "-HUP", as the kill of shells has them; podman takes them too */
	if (parse_signal(opts->signal + (opts->signal[0] == '-'), &number) < 0)
		return err_set(err, ERR_USAGE, "invalid signal: %s", opts->signal);
	return select_each(cli, &request, kill_one, &number, err);
}

static const struct opt kill_opts[] = {
	OPT_INCLUDE(struct kill_opts, select, struct select_opts, select_rows),
	OPT_STRING('s', "signal", struct kill_opts, signal, "SIGNAL", "signal to send"), OPT_END
};

const struct cmd cmd_kill = {
	.paths = { "kill", "container kill" },
	.synopsis = "[CONTAINER...]",
	.help = "Send a signal to running containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.needs = NEEDS_WRITING,
	.opts = kill_opts,
	.opts_size = sizeof(struct kill_opts),
	.defaults = &(const struct kill_opts){ .signal = (char *)"KILL" },
	.run = kill_run,
};
