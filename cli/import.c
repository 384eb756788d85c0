/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/import.c - `import`: an image from a tar of a root file system
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int open_archive(struct cli *cli, const char *path, struct err *err)
{
	int fd;

	if (str_after(path, "http://") != NULL || str_after(path, "https://") != NULL)
		return url_fetch(cli->engine, path, err);
	if (str_equal(path, "-")) {
		if (isatty(STDIN_FILENO))
			return err_set(err, ERR_USAGE, "cannot read an archive from a terminal");
		fd = fd_dup(STDIN_FILENO);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	return fd < 0 ? err_sys(err, -fd, "cannot open '%s'", path) : fd;
}

static int import_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct image_import_opts *opts = opts_;
	cleanup_fd int fd = open_archive(cli, args->items[0], err);
	cleanup_image struct image *image = NULL;

	if (fd < 0 || image_import(cli->engine, fd, args->items[0],
				   args->count > 1 ? args->items[1] : NULL, opts, &image, err) < 0)
		return -1;
	(void)printf("%s\n", image->config.text);
	return 0;
}

#define T struct image_import_opts
static const struct opt import_opts[] = {
	OPT_STRING(0, "arch", T, arch, "ARCH", "architecture of the image"),
	OPT_LIST('c', "change", T, changes, "INSTRUCTION",
		 "change the configuration as a Dockerfile would: 'CMD [\"sh\"]'"),
	OPT_STRING('m', "message", T, message, "TEXT", "comment on the image"),
	OPT_STRING(0, "os", T, os, "OS", "operating system of the image"),
	OPT_STRING(0, "platform", T, platform, "OS/ARCH[/VARIANT]", "all three"),
	OPT_FLAG('q', "quiet", T, quiet, "print the id only, as always"),
	OPT_STRING(0, "variant", T, variant, "VARIANT", "variant of the architecture"),
	OPT_END
};

const struct cmd cmd_import = {
	.paths = { "import", "image import" },
	.synopsis = "FILE|URL|- [NAME]",
	.help = "Make an image of a tar of a root file system",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_WRITING,
	.opts = import_opts,
	.opts_size = sizeof(T),
	.run = import_run,
};
