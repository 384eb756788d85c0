/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/save.c - `save` and `load`: images as archives and directories
 *
 * podman's save takes one image and more names for it, and several images with -m; docker's always takes several.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/image_name.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/signature_policy.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- save ------------------------------------------------------------------------------------------------------------ */

struct save_opts {
	bool compress, uncompressed, multi, quiet;
	char *format, *output;
	struct strv except;
};

struct saving {
	struct image_list except;
	struct image **images;
	struct image_save_item *items;
	size_t count;
};

static void saving_release(struct saving *saving)
{
	for (size_t i = 0; i < saving->count; i++) {
		image_free(saving->images[i]);
		strv_release(&saving->items[i].names);
	}
	free(saving->images);
	free(saving->items);
	image_list_release(&saving->except);
}

static int collect(struct cli *cli, const struct save_opts *opts, const struct strv *args,
		   struct saving *saving, struct err *err)
{
	bool several = opts->multi || cli->as_docker;

	saving->images = xcalloc(args->count, sizeof(*saving->images));
	saving->items = xcalloc(args->count, sizeof(*saving->items));
	for (size_t i = 0; i < args->count; i++) {
		struct image_save_item *item = &saving->items[saving->count];
		char *name;

		if (i > 0 && !several) {
			name = image_name_complete(cli->engine, args->items[i], err);
			if (name == NULL)
				return -1;
			strv_add_take(&saving->items[0].names, name);
			continue;
		}
		if (image_get(cli->engine, args->items[i], &saving->images[saving->count], err) < 0)
			return -1;
		item->image = saving->images[saving->count++];
		name = image_name_meant(item->image, args->items[i]);
		if (name != NULL)
			strv_add_take(&item->names, name);
	}
	return 0;
}

static int collect_except(struct cli *cli, const struct save_opts *opts, struct saving *saving,
			  struct err *err)
{
	struct image_list *list = &saving->except;

	list->items = xcalloc(opts->except.count + 1, sizeof(*list->items));
	for (; list->count < opts->except.count; list->count++)
		if (image_get(cli->engine, opts->except.items[list->count],
			      &list->items[list->count], err) < 0)
			return -1;
	return 0;
}

static int save_to(struct cli *cli, const struct save_opts *opts,
		   struct image_save_request *request, struct err *err)
{
	struct output_file file;
	int status;

	if (request->format == SAVE_OCI_DIR || request->format == SAVE_DOCKER_DIR) {
		if (opts->output == NULL)
			return err_set(err, ERR_USAGE, "--format %s needs --output DIRECTORY",
				       image_save_format_name((int)request->format));
		request->path = opts->output;
		return image_save(cli->engine, request, err);
	}
	if (output_file_open(opts->output, &file, err) < 0)
		return -1;
	request->output_fd = file.fd;
	status = image_save(cli->engine, request, err);
	if (output_file_close(&file, status < 0, err) < 0)
		return -1;
	return status;
}

static int save_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct save_opts *opts = opts_;
	struct image_save_request request = {
		.output_fd = -1, .compress = opts->compress, .name = opts->output, .level = -1
	};
	struct saving saving = { .images = NULL };
	int format =
		opts->format != NULL ? image_save_format_parse(opts->format) : SAVE_DOCKER_ARCHIVE;
	int status;

	if (format < 0)
		return err_set(
			err, ERR_USAGE,
			"invalid --format '%s': it is docker-archive, oci-archive, oci-dir or "
			"docker-dir",
			opts->format);
	if (opts->compress && opts->uncompressed)
		return err_set(err, ERR_USAGE, "--compress and --uncompressed exclude each other");
	if (opts->compress && format != SAVE_DOCKER_DIR)
		return err_set(err, ERR_USAGE, "--compress is for --format docker-dir only");
	if (opts->except.count > 0 && format != SAVE_OCI_ARCHIVE && format != SAVE_OCI_DIR)
		return err_set(err, ERR_USAGE, "--except is for --format oci-archive and oci-dir");
	status = collect(cli, opts, args, &saving, err);
	if (status == 0)
		status = collect_except(cli, opts, &saving, err);
	request.except = saving.except.items;
	request.except_count = saving.except.count;
	request.format = (enum image_save_format)format;
	request.items = saving.items;
	request.count = saving.count;
	/* LAYOUT_PLAIN */
	request.compression = opts->uncompressed ? 1 : 0;
	if (status == 0)
		status = save_to(cli, opts, &request, err);
	saving_release(&saving);
	return status;
}

