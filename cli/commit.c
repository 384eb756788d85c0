/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commit.c - `commit`: an image of what a container changed
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/record.h"
#include "engine/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const commit_formats[] = { "oci", "docker", NULL };

static int commit_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct container_commit_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	cleanup_image struct image *image = NULL;

	if (container_get(cli->engine, args->items[0], &container, err) < 0 ||
	    container_commit(cli->engine, container, args->count > 1 ? args->items[1] : NULL, opts,
			     &image, err) < 0)
		return -1;
	if (opts->iidfile != NULL &&
	    image_write_iidfile(opts->iidfile, image->config.text, err) < 0)
		return -1;
	(void)printf("%s\n", cli->as_docker ? image->config.text : digest_hex(&image->config));
	return 0;
}

#define T struct container_commit_opts
static const struct opt commit_opts[] = {
	OPT_STRING('a', "author", T, author, "NAME", "who made the image"),
	OPT_LIST('c', "change", T, changes, "INSTRUCTION",
		 "change the configuration as a Dockerfile would: 'CMD [\"sh\"]'"),
	OPT_STRING(0, "config", T, config_file, "FILE",
		   "JSON object to merge into the configuration"),
	OPT_STRING_OF('f', "format", T, format, "FORMAT", commit_formats, "oci or docker"),
	OPT_STRING(0, "iidfile", T, iidfile, "FILE", "write the image's id to this file"),
	OPT_FLAG(0, "include-volumes", T, include_volumes,
		 "list the container's volumes in the image"),
	OPT_STRING('m', "message", T, message, "TEXT", "comment on the image"),
	OPT_FLAG('p', "pause", T, pause, "pause the container meanwhile"),
	OPT_FLAG('q', "quiet", T, quiet, "print the id only, as always"),
	OPT_FLAG('s', "squash", T, squash, "make a single layer of all"),
	OPT_END
};

const struct cmd cmd_commit = {
	.paths = { "commit", "container commit" },
	.synopsis = "CONTAINER [NAME]",
	.help = "Make an image of a container's changes",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_CONTAINERS,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.opts = commit_opts,
	.opts_size = sizeof(T),
	.run = commit_run,
};
