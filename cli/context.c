/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/context.c - `context`: where docker's tools ask which machine they talk to
 *
 * Editors ask for the contexts before anything else. There is one, "default", and it is this machine: refused.c refuses what would make another.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"

#include <stdio.h>

#define DEFAULT_CONTEXT "default"

struct context_opts {
	char *format;
	bool quiet;
};

static json_t *context_row(void)
{
	json_t *row = json_object();

	json_put_bool(row, "Current", true);
	json_put_string(row, "Description", "this machine, without a server");
	json_put_string(row, "DockerEndpoint", "");
	json_put_string(row, "Error", "");
	json_put_string(row, "Name", DEFAULT_CONTEXT);
	return row;
}

static int ls_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct context_opts *opts = opts_;
	cleanup_json json_t *rows = json_array();
	cleanup_format struct format *format = NULL;
	static const struct template_alias headings[] = { { "DockerEndpoint", "DOCKER ENDPOINT" },
							  { NULL, NULL } };
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.Name}}\t{{.Description}}\t{{.DockerEndpoint}}\t"
			 "{{.Error}}",
		.rules = { .heading = headings },
	};

	if (opts->quiet) {
		(void)puts(DEFAULT_CONTEXT);
		return 0;
	}
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	json_array_append_new(rows, context_row());
	/* the star is for people only */
	if (opts->format == NULL)
		json_put_string(json_array_get(rows, 0), "Name", DEFAULT_CONTEXT " *");
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 4);
	return 0;
}

static int show_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	(void)puts(DEFAULT_CONTEXT);
	return 0;
}

static int check_name(const char *name, struct err *err)
{
	if (str_equal(name, DEFAULT_CONTEXT))
		return 0;
	err_set(err, ERR_NOT_FOUND, "context '%s' does not exist: there is only '%s'", name,
		DEFAULT_CONTEXT);
	return err_hint(err, "dhow works on this machine only; run it elsewhere with ssh.");
}

static int use_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	if (check_name(args->items[0], err) < 0)
		return -1;
	(void)puts(DEFAULT_CONTEXT);
	return 0;
}

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct context_opts *opts = opts_;
	cleanup_json json_t *list = json_array();
	cleanup_format struct format *format = NULL;
	const struct format_request request = { .format = opts->format, .no_heading = true };
	json_t *object = json_object();
	json_t *metadata = json_object();
	json_t *endpoints = json_object();
	json_t *endpoint = json_object();

	json_array_append_new(list, object);
	json_put_string(object, "Name", DEFAULT_CONTEXT);
	json_put(object, "Metadata", metadata);
	json_put_string(endpoint, "Host", "");
	json_put_bool(endpoint, "SkipTLSVerify", false);
	json_put(endpoints, "docker", endpoint);
	json_put(object, "Endpoints", endpoints);
	json_put(object, "TLSMaterial", json_object());
	for (size_t i = 0; i < args->count; i++) {
		if (check_name(args->items[i], err) < 0)
			return -1;
	}
	if (!str_is_empty(opts->format)) {
		if (format_new(cli, &request, &format, err) < 0)
			return -1;
		if (!format_is_json(format) && !format_is_lines(format))
			return format_object(format, object, err);
	}
	format_json(list, 4);
	return 0;
}

#define FORMAT_ROW                                                                                 \
	OPT_STRING('f', "format", struct context_opts, format, "FORMAT", "json, or a Go template")
static const struct opt ls_opts[] = {
	OPT_STRING(0, "format", struct context_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG('q', "quiet", struct context_opts, quiet, "names only"), OPT_END
};
static const struct opt inspect_opts[] = { FORMAT_ROW, OPT_END };

const struct cmd cmd_context_ls = {
	.paths = { "context ls", "context list" },
	.synopsis = "",
	.help = "List contexts: there is one",
	.section = SECTION_NONE,
	.opts = ls_opts,
	.opts_size = sizeof(struct context_opts),
	.run = ls_run,
};
const struct cmd cmd_context_show = {
	.paths = { "context show" },
	.synopsis = "",
	.help = "Show the name of the context",
	.section = SECTION_NONE,
	.run = show_run,
};
const struct cmd cmd_context_use = {
	.paths = { "context use" },
	.synopsis = "CONTEXT",
	.help = "Use a context: there is only 'default'",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.run = use_run,
};
const struct cmd cmd_context_inspect = {
	.paths = { "context inspect" },
	.synopsis = "[CONTEXT]",
	.help = "Show what is known of a context",
	.section = SECTION_NONE,
	.max_args = -1,
	.opts = inspect_opts,
	.opts_size = sizeof(struct context_opts),
	.run = inspect_run,
};
