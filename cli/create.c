/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/create.c - `create`: everything of `run` up to the start
 */
#include "cli/cmd.h"

#include "cli/progress.h"
#include "cli/rows.h"

#include <stdio.h>

static int create_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct container_create_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_progress struct progress_view *view = NULL;

	for (size_t i = 1; i < args->count; i++)
		strv_add(&argv, args->items[i]);
	opts->command_line = cli->command_line;
	if (!opts->pull.quiet)
		view = progress_view_new();

	int status = container_create(cli->engine, args->items[0], &argv, opts, progress_view_event,
				      view, &container, err);

	/* the list stays the caller's */
	strv_init(&opts->command_line);
	progress_view_end(view);
	if (status < 0)
		return -1;
	(void)printf("%s\n", container->id.text);
	return 0;
}

const struct cmd cmd_create = {
	.paths = { "create", "container create" },
	.synopsis = "IMAGE [COMMAND [ARG...]]",
	.help = "Make a container, without starting it",
	.section = SECTION_RUN,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.opts = create_rows,
	.opts_size = sizeof(struct container_create_opts),
	.defaults = &(const struct container_create_opts)CREATE_DEFAULTS,
	.options_first = true,
	.run = create_run,
};
