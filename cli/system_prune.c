/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/system_prune.c - `system prune`: remove all that nobody needs
 *
 * Containers that do not run go first, because images and volumes are needed as long as a container is there. What was had back is
 * measured, before and after, and not added up from what was meant to be (U22). The same walk is done before the question, to say what will go.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "cli/confirm.h"
#include "cli/human.h"
#include "cli/volume_filter.h"
#include "engine/container.h"
#include "engine/disk.h"
#include "engine/events.h"
#include "engine/image.h"

#include <stdio.h>

struct system_prune_opts {
	bool all, force, volumes;
	struct strv filters;
};

struct prune {
	struct cli *cli;
	const struct system_prune_opts *opts;
	int worst;
	bool any;	      /* a heading is printed above the first of a kind */
	struct strv *planned; /* nothing is removed: lines that say what would be; NULL: it is */
	struct strv gone; /* ids and names of containers that would be: they need nothing then */
};

static void print_removed(struct prune *prune, const char *heading, const char *id)
{
	if (!prune->any)
		(void)printf("%s\n", heading);
	prune->any = true;
	(void)printf("%s\n", id);
}

/* True when all that need a thing would be gone. */
static bool is_free(const struct prune *prune, const struct strv *users)
{
	for (size_t i = 0; i < users->count; i++)
		if (!strv_contains(&prune->gone, users->items[i]))
			return false;
	return true;
}

static void failed(struct prune *prune, const struct err *err)
{
	prune->worst = cli_worse(prune->worst, cli_error(prune->cli, err));
}

static int prune_containers(struct prune *prune, struct err *err)
{
	static const struct container_rm_opts remove = { .ignore = true };
	struct engine *engine = prune->cli->engine;
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_container_filter struct container_filter *filter = NULL;

	prune->any = false;
	if (container_filter_new(engine, &prune->opts->filters, &filter, err) < 0 ||
	    container_list(engine, &list, err) < 0)
		return -1;
	/* the newest first: they may need older ones */
	for (size_t i = list.count; i-- > 0;) {
		struct container *container = list.items[i];
		struct err one = { 0 };

		if (!container_is_idle(container) || !container_filter_match(filter, container))
			continue;
		if (prune->planned != NULL) {
			strv_add(&prune->gone, container->id.text);
			strv_add(&prune->gone, container->name);
			strv_addf(prune->planned, "container %.*s  %s", OBJECT_ID_SHORT,
				  container->id.text, container->name);
			continue;
		}
		if (container_remove(engine, container, &remove, &one) == 0)
			print_removed(prune, "Deleted Containers", container->id.text);
		/* one that was started meanwhile, or that a running one needs, is not meant */
		else if (one.kind != ERR_STATE && one.kind != ERR_EXISTS)
			failed(prune, &one);
	}
	return 0;
}

static void plan_image(struct prune *prune, const struct image *image)
{
	cleanup_free char *names = strv_join(&image->names, " ");

	strv_addf(prune->planned, "image %.*s  %s", OBJECT_ID_SHORT, digest_hex(&image->config),
		  names);
}

static void prune_image(struct prune *prune, const struct image *image)
{
	cleanup_strv struct strv users = STRV_INIT;
	struct err err = { 0 };

	if (container_uses_image(prune->cli->engine, &image->manifest, &users, &err) < 0)
		failed(prune, &err);
	else if (!is_free(prune, &users))
		return;
	else if (prune->planned != NULL)
		plan_image(prune, image);
	else if (image_remove(prune->cli->engine->store, image, NULL, &err) < 0)
		failed(prune, &err);
	else
		print_removed(prune, "Deleted Images", digest_hex(&image->config));
}

