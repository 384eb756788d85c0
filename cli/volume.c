/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/volume.c - `volume create`, `volume ls`, `volume rm`, `volume prune`
 *
 * Exit statuses of `volume rm` as podman's: 1 when a volume was not found and nothing else went wrong, 2 when one is in use.
 */
#include "cli/volume_json.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "cli/confirm.h"
#include "cli/format.h"
#include "cli/volume_filter.h"

#include <stdio.h>

json_t *volume_json(struct engine *engine, const struct volume *volume, struct err *err)
{
	json_t *object = json_object();
	char created[TIME_TEXT_MAX];

	time_format_rfc3339(volume->created_ns, created);
	json_put_string(object, "Name", volume->name);
	json_put_string(object, "Driver", volume->driver);
	json_put_string(object, "Mountpoint", volume->mount_point);
	json_put_string(object, "CreatedAt", created);
	json_put(object, "Labels", json_from_env(&volume->labels));
	json_put_string(object, "Scope", "local");
	json_put(object, "Options", json_from_env(&volume->options));
	if (volume->anonymous)
		json_put_bool(object, "Anonymous", true);
	json_put_int(object, "MountCount", 0);
	json_put_bool(object, "NeedsCopyUp", volume->needs_copy_up);
	json_put_bool(object, "NeedsChown", volume->needs_copy_up);
	if (volume->damaged)
		json_put_bool(object, "Damaged", true);
	return object;
}

/* ---- create --------------------------------------------------------------------------------------------------------- */

struct volume_create_opts {
	char *driver, *name;
	bool ignore;
	struct strv labels, options;
};

/* A tmpfs is what a user can mount; each container that uses the volume has its own. */
static int check_volume_options(const struct strv *options, struct err *err)
{
	bool is_tmpfs = strv_contains(options, "type=tmpfs");

	for (size_t i = 0; i < options->count; i++) {
		const char *text = options->items[i];

		if (is_tmpfs && (str_equal(text, "type=tmpfs") || str_after(text, "o=") != NULL ||
				 str_equal(text, "device=tmpfs")))
			continue;
		err_set(err, ERR_UNSUPPORTED, "volume option '%s' is not supported", text);
		return err_hint(err,
				"Volumes are directories, or with type=tmpfs, device=tmpfs and "
				"o=size=...,mode=... file systems in memory. A directory of the "
				"host needs no volume: -v /DIR:/TARGET.");
	}
	return 0;
}

static int volume_create_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct volume_create_opts *opts = opts_;
	cleanup_volume struct volume *volume = NULL;
	const char *name = args->count > 0 ? args->items[0] : opts->name;

	if (args->count > 0 && opts->name != NULL && !str_equal(name, opts->name))
		return err_set(err, ERR_USAGE, "--name %s and the name '%s' exclude each other",
			       opts->name, name);
	if (str_is_empty(name))
		name = NULL;
	if (opts->driver != NULL && strcmp(opts->driver, "local") != 0) {
		err_set(err, ERR_UNSUPPORTED, "volume driver '%s' is not supported", opts->driver);
		return err_hint(err, "The driver is 'local'.");
	}
	if (check_volume_options(&opts->options, err) < 0)
		return -1;
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

#define NO_CLUSTER "that is for volumes of a cluster"

#define C struct volume_create_opts
static const struct opt volume_create_opts[] = {
	OPT_STRING('d', "driver", C, driver, "DRIVER", "only local"),
	OPT_FLAG(0, "ignore", C, ignore, "one that is there already is no error"),
	OPT_LIST('l', "label", C, labels, "NAME=VALUE", "label the volume"),
	OPT_STRING(0, "name", C, name, "NAME", "the name, as docker said it once"),
	OPT_LIST('o', "opt", C, options, "NAME=VALUE",
		 "type=tmpfs, device=tmpfs, o=size=SIZE and other options of mount"),
	OPT_REFUSED_VALUE(0, "uid", "the first container's image decides who owns it"),
	OPT_REFUSED_VALUE(0, "gid", "the first container's image decides who owns it"),
	OPT_REFUSED_VALUE(0, "availability", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "group", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "limit-bytes", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "required-bytes", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "scope", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "secret", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "sharing", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "topology-preferred", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "topology-required", NO_CLUSTER),
	OPT_REFUSED_VALUE(0, "type", NO_CLUSTER),
	OPT_END
};

const struct cmd cmd_volume_create = {
	.paths = { "volume create" },
	.synopsis = "[NAME]",
	.help = "Make a volume",
	.section = SECTION_NONE,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = volume_create_opts,
	.opts_size = sizeof(C),
	.run = volume_create_run,
};

