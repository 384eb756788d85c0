/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/inspect.c - `inspect`, `container inspect`, `image inspect`, `volume inspect`
 *
 * What was found is printed, also when something else was not: the exit status tells.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/docker.h"
#include "cli/format.h"
#include "cli/select.h"
#include "cli/volume_json.h"
#include "engine/image.h"

#include <stdio.h>

enum inspect_type {
	INSPECT_ALL,
	INSPECT_CONTAINER,
	INSPECT_IMAGE,
	INSPECT_VOLUME,
	INSPECT_NETWORK,
	INSPECT_TYPE_COUNT
};
static const char *const inspect_words[] = {
	[INSPECT_ALL] = "all",	     [INSPECT_CONTAINER] = "container", [INSPECT_IMAGE] = "image",
	[INSPECT_VOLUME] = "volume", [INSPECT_NETWORK] = "network",	[INSPECT_TYPE_COUNT] = NULL,
};

struct inspect_opts {
	char *format;
	int type;
	bool size, latest, all;
};

#define INDENT	      5
#define DOCKER_INDENT 4

/* Each looks for one kind: 1 found, 0 not, -1. */
static int inspect_container(struct cli *cli, const struct inspect_opts *opts, const char *text,
			     json_t **ret_object, struct err *err)
{
	cleanup_container struct container *container = NULL;
	int found = container_find(cli->engine, text, &container, err);

	if (found <= 0)
		return found;
	*ret_object = container_inspect(cli->engine, container, opts->size, err);
	if (cli->as_docker && *ret_object != NULL)
		docker_inspect_container(*ret_object);
	return *ret_object != NULL ? 1 : -1;
}

static int inspect_image(struct cli *cli, const struct inspect_opts *opts, const char *text,
			 json_t **ret_object, struct err *err)
{
	cleanup_image struct image *image = NULL;
	int found = image_resolve(cli->engine, text, &image, err);

	/* what is no name of an image may be that of something else */
	if (found < 0 && err->kind == ERR_USAGE && opts->type == INSPECT_ALL)
		return 0;
	if (found <= 0)
		return found;
	*ret_object = image_inspect(cli->engine, image, err);
	if (cli->as_docker && *ret_object != NULL)
		docker_inspect_image(*ret_object);
	return *ret_object != NULL ? 1 : -1;
}

static int inspect_volume(struct cli *cli, const struct inspect_opts *opts, const char *text,
			  json_t **ret_object, struct err *err)
{
	cleanup_volume struct volume *volume = NULL;
	int found = volume_find(cli->engine->store, text, true, &volume, err);

	if (found < 0 && err->kind == ERR_USAGE && opts->type == INSPECT_ALL)
		return 0;
	if (found <= 0)
		return found;
	*ret_object = volume_json(cli->engine, volume, err);
	return *ret_object != NULL ? 1 : -1;
}

/* There are none with names (cli/network.c). */
static int inspect_network(struct cli *cli, const struct inspect_opts *opts, const char *text,
			   json_t **ret_object, struct err *err)
{
	return 0;
}

static const struct {
	int (*inspect)(struct cli *cli, const struct inspect_opts *opts, const char *text,
		       json_t **ret_object, struct err *err);
	const char *before, *after; /* around the name of what is not there */
} kinds[] = {
	[INSPECT_CONTAINER] = { inspect_container, "no such container ", "" },
	[INSPECT_IMAGE] = { inspect_image, "", ": image not known" },
	[INSPECT_VOLUME] = { inspect_volume, "no such volume ", "" },
	[INSPECT_NETWORK] = { inspect_network, "network ", " not found" },
};

static json_t *inspect_one(struct cli *cli, const struct inspect_opts *opts, const char *text,
			   struct err *err)
{
	json_t *object = NULL;

	for (int type = INSPECT_CONTAINER; type < INSPECT_TYPE_COUNT; type++) {
		if (opts->type != INSPECT_ALL && opts->type != type)
			continue;

		int found = kinds[type].inspect(cli, opts, text, &object, err);

		if (found != 0)
			return found > 0 ? object : NULL;
	}
	if (opts->type == INSPECT_ALL)
		err_set(err, ERR_NOT_FOUND, "no such object: \"%s\"", text);
	else
		err_set(err, ERR_NOT_FOUND, "%s%s%s", kinds[opts->type].before, text,
			kinds[opts->type].after);
	return NULL;
}

static const struct template_alias inspect_aliases[] = {
	{ "ID", "Id" },
	{ "Src", "Source" },
	{ "Dst", "Destination" },
	{ "ImageID", "Image" },
	{ "Healthcheck", "Health" },
	{ "HealthCheck", "Healthcheck" },
	{ "SdNotifyMode", "sdNotifyMode" },
	{ NULL, NULL },
};

