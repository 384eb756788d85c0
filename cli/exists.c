/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/exists.c - `container exists`, `image exists`, `volume exists`: exit status 0 or 1, no output
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "engine/container.h"
#include "engine/image.h"
#include "storage/volume.h"

static int container_exists_run(struct cli *cli, void *opts, const struct strv *args,
				struct err *err)
{
	cleanup_container struct container *container = NULL;
	int found = container_find(cli->engine, args->items[0], &container, err);

	return found < 0 ? -1 : found == 0;
}

static int image_exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *image = NULL;
	int found = image_resolve(cli->engine, args->items[0], &image, err);

	return found < 0 ? -1 : found == 0;
}

static int volume_exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_volume struct volume *volume = NULL;
	int found = volume_find(cli->engine->store, args->items[0], false, &volume, err);

	return found < 0 ? -1 : found == 0;
}

const struct cmd cmd_container_exists = {
	.paths = { "container exists" },
	.synopsis = "CONTAINER",
	.help = "Exit with 0 if a container exists, with 1 if not",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.run = container_exists_run,
};

const struct cmd cmd_image_exists = {
	.paths = { "image exists" },
	.synopsis = "IMAGE",
	.help = "Exit with 0 if an image exists, with 1 if not",
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
	.help = "Exit with 0 if a volume exists, with 1 if not",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_STORE,
	.run = volume_exists_run,
};
