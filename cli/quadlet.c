/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/quadlet.c - `quadlet list`, `print`, `rm`: the units that the generator finds
 *
 * All units are listed; only those in the user's own folder are removed. What their services do is asked of systemd; where there is none, they
 * are files.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/systemctl.h"
#include "units/quadlet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void ignore_problem(void *arg, const struct unit_problem *problem)
{
}

/* All units that the generator would find. */
static void load_all(struct quadlet_set *set)
{
	set->program = "dhow";
	set->report = ignore_problem;
	set->user = getuid() != 0;
	quadlet_dirs(set->user, &set->dirs);
	quadlet_load(set);
	quadlet_resolve(set);
}

/* ---- list, print ------------------------------------------------------------------------------------------------------ */

struct list_opts {
	char *format;
	struct strv filters;
};

/* "active/running" of all services at once, in their order; "Not loaded" for what systemd has not read. */
static void read_states(const struct quadlet_set *set, struct strv *states)
{
	cleanup_strv struct strv words = STRV_INIT, lines = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct err ignored = { 0 };
	bool loaded = false;
	const char *active = "", *text;

	if (set->count == 0)
		return;
	strv_add(&words, "show");
	strv_add(&words, "--property=LoadState,ActiveState,SubState");
	for (size_t i = 0; i < set->count; i++)
		strv_add(&words, set->items[i]->service);
	/* without systemd they are files, and this is what is to be said about them */
	if (systemctl_run(&words, &out, &ignored) < 0)
		return;
	strv_split(&lines, out.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		if ((text = str_after(lines.items[i], "LoadState=")) != NULL) {
			loaded = str_equal(text, "loaded");
		} else if ((text = str_after(lines.items[i], "ActiveState=")) != NULL) {
			active = text;
		} else if ((text = str_after(lines.items[i], "SubState=")) != NULL) {
			if (loaded)
				strv_addf(states, "%s/%s", active, text);
			else
				strv_add(states, "Not loaded");
		}
	}
}

static bool matches(const struct quadlet *quadlet, const char *status, const struct strv *filters)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *name = str_after(filters->items[i], "name=");
		const char *state = str_after(filters->items[i], "status=");

		if ((name != NULL && strstr(quadlet->name, name) == NULL) ||
		    (state != NULL && !str_equal(status, state)))
			return false;
	}
	return true;
}

static int list_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct list_opts *opts = opts_;
	static const struct template_alias headings[] = { { "UnitName", "UNIT NAME" },
							  { "Path", "PATH ON DISK" },
							  { "App", "APPLICATION" },
							  { NULL, NULL } };
	cleanup_json json_t *rows = json_array();
	cleanup_format struct format *format = NULL;
	cleanup_free char *home = quadlet_home();
	cleanup_strv struct strv states = STRV_INIT;
	struct quadlet_set set = { .count = 0 };
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.Name}}\t{{.UnitName}}\t{{.Path}}\t{{.Status}}\t{{.App}}",
		.rules = { .heading = headings },
	};

	for (size_t i = 0; i < opts->filters.count; i++) {
		if (str_after(opts->filters.items[i], "name=") == NULL &&
		    str_after(opts->filters.items[i], "status=") == NULL)
			return err_set(err, ERR_USAGE,
				       "invalid filter '%s': it can be name or status",
				       opts->filters.items[i]);
	}
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	load_all(&set);
	read_states(&set, &states);
	for (size_t i = 0; i < set.count; i++) {
		const struct quadlet *quadlet = set.items[i];
		const char *status = states.count == set.count ? states.items[i] : "Not loaded";
		const char *below = str_after(quadlet->dir, home);
		json_t *row = json_object();

		json_put_string(row, "Name", quadlet->name);
		json_put_string(row, "UnitName", quadlet->service);
		json_put_string(row, "Path", quadlet->path);
		json_put_string(row, "Status", status);
		json_put_string(row, "App", below != NULL && *below == '/' ? below + 1 : "");
		if (matches(quadlet, status, &opts->filters))
			json_array_append_new(rows, row);
		else
			json_decref(row);
	}
	quadlet_set_release(&set);
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 2);
	return 0;
}

static int unknown(const struct quadlet_set *set, const char *name, struct err *err)
{
	err_set(err, ERR_NOT_FOUND, "there is no Quadlet unit '%s'", name);
	return err_hint(err, set->count > 0 ? "`dhow quadlet list` lists them."
					    : "`dhow quadlet install FILE` installs one.");
}

