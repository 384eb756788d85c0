/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/exists.c - `container exists`, `image exists`, `volume exists`: 0 or 1, and not a word
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "engine/container.h"
#include "engine/image.h"
#include "storage/volume.h"

/* Several that match are there, too. */
static int exists_status(int found, const struct err *err)
{
	if (found < 0 && err->kind == ERR_AMBIGUOUS)
		return 0;
	/* what cannot be a name is the name of nothing */
	if (found < 0 && err->kind == ERR_USAGE)
		return 1;
	return found < 0 ? -1 : found == 0;
}

static int container_exists_run(struct cli *cli, void *opts, const struct strv *args,
				struct err *err)
{
	cleanup_container struct container *container = NULL;

	return exists_status(container_find(cli->engine, args->items[0], &container, err), err);
}

static int image_exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *image = NULL;

	return exists_status(image_resolve(cli->engine, args->items[0], &image, err), err);
}

static int volume_exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_volume struct volume *volume = NULL;

	return exists_status(volume_find(cli->engine->store, args->items[0], true, &volume, err),
			     err);
}

static const struct opt container_exists_opts[] = {
	OPT_REFUSED('e', "external", "there are no containers of other programs in this store"),
	OPT_END
};

const struct cmd cmd_container_exists = {
	.paths = { "container exists" },
	.synopsis = "CONTAINER",
	.help = "Tell by the exit status whether a container is there",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.opts = container_exists_opts,
	.run = container_exists_run,
};

const struct cmd cmd_image_exists = {
	.paths = { "image exists" },
	.synopsis = "IMAGE",
	.help = "Tell by the exit status whether an image is there",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_STORE,
	.run = image_exists_run,
};

const struct cmd cmd_volume_exists = {
	.paths = { "volume exists" },
	.synopsis = "VOLUME",
	.help = "Tell by the exit status whether a volume is there",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_STORE,
	.run = volume_exists_run,
};
