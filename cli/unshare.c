/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/unshare.c - `unshare`: a program as root of the user namespace that containers use
 *
 * For files of subordinate ids: `dhow unshare rm -r DIR`, `dhow unshare chown 33:33 DIR`.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "rootless/rootless.h"

#include <errno.h>
#include <unistd.h>

static int unshare_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	const struct idmaps *maps;

	strv_add_all(&argv, args);
	if (argv.count == 0) {
		const char *shell = getenv("SHELL");

		strv_add(&argv, str_is_empty(shell) ? "/bin/sh" : shell);
	}
	/* one inside another would have no ids to give */
	if (!userns_is_inside() &&
	    (store_idmaps(cli->engine->store, &maps, err) < 0 || userns_enter(maps, err) < 0))
		return -1;

	(void)execvp(argv.items[0], strv_argv(&argv));

	int status = errno;

	err_sys(err, status, "cannot run '%s'", argv.items[0]);
	err->kind = status == ENOENT ? ERR_NO_COMMAND : ERR_CANNOT_RUN;
	return -1;
}

static const struct opt unshare_opts[] = {
	OPT_REFUSED(0, "rootless-netns", "each container has a network namespace of its own"),
	OPT_END
};

const struct cmd cmd_unshare = {
	.paths = { "unshare" },
	.synopsis = "[COMMAND [ARG...]]",
	.help = "Run a program as root of the user namespace of containers",
	.section = SECTION_OTHER,
	.max_args = -1,
	.needs = NEEDS_STORE,
	.opts = unshare_opts,
	.options_first = true,
	.run = unshare_run,
};