static int prune_images(struct prune *prune, struct err *err)
{
	struct engine *engine = prune->cli->engine;
	cleanup_image_list struct image_list images = { NULL, 0 };
	cleanup_free struct image_row *rows = NULL;
	cleanup_strv struct strv filters = STRV_INIT;
	cleanup_strv struct strv names = STRV_INIT;
	size_t count = 0;

	prune->any = false;
	strv_add_all(&filters, &prune->opts->filters);
	if (!prune->opts->all)
		strv_add(&filters, "dangling=true");
	if (image_list(engine->store, &images, err) < 0 ||
	    image_rows(engine, &images, &names, &filters, &rows, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		/* an image has one row for each name, one after the other */
		if (!rows[i].image->read_only && (i == 0 || rows[i - 1].image != rows[i].image))
			prune_image(prune, rows[i].image);
	}
	return 0;
}

static int prune_layers(struct prune *prune, struct err *err)
{
	cleanup_strv struct strv removed = STRV_INIT;

	prune->any = false;
	if (image_collect_unneeded(prune->cli->engine, IMAGE_COLLECT_AGE_S, &removed, err) < 0)
		return -1;
	for (size_t i = 0; i < removed.count; i++)
		print_removed(prune, "Deleted Layers", removed.items[i]);
	return 0;
}

static int prune_volumes(struct prune *prune, struct err *err)
{
	struct engine *engine = prune->cli->engine;
	struct volume_list list = { NULL, 0 };
	int status;

	prune->any = false;
	status = volume_list(engine->store, &list, err);
	for (size_t i = 0; status >= 0 && i < list.count; i++) {
		const struct volume *volume = list.items[i];
		cleanup_strv struct strv users = STRV_INIT;
		struct err one = { 0 };

		status = volume_filter_match(engine, &prune->opts->filters, volume, err);
		if (status > 0)
			status = container_uses_volume(engine, volume->name, &users, err) < 0 ? -1
											      : 1;
		if (status <= 0 || !is_free(prune, &users))
			continue;
		if (prune->planned != NULL)
			strv_addf(prune->planned, "volume %s", volume->name);
		else if (volume_remove(engine->store, volume->name, &one) == 0)
			print_removed(prune, "Deleted Volumes", volume->name);
		else if (one.kind != ERR_NOT_FOUND)
			failed(prune, &one);
	}
	volume_list_release(&list);
	return status < 0 ? -1 : 0;
}

/* 1 yes, 0 no */
static int user_agrees(struct cli *cli, const struct system_prune_opts *opts, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv planned = STRV_INIT;
	struct prune prune = { .cli = cli, .opts = opts, .planned = &planned, .gone = STRV_INIT };
	int status = prune_containers(&prune, err);

	if (status == 0)
		status = prune_images(&prune, err);
	if (status == 0 && opts->volumes)
		status = prune_volumes(&prune, err);
	strv_release(&prune.gone);
	if (status < 0)
		return -1;

	strbuf_adds(&text, "This command removes:\n\t- all stopped containers\n");
	if (opts->volumes)
		strbuf_adds(&text, "\t- all volumes not used by at least one container\n");
	strbuf_adds(&text,
		    opts->all
			    ? "\t- all images without at least one container associated with them\n"
			    : "\t- all dangling images\n");
	strbuf_adds(&text, planned.count > 0 ? "The following will be removed:\n"
					     : "Now there is nothing of that.\n");
	for (size_t i = 0; i < planned.count; i++)
		strbuf_addf(&text, "\t%s\n", planned.items[i]);
	return confirm(text.data);
}

static int measure(struct cli *cli, uint64_t *ret_bytes, struct err *err)
{
	cleanup_disk_usage struct disk_usage *usage = NULL;

	if (disk_usage(cli->engine, &usage, err) < 0)
		return -1;
	*ret_bytes = usage->whole_bytes;
	return 0;
}

static int prune_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct system_prune_opts *opts = opts_;
	struct prune prune = { .cli = cli, .opts = opts };
	uint64_t before = 0, after = 0;
	char text[HUMAN_MAX];

	/* a wrong filter is found before anything is gone */
	if (opts->volumes && volume_filter_check(&opts->filters, err) < 0)
		return -1;
	int agreed = opts->force ? 1 : user_agrees(cli, opts, err);
	if (agreed <= 0)
		return agreed;
	if (measure(cli, &before, err) < 0 || prune_containers(&prune, err) < 0 ||
	    prune_images(&prune, err) < 0 || prune_layers(&prune, err) < 0 ||
	    (opts->volumes && prune_volumes(&prune, err) < 0) || measure(cli, &after, err) < 0)
		return -1;
	event_system(cli->engine, EVENT_PRUNE);
	human_size(before > after ? before - after : 0, text);
	(void)printf("Total reclaimed space: %s\n", text);
	return prune.worst;
}

static const struct opt prune_opts[] = {
	OPT_FLAG('a', "all", struct system_prune_opts, all,
		 "also images with a name that no container uses"),
	OPT_LIST(0, "filter", struct system_prune_opts, filters, "NAME=VALUE",
		 "those that match: label, label!, until"),
	OPT_FLAG('f', "force", struct system_prune_opts, force, "do not ask"),
	OPT_FLAG(0, "volumes", struct system_prune_opts, volumes, "also volumes nobody uses"),
	OPT_REFUSED(0, "build", "a build leaves no containers behind"),
	OPT_REFUSED(0, "external", "there are no containers of other programs in this store"),
	OPT_END
};

const struct cmd cmd_system_prune = {
	.paths = { "system prune" },
	.synopsis = "",
	.help = "Remove containers, images and volumes that nobody needs",
	.section = SECTION_NONE,
	.needs = NEEDS_WRITING,
	.opts = prune_opts,
	.opts_size = sizeof(struct system_prune_opts),
	.run = prune_run,
};
