/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/network.c - `network ls`, `exists`, `inspect`, `rm`, `prune`: there are no networks to manage
 *
 * Each container has a network of its own by slirp4netns, or none, the host's or another container's (--network). Scripts ask for networks before
 * they make or after they have used them: they get the truth. What would make or change a network is refused (refused.c).
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "cli/confirm.h"
#include "cli/format.h"

#include <stdio.h>

struct network_opts {
	struct strv filters;
	char *format;
	bool quiet, no_heading, no_trunc, force, verbose;
	int64_t time_s;
};

static int not_found(const char *name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND,
		       "unable to find network with name or ID %s: network not found", name);
}

static int network_ls_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct network_opts *opts = opts_;
	cleanup_json json_t *rows = json_array();
	cleanup_format struct format *format = NULL;
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.NetworkID}}\t{{.Name}}\t{{.Driver}}",
		.no_heading = opts->no_heading,
	};

	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	if (opts->quiet)
		return 0;
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 2);
	return 0;
}

static int network_exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return 1;
}

static int network_none_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	return not_found(args->items[0], err);
}

/* --force: what is not there is as good as gone */
static int network_rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct network_opts *opts = opts_;

	return opts->force ? 0 : not_found(args->items[0], err);
}

static int network_prune_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct network_opts *opts = opts_;

	if (!opts->force)
		confirm("This will remove all networks that no container uses.");
	return 0;
}

#define T struct network_opts
static const struct opt network_ls_opts[] = {
	OPT_LIST('f', "filter", T, filters, "NAME=VALUE", "those that match"),
	OPT_STRING(0, "format", T, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG('q', "quiet", T, quiet, "names only"),
	OPT_FLAG('n', "noheading", T, no_heading, "no headings"),
	OPT_FLAG(0, "no-trunc", T, no_trunc, "whole ids"),
	OPT_END
};
static const struct opt network_inspect_opts[] = {
	OPT_STRING('f', "format", T, format, "FORMAT", "a Go template"),
	OPT_FLAG('v', "verbose", T, verbose, "more"), OPT_END
};
static const struct opt network_rm_opts[] = {
	OPT_FLAG('f', "force", T, force, "a missing network is no error"),
	OPT_INT('t', "time", T, time_s, "SECONDS", "for containers to stop that use it"), OPT_END
};
static const struct opt network_prune_opts[] = {
	OPT_FLAG('f', "force", T, force, "do not ask"),
	OPT_LIST(0, "filter", T, filters, "NAME=VALUE", "those that match"), OPT_END
};
static const struct opt no_opts[] = { OPT_END };

const struct cmd cmd_network_ls = {
	.paths = { "network ls", "network list" },
	.synopsis = "",
	.help = "List networks: there are none besides those of containers",
	.section = SECTION_NONE,
	.opts = network_ls_opts,
	.opts_size = sizeof(T),
	.run = network_ls_run,
};

const struct cmd cmd_network_exists = {
	.paths = { "network exists" },
	.synopsis = "NETWORK",
	.help = "Tell by the exit status whether a network is there",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.opts = no_opts,
	.opts_size = sizeof(T),
	.run = network_exists_run,
};

const struct cmd cmd_network_inspect = {
	.paths = { "network inspect" },
	.synopsis = "NETWORK...",
	.help = "Show networks",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.opts = network_inspect_opts,
	.opts_size = sizeof(T),
	.run = network_none_run,
};

const struct cmd cmd_network_rm = {
	.paths = { "network rm", "network remove" },
	.synopsis = "NETWORK...",
	.help = "Remove networks",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.opts = network_rm_opts,
	.opts_size = sizeof(T),
	.run = network_rm_run,
};

const struct cmd cmd_network_prune = {
	.paths = { "network prune" },
	.synopsis = "",
	.help = "Remove networks that nobody uses",
	.section = SECTION_NONE,
	.opts = network_prune_opts,
	.opts_size = sizeof(T),
	.run = network_prune_run,
};