static int print_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	struct quadlet_set set = { .count = 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = -1;

	load_all(&set);

	const struct quadlet *quadlet = quadlet_find(&set, args->items[0]);

	if (quadlet == NULL) {
		unknown(&set, args->items[0], err);
	} else {
		cleanup_fd int fd = open(quadlet->path, O_RDONLY | O_CLOEXEC);

		status = fd < 0 ? -errno : fd_read_all(fd, &text, UNIT_BYTES_MAX);
		if (status < 0)
			err_sys(err, -status, "cannot read '%s'", quadlet->path);
		else
			(void)fwrite(text.data, 1, text.length, stdout);
	}
	quadlet_set_release(&set);
	return status < 0 ? -1 : 0;
}

/* ---- rm --------------------------------------------------------------------------------------------------------------- */

struct rm_opts {
	bool all, force, ignore;
	int reload;
};

/* Its service, before the file goes: a service without its unit cannot be stopped by its name for long. */
static int stop_service(const struct quadlet *quadlet, bool force, struct err *err)
{
	struct err ignored = { 0 };

	if (strchr(quadlet->service, '@') != NULL ||
	    systemctl_do("is-active", quadlet->service, &ignored) < 0)
		return 0;
	if (!force) {
		err_set(err, ERR_IN_USE, "cannot remove '%s': its service %s runs", quadlet->name,
			quadlet->service);
		return err_hint(err, "Stop it first, or use --force.");
	}
	return systemctl_do("stop", quadlet->service, err);
}

static int remove_unit(const struct quadlet *quadlet, const struct rm_opts *opts, struct err *err)
{
	cleanup_free char *home = quadlet_home();
	cleanup_free char *real = realpath(home, NULL);

	if (real == NULL || str_after(quadlet->path, real) == NULL)
		return err_set(err, ERR_DENIED,
			       "cannot remove '%s': it does not belong to this user",
			       quadlet->path);
	if (stop_service(quadlet, opts->force, err) < 0)
		return -1;
	if (unlink(quadlet->path) < 0)
		return err_sys(err, errno, "cannot remove '%s'", quadlet->path);
	(void)puts(quadlet->name);
	/* a folder that was installed goes with its last file; what else the user has put there stays */
	if (!str_equal(quadlet->dir, real))
		(void)rmdir(quadlet->dir);
	return 0;
}

static int rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct rm_opts *opts = opts_;
	struct quadlet_set set = { .count = 0 };
	int worst = 0;
	bool removed = false;

	if (opts->all == (args->count > 0))
		return err_set(err, ERR_USAGE,
			       "name the units that are to be removed, or say --all");
	load_all(&set);
	for (size_t i = 0; i < (opts->all ? set.count : args->count); i++) {
		const struct quadlet *quadlet =
			opts->all ? set.items[i] : quadlet_find(&set, args->items[i]);
		struct err own = { 0 };
		int status = 0;

		if (quadlet != NULL)
			status = remove_unit(quadlet, opts, &own);
		else if (!opts->ignore)
			status = unknown(&set, args->items[i], &own);
		removed |= quadlet != NULL && status == 0;
		if (status < 0)
			worst = cli_worse(worst, cli_error(cli, &own));
	}
	quadlet_set_release(&set);
	if (removed)
		systemctl_reload(cli, opts->reload != 0);
	return worst;
}

/* ---- tables ----------------------------------------------------------------------------------------------------------- */

static const struct opt list_opts[] = {
	OPT_LIST('f', "filter", struct list_opts, filters, "NAME=VALUE", "name, status"),
	OPT_STRING(0, "format", struct list_opts, format, "FORMAT", "json, or a Go template"),
	OPT_END
};
static const struct opt rm_opts[] = {
	OPT_FLAG('a', "all", struct rm_opts, all, "all units"),
	OPT_FLAG('f', "force", struct rm_opts, force, "stop a service that runs"),
	OPT_FLAG('i', "ignore", struct rm_opts, ignore, "a missing one is no error"),
	OPT_TRI(0, "reload-systemd", struct rm_opts, reload, "let systemd read its units again"),
	OPT_END
};

const struct cmd cmd_quadlet_list = {
	.paths = { "quadlet list", "quadlet ls" },
	.synopsis = "",
	.help = "List the units that there are, with the state of their services",
	.section = SECTION_NONE,
	.opts = list_opts,
	.opts_size = sizeof(struct list_opts),
	.run = list_run,
};

const struct cmd cmd_quadlet_print = {
	.paths = { "quadlet print" },
	.synopsis = "UNIT",
	.help = "Print a unit",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.run = print_run,
};

const struct cmd cmd_quadlet_rm = {
	.paths = { "quadlet rm", "quadlet remove" },
	.synopsis = "UNIT...",
	.help = "Remove units",
	.section = SECTION_NONE,
	.max_args = -1,
	.opts = rm_opts,
	.opts_size = sizeof(struct rm_opts),
	.defaults = &(const struct rm_opts){ .reload = 1 },
	.run = rm_run,
};
