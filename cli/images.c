/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/images.c - `images`: the list of images, a line for each name
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/docker.h"
#include "cli/format.h"
#include "cli/human.h"
#include "engine/container.h"
#include "engine/image.h"

#include <stdio.h>

#define NS_PER_S INT64_C(1000000000)
#define NO_NAME	 "<none>"

enum images_sort { SORT_CREATED, SORT_ID, SORT_REPOSITORY, SORT_SIZE, SORT_TAG, SORT_COUNT };
static const char *const images_sort_words[] = {
	[SORT_CREATED] = "created", [SORT_ID] = "id",	[SORT_REPOSITORY] = "repository",
	[SORT_SIZE] = "size",	    [SORT_TAG] = "tag", [SORT_COUNT] = NULL,
};

struct images_opts {
	bool json, all, digests, history, no_trunc, no_heading, quiet;
	struct strv filters;
	char *format;
	int sort;
};

/* How many containers were made from an image: the containers are read once for all images. */
static int64_t count_containers(const struct container_list *containers, const struct image *image)
{
	int64_t count = 0;

	for (size_t i = 0; i < containers->count; i++)
		count += containers->items[i]->image_manifest != NULL &&
			 str_equal(containers->items[i]->image_manifest, image->manifest.text);
	return count;
}

static json_t *strv_or_null(const struct strv *list)
{
	return list->count > 0 ? json_from_strv(list) : json_null();
}

/* The object of `images --format json`: one for each image, whatever its names. */
static json_t *images_object(const struct image *image, const struct container_list *containers)
{
	json_t *object = json_object();
	char created[TIME_TEXT_MAX];

	time_format_rfc3339(image->created_ns, created);
	json_put_string(object, "Id", digest_hex(&image->config));
	json_put_string(object, "ParentId", "");
	json_put(object, "RepoTags", strv_or_null(&image->names));
	json_put(object, "RepoDigests", strv_or_null(&image->digests));
	json_put_int(object, "Size", (int64_t)image->size_bytes);
	json_put_int(object, "SharedSize", 0);
	json_put_int(object, "VirtualSize", (int64_t)image->size_bytes);
	json_put(object, "Labels",
		 image->labels.count > 0 ? json_from_env(&image->labels) : json_null());
	json_put_int(object, "Containers", count_containers(containers, image));
	json_put_string(object, "Digest", image_document(image)->text);
	json_put_bool(object, "IsManifestList", digest_is_set(&image->list));
	json_put(object, "History", strv_or_null(&image->names));
	json_put(object, "Names", strv_or_null(&image->names));
	json_put_int(object, "Created", image->created_ns / NS_PER_S);
	json_put_string(object, "CreatedAt", created);
	if (image->read_only)
		json_put_bool(object, "ReadOnly", true);
	if (image->names.count == 0)
		json_put_bool(object, "Dangling", true);
	return object;
}

/* "host:5000/path:tag" into its parts; a digest is no tag. */
static void split_name(const char *name, char **repository, char **tag)
{
	const char *slash = name != NULL ? strrchr(name, '/') : NULL;
	const char *colon = name != NULL ? strrchr(slash != NULL ? slash : name, ':') : NULL;

	*repository = name == NULL    ? xstrdup(NO_NAME)
		      : colon != NULL ? xstrndup(name, (size_t)(colon - name))
				      : xstrdup(name);
	*tag = xstrdup(colon != NULL ? colon + 1 : NO_NAME);
}

/* What templates see. */
static json_t *images_row(const struct images_opts *opts, const struct image_row *row,
			  const struct container_list *containers, int64_t now_ns)
{
	const struct image *image = row->image;
	json_t *object = images_object(image, containers);
	cleanup_free char *repository = NULL;
	cleanup_free char *tag = NULL;
	cleanup_free char *names = strv_join(&image->names, ",");
	char since[HUMAN_MAX];
	char size[HUMAN_MAX];
	char created[TIME_TEXT_MAX];
	cleanup_free char *full_id = xasprintf("sha256:%s", digest_hex(&image->config));

	split_name(row->name, &repository, &tag);
	human_ago(image->created_ns, now_ns, since);
	human_size_spaced(image->size_bytes, size);
	time_format_rfc3339(image->created_ns, created);
	json_put_string(object, "Repository", repository);
	json_put_string(object, "Tag", tag);
	json_put(object, "ID", format_id(full_id, opts->no_trunc));
	json_put_string(object, "Created", since);
	json_put_string(object, "CreatedSince", since);
	json_put_string(object, "CreatedTime", created);
	json_put_string(object, "Size", size);
	json_put_string(object, "VirtualSize", size);
	json_put_string(object, "History", names);
	json_put_bool(object, "ReadOnly", image->read_only);
	json_put_bool(object, "Dangling", image->names.count == 0);
	return object;
}

static int row_compare(const void *a_, const void *b_, void *sort)
{
	const struct image_row *a = a_;
	const struct image_row *b = b_;
	cleanup_free char *a_repository = NULL;
	cleanup_free char *b_repository = NULL;
	cleanup_free char *a_tag = NULL;
	cleanup_free char *b_tag = NULL;

	switch (*(int *)sort) {
	case SORT_ID:
		return strcmp(a->image->config.text, b->image->config.text);
	case SORT_SIZE:
		return a->image->size_bytes < b->image->size_bytes
			       ? -1
			       : a->image->size_bytes > b->image->size_bytes;
	default:
		split_name(a->name, &a_repository, &a_tag);
		split_name(b->name, &b_repository, &b_tag);
		return *(int *)sort == SORT_TAG ? strcmp(a_tag, b_tag)
						: strcmp(a_repository, b_repository);
	}
}

