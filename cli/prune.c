/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/prune.c - `container prune` and `image prune`: remove what nobody needs
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "cli/confirm.h"
#include "engine/build.h"
#include "engine/container.h"
#include "engine/image.h"

#include <stdio.h>

struct prune_opts {
	bool force, all, build_cache;
	struct strv filters;
};

static int container_prune_run(struct cli *cli, void *opts_, const struct strv *args,
			       struct err *err)
{
	static const struct container_rm_opts remove = { .ignore = true, .volumes = false };
	struct prune_opts *opts = opts_;
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_container_filter struct container_filter *filter = NULL;
	cleanup_strv struct strv names = STRV_INIT;
	int worst = 0;

	if (container_filter_new(cli->engine, &opts->filters, &filter, err) < 0)
		return -1;
	if (container_list(cli->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (container_is_idle(list.items[i]) &&
		    container_filter_match(filter, list.items[i]))
			strv_addf(&names, "%.*s  %s", OBJECT_ID_SHORT, list.items[i]->id.text,
				  list.items[i]->name);
	if (!opts->force && !confirm_list("This will remove all containers that do not run.",
					  "The following containers will be removed:", &names))
		return 0;
	/* the newest first: they may need older ones */
	for (size_t i = list.count; i-- > 0;) {
		struct container *container = list.items[i];
		struct err one = { 0 };

		if (!container_is_idle(container) || !container_filter_match(filter, container))
			continue;
		if (container_remove(cli->engine, container, &remove, &one) == 0)
			(void)printf("%s\n", container->id.text);
		/* one that was started meanwhile, or that a running one needs, is not meant */
		else if (one.kind != ERR_STATE && one.kind != ERR_EXISTS)
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	return worst;
}

static const struct opt container_prune_opts[] = {
	OPT_FLAG('f', "force", struct prune_opts, force, "do not ask"),
	OPT_LIST(0, "filter", struct prune_opts, filters, "NAME=VALUE", "those that match"), OPT_END
};

const struct cmd cmd_container_prune = {
	.paths = { "container prune" },
	.synopsis = "",
	.help = "Remove the containers that do not run",
	.section = SECTION_NONE,
	.needs = NEEDS_WRITING,
	.opts = container_prune_opts,
	.opts_size = sizeof(struct prune_opts),
	.run = container_prune_run,
};

static int prune_image(struct cli *cli, const struct image *image)
{
	cleanup_strv struct strv users = STRV_INIT;
	struct err err = { 0 };

	if (container_uses_image(cli->engine, &image->manifest, &users, &err) < 0)
		return cli_error(cli, &err);
	if (users.count > 0)
		return 0;
	if (image_remove(cli->engine->store, image, NULL, &err) < 0)
		return cli_error(cli, &err);
	(void)printf("%s\n", digest_hex(&image->config));
	return 0;
}

/* An image has one row for each name, one after the other. */
static bool image_prune_means(const struct image_row *rows, size_t i)
{
	return !rows[i].image->read_only && (i == 0 || rows[i - 1].image != rows[i].image);
}

static int image_prune_names(struct cli *cli, const struct image_row *rows, size_t count,
			     struct strv *names, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct image *image = rows[i].image;
		cleanup_strv struct strv users = STRV_INIT;

		if (!image_prune_means(rows, i))
			continue;
		if (container_uses_image(cli->engine, &image->manifest, &users, err) < 0)
			return -1;
		if (users.count > 0)
			continue;
		cleanup_free char *all = strv_join(&image->names, " ");
		strv_addf(names, "%.*s  %s", OBJECT_ID_SHORT, digest_hex(&image->config), all);
	}
	return 0;
}

static int image_prune_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct prune_opts *opts = opts_;
	struct image_list images = { NULL, 0 };
	cleanup_free struct image_row *rows = NULL;
	cleanup_strv struct strv filters = STRV_INIT;
	cleanup_strv struct strv names = STRV_INIT;
	uint64_t freed = 0;
	size_t count = 0;
	int worst = 0;

	strv_add_all(&filters, &opts->filters);
	if (!opts->all)
		strv_add(&filters, "dangling=true");
	if (image_list(cli->engine->store, &images, err) < 0)
		return -1;

	int status = image_rows(cli->engine, &images, args, &filters, &rows, &count, err);

	if (status >= 0)
		status = image_prune_names(cli, rows, count, &names, err);
	/* the cache is asked about, too, when no image goes */
	if (names.count == 0 && opts->build_cache)
		strv_add(&names, "the cache of builds");
	bool agreed =
		status >= 0 &&
		(opts->force ||
		 confirm_list(opts->all ? "This will remove all images that no container uses."
					: "This will remove all images without a name.",
			      "The following images will be removed:", &names));

	for (size_t i = 0; i < count && agreed; i++)
		if (image_prune_means(rows, i))
			worst = cli_worse(worst, prune_image(cli, rows[i].image));
	image_list_release(&images);
	if (agreed && opts->build_cache)
		status = build_prune(cli->engine, &freed, err);
	return status < 0 ? -1 : worst;
}

static const struct opt image_prune_opts[] = {
	OPT_FLAG('a', "all", struct prune_opts, all, "also those with a name"),
	OPT_FLAG('f', "force", struct prune_opts, force, "do not ask"),
	OPT_LIST(0, "filter", struct prune_opts, filters, "NAME=VALUE", "those that match"),
	OPT_REFUSED(0, "external", "there are no images of other programs in this store"),
	OPT_FLAG(0, "build-cache", struct prune_opts, build_cache, "also the cache of builds"),
	OPT_END
};

const struct cmd cmd_image_prune = {
	.paths = { "image prune" },
	.synopsis = "",
	.help = "Remove the images that nobody needs",
	.section = SECTION_NONE,
	.needs = NEEDS_WRITING,
	.opts = image_prune_opts,
	.opts_size = sizeof(struct prune_opts),
	.run = image_prune_run,
};
