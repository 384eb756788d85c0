/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/buildx.c - `buildx version`, `ls`, `inspect`, `use`: what scripts ask of docker's builders before they build
 *
 * There is one builder, "default", and it is dhow itself: it always runs. refused.c refuses what would make another.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/docker.h"
#include "cli/format.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define BUILDER "default"

struct buildx_opts {
	char *format, *builder;
	bool bootstrap, is_default, global, no_trunc;
};

static int check_name(const char *name, struct err *err)
{
	if (str_is_empty(name) || str_equal(name, BUILDER))
		return 0;
	err_set(err, ERR_NOT_FOUND, "no builder \"%s\" found: there is only '" BUILDER "'", name);
	return err_hint(err, "Leave the builder out, or say --builder " BUILDER ".");
}

/* as images name it */
static const char *platform(void)
{
#if defined(__x86_64__)
	return "linux/amd64";
#elif defined(__aarch64__)
	return "linux/arm64";
#else
	static char text[sizeof("linux/") + sizeof(((struct utsname *)0)->machine)];
	struct utsname name;

	(void)snprintf(text, sizeof(text), "linux/%s", uname(&name) == 0 ? name.machine : "");
	return text;
#endif
}

static int version_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	/* setup scripts look for a blank, v and a number */
	(void)puts("github.com/docker/buildx v0.29.1 dhow-" DHOW_VERSION);
	return 0;
}

static int ls_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct buildx_opts *opts = opts_;
	cleanup_json json_t *rows = json_array();
	cleanup_format struct format *format = NULL;
	static const struct template_alias headings[] = { { "Name", "NAME/NODE" },
							  { "DriverEndpoint", "DRIVER/ENDPOINT" },
							  { NULL, NULL } };
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.Name}}\t{{.DriverEndpoint}}\t{{.Status}}\t{{.Platforms}}",
		.rules = { .heading = headings },
	};
	json_t *row = json_object();

	if (format_new(cli, &request, &format, err) < 0) {
		json_decref(row);
		return -1;
	}
	/* the star is for people only */
	json_put_string(row, "Name", opts->format == NULL ? BUILDER "*" : BUILDER);
	json_put_string(row, "DriverEndpoint", "docker");
	json_put_string(row, "Driver", "docker");
	json_put_string(row, "Status", "running");
	json_put_string(row, "Platforms", platform());
	json_put_bool(row, "Current", true);
	json_array_append_new(rows, row);
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(row, 0);
	return 0;
}

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct buildx_opts *opts = opts_;
	const char *name = args->count > 0 ? args->items[0] : opts->builder;

	if (check_name(name, err) < 0)
		return -1;
	(void)printf("Name:   " BUILDER "\n"
		     "Driver: docker\n"
		     "\n"
		     "Nodes:\n"
		     "Name:             " BUILDER "\n"
		     "Endpoint:         " BUILDER "\n"
		     "Status:           running\n"
		     "BuildKit version: dhow " DHOW_VERSION "\n"
		     "Platforms:        %s\n",
		     platform());
	return 0;
}

static int use_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return check_name(args->items[0], err);
}

#define T struct buildx_opts
static const struct opt ls_opts[] = {
	OPT_STRING(0, "format", T, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG(0, "no-trunc", T, no_trunc, "whole lists of platforms: they are always so"),
	OPT_END
};
static const struct opt inspect_opts[] = {
	OPT_FLAG(0, "bootstrap", T, bootstrap, "start it first: it always runs"),
	OPT_STRING(0, "builder", T, builder, "NAME", "default: there is one builder"), OPT_END
};
static const struct opt use_opts[] = {
	OPT_FLAG(0, "default", T, is_default, "for this context: there is one"),
	OPT_FLAG(0, "global", T, global, "for all contexts: there is one"), OPT_END
};

const struct cmd cmd_buildx_version = {
	.paths = { "buildx version" },
	.synopsis = "",
	.help = "Show the version of docker's builder that is followed",
	.section = SECTION_NONE,
	.run = version_run,
};
const struct cmd cmd_buildx_ls = {
	.paths = { "buildx ls" },
	.synopsis = "",
	.help = "List builders: there is one",
	.section = SECTION_NONE,
	.opts = ls_opts,
	.opts_size = sizeof(T),
	.run = ls_run,
};
const struct cmd cmd_buildx_inspect = {
	.paths = { "buildx inspect" },
	.synopsis = "[BUILDER]",
	.help = "Show what is known of the builder",
	.section = SECTION_NONE,
	.max_args = 1,
	.opts = inspect_opts,
	.opts_size = sizeof(T),
	.run = inspect_run,
};
const struct cmd cmd_buildx_use = {
	.paths = { "buildx use" },
	.synopsis = "BUILDER",
	.help = "Use a builder: there is only 'default'",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.opts = use_opts,
	.opts_size = sizeof(T),
	.run = use_run,
};