static bool seen_before(const struct image_row *rows, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (rows[i].image == rows[index].image)
			return true;
	}
	return false;
}

static void print_ids(const struct images_opts *opts, const struct image_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *hex = digest_hex(&rows[i].image->config);

		if (seen_before(rows, i))
			continue;
		if (opts->no_trunc)
			(void)printf("sha256:%s\n", hex);
		else
			(void)printf("%.*s\n", OBJECT_ID_SHORT, hex);
	}
}

static const struct template_alias images_headings[] = {
	{ "ID", "IMAGE ID" },
	{ "CreatedSince", "CREATED" },
	{ "RepoDigests", "REPO DIGESTS" },
	{ NULL, NULL },
};
static const struct template_alias images_aliases[] = { { "ImageID", "ID" }, { NULL, NULL } };

static void images_table(const struct images_opts *opts, struct strbuf *out)
{
	strbuf_adds(out, "{{.Repository}}\t{{.Tag}}");
	if (opts->digests)
		strbuf_adds(out, "\t{{.Digest}}");
	strbuf_adds(out, "\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}");
	if (opts->history)
		strbuf_adds(out, "\t{{.History}}");
}

static int print_rows(struct cli *cli, const struct images_opts *opts, const struct format *format,
		      const struct image_row *rows, size_t count, struct err *err)
{
	cleanup_container_list struct container_list containers = { NULL, 0 };
	cleanup_json json_t *list = json_array();
	int64_t now_ns = time_now_ns();

	if (format_mentions(format, "Containers") &&
	    container_list(cli->engine, &containers, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (cli->as_docker) {
			cleanup_json json_t *row = images_row(opts, &rows[i], &containers, now_ns);

			json_put_int(row, "VirtualSizeBytes", (int64_t)rows[i].image->size_bytes);
			json_array_append_new(list, docker_images_row(row, opts->digests,
								      rows[i].image->created_ns));
		} else if (!format_is_json(format))
			json_array_append_new(list,
					      images_row(opts, &rows[i], &containers, now_ns));
		else if (!seen_before(rows, i))
			json_array_append_new(list, images_object(rows[i].image, &containers));
	}
	if (!format_is_json(format))
		return format_rows(format, list, err);
	format_json(list, 4);
	return 0;
}

static int images_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct images_opts *opts = opts_;
	struct image_list images = { NULL, 0 };
	cleanup_free struct image_row *rows = NULL;
	size_t count = 0;
	cleanup_strbuf struct strbuf table = STRBUF_INIT;
	cleanup_format struct format *format = NULL;
	struct format_request request = {
		.format = opts->format,
		.no_heading = opts->no_heading,
		.rules = { .aliases = images_aliases, .heading = images_headings },
	};

	if (opts->json)
		request.format = "json";
	if (opts->quiet && request.format != NULL)
		return err_set(err, ERR_USAGE, "--quiet and --format exclude each other");
	images_table(opts, &table);
	request.table = table.data;
	if (format_new(cli, &request, &format, err) < 0 ||
	    image_list(cli->engine->store, &images, err) < 0)
		return -1;

	int status = image_rows(cli->engine, &images, args, &opts->filters, &rows, &count, err);
	int sort = opts->sort;

	if (status == 0 && sort != SORT_CREATED)
		qsort_r(rows, count, sizeof(*rows), row_compare, &sort);
	if (status == 0 && opts->quiet)
		print_ids(opts, rows, count);
	else if (status == 0)
		status = print_rows(cli, opts, format, rows, count, err);
	image_list_release(&images);
	return status;
}

static const struct opt images_opts[] = {
	OPT_FLAG('a', "all", struct images_opts, all, "also intermediate images"),
	OPT_FLAG(0, "digests", struct images_opts, digests, "show the digests of manifests"),
	OPT_LIST('f', "filter", struct images_opts, filters, "NAME=VALUE", "those that match"),
	OPT_STRING(0, "format", struct images_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG(0, "json", struct images_opts, json, "print JSON, as --format json does"),
	OPT_FLAG(0, "history", struct images_opts, history, "show all names of each image"),
	OPT_FLAG(0, "no-trunc", struct images_opts, no_trunc, "do not shorten ids"),
	OPT_FLAG('n', "noheading", struct images_opts, no_heading, "no headings"),
	OPT_FLAG('q', "quiet", struct images_opts, quiet, "ids only"),
	OPT_CHOICE(0, "sort", struct images_opts, sort, "BY", images_sort_words,
		   "created, id, repository, size, tag"),
	OPT_ALIAS("notruncate", "no-trunc"),
	OPT_REFUSED(0, "tree", "say `image inspect` to see the layers"),
	OPT_END
};

const struct cmd cmd_images = {
	.paths = { "images", "image ls", "image list", "builder images" },
	.synopsis = "[IMAGE]",
	.help = "List images",
	.section = SECTION_LOOK,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_STORE,
	.opts = images_opts,
	.opts_size = sizeof(struct images_opts),
	.run = images_run,
};
