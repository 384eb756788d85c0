/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/export.c - `export`: the root file system of a container as tar
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/output_file.h"
#include "engine/files.h"

struct export_opts {
	char *output;
};

static int export_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct export_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	struct output_file file;
	int status;

	if (container_get(cli->engine, args->items[0], &container, err) < 0 ||
	    output_file_open(opts->output, &file, err) < 0)
		return -1;
	status = container_export(cli->engine, container, file.fd, err);
	if (output_file_close(&file, status < 0, err) < 0)
		return -1;
	return status;
}

static const struct opt export_opts[] = {
	OPT_STRING('o', "output", struct export_opts, output, "FILE", "write to this file"), OPT_END
};

const struct cmd cmd_export = {
	.paths = { "export", "container export" },
	.synopsis = "CONTAINER",
	.help = "Write the file system of a container as tar",
	.section = SECTION_OTHER,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = export_opts,
	.opts_size = sizeof(struct export_opts),
	.run = export_run,
};
