/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/cleanup.c - `container cleanup`: what is left when a container has ended
 *
 * The monitor executes it in its own place at the end of a --rm container that nobody else removes. People can use it after a crash.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/select.h"

struct cleanup_opts {
	struct select_opts select;
	bool rm;
	int64_t exit_code;
};

static int cleanup_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct cleanup_opts *opts = arg;

	return container_cleanup(cli->engine, container, opts->rm || container->remove_at_exit,
				 err);
}

static int cleanup_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct cleanup_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->select.all,
		.latest = opts->select.latest,
		.states =
			1U << CONTAINER_CREATED | 1U << CONTAINER_EXITED | 1U << CONTAINER_DAMAGED,
		/* somebody may have removed it already: then there is nothing left */
		.ignore = true,
	};

	int status = select_each(cli, &request, cleanup_one, opts, err);

	/* whoever watches the monitor is to see how the container has ended */
	return status == 0 ? (int)(opts->exit_code & 0xff) : status;
}

static const struct opt cleanup_opts[] = {
	OPT_FLAG('a', "all", struct cleanup_opts, select.all, "all that do not run"),
	OPT_FLAG('l', "latest", struct cleanup_opts, select.latest, "the container created last"),
	OPT_UINT(0, "exit-code", struct cleanup_opts, exit_code, "N",
		 "the exit status when all went well"),
	OPT_FLAG(0, "rm", struct cleanup_opts, rm, "remove the container, too"),
	OPT_REFUSED_VALUE(0, "exec", "exec sessions leave nothing behind"),
	OPT_REFUSED(0, "rmi", "say `rmi`"),
	OPT_END
};

const struct cmd cmd_container_cleanup = {
	.paths = { "container cleanup" },
	.synopsis = "[CONTAINER...]",
	.help = "Clean up after containers that have ended",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = cleanup_opts,
	.opts_size = sizeof(struct cleanup_opts),
	.hidden = true,
	.run = cleanup_run,
};
