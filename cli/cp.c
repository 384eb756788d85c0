/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/cp.c - `cp`: files between containers and the host
 *
 * "CONTAINER:PATH" is in a container. What starts with '/' or '.' is a path of the host, whatever colons are in it; "-" is a stream of tar.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/files.h"

#include <string.h>
#include <unistd.h>

static int parse_end(struct cli *cli, const char *text, int stream_fd, struct copy_end *ret,
		     struct container **ret_container, struct err *err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *name = NULL;

	*ret = (struct copy_end){ .path = text, .stream_fd = -1 };
	if (str_equal(text, "-") || (stream_fd == STDIN_FILENO && str_equal(text, "/dev/stdin"))) {
		ret->stream_fd = stream_fd;
		return 0;
	}
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "a path of cp is empty");
	if (*text == '/' || *text == '.' || colon == NULL)
		return 0;
	name = xstrndup(text, (size_t)(colon - text));
	if (*name == '\0')
		return err_set(err, ERR_USAGE, "'%s' names no container before its ':'", text);
	if (container_get(cli->engine, name, ret_container, err) < 0)
		return -1;
	ret->container = *ret_container;
	ret->path = colon[1] != '\0' ? colon + 1 : "/";
	return 0;
}

static int cp_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct container_cp_opts *opts = opts_;
	cleanup_container struct container *source = NULL;
	cleanup_container struct container *target = NULL;
	struct copy_end from, to;

	if (parse_end(cli, args->items[0], STDIN_FILENO, &from, &source, err) < 0 ||
	    parse_end(cli, args->items[1], STDOUT_FILENO, &to, &target, err) < 0)
		return -1;
	if (to.stream_fd >= 0 && isatty(to.stream_fd)) {
		err_set(err, ERR_USAGE, "refusing to write an archive to a terminal");
		return err_hint(err, "Redirect stdout to a file or into tar.");
	}
	if (container_cp(cli->engine, &from, &to, opts, err) < 0)
		/* sentences that say all, and that scripts know */
		return err->kind == ERR_NOT_FOUND || err->kind == ERR_EXISTS ||
				       err->kind == ERR_UNSUPPORTED
			       ? -1
			       : err_wrap(err, "cannot copy '%s' to '%s'", args->items[0],
					  args->items[1]);
	return 0;
}

static const struct opt cp_opts[] = {
	OPT_TRI('a', "archive", struct container_cp_opts, archive,
		"what goes into a container belongs to its user; =false: to whom it belonged"),
	OPT_FLAG(0, "overwrite", struct container_cp_opts, overwrite,
		 "let a directory be replaced by something else, and the other way round"),
	OPT_FLAG(0, "pause", struct container_cp_opts, pause,
		 "freeze containers that run until it is done"),
	OPT_FLAG('q', "quiet", struct container_cp_opts, quiet, "print nothing, as always"),
	OPT_REFUSED('L', "follow-link", "the last link of the source is always followed"),
	OPT_END
};

const struct cmd cmd_cp = {
	.paths = { "cp", "container cp" },
	.synopsis = "[CONTAINER:]SOURCE [CONTAINER:]TARGET",
	.help = "Copy files between containers and the host",
	.examples = "  dhow cp web:/etc/nginx ./nginx\n"
		    "  dhow cp site/. web:/srv\n"
		    "  tar c site | dhow cp - web:/srv\n",
	.section = SECTION_RUN,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_COPY,
	.needs = NEEDS_WRITING,
	.opts = cp_opts,
	.opts_size = sizeof(struct container_cp_opts),
	.defaults = &(const struct container_cp_opts){ .archive = 1 },
	.run = cp_run,
};
