/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/mount.c - `mount`, `unmount`, `image mount`, `image unmount`
 *
 * Without a name they list what is mounted in this namespace. With one name the path stands alone, with several the name is before it.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/select.h"
#include "engine/files.h"

#include <stdio.h>
#include <stdlib.h>

struct mount_opts {
	bool all, latest, no_trunc, force, json;
	char *format;
};

static int check_format(const struct mount_opts *opts, struct err *err)
{
	if (opts->format == NULL || str_equal(opts->format, "json"))
		return 0;
	return err_set(err, ERR_USAGE, "invalid --format '%s': only json is known", opts->format);
}

/* ---- containers ------------------------------------------------------------------------------------------------------ */

static int list_containers(struct cli *cli, const struct mount_opts *opts, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_json json_t *rows = json_array();

	if (container_list(cli->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		cleanup_free char *path = container_mount_point(cli->engine, list.items[i]);
		const char *id = list.items[i]->id.text;
		json_t *row;

		if (path == NULL)
			continue;
		if (opts->format == NULL) {
			(void)printf("%.*s  %s\n", opts->no_trunc ? DIGEST_HEX : OBJECT_ID_SHORT,
				     id, path);
			continue;
		}
		row = json_object();
		json_put_string(row, "id", id);
		json_put(row, "Names", json_pack("[s]", list.items[i]->name ?: ""));
		json_put(row, "mountpoint", json_text(path));
		json_array_append_new(rows, row);
	}
	if (opts->format != NULL)
		format_json(rows, 1);
	return 0;
}

static int mount_one(struct cli *cli, struct container *container, const char *text, bool with_name,
		     struct err *err)
{
	cleanup_free char *path = NULL;

	if (container_mount(cli->engine, container, &path, err) < 0)
		return -1;
	if (with_name)
		(void)printf("%s %s\n", text, path);
	else
		(void)printf("%s\n", path);
	return 0;
}

static int mount_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct mount_opts *opts = opts_;
	cleanup_selection struct selection selection = { NULL, 0, 0, 0 };
	const struct select_request request = { .args = args,
						.all = opts->all,
						.latest = opts->latest };
	int worst;

	if (check_format(opts, err) < 0)
		return -1;
	if (args->count == 0 && !opts->all && !opts->latest)
		return list_containers(cli, opts, err);
	if (select_containers(cli, &request, &selection, err) < 0)
		return -1;
	worst = selection.status;
	for (size_t i = 0; i < selection.count; i++) {
		struct err one = { 0 };

		if (selection.items[i].container != NULL &&
		    mount_one(cli, selection.items[i].container, selection.items[i].text,
			      selection.count > 1, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	return worst;
}

static int unmount_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct mount_opts *opts = arg;
	cleanup_free char *path = container_mount_point(cli->engine, container);

	/* --all means those that are */
	if (path == NULL && opts->all)
		return 0;
	if (path == NULL)
		return err_set(err, ERR_STATE, "container '%s' is not mounted", container->name);
	return mount_remove(path, opts->force, err);
}

static int unmount_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct mount_opts *opts = opts_;
	const struct select_request request = { .args = args,
						.all = opts->all,
						.latest = opts->latest };

	return select_each(cli, &request, unmount_one, opts, err);
}

#define T struct mount_opts
static const char *const mount_formats[] = { "json", NULL };

static const struct opt mount_opts[] = {
	OPT_FLAG('a', "all", T, all, "mount all containers"),
	OPT_STRING_OF(0, "format", T, format, "FORMAT", mount_formats, "json"),
	OPT_FLAG('l', "latest", T, latest, "the container that was made last"),
	OPT_FLAG(0, "no-trunc", T, no_trunc, "do not shorten ids"),
	OPT_ALIAS("notruncate", "no-trunc"),
	OPT_END
};

const struct cmd cmd_mount = {
	.paths = { "mount", "container mount" },
	.synopsis = "[CONTAINER...]",
	.help = "Mount the file systems of stopped containers, inside of `unshare`",
	.section = SECTION_OTHER,
	.max_args = -1,
	.complete = COMPLETE_STOPPED,
	.needs = NEEDS_WRITING,
	.opts = mount_opts,
	.opts_size = sizeof(T),
	.run = mount_run,
};

/* buildah's spelling. */
static int builder_mount_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct mount_opts *opts = opts_;

	if (opts->json)
		opts->format = xstrdup("json");
	return mount_run(cli, opts, args, err);
}

static const struct opt builder_mount_opts[] = {
	OPT_FLAG(0, "json", T, json, "print JSON"),
	OPT_FLAG(0, "notruncate", T, no_trunc, "do not shorten ids"), OPT_END
};

const struct cmd cmd_builder_mount = {
	.paths = { "builder mount" },
	.synopsis = "[CONTAINER...]",
	.help = "Mount working containers, inside of `unshare`",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = builder_mount_opts,
	.opts_size = sizeof(T),
	.run = builder_mount_run,
};

