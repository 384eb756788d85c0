/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/restart_by_policy.c - `container restart-by-policy`: what the monitor becomes when its container is to be started again
 *
 * People need not call it: `start` does the same, and `start --all --filter should-start=true` for all that are meant to run.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "engine/container.h"

static int restart_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_container struct container *container = NULL;

	(void)opts;
	if (container_get(cli->engine, args->items[0], &container, err) < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	return container_restart_by_policy(cli->engine, container, err);
}

const struct cmd cmd_container_restart_by_policy = {
	.paths = { "container restart-by-policy" },
	.synopsis = "CONTAINER",
	.help = "Start a container again as its restart policy wants it",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.hidden = true,
	.run = restart_run,
};
