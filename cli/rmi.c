/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/rmi.c - `rmi`: take names of images away, and images with their last name
 *
 * Exit statuses as podman's: 1 when an image was not found and nothing else went wrong, 2 when one is in use, 125 for the rest.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "engine/image.h"

#include <stdio.h>

static int rmi_one(struct cli *cli, const char *text, const struct image_rm_opts *opts)
{
	cleanup_strv struct strv untagged = STRV_INIT;
	cleanup_strv struct strv deleted = STRV_INIT;
	struct err err = { 0 };
	int status = image_rm(cli->engine, text, opts, &untagged, &deleted, &err);

	/* what went before a failure is gone all the same */
	for (size_t i = 0; i < untagged.count; i++)
		(void)printf("Untagged: %s\n", untagged.items[i]);
	for (size_t i = 0; i < deleted.count; i++)
		(void)printf("Deleted: %s\n", deleted.items[i]);
	if (status >= 0)
		return 0;

	int exit_status = cli_error(cli, &err);

	return err.kind == ERR_IN_USE ? 2 : err.kind == ERR_NOT_FOUND ? 1 : exit_status;
}

static int rmi_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct image_rm_opts *opts = opts_;
	int worst = 0;

	if (opts->all && args->count > 0)
		return err_set(err, ERR_USAGE, "--all and images exclude each other");
	if (!opts->all && args->count == 0)
		return err_set(err, ERR_USAGE, "an image must be named, or --all given");
	if (opts->all)
		return rmi_one(cli, NULL, opts);
	for (size_t i = 0; i < args->count; i++)
		worst = cli_worse(worst, rmi_one(cli, args->items[i], opts));
	return worst;
}

#define T struct image_rm_opts
static const struct opt rmi_opts[] = {
	OPT_FLAG('a', "all", T, all, "all images"),
	OPT_FLAG('f', "force", T, force, "remove containers that use it, too"),
	OPT_FLAG('i', "ignore", T, ignore, "a missing image is no error"),
	OPT_FLAG(0, "no-prune", T, no_prune,
		 "keep images that have no name and that it was made from"),
	OPT_REFUSED('p', "prune", "say `dhow image prune`"),
	OPT_END
};

const struct cmd cmd_rmi = {
	.paths = { "rmi", "image rm", "image remove", "builder rmi" },
	.synopsis = "[IMAGE...]",
	.help = "Remove images",
	.section = SECTION_IMAGES,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = rmi_opts,
	.opts_size = sizeof(struct image_rm_opts),
	.run = rmi_run,
};
