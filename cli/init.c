/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/init.c - `init`: prepare containers, so that a start has only to execute the program
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/select.h"

struct init_opts {
	bool all, latest;
};

static int init_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	(void)arg;
	return container_init(cli->engine, container, err);
}

static int init_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct init_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->all,
		.latest = opts->latest,
		/* of all those for which there is something to do */
		.states = opts->all ? 1U << CONTAINER_CREATED | 1U << CONTAINER_EXITED : 0,
	};

	return select_each(cli, &request, init_one, NULL, err);
}

static const struct opt init_opts[] = {
	OPT_FLAG('a', "all", struct init_opts, all, "all that do not run"),
	OPT_FLAG('l', "latest", struct init_opts, latest, "the container created last"), OPT_END
};

const struct cmd cmd_init = {
	.paths = { "init", "container init" },
	.synopsis = "[CONTAINER...]",
	.help = "Prepare containers for their start",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_STOPPED,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = init_opts,
	.opts_size = sizeof(struct init_opts),
	.run = init_run,
};
