/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/volume.c - `volume create`, `volume rm`, `volume prune`
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "engine/container.h"
#include "storage/volume.h"

#include <stdio.h>

struct volume_create_opts {
	struct strv labels, options;
	char *driver;
	bool ignore;
};

static int create_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct volume_create_opts *opts = opts_;
	cleanup_volume struct volume *volume = NULL;
	const char *name = args->count > 0 ? args->items[0] : NULL;

	if (opts->driver != NULL && !str_equal(opts->driver, "local"))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use volume driver '%s': there is only \"local\"",
			       opts->driver);
	if (opts->options.count > 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use --opt '%s': a plain user may not mount for the driver "
			       "\"local\"",
			       opts->options.items[0]);
	if (name != NULL && !volume_name_is_valid(name)) {
		cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

		strbuf_add_escaped(&escaped, name);
		err_set(err, ERR_USAGE, "invalid volume name '%s'", escaped.data);
		return err_hint(err, "A name starts with a letter or digit and has letters, "
				     "digits, '_', '.' and '-' only.");
	}
	if (volume_create(cli->engine->store, name, &opts->labels, &opts->options, false, &volume,
			  err) < 0) {
		if (err->kind != ERR_EXISTS || !(opts->ignore || cli->as_docker))
			return -1;
		(void)printf("%s\n", name);
		return 0;
	}
	(void)printf("%s\n", volume->name);
	return 0;
}

static const struct opt create_opts[] = {
	OPT_STRING('d', "driver", struct volume_create_opts, driver, "DRIVER", "only \"local\""),
	OPT_LIST('l', "label", struct volume_create_opts, labels, "NAME=VALUE", "a label"),
	OPT_LIST('o', "opt", struct volume_create_opts, options, "NAME=VALUE",
		 "an option of the driver"),
	OPT_FLAG(0, "ignore", struct volume_create_opts, ignore,
		 "a volume that exists is no error"),
	OPT_END
};

const struct cmd cmd_volume_create = {
	.paths = { "volume create" },
	.synopsis = "[NAME]",
	.help = "Make a volume",
	.section = SECTION_NONE,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = create_opts,
	.opts_size = sizeof(struct volume_create_opts),
	.run = create_run,
};

/* ---- rm ---- */

struct volume_rm_opts {
	bool all, force;
	int64_t time_s;
};

/* With --force the containers that use it go first. */
static int remove_users(struct cli *cli, const struct strv *ids, const struct volume_rm_opts *opts,
			struct err *err)
{
	const struct container_rm_opts rm = { .force = true, .time_s = opts->time_s };

	for (size_t i = 0; i < ids->count; i++) {
		cleanup_container struct container *container = NULL;
		int found = container_find(cli->engine, ids->items[i], &container, err);

		if (found < 0 ||
		    (found > 0 && container_remove(cli->engine, container, &rm, err) < 0))
			return -1;
	}
	return 0;
}

static int remove_volume(struct cli *cli, const char *name, const struct volume_rm_opts *opts,
			 struct err *err)
{
	cleanup_strv struct strv users = STRV_INIT;

	if (container_uses_volume(cli->engine, name, &users, err) < 0)
		return -1;
	if (users.count > 0 && !opts->force) {
		cleanup_free char *list = strv_join(&users, ", ");

		err_set(err, ERR_IN_USE,
			"volume '%s' is being used by the following container(s): %s: volume is "
			"being used",
			name, list);
		return err_hint(err, "Remove the containers first, or use --force.");
	}
	if (remove_users(cli, &users, opts, err) < 0)
		return -1;
	return volume_remove(cli->engine->store, name, err);
}

static int rm_one(struct cli *cli, const char *text, const struct volume_rm_opts *opts)
{
	cleanup_volume struct volume *volume = NULL;
	struct err err = { 0 };
	int found = volume_find(cli->engine->store, text, true, &volume, &err);

	if (found == 0) {
		if (opts->force)
			return 0;
		err_set(&err, ERR_NOT_FOUND, "no volume with name \"%s\" found: no such volume",
			text);
	}
	if (found <= 0 || remove_volume(cli, volume->name, opts, &err) < 0) {
		int status = cli_error(cli, &err);

		return err.kind == ERR_NOT_FOUND ? 1 : err.kind == ERR_IN_USE ? 2 : status;
	}
	(void)printf("%s\n", text);
	return 0;
}

static int rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct volume_rm_opts *opts = opts_;
	cleanup_strv struct strv names = STRV_INIT;
	int worst = 0;

	if (opts->all == (args->count > 0))
		return err_set(err, ERR_USAGE,
			       opts->all ? "names of volumes and --all exclude each other"
					 : "which volume? Give at least one name, or --all");
	strv_add_all(&names, args);
	if (opts->all) {
		struct volume_list list = { NULL, 0 };

		if (volume_list(cli->engine->store, &list, err) < 0)
			return -1;
		for (size_t i = 0; i < list.count; i++)
			strv_add(&names, list.items[i]->name);
		volume_list_release(&list);
	}
	for (size_t i = 0; i < names.count; i++)
		worst = cli_worse(worst, rm_one(cli, names.items[i], opts));
	return worst;
}

static const struct opt rm_opts[] = { OPT_FLAG('a', "all", struct volume_rm_opts, all,
					       "all volumes"),
				      OPT_FLAG('f', "force", struct volume_rm_opts, force,
					       "remove the containers that use them, too"),
				      OPT_SECONDS('t', "time", struct volume_rm_opts, time_s,
						  "SECONDS", "with --force: wait before killing"),
				      OPT_END };

const struct cmd cmd_volume_rm = {
	.paths = { "volume rm", "volume remove" },
	.synopsis = "[VOLUME...]",
	.help = "Remove volumes",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_WRITING,
	.opts = rm_opts,
	.opts_size = sizeof(struct volume_rm_opts),
	.defaults = &(const struct volume_rm_opts){ .time_s = -1 },
	.run = rm_run,
};
