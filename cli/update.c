/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/update.c - `update`: change the limits, the restart policy and the health check of containers
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/rows.h"
#include "cli/select.h"

struct update_opts {
	struct container_create_opts create;
	bool latest;
};

static int update_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct update_opts *opts = arg;

	return container_update(cli->engine, container, &opts->create, err);
}

static int update_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct update_opts *opts = opts_;
	const struct select_request request = { .args = args, .latest = opts->latest };

	return select_each(cli, &request, update_one, opts, err);
}

#define T struct container_create_opts
static const struct opt changed_rows[] = {
	OPT_ROWS(limit_rows),
	OPT_STRING(0, "restart", T, restart, "POLICY",
		   "start again: no, on-failure[:N], always, unless-stopped"),
	OPT_WORDS(0, "ulimit", T, ulimit, "NAME=SOFT[:HARD]",
		  "limit of a process, from the next start on"),
	OPT_LIST('e', "env", T, env, "NAME[=VALUE]", "set a variable, from the next start on"),
	OPT_LIST(0, "unsetenv", T, unset_env, "NAME",
		 "take a variable away, from the next start on"),
	OPT_ROWS(health_rows),
	OPT_END
};

static const struct opt update_opts[] = {
	OPT_INCLUDE(struct update_opts, create, struct container_create_opts, changed_rows),
	OPT_FLAG('l', "latest", struct update_opts, latest, "the container created last"), OPT_END
};

const struct cmd cmd_update = {
	.paths = { "update", "container update" },
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Change limits, restart policy and health check of containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = update_opts,
	.opts_size = sizeof(struct update_opts),
	.run = update_run,
};