static const struct opt unmount_opts[] = {
	OPT_FLAG('a', "all", T, all, "all that are mounted"),
	OPT_FLAG('f', "force", T, force, "also while it is used"),
	OPT_FLAG('l', "latest", T, latest, "the container that was made last"), OPT_END
};

const struct cmd cmd_unmount = {
	.paths = { "unmount", "umount", "container unmount", "container umount", "builder umount",
		   "builder unmount" },
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Unmount the file systems of containers",
	.section = SECTION_OTHER,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = unmount_opts,
	.opts_size = sizeof(T),
	.run = unmount_run,
};

/* ---- images ---------------------------------------------------------------------------------------------------------- */

static void print_image(const struct image *image, const char *path, const struct mount_opts *opts,
			json_t *rows)
{
	json_t *row;

	if (opts->format == NULL) {
		(void)printf("%s  %s\n",
			     image->names.count > 0 ? image->names.items[0]
						    : digest_hex(&image->config),
			     path);
		return;
	}
	row = json_object();
	json_put_string(row, "id", digest_hex(&image->config));
	json_put_strv(row, "Repositories", &image->names);
	json_put(row, "mountpoint", json_text(path));
	json_array_append_new(rows, row);
}

/* Those that are mounted, or with all: mount them. */
static int each_image(struct cli *cli, const struct mount_opts *opts, bool mount, struct err *err)
{
	struct image_list list = { NULL, 0 };
	cleanup_json json_t *rows = json_array();
	int worst = 0;

	if (image_list(cli->engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		cleanup_free char *path = image_mount_point(cli->engine, list.items[i]);
		struct err one = { 0 };

		if (path == NULL && mount &&
		    image_mount(cli->engine, list.items[i], &path, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
		if (path != NULL)
			print_image(list.items[i], path, opts, rows);
	}
	image_list_release(&list);
	if (opts->format != NULL)
		format_json(rows, 1);
	return worst;
}

static int image_mount_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct mount_opts *opts = opts_;
	int worst = 0;

	if (check_format(opts, err) < 0)
		return -1;
	if (args->count == 0)
		return each_image(cli, opts, opts->all, err);
	for (size_t i = 0; i < args->count; i++) {
		cleanup_image struct image *image = NULL;
		cleanup_free char *path = NULL;
		struct err one = { 0 };

		if (image_get(cli->engine, args->items[i], &image, &one) < 0 ||
		    image_mount(cli->engine, image, &path, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
		else if (args->count > 1)
			(void)printf("%s %s\n", args->items[i], path);
		else
			(void)printf("%s\n", path);
	}
	return worst;
}

static int unmount_image(struct cli *cli, const struct image *image, bool force, struct err *err)
{
	cleanup_free char *path = image_mount_point(cli->engine, image);

	if (path == NULL)
		return err_set(err, ERR_STATE, "image '%.19s' is not mounted", image->config.text);
	if (mount_remove(path, force, err) < 0)
		return -1;
	(void)printf("%s\n", digest_hex(&image->config));
	return 0;
}

static int unmount_all_images(struct cli *cli, bool force, struct err *err)
{
	struct image_list list = { NULL, 0 };
	int worst = 0;

	if (image_list(cli->engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		cleanup_free char *path = image_mount_point(cli->engine, list.items[i]);
		struct err one = { 0 };

		if (path != NULL && unmount_image(cli, list.items[i], force, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	image_list_release(&list);
	return worst;
}

static int image_unmount_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct mount_opts *opts = opts_;
	int worst = 0;

	if (opts->all == (args->count > 0))
		return err_set(err, ERR_USAGE,
			       opts->all ? "--all and images exclude each other"
					 : "an image must be named, or --all given");
	if (opts->all)
		return unmount_all_images(cli, opts->force, err);
	for (size_t i = 0; i < args->count; i++) {
		cleanup_image struct image *image = NULL;
		struct err one = { 0 };

		if (image_get(cli->engine, args->items[i], &image, &one) < 0 ||
		    unmount_image(cli, image, opts->force, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	return worst;
}

static const struct opt image_mount_opts[] = {
	OPT_FLAG('a', "all", T, all, "mount all images"),
	OPT_STRING_OF(0, "format", T, format, "FORMAT", mount_formats, "json"), OPT_END
};

const struct cmd cmd_image_mount = {
	.paths = { "image mount" },
	.synopsis = "[IMAGE...]",
	.help = "Mount images read-only, inside of `unshare`",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = image_mount_opts,
	.opts_size = sizeof(T),
	.run = image_mount_run,
};

static const struct opt image_unmount_opts[] = {
	OPT_FLAG('a', "all", T, all, "all that are mounted"),
	OPT_FLAG('f', "force", T, force, "also while it is used"), OPT_END
};

const struct cmd cmd_image_unmount = {
	.paths = { "image unmount", "image umount" },
	.synopsis = "IMAGE [IMAGE...]",
	.help = "Unmount images",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = image_unmount_opts,
	.opts_size = sizeof(T),
	.run = image_unmount_run,
};
