/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/secret.c - `secret create`, `secret rm`, `secret exists`
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/events.h"
#include "storage/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct secret_create_cli_opts {
	char *driver;
	struct strv driver_options, labels;
	bool env, ignore, replace;
};

/* The bytes: of a file, of stdin with "-", or of a variable. */
static int read_source(const char *source, bool env, struct strbuf *data, struct err *err)
{
	int status;

	if (env) {
		const char *value = getenv(source);

		if (value == NULL)
			return err_set(
				err, ERR_NOT_FOUND,
				"cannot create a secret from the variable '%s': it is not set",
				source);
		strbuf_adds(data, value);
		return 0;
	}
	if (str_equal(source, "-")) {
		if (isatty(STDIN_FILENO)) {
			err_set(err, ERR_USAGE, "cannot read a secret from a terminal");
			return err_hint(
				err,
				"Pipe it in: printf '%%s' \"$TOKEN\" | dhow secret create NAME -");
		}
		/* one more than allowed is enough to know that it is too much */
		status = fd_read_all(STDIN_FILENO, data, SECRET_BYTES_MAX);
		if (status == -EFBIG)
			return err_set(err, ERR_USAGE,
				       "cannot create a secret from stdin: more than %d bytes came",
				       SECRET_BYTES_MAX);
		return status < 0 ? err_sys(err, -status, "cannot read a secret from stdin") : 0;
	}
	/* links and pipes are fine here: it is the user's own file */
	cleanup_fd int fd = open(source, O_RDONLY | O_CLOEXEC);

	status = fd < 0 ? -errno : fd_read_all(fd, data, SECRET_BYTES_MAX);
	if (status == -EFBIG)
		return err_set(err, ERR_USAGE,
			       "cannot create a secret from '%s': it has more than %d bytes",
			       source, SECRET_BYTES_MAX);
	return status < 0 ? err_sys(err, -status, "cannot read secret file '%s'", source) : 0;
}

static void secret_event(struct cli *cli, const struct secret *secret, enum event_status status)
{
	const struct event event = {
		.type = EVENT_TYPE_SECRET, .status = status, .id = secret->id, .name = secret->name
	};

	engine_event(cli->engine, &event);
}

static int create_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct secret_create_cli_opts *opts = opts_;
	cleanup_secret_data struct strbuf data = STRBUF_INIT;
	cleanup_secret struct secret *secret = NULL;
	const struct secret_create_opts create = {
		.name = args->items[0],
		.driver = opts->driver,
		.labels = &opts->labels,
		.driver_options = &opts->driver_options,
		.replace = opts->replace,
		.ignore = opts->ignore,
	};

	if (opts->replace && opts->ignore)
		return err_set(err, ERR_USAGE, "--replace and --ignore exclude each other");
	if (read_source(args->items[1], opts->env, &data, err) < 0 ||
	    secret_create(cli->engine->store, &create, data.data, data.length, &secret, err) < 0)
		return -1;
	secret_event(cli, secret, EVENT_CREATE);
	(void)printf("%s\n", secret->id);
	return 0;
}

static const struct opt create_opts[] = {
	OPT_STRING('d', "driver", struct secret_create_cli_opts, driver, "DRIVER", "only \"file\""),
	OPT_WORDS(0, "driver-opts", struct secret_create_cli_opts, driver_options, "NAME=VALUE",
		  "options of the driver"),
	OPT_FLAG(0, "env", struct secret_create_cli_opts, env,
		 "the second argument is the name of a variable"),
	OPT_FLAG(0, "ignore", struct secret_create_cli_opts, ignore,
		 "a secret that exists stays as it is"),
	OPT_LIST('l', "label", struct secret_create_cli_opts, labels, "NAME=VALUE", "a label"),
	OPT_FLAG(0, "replace", struct secret_create_cli_opts, replace,
		 "a secret that exists is replaced"),
	OPT_REFUSED_VALUE(0, "template-driver", "secrets are no templates"),
	OPT_END
};

const struct cmd cmd_secret_create = {
	.paths = { "secret create" },
	.synopsis = "NAME FILE|-",
	.help = "Make a secret of a file, of stdin or of a variable",
	.examples = "  printf '%s' \"$TOKEN\" | dhow secret create token -\n"
		    "  dhow secret create --env token TOKEN\n",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_WRITING,
	.opts = create_opts,
	.opts_size = sizeof(struct secret_create_cli_opts),
	.run = create_run,
};

/* ---- rm ---- */

struct secret_rm_cli_opts {
	bool all, ignore;
};

static int rm_one(struct cli *cli, const char *text, bool ignore)
{
	cleanup_secret struct secret *secret = NULL;
	struct err err;

	if (secret_get(cli->engine->store, text, &secret, &err) < 0 ||
	    secret_remove(cli->engine->store, secret, &err) < 0) {
		if (err.kind == ERR_NOT_FOUND && ignore)
			return 0;
		return cli_error(cli, &err);
	}
	secret_event(cli, secret, EVENT_REMOVE);
	(void)printf("%s\n", secret->id);
	return 0;
}

static int rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct secret_rm_cli_opts *opts = opts_;
	cleanup_secret_list struct secret_list list = { NULL, 0 };
	int worst = 0;

	if (opts->all == (args->count > 0))
		return err_set(err, ERR_USAGE,
			       opts->all ? "names of secrets and --all exclude each other"
					 : "which secret? Give at least one name, or --all");
	if (opts->all && secret_list(cli->engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		worst = cli_worse(worst, rm_one(cli, list.items[i]->id, true));
	for (size_t i = 0; i < args->count; i++)
		worst = cli_worse(worst, rm_one(cli, args->items[i], opts->ignore));
	return worst;
}

static const struct opt rm_opts[] = {
	OPT_FLAG('a', "all", struct secret_rm_cli_opts, all, "all secrets"),
	OPT_FLAG('i', "ignore", struct secret_rm_cli_opts, ignore, "a missing secret is no error"),
	OPT_END
};

const struct cmd cmd_secret_rm = {
	.paths = { "secret rm", "secret remove" },
	.synopsis = "[SECRET...]",
	.help = "Remove secrets",
	.complete = COMPLETE_SECRETS,
	.section = SECTION_NONE,
	.max_args = -1,
	.needs = NEEDS_WRITING,
	.opts = rm_opts,
	.opts_size = sizeof(struct secret_rm_cli_opts),
	.run = rm_run,
};

/* ---- exists ---- */

static int exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_secret struct secret *secret = NULL;
	int found = secret_find(cli->engine->store, args->items[0], &secret, err);

	return found < 0 ? -1 : found == 0;
}

const struct cmd cmd_secret_exists = {
	.paths = { "secret exists" },
	.synopsis = "SECRET",
	.help = "Tell by the exit status whether there is a secret",
	.complete = COMPLETE_SECRETS,
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_STORE,
	.run = exists_run,
};