/* ---- ls ------------------------------------------------------------------------------------------------------------- */

struct volume_ls_opts {
	bool quiet, no_heading;
	struct strv filters;
	char *format;
};

static const struct template_alias volume_headings[] = {
	{ "Name", "VOLUME NAME" },
	{ NULL, NULL },
};

static int volume_ls_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct volume_ls_opts *opts = opts_;
	struct volume_list list = { NULL, 0 };
	cleanup_json json_t *rows = json_array();
	cleanup_format struct format *format = NULL;
	const struct format_request request = {
		.format = opts->quiet ? "{{.Name}}" : opts->format,
		.table = "{{.Driver}}\t{{.Name}}",
		.no_heading = opts->no_heading,
		.rules = { .heading = volume_headings, .absent = inspect_absent },
	};
	int status = 0;

	if (opts->quiet && opts->format != NULL)
		return err_set(err, ERR_USAGE, "--quiet and --format exclude each other");
	if (format_new(cli, &request, &format, err) < 0 ||
	    volume_filter_check(&opts->filters, err) < 0 ||
	    volume_list(cli->engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count && status >= 0; i++) {
		status = volume_filter_match(cli->engine, &opts->filters, list.items[i], err);
		if (status > 0)
			json_array_append_new(rows, volume_json(cli->engine, list.items[i], err));
	}
	volume_list_release(&list);
	if (status < 0)
		return -1;
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 2);
	return 0;
}

static const struct opt volume_ls_opts[] = {
	OPT_LIST('f', "filter", struct volume_ls_opts, filters, "NAME=VALUE", "those that match"),
	OPT_STRING(0, "format", struct volume_ls_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG('n', "noheading", struct volume_ls_opts, no_heading, "no headings"),
	OPT_FLAG('q', "quiet", struct volume_ls_opts, quiet, "names only"),
	OPT_REFUSED(0, "cluster", NO_CLUSTER),
	OPT_END
};

const struct cmd cmd_volume_ls = {
	.paths = { "volume ls", "volume list" },
	.synopsis = "",
	.help = "List volumes",
	.section = SECTION_NONE,
	.needs = NEEDS_STORE,
	.opts = volume_ls_opts,
	.opts_size = sizeof(struct volume_ls_opts),
	.run = volume_ls_run,
};

/* ---- rm, prune ------------------------------------------------------------------------------------------------------ */

struct volume_rm_opts {
	bool all, force;
	int64_t time_s;
};

/* Remove the containers that use it, for --force. */
static int remove_users(struct cli *cli, const struct strv *ids, int64_t time_s, struct err *err)
{
	const struct container_rm_opts opts = { .force = true,
						.ignore = true,
						.stop.time_s = time_s };

	for (size_t i = 0; i < ids->count; i++) {
		cleanup_container struct container *container = NULL;
		int found = container_find(cli->engine, ids->items[i], &container, err);

		if (found < 0 ||
		    (found > 0 && container_remove(cli->engine, container, &opts, err) < 0))
			return -1;
	}
	return 0;
}

static int remove_volume(struct cli *cli, const struct volume_rm_opts *opts, const char *name,
			 struct err *err)
{
	cleanup_volume struct volume *volume = NULL;
	cleanup_strv struct strv users = STRV_INIT;
	int found = volume_find(cli->engine->store, name, true, &volume, err);

	if (found == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no volume with name \"%s\" found: no such volume", name);
	if (found < 0 || container_uses_volume(cli->engine, volume->name, &users, err) < 0)
		return -1;
	if (users.count > 0 && !opts->force) {
		cleanup_free char *list = strv_join(&users, ", ");

		err_set(err, ERR_IN_USE,
			"volume %s is being used by the following container(s): %s: volume is "
			"being "
			"used",
			volume->name, list);
		return err_hint(err, "Remove the container first, or say --force.");
	}
	if (remove_users(cli, &users, opts->time_s, err) < 0)
		return err_wrap(err, "cannot remove volume '%s'", volume->name);
	return volume_remove(cli->engine->store, volume->name, err);
}

static int volume_rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct volume_rm_opts *opts = opts_;
	cleanup_strv struct strv names = STRV_INIT;
	int worst = 0;

	if (opts->all == (args->count > 0))
		return err_set(err, ERR_USAGE,
			       opts->all ? "--all and volumes exclude each other"
					 : "a volume must be named, or --all given");
	strv_add_all(&names, args);
	if (opts->all) {
		struct volume_list list = { NULL, 0 };

		if (volume_list(cli->engine->store, &list, err) < 0)
			return -1;
		for (size_t i = 0; i < list.count; i++)
			strv_add(&names, list.items[i]->name);
		volume_list_release(&list);
	}
	for (size_t i = 0; i < names.count; i++) {
		struct err one = { 0 };

		if (remove_volume(cli, opts, names.items[i], &one) == 0) {
			(void)printf("%s\n", names.items[i]);
			continue;
		}
		/* --force means: it shall not be there */
		if (one.kind == ERR_NOT_FOUND && opts->force) {
			if (cli->as_docker)
				(void)printf("%s\n", names.items[i]);
			continue;
		}

		int status = cli_error(cli, &one);

		worst = cli_worse(worst, one.kind == ERR_IN_USE	     ? 2
					 : one.kind == ERR_NOT_FOUND ? 1
								     : status);
	}
	return worst;
}

