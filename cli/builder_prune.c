/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/builder_prune.c - `builder prune`: forget what builds keep
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/confirm.h"
#include "cli/human.h"
#include "engine/build.h"

#include <stdio.h>

struct builder_prune_opts {
	bool force, all;
};

static int builder_prune_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct builder_prune_opts *opts = opts_;
	char text[HUMAN_MAX];
	uint64_t bytes = 0;

	(void)args;
	if (!opts->force &&
	    !confirm(
		    "This will remove the build cache: steps that no image has, and cache mounts."))
		return 0;
	if (build_prune(cli->engine, &bytes, err) < 0)
		return -1;
	human_size(bytes, text);
	(void)printf("Total reclaimed space: %s\n", text);
	return 0;
}

#define T struct builder_prune_opts
static const struct opt builder_prune_opts[] = {
	OPT_FLAG('f', "force", T, force, "do not ask"),
	OPT_FLAG('a', "all", T, all, "all of the cache (that is always so)"),
	OPT_REFUSED_VALUE(0, "filter", "the cache is forgotten as a whole"),
	OPT_REFUSED_VALUE(0, "keep-storage", "the cache is forgotten as a whole"), OPT_END
};

const struct cmd cmd_builder_prune = {
	.paths = { "builder prune", "buildx prune" },
	.synopsis = "",
	.help = "Remove the build cache",
	.section = SECTION_NONE,
	.min_args = 0,
	.max_args = 0,
	.needs = NEEDS_WRITING,
	.opts = builder_prune_opts,
	.opts_size = sizeof(T),
	.run = builder_prune_run,
};
