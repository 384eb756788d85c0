/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/unshare.c - `unshare`: run a program as root of the user namespace that containers have
 *
 * Files that belong to subordinate ids can be looked at and removed there.
 */
#include "cli/cmd.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int unshare_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	const struct idmaps *maps;
	cleanup_strv struct strv argv = STRV_INIT;

	strv_add_all(&argv, args);
	if (argv.count == 0)
		strv_add(&argv, getenv("SHELL") ?: "/bin/sh");
	if (store_idmaps(cli->engine->store, &maps, err) < 0 || userns_enter(maps, err) < 0)
		return -1;

	execvp(argv.items[0], strv_argv(&argv));
	err_set(err, errno == ENOENT ? ERR_NO_COMMAND : ERR_CANNOT_RUN, "cannot run '%s': %s",
		argv.items[0],
		errno == ENOENT ? "there is no such program" : "it cannot be executed");
	return -1;
}

static const struct opt unshare_opts[] = {
	OPT_REFUSED(0, "rootless-netns", "containers of dhow have no network namespace in common"),
	OPT_END
};

const struct cmd cmd_unshare = {
	.paths = { "unshare" },
	.synopsis = "[COMMAND [ARG...]]",
	.help = "Run a command as root of the user namespace of containers",
	.section = SECTION_OTHER,
	.max_args = -1,
	.complete = COMPLETE_COMMANDS,
	.needs = NEEDS_STORE,
	.opts = unshare_opts,
	.options_first = true,
	.run = unshare_run,
};