static const struct opt volume_rm_opts[] = {
	OPT_FLAG('a', "all", struct volume_rm_opts, all, "all volumes"),
	OPT_FLAG('f', "force", struct volume_rm_opts, force, "remove containers that use it, too"),
	OPT_SECONDS('t', "time", struct volume_rm_opts, time_s, "SECONDS",
		    "with --force: wait before killing"),
	OPT_ALIAS("timeout", "time"), OPT_END
};

const struct cmd cmd_volume_rm = {
	.paths = { "volume rm", "volume remove" },
	.synopsis = "[VOLUME...]",
	.help = "Remove volumes",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_WRITING,
	.opts = volume_rm_opts,
	.opts_size = sizeof(struct volume_rm_opts),
	.defaults = &(const struct volume_rm_opts){ .time_s = -1 },
	.run = volume_rm_run,
};

struct volume_prune_opts {
	bool force, all;
	struct strv filters;
};

/* Names of those that nobody uses, and that the options mean. */
static int volume_prune_choose(struct cli *cli, const struct volume_prune_opts *opts,
			       struct strv *names, struct err *err)
{
	struct volume_list list = { NULL, 0 };
	int status = volume_list(cli->engine->store, &list, err);

	for (size_t i = 0; i < list.count && status >= 0; i++) {
		cleanup_strv struct strv users = STRV_INIT;
		const struct volume *volume = list.items[i];

		status = volume_filter_match(cli->engine, &opts->filters, volume, err);
		if (status <= 0)
			continue;
		/* docker keeps those with a name unless it is told to take all */
		if (cli->as_docker && !opts->all && !volume->anonymous)
			continue;
		status = container_uses_volume(cli->engine, volume->name, &users, err);
		if (status >= 0 && users.count == 0)
			strv_add(names, volume->name);
	}
	volume_list_release(&list);
	return status < 0 ? -1 : 0;
}

static int volume_prune_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct volume_prune_opts *opts = opts_;
	cleanup_strv struct strv names = STRV_INIT;
	int worst = 0;

	if (volume_filter_check(&opts->filters, err) < 0 ||
	    volume_prune_choose(cli, opts, &names, err) < 0)
		return -1;
	if (!opts->force && !confirm_list("This will remove all volumes that no container uses.",
					  "The following volumes will be removed:", &names))
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		cleanup_strv struct strv users = STRV_INIT;
		struct err one = { 0 };

		/* while the question was open somebody may have begun to use it, or removed it */
		if (container_uses_volume(cli->engine, names.items[i], &users, err) < 0)
			return -1;
		if (users.count > 0)
			continue;
		if (volume_remove(cli->engine->store, names.items[i], &one) == 0)
			(void)printf("%s\n", names.items[i]);
		else if (one.kind != ERR_NOT_FOUND)
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	return worst;
}

static const struct opt volume_prune_opts[] = {
	OPT_FLAG('a', "all", struct volume_prune_opts, all, "those with a name, too, as docker"),
	OPT_FLAG('f', "force", struct volume_prune_opts, force, "do not ask"),
	OPT_LIST(0, "filter", struct volume_prune_opts, filters, "NAME=VALUE", "those that match"),
	OPT_END
};

const struct cmd cmd_volume_prune = {
	.paths = { "volume prune" },
	.synopsis = "",
	.help = "Remove the volumes that no container uses",
	.section = SECTION_NONE,
	.needs = NEEDS_WRITING,
	.opts = volume_prune_opts,
	.opts_size = sizeof(struct volume_prune_opts),
	.run = volume_prune_run,
};
