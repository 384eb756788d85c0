/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/diff.c - `diff`: which files a container or an image changed
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/select.h"
#include "engine/files.h"

#include <stdio.h>

struct diff_opts {
	bool latest;
	char *format;
};

static json_t *list_of(const struct file_changes *changes, char kind)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->count; i++) {
		if (changes->items[i].kind == kind)
			json_array_append_new(list, json_text(changes->items[i].path));
	}
	return list;
}

static void put_list(json_t *object, const char *key, const struct file_changes *changes, char kind)
{
	json_t *list = list_of(changes, kind);

	if (json_array_size(list) > 0)
		json_put(object, key, list);
	else
		json_decref(list);
}

static int print(struct cli *cli, const struct diff_opts *opts, const struct file_changes *changes,
		 struct err *err)
{
	cleanup_json json_t *object = json_object();

	if (opts->format != NULL && !str_equal(opts->format, "json"))
		return err_set(err, ERR_USAGE, "invalid --format '%s': only json is known",
			       opts->format);
	for (size_t i = 0; opts->format == NULL && i < changes->count; i++) {
		cleanup_strbuf struct strbuf path = STRBUF_INIT;

		strbuf_add_escaped(&path, changes->items[i].path);
		(void)printf("%c %s\n", changes->items[i].kind, path.data);
	}
	if (opts->format == NULL)
		return 0;
	put_list(object, "changed", changes, 'C');
	put_list(object, "added", changes, 'A');
	put_list(object, "deleted", changes, 'D');
	format_json(object, 4);
	return 0;
}

static int get_image(struct cli *cli, const char *text, struct image **ret, struct err *err)
{
	int found = image_resolve(cli->engine, text, ret, err);

	if (found == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no container or image with name or id '%s' found", text);
	return found < 0 ? -1 : 0;
}

static int diff_images(struct cli *cli, const struct diff_opts *opts, const struct strv *args,
		       struct err *err)
{
	cleanup_image struct image *image = NULL;
	cleanup_image struct image *base = NULL;
	cleanup_file_changes struct file_changes changes = { NULL, 0 };

	if (get_image(cli, args->items[0], &image, err) < 0 ||
	    (args->count > 1 && get_image(cli, args->items[1], &base, err) < 0) ||
	    image_changes(cli->engine, image, base, &changes, err) < 0)
		return -1;
	return print(cli, opts, &changes, err);
}

static int diff_container(struct cli *cli, const struct diff_opts *opts,
			  struct container *container, struct err *err)
{
	cleanup_file_changes struct file_changes changes = { NULL, 0 };

	if (container_changes(cli->engine, container, &changes, err) < 0)
		return -1;
	return print(cli, opts, &changes, err);
}

static int container_diff_run(struct cli *cli, void *opts_, const struct strv *args,
			      struct err *err)
{
	const struct diff_opts *opts = opts_;
	cleanup_container struct container *container = NULL;

	if (select_one(cli, args, opts->latest, &container, err) < 0)
		return -1;
	return diff_container(cli, opts, container, err);
}

static int image_diff_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	return diff_images(cli, opts_, args, err);
}

/* A container, or else an image. */
static int diff_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct diff_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	int found;

	if (opts->latest || args->count == 0)
		return container_diff_run(cli, opts_, args, err);
	if (args->count > 1)
		return diff_images(cli, opts, args, err);
	found = container_find(cli->engine, args->items[0], &container, err);
	if (found < 0)
		return -1;
	return found > 0 ? diff_container(cli, opts, container, err)
			 : diff_images(cli, opts, args, err);
}

static const char *const diff_formats[] = { "json", NULL };

#define T struct diff_opts
static const struct opt diff_opts[] = {
	OPT_STRING_OF(0, "format", T, format, "FORMAT", diff_formats, "json"),
	OPT_FLAG('l', "latest", T, latest, "the container that was made last"), OPT_END
};

static const struct opt image_diff_opts[] = {
	OPT_STRING_OF(0, "format", T, format, "FORMAT", diff_formats, "json"), OPT_END
};

const struct cmd cmd_diff = {
	.paths = { "diff" },
	.synopsis = "CONTAINER | IMAGE [IMAGE]",
	.help = "Show which files a container or an image changed",
	.section = SECTION_LOOK,
	.max_args = 2,
	.complete = COMPLETE_OBJECTS,
	.needs = NEEDS_WRITING,
	.opts = diff_opts,
	.opts_size = sizeof(T),
	.run = diff_run,
};

const struct cmd cmd_container_diff = {
	.paths = { "container diff" },
	.synopsis = "CONTAINER",
	.help = "Show which files a container changed",
	.section = SECTION_NONE,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = diff_opts,
	.opts_size = sizeof(T),
	.run = container_diff_run,
};

const struct cmd cmd_image_diff = {
	.paths = { "image diff" },
	.synopsis = "IMAGE [IMAGE]",
	.help = "Show which files the last layer of an image changed",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = image_diff_opts,
	.opts_size = sizeof(T),
	.run = image_diff_run,
};
