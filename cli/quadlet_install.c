/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/quadlet_install.c - `quadlet install`: copy units into the user's folder of units, where the generator finds them
 *
 * A folder is installed as a folder of the same name, with all that its units refer to by relative paths. Nothing is installed that `unit check`
 * finds wrong. Then systemd reads its units again, unless it is not there: the files are in place, and that is said.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/systemctl.h"
#include "cli/unit_check.h"
#include "units/quadlet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* what a unit brings along is configuration, not a disk image */
#define FILE_BYTES_MAX (64U << 20)

struct install_opts {
	bool replace;
	int reload;
};

static int make_dirs(const char *path, struct err *err)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *c = copy + 1;; c++) {
		char kept = *c;

		if (kept != '/' && kept != '\0')
			continue;
		*c = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return err_sys(err, errno, "cannot make the folder '%s'", copy);
		*c = kept;
		if (kept == '\0')
			return 0;
	}
}

/* Written beside and renamed: the generator never sees half a unit. */
static int copy_file(const char *from, const char *to, bool replace, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *temporary = xasprintf("%s.%d~", to, (int)getpid());
	int status = fd_read_file(AT_FDCWD, from, &text, FILE_BYTES_MAX);

	if (status < 0)
		return err_sys(err, -status, "cannot read '%s'", from);
	if (!replace && access(to, F_OK) == 0) {
		err_set(err, ERR_EXISTS, "'%s' is installed already", to);
		return err_hint(err, "Install it over the old one with --replace.");
	}

	cleanup_fd int fd =
		open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	status = fd < 0 ? -errno : fd_write_full(fd, text.data, text.length);
	if (status == 0 && rename(temporary, to) < 0)
		status = -errno;
	if (status < 0) {
		(void)unlink(temporary);
		return err_sys(err, -status, "cannot write '%s'", to);
	}
	return 0;
}

struct installed {
	struct strv from, to;
};

static int plan_folder(const char *from, const char *to, unsigned depth, struct installed *plan,
		       struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	DIR *dir = depth < 16 ? opendir(from) : NULL;
	struct dirent *entry;

	if (dir == NULL)
		return err_sys(err, depth < 16 ? errno : ELOOP, "cannot read the folder '%s'",
			       from);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			strv_add(&names, entry->d_name);
	}
	closedir(dir);
	strv_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = xasprintf("%s/%s", from, names.items[i]);
		cleanup_free char *target = xasprintf("%s/%s", to, names.items[i]);
		struct stat st;

		if (lstat(path, &st) < 0)
			return err_sys(err, errno, "cannot read '%s'", path);
		if (S_ISDIR(st.st_mode)) {
			if (plan_folder(path, target, depth + 1, plan, err) < 0)
				return -1;
		} else {
			strv_add(&plan->from, path);
			strv_add(&plan->to, target);
		}
	}
	return 0;
}

static int plan_install(const struct strv *args, const char *home, struct installed *plan,
			struct err *err)
{
	for (size_t i = 0; i < args->count; i++) {
		cleanup_free char *path = xstrdup(args->items[i]);
		struct stat st;

		if (strstr(path, "://") != NULL) {
			err_set(err, ERR_UNSUPPORTED,
				"cannot install '%s': units are not fetched from elsewhere", path);
			return err_hint(err, "Fetch the file, read it, and install it from here.");
		}
		if (stat(path, &st) < 0)
			return err_sys(err, errno, "cannot install '%s'", path);
		for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
			path[length - 1] = '\0';

		const char *slash = strrchr(path, '/');
		const char *name = slash != NULL ? slash + 1 : path;
		cleanup_free char *target = xasprintf("%s/%s", home, name);

		if (S_ISDIR(st.st_mode)) {
			if (plan_folder(path, target, 0, plan, err) < 0)
				return -1;
			continue;
		}
		if (i == 0 && quadlet_type_of(name) < 0)
			return err_set(err, ERR_USAGE,
				       "cannot install '%s': units end in .container, .volume, "
				       ".network, .image or .build",
				       path);
		strv_add(&plan->from, path);
		strv_add(&plan->to, target);
	}
	return 0;
}

/* Nothing is installed that could not be made a service. */
static int check_install(struct cli *cli, const struct installed *plan, struct err *err)
{
	cleanup_strv struct strv units = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < plan->from.count; i++) {
		if (quadlet_type_of(plan->to.items[i]) >= 0)
			strv_add(&units, plan->from.items[i]);
	}
	if (units.count == 0)
		return err_set(err, ERR_USAGE, "there is no unit to install");

	size_t count = unit_check_files(cli, &units, false, &out);

	(void)fputs(out.data, stderr);
	if (count > 0)
		return err_set(err, ERR_FAILED, "nothing was installed: %zu thing%s must be mended",
			       count, count == 1 ? "" : "s");
	return 0;
}

static int install_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct install_opts *opts = opts_;
	cleanup_free char *home = quadlet_home();
	struct installed plan = { STRV_INIT, STRV_INIT };
	int status = plan_install(args, home, &plan, err);

	if (status == 0)
		status = check_install(cli, &plan, err);
	for (size_t i = 0; i < plan.to.count && status == 0 && !opts->replace; i++) {
		if (access(plan.to.items[i], F_OK) == 0)
			status = copy_file(plan.from.items[i], plan.to.items[i], false, err);
	}
	for (size_t i = 0; i < plan.to.count && status == 0; i++) {
		cleanup_free char *dir =
			xstrndup(plan.to.items[i],
				 (size_t)(strrchr(plan.to.items[i], '/') - plan.to.items[i]));

		status = make_dirs(dir, err);
		if (status == 0)
			status =
				copy_file(plan.from.items[i], plan.to.items[i], opts->replace, err);
		if (status == 0)
			(void)puts(plan.to.items[i]);
	}
	if (status == 0)
		systemctl_reload(cli, opts->reload != 0);
	strv_release(&plan.from);
	strv_release(&plan.to);
	return status;
}

static const struct opt install_opts[] = { OPT_FLAG('r', "replace", struct install_opts, replace,
						    "over one that is installed"),
					   OPT_TRI(0, "reload-systemd", struct install_opts, reload,
						   "let systemd read its units again"),
					   OPT_END };

const struct cmd cmd_quadlet_install = {
	.paths = { "quadlet install" },
	.synopsis = "FILE|FOLDER [FILE...]",
	.help = "Install units, and files that they need",
	.examples = "  dhow quadlet install web.container\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_STORE,
	.opts = install_opts,
	.opts_size = sizeof(struct install_opts),
	.defaults = &(const struct install_opts){ .reload = 1 },
	.run = install_run,
};
