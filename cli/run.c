/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/run.c - `run`: create, start, attach, and with --rm remove, as one command
 *
 * The exit status is the program's own; 125, 126 and 127 say that it never ran (the engine, the program, no such program). With
 * --rm nothing is left behind, also when the start failed.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "cli/attach.h"
#include "cli/linger.h"
#include "cli/preserve.h"
#include "cli/progress.h"
#include "cli/rows.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define T struct container_create_opts

static int check_run_opts(const struct container_create_opts *opts, struct err *err)
{
	if (opts->detach && opts->attach.count > 0)
		return err_set(err, ERR_USAGE, "--detach and --attach exclude each other");
	if (opts->rmi && opts->detach && !opts->rm)
		return err_set(err, ERR_USAGE, "--rmi needs --rm when the container is detached");
	for (size_t i = 0; i < opts->attach.count; i++) {
		if (attach_stream_parse(opts->attach.items[i]) < 0)
			return err_set(err, ERR_USAGE,
				       "invalid argument '%s' for '--attach': it can be stdin, "
				       "stdout, stderr",
				       opts->attach.items[i]);
	}
	return 0;
}

static int remove_container(struct cli *cli, struct container *container, struct err *err)
{
	const struct container_rm_opts opts = { .force = true, .ignore = true, .volumes = true };

	return container_remove(cli->engine, container, &opts, err);
}

/* --rmi: the image may be in use by others, then it stays, and that is no failure of the run. */
static void remove_image(struct cli *cli, const char *id)
{
	const struct image_rm_opts opts = { .ignore = true };
	cleanup_strv struct strv untagged = STRV_INIT;
	cleanup_strv struct strv deleted = STRV_INIT;
	struct err err;

	if (*id != '\0' && image_rm(cli->engine, id, &opts, &untagged, &deleted, &err) < 0)
		engine_warn(cli->engine, "cannot remove the image, ignoring: %s", err.msg);
}

static int run_attached(struct cli *cli, struct container *container,
			const struct container_create_opts *opts, const struct preserved *preserved,
			struct err *err)
{
	struct attach_session session = {
		.streams = attach_streams(&opts->attach, opts->interactive),
		.terminal = opts->tty,
		.sig_proxy = opts->sig_proxy != 0,
		.detach_keys = opts->detach_keys,
		.cleanup = opts->rm,
		.preserved_fds = preserved->fds,
		.preserved_fd_count = preserved->count,
		.preserve_numbers = preserved->numbers,
		.listen_fd_count = preserved->listen_count,
		.listen_fd_names = preserved->listen_names,
	};
	int status = attach_start(cli, container, &session, err);

	/* who asked for none of its output gets the id, as with --detach */
	if (status >= 0 && opts->attach.count > 0 &&
	    !(session.streams & (ATTACH_STREAM_STDOUT | ATTACH_STREAM_STDERR)))
		(void)printf("%s\n", container->id.text);

	/* the monitor removes what was detached from when it ends */
	if (opts->rm && !session.detached) {
		struct err remove_err;

		if (remove_container(cli, container, &remove_err) < 0) {
			if (status < 0)
				return -1;
			*err = remove_err;
			return -1;
		}
	}
	return status;
}

static int run_detached(struct cli *cli, struct container *container,
			const struct container_create_opts *opts, const struct preserved *preserved,
			struct err *err)
{
	const struct container_start_opts start = {
		.preserved_fds = preserved->fds,
		.preserved_fd_count = preserved->count,
		.preserve_numbers = preserved->numbers,
		.listen_fd_count = preserved->listen_count,
		.listen_fd_names = preserved->listen_names,
	};

	if (container_start(cli->engine, container, &start, NULL, err) < 0) {
		struct err remove_err;

		if (opts->rm && remove_container(cli, container, &remove_err) < 0)
			engine_warn(cli->engine, "cannot remove the container, ignoring: %s",
				    remove_err.msg);
		return -1;
	}
	(void)printf("%s\n", container->id.text);
	linger_hint(cli);
	return 0;
}

static int run_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct container_create_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_free char *image_id = NULL;
	cleanup_preserved struct preserved preserved = { NULL, 0, false };
	cleanup_progress struct progress_view *view = NULL;

	if (check_run_opts(opts, err) < 0 ||
	    preserved_find(opts->preserve_fds, &opts->preserve_fd, &preserved, err) < 0)
		return -1;
	if (opts->rmi && !opts->detach)
		opts->rm = true;
	for (size_t i = 1; i < args->count; i++)
		strv_add(&argv, args->items[i]);
	opts->command_line = cli->command_line;
	if (!opts->pull.quiet)
		view = progress_view_new();

	container_start_ahead(cli->engine, opts);
	int status = container_create(cli->engine, args->items[0], &argv, opts, progress_view_event,
				      view, &container, err);

	strv_init(&opts->command_line);
	progress_view_end(view);
	if (status < 0)
		return -1;

	/* the container is gone when its image's turn comes */
	image_id = xstrdup_null(container->image_id);
	status = opts->detach ? run_detached(cli, container, opts, &preserved, err)
			      : run_attached(cli, container, opts, &preserved, err);
	if (opts->rmi && !opts->detach)
		remove_image(cli, image_id != NULL ? image_id : "");
	return status;
}

static const struct opt run_opts[] = {
	OPT_ROWS(create_rows),
	OPT_FLAG('d', "detach", T, detach, "run in the background and print the id"),
	OPT_STRING(0, "detach-keys", T, detach_keys, "KEYS", "keys that detach (ctrl-p,ctrl-q)"),
	OPT_TRI(0, "sig-proxy", T, sig_proxy, "pass signals on to the program"),
	OPT_FLAG(0, "rmi", T, rmi, "remove the image, too, unless something else uses it"),
	OPT_TRI(0, "passwd", T, passwd, "add the user to /etc/passwd"),
	OPT_UINT(0, "preserve-fds", T, preserve_fds, "N", "pass N descriptors from 3 on"),
	OPT_WORDS(0, "preserve-fd", T, preserve_fd, "FD", "pass this descriptor"),
	OPT_END
};

const struct cmd cmd_run = {
	.paths = { "run", "container run" },
	.synopsis = "IMAGE [COMMAND [ARG...]]",
	.help = "Run a program in a new container",
	.examples = "  dhow run --rm -it docker.io/library/alpine\n"
		    "  dhow run -d --name web -p 8080:80 docker.io/library/nginx\n",
	.section = SECTION_RUN,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.complete_first_only = true,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = run_opts,
	.opts_size = sizeof(struct container_create_opts),
	.defaults = &(const struct container_create_opts)CREATE_DEFAULTS,
	.options_first = true,
	.run = run_run,
};
