/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/tag.c - `tag` and `untag`: names of images that are here
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "engine/image.h"

static int tag_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *image = NULL;

	if (image_get(cli->engine, args->items[0], &image, err) < 0)
		return -1;
	for (size_t i = 1; i < args->count; i++) {
		cleanup_free char *name = image_name_complete(cli->engine, args->items[i], err);

		if (name == NULL || image_tag(cli->engine->store, image, name, err) < 0)
			return err_wrap(err, "cannot tag image '%s'", args->items[0]);
	}
	return 0;
}

const struct cmd cmd_tag = {
	.paths = { "tag", "image tag", "builder tag" },
	.synopsis = "IMAGE NAME [NAME...]",
	.help = "Give an image more names",
	.section = SECTION_IMAGES,
	.min_args = 2,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.run = tag_run,
};

static int untag_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *image = NULL;

	if (image_get(cli->engine, args->items[0], &image, err) < 0)
		return -1;
	if (args->count == 1)
		return image_untag(cli->engine->store, image, NULL, err);
	for (size_t i = 1; i < args->count; i++) {
		cleanup_free char *name = image_name_complete(cli->engine, args->items[i], err);

		if (name == NULL || image_untag(cli->engine->store, image, name, err) < 0)
			return -1;
	}
	return 0;
}

const struct cmd cmd_untag = {
	.paths = { "untag", "image untag" },
	.synopsis = "IMAGE [NAME...]",
	.help = "Take names of an image away, all without NAME",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.run = untag_run,
};
