/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/history.c - `history`: the steps that made an image
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/human.h"
#include "engine/image.h"

#include <inttypes.h>
#include <stdio.h>

#define CREATED_BY_MAX 45

struct history_opts {
	bool no_trunc, quiet;
	int human;
	char *format;
};

/* What docker's rows do not have; its JSON is for a line each. */
static void docker_row(json_t *row, bool human, bool no_trunc)
{
	const char *id = json_get_string(row, "", "ID", NULL);

	if (no_trunc && *id != '<') {
		cleanup_free char *digest = xasprintf("sha256:%s", id);

		json_put_string(row, "ID", digest);
	}
	if (!human)
		json_put(row, "CreatedSince", json_incref(json_object_get(row, "CreatedAt")));
	(void)json_object_del(row, "Id");
	(void)json_object_del(row, "Tags");
	(void)json_object_del(row, "Created");
}

static json_t *history_row(const struct history_opts *opts, const json_t *step, int64_t now_ns)
{
	json_t *row = json_copy((json_t *)step);
	const char *created_by = json_get_string(step, "", "CreatedBy", NULL);
	const char *created = json_get_string(step, "", "Created", NULL);
	const char *id = json_get_string(step, "", "Id", NULL);
	uint64_t bytes = (uint64_t)json_get_int(step, 0, "Size", NULL);
	char text[HUMAN_MAX];
	int64_t created_ns = 0;

	if (row == NULL)
		alloc_failed();
	json_put(row, "ID", *id == '<' ? json_text(id) : format_id(id, opts->no_trunc));
	if (!opts->no_trunc && strlen(created_by) > CREATED_BY_MAX) {
		cleanup_free char *cut = xasprintf("%.*s...", CREATED_BY_MAX - 3, created_by);

		json_put_string(row, "CreatedBy", cut);
	}
	(void)parse_time(created, &created_ns);
	/* reproducible builds say nothing, or the beginning of all time */
	if (created_ns > 0)
		human_ago(created_ns, now_ns, text);
	else
		(void)snprintf(text, sizeof(text), "N/A");
	json_put_string(row, "CreatedSince", text);
	json_put_string(row, "CreatedAt", created);
	if (opts->human)
		json_put_string(row, "Created", text);
	if (opts->human)
		human_size(bytes, text);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, bytes);
	json_put_string(row, "Size", text);
	return row;
}

/* podman's spelling of the members of JSON is half lower case. */
static json_t *history_json(const json_t *step)
{
	static const char *const names[][2] = {
		{ "id", "Id" },		  { "created", "Created" }, { "CreatedBy", "CreatedBy" },
		{ "tags", "Tags" },	  { "size", "Size" },	    { "comment", "Comment" },
		{ "Created", "Created" },
	};
	json_t *object = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		json_put(object, names[i][0],
			 json_incref(json_object_get(step, names[i][1]) ?: json_null()));
	return object;
}

static const struct template_alias history_headings[] = {
	{ "CreatedSince", "CREATED" },
	{ NULL, NULL },
};

static int history_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct history_opts *opts = opts_;
	cleanup_image struct image *image = NULL;
	cleanup_json json_t *steps = NULL;
	cleanup_json json_t *rows = json_array();
	cleanup_format struct format *format = NULL;
	const struct format_request request = {
		.format = opts->quiet ? "{{.ID}}" : opts->format,
		.table = cli->as_docker
				 ? "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t"
				   "{{.Comment}}"
				 : "{{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
		.rules = { .heading = history_headings },
	};
	int64_t now_ns = time_now_ns();
	size_t i;
	json_t *step;

	if (format_new(cli, &request, &format, err) < 0 ||
	    image_get(cli->engine, args->items[0], &image, err) < 0)
		return -1;
	steps = image_history(cli->engine, image, err);
	if (steps == NULL)
		return -1;
	json_array_foreach (steps, i, step)
		json_array_append_new(rows, format_is_json(format)
						    ? history_json(step)
						    : history_row(opts, step, now_ns));
	for (i = 0; cli->as_docker && !format_is_json(format) && i < json_array_size(rows); i++)
		docker_row(json_array_get(rows, i), opts->human, opts->no_trunc);
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 0);
	return 0;
}

static const struct opt history_opts[] = {
	OPT_STRING(0, "format", struct history_opts, format, "FORMAT", "json, or a Go template"),
	OPT_TRI('H', "human", struct history_opts, human, "sizes and times for people"),
	OPT_FLAG(0, "no-trunc", struct history_opts, no_trunc, "do not shorten ids and steps"),
	OPT_FLAG('q', "quiet", struct history_opts, quiet, "ids only"),
	OPT_ALIAS("notruncate", "no-trunc"),
	OPT_END
};

const struct cmd cmd_history = {
	.paths = { "history", "image history" },
	.synopsis = "IMAGE",
	.help = "Show the steps that made an image",
	.section = SECTION_LOOK,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_STORE,
	.opts = history_opts,
	.opts_size = sizeof(struct history_opts),
	.defaults = &(const struct history_opts){ .human = 1 },
	.run = history_run,
};
