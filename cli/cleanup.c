/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/cleanup.c - `container cleanup`: what the monitor calls at the end of a container with --rm
 *
 * Also by hand: removes what a container that has ended left in the runtime directory and its cgroup.
 */
#include "cli/cmd.h"

#include "cli/select.h"

struct cleanup_opts {
	struct select_opts select;
	bool remove;
};

static int cleanup_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct cleanup_opts *opts = arg;

	return container_cleanup(cli->engine, container, opts->remove || container->remove_at_exit,
				 err);
}

static int cleanup_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct cleanup_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->select.all,
		.latest = opts->select.latest,
		.filters = &opts->select.filters,
		.cidfiles = &opts->select.cidfiles,
		.ignore = true,
		.states = 1U << CONTAINER_CREATED | 1U << CONTAINER_EXITED,
	};

	return select_each(cli, &request, cleanup_one, opts, err);
}

static const struct opt cleanup_opts[] = {
	OPT_INCLUDE(struct cleanup_opts, select, struct select_opts, select_rows),
	OPT_FLAG(0, "rm", struct cleanup_opts, remove, "remove the container, too"),
	OPT_REFUSED(0, "rmi", "images are removed by rmi"), OPT_END
};

const struct cmd cmd_container_cleanup = {
	.paths = { "container cleanup" },
	.synopsis = "[CONTAINER...]",
	.help = "Remove what ended containers left in the runtime directory",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = cleanup_opts,
	.opts_size = sizeof(struct cleanup_opts),
	.run = cleanup_run,
};
