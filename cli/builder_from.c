/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/builder_from.c - `builder from`: a working container of an image
 *
 * Its options are about the steps that follow. The record keeps the words of the command line, and `builder run` reads them again by the
 * same table.
 */
#include "cli/builder.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "engine/build.h"

#include <stdio.h>

static const struct builder_from_opts from_defaults = { .create = CREATE_DEFAULTS };

int builder_check_isolation(const char *text, struct err *err)
{
	if (text == NULL || str_equal(text, "oci") || str_equal(text, "rootless") ||
	    str_equal(text, "default") || *text == '\0')
		return 0;
	if (str_equal(text, "chroot"))
		return err_set(err, ERR_UNSUPPORTED,
			       "--isolation=chroot is not supported: a step runs in a container, "
			       "with namespaces and a profile");
	return err_set(err, ERR_USAGE, "invalid --isolation '%s': it is oci, rootless or default",
		       text);
}

static int from_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct builder_from_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	enum pull_policy policy;

	if (builder_check_isolation(opts->isolation, err) < 0 ||
	    build_pull_policy(opts->pull, &policy, err) < 0)
		return -1;
	opts->create.pull.policy = xstrdup(pull_policy_name((int)policy));
	strv_copy(&opts->create.command_line, &cli->command_line);
	cleanup_progress struct progress_view *view =
		opts->create.pull.quiet ? NULL : progress_view_new();
	int status = working_create(cli->engine, args->items[0], &opts->create, opts->format,
				    progress_view_event, view, &container, err);

	progress_view_end(view);
	strv_release(&opts->create.command_line);
	free(opts->create.pull.policy);
	opts->create.pull.policy = NULL;
	if (status < 0)
		return -1;
	(void)printf("%s\n", container->name);
	return 0;
}

int builder_read_from(const struct container *container, struct builder_from_opts *ret_opts,
		      struct err *err)
{
	struct global_opts global = global_defaults;
	cleanup_strv struct strv words = STRV_INIT, rest = STRV_INIT, args = STRV_INIT;
	const struct opt_set set = { global_rows, &global, false };
	struct opts_request request = { .sets = &set, .set_count = 1 };
	const struct cmd *cmd = NULL;
	const struct noun *noun;
	const char *path;
	size_t used = 0;
	int status;

	opts_init(builder_from_rows, ret_opts, sizeof(*ret_opts), &from_defaults);
	json_get_strv(json_object_get(container->create, "asked"), "commandLine", &words);
	if (words.count < 2)
		return 0;
	request.words = words.items + 1;
	status = opts_parse(&request, &rest, &used, err);
	if (status == 0) {
		char *const *command = words.items + 1 + used;
		size_t length = commands_find(command, &cmd, &path, &noun);
		const struct opt_set sets[] = { { builder_from_rows, ret_opts, false },
						{ global_rows, &global, true } };

		request = (struct opts_request){ .sets = sets,
						 .set_count = 2,
						 .words = command + length,
						 .interspersed = true };
		status = opts_parse(&request, &args, NULL, err);
	}
	opts_release(global_rows, &global);
	return status < 0 ? err_wrap(err, "cannot read what '%s' was made with", container->name)
			  : 0;
}

#define F struct builder_from_opts

static const char *const format_words[] = { "oci", "docker", NULL };

const struct opt builder_from_rows[] = {
	OPT_STRING(0, "name", F, create.name, "NAME",
		   "name of the container (IMAGE-working-container)"),
	OPT_STRING(0, "cidfile", F, create.cidfile, "FILE", "write its id to a file"),
	OPT_STRING_OF('f', "format", F, format, "FORMAT", format_words,
		      "format of its image: oci, docker"),
	OPT_STRING_ALONE(0, "pull", F, pull,
			 "when to pull: --pull=always (also --pull alone), missing, never, newer"),
	OPT_INCLUDE(F, create.pull, struct image_pull_opts, pull_rows),
	/* of the steps */
	OPT_INCLUDE(F, create, struct container_create_opts, step_rows),
	OPT_TRI(0, "http-proxy", F, create.http_proxy, "pass the proxy variables on to steps"),
	OPT_STRING(0, "isolation", F, isolation, "KIND",
		   "oci, rootless, default: a container (always)"),
	OPT_REFUSED_VALUE(0, "userns", BUILDER_NO_USERNS),
	OPT_REFUSED_VALUE(0, "userns-uid-map", BUILDER_NO_USERNS),
	OPT_REFUSED_VALUE(0, "userns-gid-map", BUILDER_NO_USERNS),
	OPT_REFUSED_VALUE(0, "userns-uid-map-user", BUILDER_NO_USERNS),
	OPT_REFUSED_VALUE(0, "userns-gid-map-group", BUILDER_NO_USERNS), OPT_END
};

const struct cmd cmd_builder_from = {
	.paths = { "builder from" },
	.synopsis = "IMAGE",
	.help = "Make a working container, for an image made by hand",
	.examples = "  c=$(dhow builder from debian)\n"
		    "  dhow builder run $c apt-get update\n"
		    "  dhow builder config --cmd 'sh -l' $c\n"
		    "  dhow builder commit --rm $c web\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = builder_from_rows,
	.opts_size = sizeof(F),
	.defaults = &from_defaults,
	.run = from_run,
};
