/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/pause.c - `pause` and `unpause`
 */
#include "cli/cmd.h"

#include "cli/select.h"

static int pause_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	return container_pause(cli->engine, container, *(const bool *)arg, err);
}

static int pause_all(struct cli *cli, const struct select_opts *opts, const struct strv *args,
		     bool pause, struct err *err)
{
	const struct select_request request = {
		.args = args,
		.all = opts->all,
		.latest = opts->latest,
		.filters = &opts->filters,
		.cidfiles = &opts->cidfiles,
		.states = pause ? 1U << CONTAINER_RUNNING : 1U << CONTAINER_PAUSED,
	};

	return select_each(cli, &request, pause_one, &pause, err);
}

static int pause_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return pause_all(cli, opts, args, true, err);
}

static int unpause_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return pause_all(cli, opts, args, false, err);
}

const struct cmd cmd_pause = {
	.paths = { "pause", "container pause" },
	.synopsis = "[CONTAINER...]",
	.help = "Freeze the processes of containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.needs = NEEDS_WRITING,
	.opts = select_rows,
	.opts_size = sizeof(struct select_opts),
	.run = pause_run,
};

const struct cmd cmd_unpause = {
	.paths = { "unpause", "container unpause" },
	.synopsis = "[CONTAINER...]",
	.help = "Let the processes of frozen containers go on",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_PAUSED,
	.needs = NEEDS_WRITING,
	.opts = select_rows,
	.opts_size = sizeof(struct select_opts),
	.run = unpause_run,
};
