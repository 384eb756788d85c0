/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/search.c - `search`: images of registries
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/docker.h"
#include "cli/format.h"
#include "cli/rows.h"
#include "engine/image.h"

#include <string.h>

#define DESCRIPTION_MAX 44

struct search_opts {
	struct image_search_opts search;
	char *format;
	bool no_trunc, compatible;
};

/* One line, shortened as podman does it. */
static void shorten(json_t *row)
{
	const char *text = json_get_string(row, "", "Description", NULL);
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	size_t cut = 0;

	strbuf_adds(&line, text);
	for (char *c = line.data; *c != '\0'; c++) {
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	}
	if (line.length <= DESCRIPTION_MAX)
		return;
	/* not in the middle of a letter */
	for (size_t at = 0; at + 3 <= DESCRIPTION_MAX;) {
		size_t size = utf8_sequence(line.data + at);

		cut = at;
		at += size > 0 ? size : 1;
	}
	strbuf_truncate(&line, cut);
	strbuf_adds(&line, "...");
	json_put(row, "Description", json_text(line.data));
}

/* podman's list of tags for programs: one object for each repository. */
static json_t *tags_object(const json_t *rows)
{
	json_t *list = json_array(), *object = json_object(), *tags = json_array();
	const json_t *row;
	size_t i;

	json_put(object, "Name",
		 json_text(json_get_string(json_array_get(rows, 0), "", "Name", NULL)));
	json_array_foreach (rows, i, row)
		json_array_append(tags, json_object_get(row, "Tag"));
	json_put(object, "Tags", tags);
	json_array_append_new(list, object);
	return list;
}

static int search_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct search_opts *opts = opts_;
	bool all = opts->compatible || cli->as_docker;
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *rows = NULL;
	const struct format_request request = {
		.format = opts->format,
		.table = opts->search.list_tags ? "{{.Name}}\t{{.Tag}}"
			 : cli->as_docker ? "{{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}"
			 : all ? "{{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}\t"
				 "{{.Automated}}"
			       : "{{.Name}}\t{{.Description}}",
	};
	json_t *row;
	size_t i;

	if (opts->search.list_tags && opts->search.filters.count > 0)
		return err_set(err, ERR_USAGE,
			       "tags have no stars: --filter and --list-tags "
			       "exclude each other");
	if (opts->search.limit == 0)
		return err_set(err, ERR_USAGE, "--limit is 1 at least");
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	rows = image_search(cli->engine, args->items[0], &opts->search, err);
	if (rows == NULL)
		return -1;
	json_array_foreach (rows, i, row) {
		if (!opts->no_trunc && !format_is_json(format) && !opts->search.list_tags)
			shorten(row);
	}
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	if (opts->search.list_tags) {
		cleanup_json json_t *object = tags_object(rows);

		format_json(object, 4);
		return 0;
	}
	format_json(rows, 4);
	return 0;
}

#define T struct search_opts
static const struct opt search_opts[] = {
	OPT_INCLUDE(T, search.registry, struct image_pull_opts, registry_access_rows),
	OPT_FLAG(0, "compatible", T, compatible, "also stars, official and automated"),
	OPT_LIST('f', "filter", T, search.filters, "NAME=VALUE",
		 "those that match: stars, is-official, is-automated"),
	OPT_STRING(0, "format", T, format, "FORMAT", "json, or a Go template"),
	OPT_UINT(0, "limit", T, search.limit, "N", "at most so many of each registry"),
	OPT_FLAG(0, "list-tags", T, search.list_tags, "the tags of one repository"),
	OPT_FLAG(0, "no-trunc", T, no_trunc, "do not shorten descriptions"),
	OPT_END
};

const struct cmd cmd_search = {
	.paths = { "search", "image search" },
	.synopsis = "TERM",
	.help = "Look for images in registries",
	.examples = "  dhow search docker.io/nginx\n"
		    "  dhow search --list-tags registry.example.com/team/web\n",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = search_opts,
	.opts_size = sizeof(T),
	.defaults = &(
		const T){ .search = { .registry = { .tls_verify = -1, .retry = 3 }, .limit = 25 } },
	.run = search_run,
};
