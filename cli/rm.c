/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/rm.c - `rm`
 *
 * Exit statuses that scripts know from podman: 1 when a container was not found and nothing else went wrong, 2 when one is running or
 * in use, 125 for the rest.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/select.h"

#include <stdio.h>

struct rm_opts {
	struct select_opts select;
	struct container_rm_opts rm;
};

static int rm_status(const struct err *err, int status)
{
	if (err->kind == ERR_STATE || err->kind == ERR_IN_USE)
		return 2;
	return err->kind == ERR_NOT_FOUND ? 1 : status;
}

/* One that others need goes when these have gone: those that are left are tried again as long as that helps. */
static int remove_selected(struct cli *cli, struct selection *selection,
			   const struct container_rm_opts *given, bool ignore)
{
	struct container_rm_opts with_list = *given;
	const struct container_rm_opts *opts = &with_list;
	size_t left = selection->count;
	bool progress = true;
	int worst = 0;

	while (left > 0) {
		bool last = !progress;
		size_t kept = 0;

		progress = false;
		for (size_t i = 0; i < left; i++) {
			struct selected *selected = &selection->items[i];
			struct err one = { 0 };
			cleanup_strv struct strv dependents = STRV_INIT;

			with_list.ret_dependents = &dependents;
			int status = container_remove(cli->engine, selected->container, opts, &one);

			for (size_t other = 0; other < dependents.count; other++)
				(void)printf("%s\n", dependents.items[other]);

			if (status < 0 && one.kind == ERR_EXISTS && !last) {
				struct selected moved = *selected;

				*selected = selection->items[kept];
				selection->items[kept++] = moved;
				continue;
			}
			progress = true;
			if (status == 0)
				(void)printf("%s\n", selected->text);
			/* somebody else was faster: with --ignore that is what was wanted */
			else if (one.kind != ERR_NOT_FOUND || !ignore)
				worst = cli_worse(worst, rm_status(&one, cli_error(cli, &one)));
		}
		if (last)
			break;
		left = kept;
	}
	return worst;
}

static int rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct rm_opts *opts = opts_;
	cleanup_selection struct selection selection = { NULL, 0, 0, 0 };
	const struct select_request request = {
		.args = args,
		.all = opts->select.all,
		.latest = opts->select.latest,
		.filters = &opts->select.filters,
		.cidfiles = &opts->select.cidfiles,
		/* --force means: it shall not be there */
		.ignore = opts->rm.ignore || opts->rm.force,
	};

	if (select_containers(cli, &request, &selection, err) < 0)
		return -1;

	int worst = remove_selected(cli, &selection, &opts->rm, request.ignore);

	if (worst == 0 && selection.missing > 0)
		return 1;
	return selection.status > 0 && selection.missing == 0 ? cli_worse(worst, selection.status)
							      : worst;
}

static const struct opt rm_opts[] = {
	OPT_INCLUDE(struct rm_opts, select, struct select_opts, select_rows_without_f),
	OPT_FLAG('f', "force", struct rm_opts, rm.force, "stop running containers first"),
	OPT_FLAG('i', "ignore", struct rm_opts, rm.ignore, "a missing container is no error"),
	OPT_FLAG('v', "volumes", struct rm_opts, rm.volumes, "remove anonymous volumes, too"),
	OPT_FLAG(0, "depend", struct rm_opts, rm.depend, "remove those that depend on it, too"),
	OPT_SECONDS('t', "time", struct rm_opts, rm.stop.time_s, "SECONDS",
		    "with --force: wait before killing"),
	OPT_ALIAS("timeout", "time"),
	OPT_REFUSED(0, "link", "there are no links"),
	OPT_END
};

const struct cmd cmd_rm = {
	.paths = { "rm", "container rm" },
	.synopsis = "[CONTAINER...]",
	.help = "Remove containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = rm_opts,
	.opts_size = sizeof(struct rm_opts),
	.defaults = &(const struct rm_opts){ .rm.stop.time_s = -1 },
	.run = rm_run,
};
