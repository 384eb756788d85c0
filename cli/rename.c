/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/rename.c - `rename`
 */
#include "cli/cmd.h"

#include "engine/container.h"

static int rename_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_container struct container *container = NULL;

	if (container_get(cli->engine, args->items[0], &container, err) < 0)
		return -1;
	return container_rename(cli->engine, container, args->items[1], err);
}

const struct cmd cmd_rename = {
	.paths = { "rename", "container rename", "builder rename" },
	.synopsis = "CONTAINER NAME",
	.help = "Give a container another name",
	.section = SECTION_RUN,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_CONTAINERS,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.run = rename_run,
};
