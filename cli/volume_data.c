/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/volume_data.c - `volume export`, `import`, `mount`, `unmount`, `reload`
 *
 * A volume is a plain directory that is always there: mount tells where, unmount and reload have nothing to do but check their words.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/output_file.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int get_volume(struct cli *cli, const char *name, struct volume **ret, struct err *err)
{
	int found = volume_find(cli->engine->store, name, true, ret, err);

	if (found == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no volume with name \"%s\" found: no such volume", name);
	return found < 0 ? -1 : 0;
}

/* ---- export, import -------------------------------------------------------------------------------------------------- */

struct volume_export_opts {
	char *output;
};

static int volume_export_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct volume_export_opts *opts = opts_;
	cleanup_volume struct volume *volume = NULL;
	struct output_file file;
	int status;

	if (get_volume(cli, args->items[0], &volume, err) < 0 ||
	    output_file_open(opts->output, &file, err) < 0)
		return -1;
	status = volume_export(cli->engine, volume, file.fd, err);
	if (output_file_close(&file, status < 0, err) < 0)
		return -1;
	return status;
}

static const struct opt volume_export_opts[] = {
	OPT_STRING('o', "output", struct volume_export_opts, output, "FILE", "write to this file"),
	OPT_END
};

const struct cmd cmd_volume_export = {
	.paths = { "volume export" },
	.synopsis = "VOLUME",
	.help = "Write the content of a volume as tar",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_STORE,
	.opts = volume_export_opts,
	.opts_size = sizeof(struct volume_export_opts),
	.run = volume_export_run,
};

static int volume_import_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	const char *path = args->count > 1 ? args->items[1] : "-";
	cleanup_volume struct volume *volume = NULL;
	cleanup_fd int file_fd = -1;

	if (get_volume(cli, args->items[0], &volume, err) < 0)
		return -1;
	if (!str_equal(path, "-")) {
		file_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (file_fd < 0)
			return err_sys(err, errno, "cannot open '%s'", path);
	} else if (isatty(STDIN_FILENO)) {
		return err_set(err, ERR_USAGE, "cannot read an archive from a terminal");
	}
	return volume_import(cli->engine, volume, file_fd >= 0 ? file_fd : STDIN_FILENO, err);
}

const struct cmd cmd_volume_import = {
	.paths = { "volume import" },
	.synopsis = "VOLUME [FILE | -]",
	.help = "Unpack a tar, compressed or not, into a volume",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_VOLUMES,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.run = volume_import_run,
};

/* ---- mount, unmount, reload ------------------------------------------------------------------------------------------ */

static int volume_mount_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_volume struct volume *volume = NULL;

	if (get_volume(cli, args->items[0], &volume, err) < 0)
		return -1;
	(void)printf("%s\n", volume->mount_point);
	return 0;
}

const struct cmd cmd_volume_mount = {
	.paths = { "volume mount" },
	.synopsis = "VOLUME",
	.help = "Tell where the content of a volume is; files of other users need `unshare`",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_STORE,
	.run = volume_mount_run,
};

static int volume_unmount_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_volume struct volume *volume = NULL;

	if (get_volume(cli, args->items[0], &volume, err) < 0)
		return -1;
	(void)printf("%s\n", volume->name);
	return 0;
}

const struct cmd cmd_volume_unmount = {
	.paths = { "volume unmount", "volume umount" },
	.synopsis = "VOLUME",
	.help = "The counterpart of mount: a volume is always there",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_VOLUMES,
	.needs = NEEDS_STORE,
	.run = volume_unmount_run,
};

static int volume_reload_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return 0;
}

const struct cmd cmd_volume_reload = {
	.paths = { "volume reload" },
	.synopsis = "",
	.help = "Ask plugins for their volumes: there are no plugins",
	.section = SECTION_NONE,
	.needs = NEEDS_STORE,
	.run = volume_reload_run,
};
