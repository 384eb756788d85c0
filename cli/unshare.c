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
#include "engine/files.h"
#include "rootless/rootless.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unshare_opts {
	struct strv mounts;
};

/* NAME=CONTAINER, or CONTAINER, whose variable has its name */
static int mount_one(struct cli *cli, const char *text, struct err *err)
{
	const char *equal = strchr(text, '=');
	cleanup_free char *name = xstrndup(text, strcspn(text, "="));
	cleanup_container struct container *container = NULL;
	cleanup_free char *path = NULL;

	if (*name == '\0')
		return err_set(err, ERR_USAGE, "invalid --mount '%s': it is VARIABLE=CONTAINER",
			       text);
	if (container_get(cli->engine, equal != NULL ? equal + 1 : text, &container, err) < 0 ||
	    container_mount(cli->engine, container, &path, err) < 0)
		return -1;
	return setenv(name, path, true) < 0 ? err_sys(err, errno, "cannot set a variable") : 0;
}

static int unshare_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct unshare_opts *opts = opts_;
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
	for (size_t i = 0; i < opts->mounts.count; i++)
		if (mount_one(cli, opts->mounts.items[i], err) < 0)
			return -1;

	(void)execvp(argv.items[0], strv_argv(&argv));

	int status = errno;

	err_sys(err, status, "cannot run '%s'", argv.items[0]);
	err->kind = status == ENOENT ? ERR_NO_COMMAND : ERR_CANNOT_RUN;
	return -1;
}

static const struct opt unshare_opts[] = {
	OPT_LIST('m', "mount", struct unshare_opts, mounts, "VARIABLE=CONTAINER",
		 "mount a container, and tell where by a variable"),
	OPT_REFUSED(0, "rootless-netns", "each container has a network namespace of its own"),
	OPT_END
};

const struct cmd cmd_unshare = {
	.paths = { "unshare", "builder unshare" },
	.synopsis = "[COMMAND [ARG...]]",
	.help = "Run a program as root of the user namespace of containers",
	.section = SECTION_OTHER,
	.max_args = -1,
	.needs = NEEDS_STORE,
	.opts = unshare_opts,
	.opts_size = sizeof(struct unshare_opts),
	.options_first = true,
	.run = unshare_run,
};
