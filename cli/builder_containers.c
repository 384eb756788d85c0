/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/builder_containers.c - `builder containers`, `builder inspect` and `builder rm`: working containers, looked at and removed
 */
#include "cli/builder.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/select.h"
#include "engine/files.h"

#include <stdio.h>
#include <string.h>

/* ---- containers ---- */

struct list_opts {
	bool all, json, no_heading, no_trunc, quiet;
	struct strv filters;
	char *format;
};

static json_t *row_of(const struct container *container, bool no_trunc)
{
	json_t *row = json_object();
	bool working = container_is_working(container);

	json_put(row, "ContainerID", format_id(container->id.text, no_trunc));
	json_put_string(row, "Builder", working ? "   *" : "");
	json_put(row, "ImageID", format_id(container->image_id, no_trunc));
	json_put_string(row, "ImageName",
			*container->image_name != '\0' ? container->image_name
			: *container->image_id == '\0' ? "scratch"
						       : "");
	json_put_string(row, "ContainerName", container->name);
	return row;
}

static json_t *json_of(const struct container *container)
{
	json_t *row = json_object();

	json_put_string(row, "id", container->id.text);
	json_put_bool(row, "builder", container_is_working(container));
	json_put_string(row, "imageid", container->image_id);
	json_put_string(row, "imagename",
			*container->image_id == '\0' ? "scratch" : container->image_name);
	json_put_string(row, "containername", container->name);
	return row;
}

#define LIST_TABLE                                                                                 \
	"{{.ContainerID}}\t{{.Builder}}\t{{.ImageID}}\t{{.ImageName}}\t{{.ContainerName}}"

static int list_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct list_opts *opts = opts_;
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_container_filter struct container_filter *filter = NULL;
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *rows = json_array();
	const struct format_request request = { .format = opts->format,
						.table = LIST_TABLE,
						.no_heading = opts->no_heading };

	(void)args;
	if (opts->quiet && (opts->format != NULL || opts->json))
		return err_set(err, ERR_USAGE, "--quiet excludes --format and --json");
	if (opts->filters.count > 0 &&
	    container_filter_new(cli->engine, &opts->filters, &filter, err) < 0)
		return -1;
	if (format_new(cli, &request, &format, err) < 0 ||
	    container_list(cli->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct container *container = list.items[i];

		if (container->create == NULL || (!opts->all && !container_is_working(container)) ||
		    (filter != NULL && !container_filter_match(filter, container)))
			continue;
		if (opts->quiet)
			(void)printf("%s\n", container->id.text);
		else
			json_array_append_new(rows, opts->json ? json_of(container)
							       : row_of(container, opts->no_trunc));
	}
	if (opts->quiet)
		return 0;
	if (!opts->json)
		return format_rows(format, rows, err);
	format_json(rows, 4);
	return 0;
}

