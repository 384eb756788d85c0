/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/platform.c - platforms of a build, lists of images, and whether foreign programs can run
 */
#include "engine/build/platform.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/image/manifest.h"
#include "engine/manifest_list.h"

#define BINFMT_DIR	   "/proc/sys/fs/binfmt_misc"
#define BINFMT_LIMIT	   4096
#define ELF_DATA_OFFSET	   5
#define ELF_MACHINE_OFFSET 18

/* ---- which --------------------------------------------------------------------------------------------------------------- */

int platform_choose(struct build *build, const char *text, struct err *err)
{
	const struct image_pull_opts *pull = &build->opts->run.pull;
	struct platform host = { 0 }, wanted = { 0 };

	platform_here(&host);
	strv_env_set(&build->args, HOST_ARCH, host.architecture);
	if (text == NULL)
		text = pull->platform;
	if (text != NULL && !str_equal(text, "local")) {
		if (platform_parse(text, &wanted, err) < 0) {
			platform_release(&host);
			return err_wrap(err, "--platform");
		}
	} else {
		wanted.os = xstrdup(pull->os != NULL ? pull->os : host.os);
		wanted.architecture = xstrdup(pull->arch != NULL ? pull->arch : host.architecture);
		wanted.variant = xstrdup_null(pull->variant != NULL ? pull->variant
					      : pull->arch == NULL  ? host.variant
								    : NULL);
		platform_normalize(&wanted);
	}
	free(build->os);
	free(build->arch);
	free(build->variant);
	build->foreign = platform_rank(&host, &wanted) == 0;
	build->os = TAKE_PTR(wanted.os);
	build->arch = TAKE_PTR(wanted.architecture);
	build->variant = TAKE_PTR(wanted.variant);
	platform_release(&wanted);
	platform_release(&host);
	return 0;
}

char *platform_of_build(const struct build *build)
{
	bool has_variant = !str_is_empty(build->variant);

	return xasprintf("%s/%s%s%s", build->os, build->arch, has_variant ? "/" : "",
			 has_variant ? build->variant : "");
}

/* ---- lists --------------------------------------------------------------------------------------------------------------- */

bool platform_makes_list(const struct build *build)
{
	return build->opts->platforms.count > 1;
}

/* A build replaces what had the name. */
static int take_name_away(struct build *build, const char *name, struct err *err)
{
	cleanup_image struct image *present = NULL;
	int found = image_find_name(build->engine->store, name, &present, err);

	return found <= 0 ? found : image_untag(build->engine->store, present, name, err);
}

static int make_list(struct build *build, const char *text, bool amend, char **ret_id,
		     struct err *err)
{
	const struct manifest_list_opts opts = { .registry = build->opts->run.pull,
						 .amend = amend };
	cleanup_free char *name = image_name_complete(build->engine, text, err);
	cleanup_image struct image *list = NULL;

	if (name == NULL || (!amend && take_name_away(build, name, err) < 0) ||
	    manifest_list_create(build->engine, text, &build->made, &opts, &list, err) < 0)
		return -1;
	build_emit(build, NULL, BUILD_TAGGED, name, NULL);
	free(*ret_id);
	*ret_id = xstrdup(digest_hex(&list->config));
	return 0;
}

int platform_make_lists(struct build *build, char **ret_id, struct err *err)
{
	const struct strv *tags = &build->opts->tags;

	if (build->opts->manifest != NULL &&
	    make_list(build, build->opts->manifest, true, ret_id, err) < 0)
		return -1;
	for (size_t i = 0; platform_makes_list(build) && i < tags->count; i++)
		if (make_list(build, tags->items[i], false, ret_id, err) < 0)
			return -1;
	return 0;
}

/* ---- foreign programs ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *arch;
	unsigned machine;
	const char *native; /* machines that run it by themselves */
} machines[] = {
	{ "amd64", 62, "" },	{ "386", 3, "amd64" },	{ "arm64", 183, "" },
	{ "arm", 40, "arm64" }, { "ppc64le", 21, "" },	{ "s390x", 22, "" },
	{ "riscv64", 243, "" }, { "loong64", 258, "" }, { "mips64le", 8, "" },
};

static unsigned hex_byte(const char *text)
{
	char pair[3] = { text[0], text[1], '\0' };

	return (unsigned)strtoul(pair, NULL, 16);
}

/* One registered interpreter: is it on, and for this kind of machine? */
static bool entry_serves(int dir_fd, const char *name, unsigned machine)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (fd_read_file(dir_fd, name, &text, BINFMT_LIMIT) < 0 ||
	    str_after(text.data, "enabled") == NULL)
		return false;
	const char *magic = strstr(text.data, "\nmagic ");
	if (magic == NULL || strlen(magic += strlen("\nmagic ")) < 2 * (ELF_MACHINE_OFFSET + 2))
		return false;
	bool big = hex_byte(magic + 2 * (size_t)ELF_DATA_OFFSET) == 2;
	unsigned first = hex_byte(magic + 2 * (size_t)ELF_MACHINE_OFFSET);
	unsigned second = hex_byte(magic + 2 * (size_t)ELF_MACHINE_OFFSET + 2);

	return machine == (big ? first << 8 | second : second << 8 | first);
}

/* 1 yes, 0 no, -1 nobody can know: the list is not there to be read */
static int is_registered(unsigned machine)
{
	cleanup_fd int dir_fd = open(BINFMT_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *item;
	bool has_status = false;
	int found = 0;

	if (dir_fd < 0)
		return -1;
	DIR *dir = fdopendir(dir_fd);
	if (dir == NULL)
		return -1;
	int list_fd = TAKE_FD(dir_fd);
	while ((item = readdir(dir)) != NULL) {
		if (str_equal(item->d_name, "status"))
			has_status = true;
		else if (item->d_name[0] != '.' && entry_serves(list_fd, item->d_name, machine))
			found = 1;
	}
	closedir(dir);
	return has_status ? found : -1;
}

int platform_check_run(const char *os, const char *arch, struct err *err)
{
	struct platform host = { 0 };
	unsigned machine = 0;
	bool native = false;

	platform_here(&host);
	native = str_equal(host.architecture, arch);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (str_equal(machines[i].arch, arch)) {
			machine = machines[i].machine;
			native |= str_equal(machines[i].native, host.architecture);
		}
	cleanup_free char *here = xstrdup(host.architecture);
	platform_release(&host);
	if (!str_equal(os, "linux"))
		return err_set(err, ERR_CANNOT_RUN, "programs for '%s' cannot be run here", os);
	if (native || is_registered(machine) != 0)
		return 0;
	err_set(err, ERR_CANNOT_RUN,
		"programs for '%s' cannot be run on this machine, which is '%s': no emulator is "
		"registered",
		arch, here);
	return err_hint(err,
			"Install qemu-user-static (binfmt_misc), or do what must run in a stage "
			"FROM --platform=$BUILDPLATFORM.");
}
