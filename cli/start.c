/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/start.c - `start`
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/attach.h"
#include "cli/preserve.h"
#include "cli/select.h"

struct start_opts {
	struct select_opts select;
	bool attach, interactive;
	char *detach_keys;
	int sig_proxy; /* TRI_UNSET: on with --attach */
};

static int start_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct preserved *preserved = arg;
	const struct container_start_opts start = {
		.preserved_fds = preserved->fds,
		.preserved_fd_count = preserved->count,
		.listen_fd_count = preserved->listen_count,
		.listen_fd_names = preserved->listen_names,
	};

	return container_start(cli->engine, container, &start, NULL, err);
}

static int start_attached(struct cli *cli, const struct start_opts *opts, const struct strv *args,
			  const struct preserved *preserved, struct err *err)
{
	cleanup_container struct container *container = NULL;
	struct attach_session session = {
		.streams = ATTACH_STREAM_STDOUT | ATTACH_STREAM_STDERR,
		.sig_proxy = opts->sig_proxy != 0,
		.detach_keys = opts->detach_keys,
		.preserved_fds = preserved->fds,
		.preserved_fd_count = preserved->count,
		.listen_fd_count = preserved->listen_count,
		.listen_fd_names = preserved->listen_names,
	};

	if (opts->select.all || opts->select.filters.count > 0 || args->count > 1)
		return err_set(err, ERR_USAGE, "only one container can be started and attached to");
	if (select_one(cli, args, opts->select.latest, &container, err) < 0)
		return -1;

	session.terminal = container->terminal;
	if (opts->interactive)
		session.streams |= ATTACH_STREAM_STDIN;
	if (container->state.status == CONTAINER_RUNNING)
		return attach_running(cli, container, &session, -1, err);
	return attach_start(cli, container, &session, err);
}

static int start_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct start_opts *opts = opts_;
	const struct select_request request = {
		.args = args,
		.all = opts->select.all,
		.latest = opts->select.latest,
		.filters = &opts->select.filters,
		.cidfiles = &opts->select.cidfiles,
		/* what runs was not started by us, so it is not named */
		.states = 1U << CONTAINER_CREATED | 1U << CONTAINER_INITIALIZED |
			  1U << CONTAINER_EXITED,
	};

	static const struct strv none = STRV_INIT;
	cleanup_preserved struct preserved preserved = { 0 };

	if (preserved_find(0, &none, &preserved, err) < 0)
		return -1;
	if (opts->attach || opts->interactive)
		return start_attached(cli, opts, args, &preserved, err);
	if (opts->select.all && args->count > 0)
		return err_set(err, ERR_USAGE,
			       "either start all containers or the container(s) provided in the "
			       "arguments");

	int status = select_each(cli, &request, start_one, &preserved, err);

	/* 126 and 127 tell of a program that a command waits for: here nobody does */
	return status > 125 ? 125 : status;
}

static const struct opt start_opts[] = {
	OPT_FLAG(0, "all", struct start_opts, select.all, "all containers"),
	OPT_FLAG('l', "latest", struct start_opts, select.latest, "the container created last"),
	OPT_LIST('f', "filter", struct start_opts, select.filters, "NAME=VALUE",
		 "those that match"),
	OPT_FLAG('a', "attach", struct start_opts, attach, "attach to its output"),
	OPT_FLAG('i', "interactive", struct start_opts, interactive, "attach to its stdin, too"),
	OPT_STRING(0, "detach-keys", struct start_opts, detach_keys, "KEYS",
		   "keys that detach (ctrl-p,ctrl-q)"),
	OPT_TRI(0, "sig-proxy", struct start_opts, sig_proxy,
		"with --attach: pass signals on to the program"),
	OPT_REFUSED_VALUE(0, "checkpoint", "there are no checkpoints"),
	OPT_REFUSED_VALUE(0, "checkpoint-dir", "there are no checkpoints"),
	OPT_END
};

const struct cmd cmd_start = {
	.paths = { "start", "container start" },
	.synopsis = "[CONTAINER...]",
	.help = "Start containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_STOPPED,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = start_opts,
	.opts_size = sizeof(struct start_opts),
	.defaults = &(const struct start_opts){ .sig_proxy = TRI_UNSET },
	.run = start_run,
};