static int add_all_volumes(struct cli *cli, struct strv *names, struct err *err)
{
	struct volume_list list = { NULL, 0 };

	if (volume_list(cli->engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		strv_add(names, list.items[i]->name);
	volume_list_release(&list);
	return 0;
}

static int inspect_names(struct cli *cli, const struct inspect_opts *opts, const struct strv *args,
			 struct strv *names, struct err *err)
{
	cleanup_container struct container *container = NULL;

	if ((opts->latest || opts->all) && args->count > 0)
		return err_set(err, ERR_USAGE, "%s and names exclude each other",
			       opts->latest ? "--latest" : "--all");
	if (opts->all)
		return add_all_volumes(cli, names, err);
	if (!opts->latest && args->count == 0)
		return err_set(err, ERR_USAGE, "something to inspect must be named");
	if (!opts->latest) {
		strv_add_all(names, args);
		return 0;
	}
	if (select_one(cli, args, true, &container, err) < 0)
		return -1;
	strv_add(names, container->id.text);
	return 0;
}

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct inspect_opts *opts = opts_;
	cleanup_json json_t *list = json_array();
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_format struct format *format = NULL;
	const struct format_request request = {
		.format = opts->format,
		.no_heading = true,
		.rules = { .aliases = inspect_aliases, .absent = inspect_absent },
	};
	bool as_json = str_is_empty(opts->format);
	int worst = 0;
	size_t i;
	json_t *object;

	if (!as_json) {
		if (format_new(cli, &request, &format, err) < 0)
			return -1;
		/* "{{json .}}" is one line for each object here */
		as_json = (format_is_json(format) || format_is_lines(format)) &&
			  strchr(opts->format, '{') == NULL && !cli->as_docker;
	}
	if (inspect_names(cli, opts, args, &names, err) < 0)
		return -1;
	for (size_t name = 0; name < names.count; name++) {
		struct err one = { 0 };

		object = inspect_one(cli, opts, names.items[name], &one);
		if (object != NULL)
			json_array_append_new(list, object);
		else
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	if (as_json) {
		format_json(list, cli->as_docker ? DOCKER_INDENT : INDENT);
		return worst;
	}
	json_array_foreach (list, i, object) {
		if (format_is_json(format))
			format_json(object, 0);
		else if (format_object(format, object, err) < 0)
			return -1;
	}
	return worst;
}

#define FORMAT_ROW                                                                                 \
	OPT_STRING('f', "format", struct inspect_opts, format, "FORMAT", "json, or a Go template")
#define SIZE_ROW                                                                                   \
	OPT_FLAG('s', "size", struct inspect_opts, size, "count what a container has written")
#define LATEST_ROW                                                                                 \
	OPT_FLAG('l', "latest", struct inspect_opts, latest, "the container created last")

static const struct opt inspect_opts[] = {
	FORMAT_ROW, SIZE_ROW, LATEST_ROW,
	OPT_CHOICE('t', "type", struct inspect_opts, type, "TYPE", inspect_words,
		   "look only for all, container, image, volume, network"),
	OPT_END
};
static const struct opt container_inspect_opts[] = { FORMAT_ROW, SIZE_ROW, LATEST_ROW, OPT_END };
static const struct opt image_inspect_opts[] = { FORMAT_ROW, OPT_END };
static const struct opt volume_inspect_opts[] = {
	FORMAT_ROW, OPT_FLAG('a', "all", struct inspect_opts, all, "all volumes"), OPT_END
};

const struct cmd cmd_inspect = {
	.paths = { "inspect" },
	.synopsis = "NAME [NAME...]",
	.help = "Show all that is known of containers, images and volumes",
	.examples = "  dhow inspect --format '{{.State.Status}}' web\n",
	.section = SECTION_LOOK,
	.max_args = -1,
	.complete = COMPLETE_OBJECTS,
	.needs = NEEDS_STORE,
	.opts = inspect_opts,
	.opts_size = sizeof(struct inspect_opts),
	.run = inspect_run,
};

const struct cmd cmd_container_inspect = {
	.paths = { "container inspect" },
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Show all that is known of containers",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.opts = container_inspect_opts,
	.opts_size = sizeof(struct inspect_opts),
	.defaults = &(const struct inspect_opts){ .type = INSPECT_CONTAINER },
	.run = inspect_run,
};

const struct cmd cmd_image_inspect = {
	.paths = { "image inspect" },
	.synopsis = "IMAGE [IMAGE...]",
	.help = "Show all that is known of images",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_STORE,
	.opts = image_inspect_opts,
	.opts_size = sizeof(struct inspect_opts),
	.defaults = &(const struct inspect_opts){ .type = INSPECT_IMAGE },
	.run = inspect_run,
};

const struct cmd cmd_volume_inspect = {
	.paths = { "volume inspect" },
	.synopsis = "VOLUME [VOLUME...]",
	.help = "Show all that is known of volumes",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_STORE,
	.opts = volume_inspect_opts,
	.opts_size = sizeof(struct inspect_opts),
	.defaults = &(const struct inspect_opts){ .type = INSPECT_VOLUME },
	.run = inspect_run,
};