static const char *const save_formats[] = { "docker-archive", "oci-archive", "oci-dir",
					    "docker-dir", NULL };

#define T struct save_opts
static const struct opt save_opts[] = {
	OPT_FLAG(0, "compress", T, compress, "docker-dir: compress layers by gzip"),
	OPT_LIST(0, "except", T, except, "IMAGE",
		 "leave out the layers of this image, which the other side has"),
	OPT_STRING_OF(0, "format", T, format, "FORMAT", save_formats,
		      "docker-archive, oci-archive, oci-dir, docker-dir"),
	OPT_FLAG('m', "multi-image-archive", T, multi, "all arguments are images"),
	OPT_STRING('o', "output", T, output, "FILE", "write to this file or directory"),
	OPT_FLAG('q', "quiet", T, quiet, "print nothing, as always"),
	OPT_FLAG(0, "uncompressed", T, uncompressed, "decompress layers"),
	OPT_REFUSED_VALUE(0, "platform",
			  "the store has one platform of an image: pull the other one"),
	OPT_END
};

const struct cmd cmd_save = {
	.paths = { "save", "image save" },
	.synopsis = "IMAGE [NAME...]",
	.help = "Write images to an archive or directory",
	.examples = "  dhow save -o web.tar web\n"
		    "  dhow save -m --format oci-archive -o all.tar web db\n"
		    "  dhow save --format oci-archive --except web:1 -o delta.tar web:2\n",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = save_opts,
	.opts_size = sizeof(T),
	.run = save_run,
};

/* ---- load ------------------------------------------------------------------------------------------------------------ */

struct load_opts {
	bool quiet;
	char *input, *signature_policy;
};

static int load_from(struct cli *cli, const struct load_opts *opts, struct progress_view *view,
		     struct strv *names, struct err *err)
{
	progress_function progress = opts->quiet ? NULL : progress_view_event;
	cleanup_fd int fd = -1;
	struct stat st;

	if (opts->input == NULL && isatty(STDIN_FILENO)) {
		err_set(err, ERR_USAGE, "cannot read an archive from a terminal");
		return err_hint(err, "Use --input FILE, or redirect stdin.");
	}
	if (opts->input == NULL)
		return image_load(cli->engine, STDIN_FILENO, NULL, NULL, progress, view, names,
				  err);
	fd = open(opts->input, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot open '%s'", opts->input);
	return image_load(cli->engine, fd, S_ISDIR(st.st_mode) ? opts->input : NULL, opts->input,
			  progress, view, names, err);
}

static int load_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct load_opts *opts = opts_;
	cleanup_progress struct progress_view *view = opts->quiet ? NULL : progress_view_new();
	cleanup_strv struct strv names = STRV_INIT;
	use_signature_policy(cli, opts->signature_policy);
	int status = load_from(cli, opts, view, &names, err);

	progress_view_end(view);
	for (size_t i = 0; i < names.count; i++)
		(void)printf("Loaded image: %s\n", names.items[i]);
	return status;
}

static const struct opt load_opts[] = {
	OPT_STRING('i', "input", struct load_opts, input, "FILE", "archive or directory"),
	OPT_FLAG('q', "quiet", struct load_opts, quiet, "print no progress"),
	OPT_STRING(0, "signature-policy", struct load_opts, signature_policy, "FILE",
		   "a policy.json in place of the usual ones"),
	OPT_REFUSED_VALUE(0, "platform", "an index gives the image for this machine"), OPT_END
};

const struct cmd cmd_load = {
	.paths = { "load", "image load" },
	.synopsis = "",
	.help = "Take the images of an archive or directory",
	.section = SECTION_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = load_opts,
	.opts_size = sizeof(struct load_opts),
	.run = load_run,
};
