/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/docker_env.c - variables, options and failures as docker has them
 *
 * dhow does the work itself. A variable that sends docker to another machine must not be passed over: the work would be done here, and
 * the user would look for it there.
 */
#include "cli/docker.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "cli/commands.h"

#include <stdlib.h>

static int check_host(const char *what, const char *host, struct err *err)
{
	if (str_is_empty(host) || str_after(host, "unix://") != NULL)
		return 0;
	err_set(err, ERR_USAGE,
		"%s names another server ('%s'), but dhow works on this machine only", what, host);
	return err_hint(err, "Run dhow there with ssh, or unset it.");
}

static int check_context(const char *what, const char *context, struct err *err)
{
	if (str_is_empty(context) || str_equal(context, "default"))
		return 0;
	err_set(err, ERR_USAGE, "%s names the context '%s', but there is only 'default'", what,
		context);
	return err_hint(err, "dhow works on this machine only; run it elsewhere with ssh.");
}

int docker_environment(const struct global_opts *global, struct err *err)
{
	const char *trust = getenv("DOCKER_CONTENT_TRUST");

	if (check_host("--host", global->docker_host, err) < 0 ||
	    check_context("--context", global->docker_context, err) < 0)
		return -1;
	/* docker's order: what the command line says hides the variables */
	if (global->docker_host == NULL && global->docker_context == NULL &&
	    (check_host("DOCKER_HOST", getenv("DOCKER_HOST"), err) < 0 ||
	     check_context("DOCKER_CONTEXT", getenv("DOCKER_CONTEXT"), err) < 0))
		return -1;
	if (!str_is_empty(trust) && !str_equal(trust, "0") && !str_equal(trust, "false")) {
		err_set(err, ERR_UNSUPPORTED,
			"DOCKER_CONTENT_TRUST is set, and there is no Notary client");
		return err_hint(err,
				"Say which signatures are needed in policy.json, and unset it.");
	}
	if (!str_is_empty(global->docker_config) &&
	    setenv("DOCKER_CONFIG", global->docker_config, 1) < 0)
		return err_set(err, ERR_FAILED, "cannot use --config '%s'", global->docker_config);
	return 0;
}

#define IMAGE_NOT_KNOWN ": image not known"

/* The first name between quotes, single or double; false when there is none. */
static bool quoted(const char *text, const char **ret_name, size_t *ret_length)
{
	const char *start = strpbrk(text, "'\"");
	const char *end = start != NULL ? strchr(start + 1, *start) : NULL;

	if (end == NULL)
		return false;
	*ret_name = start + 1;
	*ret_length = (size_t)(end - start - 1);
	return true;
}

void docker_error(const struct err *err, struct strbuf *out)
{
	static const char *const kinds[][2] = {
		{ "no container with", "container" },
		{ "no such container", "container" },
		{ "image ", "image" },
		{ "no image", "image" },
		{ "no such image", "image" },
		{ "no such object", "object" },
	};
	const char *name;
	size_t length;

	/* what the words of the command line are wrong about, and what the one inside a daemon would say */
	if (err->kind == ERR_USAGE) {
		strbuf_addf(out, "Error: %s", err->msg);
		return;
	}
	/* "NAME: image not known" */
	if (err->kind == ERR_NOT_FOUND && str_ends_with(err->msg, IMAGE_NOT_KNOWN) &&
	    strpbrk(err->msg, "'\"") == NULL) {
		strbuf_addf(out, "Error response from daemon: No such image: %.*s",
			    (int)(strlen(err->msg) - strlen(IMAGE_NOT_KNOWN)), err->msg);
		return;
	}
	for (size_t i = 0; err->kind == ERR_NOT_FOUND && i < ARRAY_SIZE(kinds); i++) {
		if (str_after(err->msg, kinds[i][0]) == NULL || !quoted(err->msg, &name, &length))
			continue;
		strbuf_addf(out, "Error%s: No such %s: %.*s",
			    str_equal(kinds[i][1], "object") ? "" : " response from daemon",
			    kinds[i][1], (int)length, name);
		return;
	}
	strbuf_addf(out, "Error response from daemon: %s", err->msg);
}

int docker_exit_status(const struct cli *cli, const struct err *err)
{
	int status = err_exit_status(err->kind);
	const char *command = cli->cmd != NULL ? cli->cmd->paths[0] : "";

	/* 125 is what `run` says when the program never ran, and what a wrong option gives; every other failure is 1 */
	if (str_equal(command, "run") || (cli->cmd != NULL && err->kind == ERR_USAGE))
		return status;
	if (str_equal(command, "exec") && status != 125)
		return status;
	return 1;
}
