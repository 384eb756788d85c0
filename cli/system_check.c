/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/system_check.c - `system check`: is all there, and is it what its digests say?
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/check.h"
#include "engine/image.h"

#include <stdio.h>

#define MAX_AGE_DEFAULT_S (24 * 3600)

struct system_check_opts {
	struct check_opts check;
	char *max;
};

static void print_line(void *arg, const char *text)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	strbuf_add_escaped(&line, text);
	(void)puts(line.data);
	(void)fflush(stdout);
}

static int read_max(struct system_check_opts *opts, struct err *err)
{
	int64_t age_ns = 0;

	opts->check.max_age_s = MAX_AGE_DEFAULT_S;
	if (opts->max == NULL)
		return 0;
	if (parse_duration(opts->max, &age_ns) < 0 || age_ns < 0)
		return err_set(err, ERR_USAGE, "invalid --max '%s': it is a duration such as 24h",
			       opts->max);
	opts->check.max_age_s = age_ns / 1000000000;
	return 0;
}

static int check_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct system_check_opts *opts = opts_;
	struct check_result result = { 0 };

	if (read_max(opts, err) < 0)
		return -1;
	/* podman's --force repairs, too */
	opts->check.repair |= opts->check.force;
	if (store_check(cli->engine, &opts->check, print_line, NULL, &result, err) < 0)
		return -1;
	if (result.left == 0)
		return 0;
	err_set(err, ERR_CORRUPT, "damage detected in the store: %zu of %zu not healed",
		result.left, result.problems > result.left ? result.problems : result.left);
	if (!opts->check.repair)
		return err_hint(err, "dhow system check --repair heals what can be healed.");
	if (!opts->check.force)
		return err_hint(err, "With --force, what uses it is removed together with it.");
	return -1;
}

static const struct opt check_opts[] = {
	OPT_FLAG('f', "force", struct system_check_opts, check.force,
		 "repair, and remove containers of images that cannot be healed"),
	OPT_STRING('m', "max", struct system_check_opts, max, "DURATION",
		   "repair removes layers that nobody needs and that are older (24h)"),
	OPT_FLAG('q', "quick", struct system_check_opts, check.quick,
		 "only what is there, not whether its content is right"),
	OPT_FLAG('r', "repair", struct system_check_opts, check.repair,
		 "heal from blobs or the registry, remove images that cannot be healed"),
	OPT_END
};

const struct cmd cmd_system_check = {
	.paths = { "system check" },
	.synopsis = "",
	.help = "Check images and layers against their digests, and heal them",
	.section = SECTION_NONE,
	.needs = NEEDS_WRITING,
	.opts = check_opts,
	.opts_size = sizeof(struct system_check_opts),
	.run = check_run,
};