#define T struct list_opts
static const struct opt list_rows[] = {
	OPT_FLAG('a', "all", T, all, "also containers that are no working containers"),
	OPT_LIST('f', "filter", T, filters, "NAME=VALUE", "those that match"),
	OPT_STRING(0, "format", T, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG(0, "json", T, json, "print JSON"),
	OPT_FLAG('n', "noheading", T, no_heading, "no headings"),
	OPT_FLAG(0, "notruncate", T, no_trunc, "do not shorten ids"),
	OPT_FLAG('q', "quiet", T, quiet, "ids only"),
	OPT_ALIAS("no-trunc", "notruncate"),
	OPT_END
};
#undef T

const struct cmd cmd_builder_containers = {
	.paths = { "builder containers", "builder ls", "builder list", "builder ps" },
	.synopsis = "",
	.help = "List working containers",
	.section = SECTION_NONE,
	.needs = NEEDS_STORE,
	.opts = list_rows,
	.opts_size = sizeof(struct list_opts),
	.run = list_run,
};

/* ---- inspect ---- */

struct inspect_opts {
	char *format, *type;
};

/* buildah's object, with what dhow knows of it. */
static json_t *describe(struct cli *cli, const struct image_new *image,
			const struct container *container)
{
	json_t *object = json_object();
	json_t *docker = json_deep_copy(image->config);
	cleanup_free char *mount =
		container != NULL ? container_mount_point(cli->engine, container) : NULL;
	json_t *history = json_object_get(image->config, "history");

	json_put_string(object, "Type", "buildah 0.0.1");
	json_put_string(object, "FromImage", container != NULL ? container->image_name : "");
	json_put_string(object, "FromImageID", container != NULL ? container->image_id : "");
	json_put_string(object, "FromImageDigest",
			container != NULL ? container->image_manifest : "");
	json_put_string(object, "Container", container != NULL ? container->name : "");
	json_put_string(object, "ContainerID", container != NULL ? container->id.text : "");
	json_put(object, "MountPoint", json_text(mount != NULL ? mount : ""));
	json_put_string(object, "ProcessLabel", "");
	json_put_string(object, "MountLabel", "");
	json_put(object, "ImageAnnotations",
		 image->annotations != NULL ? json_incref(image->annotations) : json_object());
	json_put_string(object, "ImageCreatedBy",
			json_get_string(image->config, "", "dhow.createdBy", NULL));
	json_put(object, "OCIv1", json_incref(image->config));
	json_put(docker, "container_config",
		 json_incref(json_object_get(docker, "config") ?: json_null()));
	json_put(object, "Docker", docker);
	json_put_string(object, "DefaultMountsFilePath", "");
	json_put_string(object, "Isolation", "rootless");
	json_put(object, "History", history != NULL ? json_incref(history) : json_null());
	json_put(object, "Devices", json_array());
	return object;
}

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct inspect_opts *opts = opts_;
	const char *type = opts->type != NULL ? opts->type : "container";
	cleanup_container struct container *container = NULL;
	cleanup_working struct working working = WORKING_INIT;
	cleanup_image struct image *image = NULL;
	cleanup_image_new struct image_new of_image = { 0 };
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *object = NULL;
	const struct format_request request = { .format = opts->format };
	int found = 0;

	if (!str_equal(type, "container") && !str_equal(type, "image"))
		return err_set(err, ERR_USAGE, "invalid --type '%s': it is container or image",
			       type);
	if (opts->format != NULL && format_new(cli, &request, &format, err) < 0)
		return -1;
	if (str_equal(type, "container"))
		found = container_find(cli->engine, args->items[0], &container, err);
	if (found < 0)
		return -1;
	/* an image is meant when no container has the name, unless it was said */
	if (found == 0 && str_equal(type, "container") && opts->type != NULL &&
	    container_get(cli->engine, args->items[0], &container, err) < 0)
		return -1;
	if (found > 0) {
		if (working_look(cli->engine, container, &working, err) < 0)
			return -1;
		object = describe(cli, &working.image, container);
	} else {
		if (image_get(cli->engine, args->items[0], &image, err) < 0 ||
		    image_new_from(cli->engine, image, &of_image, err) < 0)
			return -1;
		object = describe(cli, &of_image, NULL);
		if (image->names.count > 0)
			json_put_string(object, "FromImage", image->names.items[0]);
		json_put_string(object, "FromImageID", digest_hex(&image->config));
		json_put_string(object, "FromImageDigest", image->manifest.text);
	}
	if (format != NULL && !format_is_json(format))
		return format_object(format, object, err);
	format_json(object, 4);
	return 0;
}

static const char *const type_words[] = { "container", "image", NULL };

static const struct opt inspect_rows[] = {
	OPT_STRING('f', "format", struct inspect_opts, format, "FORMAT", "json, or a Go template"),
	OPT_STRING_OF('t', "type", struct inspect_opts, type, "TYPE", type_words,
		      "container or image; a container is looked for first"),
	OPT_END
};

const struct cmd cmd_builder_inspect = {
	.paths = { "builder inspect" },
	.synopsis = "CONTAINER|IMAGE",
	.help = "Show what the image of a working container will say",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.opts = inspect_rows,
	.opts_size = sizeof(struct inspect_opts),
	.run = inspect_run,
};

/* ---- rm ---- */

static int remove_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct container_rm_opts rm = { 0 };

	(void)arg;
	if (!container_is_working(container)) {
		err_set(err, ERR_STATE, "container '%s' is no working container",
			container->name ?: container->id.text);
		return err_hint(err, "Use `dhow rm` for the others.");
	}
	return container_remove(cli->engine, container, &rm, err);
}

struct rm_opts {
	bool all;
};

static int rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct rm_opts *opts = opts_;
	const struct select_request request = { .args = args, .all = opts->all, .working = true };

	return select_each(cli, &request, remove_one, NULL, err);
}

static const struct opt rm_rows[] = {
	OPT_FLAG('a', "all", struct rm_opts, all, "all working containers"), OPT_END
};

const struct cmd cmd_builder_rm = {
	.paths = { "builder rm", "builder delete" },
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Remove working containers",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = rm_rows,
	.opts_size = sizeof(struct rm_opts),
	.run = rm_run,
};
