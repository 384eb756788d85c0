/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/exec.c - `exec`
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/container.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct exec_opts {
	struct container_exec_opts exec;
	bool latest;
};

#define CIDFILE_LIMIT_BYTES 4096

/* The container is the first argument, unless an option names it. */
static int exec_container(struct cli *cli, const struct exec_opts *opts, const struct strv *args,
			  struct container **ret_container, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (opts->latest && opts->exec.cidfile != NULL)
		return err_set(err, ERR_USAGE, "--latest and --cidfile exclude each other");
	if (opts->latest) {
		int found = container_find_latest(cli->engine, ret_container, err);

		return found == 0 ? err_set(err, ERR_NOT_FOUND, "there is no container") : found;
	}
	if (opts->exec.cidfile == NULL)
		return container_get(cli->engine, args->items[0], ret_container, err);

	int status = fd_read_file(AT_FDCWD, opts->exec.cidfile, &text, CIDFILE_LIMIT_BYTES);

	if (status < 0)
		return err_sys(err, -status, "cannot read cidfile '%s'", opts->exec.cidfile);
	while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1]))
		strbuf_truncate(&text, text.length - 1);
	return container_get(cli->engine, text.data, ret_container, err);
}

static int exec_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct exec_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	cleanup_strv struct strv argv = STRV_INIT;
	size_t first = opts->latest || opts->exec.cidfile != NULL ? 0 : 1;
	struct object_id session;

	if (args->count <= first)
		return err_set(err, ERR_USAGE, "%s",
			       first == 0 ? "a command must be named"
					  : "a container and a command must be named");
	if (exec_container(cli, opts, args, &container, err) < 0)
		return -1;
	for (size_t i = first; i < args->count; i++)
		strv_add(&argv, args->items[i]);
	if (opts->exec.tty && opts->exec.interactive && !isatty(STDIN_FILENO))
		engine_warn(cli->engine, "the input is not a terminal: --tty and --interactive may "
					 "not work as expected");

	int status = container_exec(cli->engine, container, &argv, &opts->exec, &session, err);

	if (status >= 0 && opts->exec.detach)
		(void)printf("%s\n", session.text);
	return status;
}

static const struct opt exec_opts[] = {
	OPT_FLAG('d', "detach", struct exec_opts, exec.detach, "run in the background"),
	OPT_STRING(0, "detach-keys", struct exec_opts, exec.detach_keys, "KEYS",
		   "keys that detach (ctrl-p,ctrl-q)"),
	OPT_LIST('e', "env", struct exec_opts, exec.env, "NAME[=VALUE]", "set a variable"),
	OPT_LIST(0, "env-file", struct exec_opts, exec.env_files, "FILE",
		 "variables from the lines of a file"),
	OPT_FLAG('i', "interactive", struct exec_opts, exec.interactive, "pass stdin on"),
	OPT_FLAG('t', "tty", struct exec_opts, exec.tty, "give the program a terminal"),
	OPT_FLAG(0, "privileged", struct exec_opts, exec.privileged, "all that the caller has"),
	OPT_STRING('u', "user", struct exec_opts, exec.user, "USER[:GROUP]", "who runs it"),
	OPT_STRING('w', "workdir", struct exec_opts, exec.workdir, "DIR", "where it starts"),
	OPT_UINT(0, "preserve-fds", struct exec_opts, exec.preserve_fds, "N",
		 "pass N descriptors from 3 on"),
	OPT_WORDS(0, "preserve-fd", struct exec_opts, exec.preserve_fd, "FD",
		  "pass this descriptor"),
	OPT_FLAG(0, "no-session", struct exec_opts, exec.no_session,
		 "keep no record of it (exec never keeps one)"),
	OPT_STRING(0, "cidfile", struct exec_opts, exec.cidfile, "FILE",
		   "the container whose id is in FILE"),
	OPT_FLAG('l', "latest", struct exec_opts, latest, "the container created last"),
	OPT_END
};

const struct cmd cmd_exec = {
	.paths = { "exec", "container exec" },
	.synopsis = "CONTAINER COMMAND [ARG...]",
	.help = "Run one more program in a running container",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.complete_first_only = true,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = exec_opts,
	.opts_size = sizeof(struct exec_opts),
	.options_first = true,
	.run = exec_run,
};
