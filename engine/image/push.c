/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/push.c - send an image away
 *
 * The image is brought into the form that is wanted (layout.h); what is not changed keeps its bytes, so what was pulled is pushed with the
 * same digest. Directories and archives are what save writes.
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/events.h"
#include "engine/image/push_private.h"
#include "engine/image/sign.h"

int push_read_form(struct push *push, bool to_registry, struct err *err)
{
	const struct image_push_opts *opts = push->opts;
	struct layout_opts *layout = &push->layout;

	layout->level = (int)opts->compression_level;
	layout->force = opts->force_compression;
	layout->compression = to_registry || opts->compress ? LAYOUT_GZIP : LAYOUT_AS_IS;
	if (opts->format != NULL && str_equal(opts->format, "oci"))
		layout->format = LAYOUT_OCI;
	else if (opts->format != NULL &&
		 (str_equal(opts->format, "v2s2") || str_equal(opts->format, "docker")))
		layout->format = LAYOUT_DOCKER;
	else if (opts->format != NULL)
		return err_set(err, str_equal(opts->format, "v2s1") ? ERR_UNSUPPORTED : ERR_USAGE,
			       "invalid --format '%s': it is oci or v2s2", opts->format);
	if (opts->compression_format == NULL)
		return 0;
	if (str_equal(opts->compression_format, "gzip"))
		layout->compression = LAYOUT_GZIP;
	else if (str_equal(opts->compression_format, "zstd"))
		layout->compression = LAYOUT_ZSTD;
	else if (str_equal(opts->compression_format, "zstd:chunked") && to_registry)
		layout->compression = LAYOUT_CHUNKED;
	else if (str_equal(opts->compression_format, "zstd:chunked"))
		return err_set(err, ERR_USAGE,
			       "--compression-format zstd:chunked is for registries: parts of a "
			       "file are not fetched by themselves");
	else
		return err_set(err, ERR_USAGE,
			       "invalid --compression-format '%s': it is gzip, zstd or "
			       "zstd:chunked",
			       opts->compression_format);
	if (layout->level > (layout->compression == LAYOUT_GZIP ? 9 : 22) || layout->level == 0 ||
	    layout->level < -1)
		return err_set(err, ERR_USAGE,
			       "invalid --compression-level %d: it is 1 to 9 for gzip, 1 to 22 for "
			       "zstd",
			       layout->level);
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *transport;
	enum image_save_format format;
	bool has_name, is_archive;
} file_transports[] = {
	{ "oci", SAVE_OCI_DIR, true, false },
	{ "oci-archive", SAVE_OCI_ARCHIVE, true, true },
	{ "docker-archive", SAVE_DOCKER_ARCHIVE, true, true },
	{ "dir", SAVE_DOCKER_DIR, false, false },
};

static int push_to_file(struct push *push, size_t kind, const char *rest, struct err *err)
{
	const char *colon = file_transports[kind].has_name ? strchr(rest, ':') : NULL;
	cleanup_free char *path =
		colon != NULL ? xstrndup(rest, (size_t)(colon - rest)) : xstrdup(rest);
	struct image_save_item item = { .image = push->image };
	cleanup_fd int fd = -1;
	struct image_save_request request = {
		.format = file_transports[kind].format,
		.items = &item,
		.count = 1,
		.output_fd = -1,
		.path = path,
		.ret_digest = push->ret_digest,
	};
	int status;

	if (push_read_form(push, false, err) < 0)
		return -1;
	if (sign_wanted(&push->opts->sign))
		return err_set(err, ERR_UNSUPPORTED,
			       "only images in registries are signed: '%s:%s' is no name that a "
			       "signature could bear",
			       file_transports[kind].transport, rest);
	request.manifest = (int)push->layout.format;
	request.compression = (int)push->layout.compression;
	request.force_compression = push->layout.force;
	request.level = push->layout.level;
	if (colon != NULL)
		strv_add(&item.names, colon + 1);
	if (file_transports[kind].is_archive) {
		request.output_fd = fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0) {
			strv_release(&item.names);
			return err_sys(err, errno, "cannot make '%s'", path);
		}
	}
	status = image_save(push->engine, &request, err);
	if (status < 0 && fd >= 0)
		unlink(path);
	strv_release(&item.names);
	return status;
}

/* Of a list all members are sent. */
static int push_list(struct push *push, const char *destination, struct err *err)
{
	const struct list_push_request request = {
		.list = push->image,
		.opts = push->opts,
		.all = true,
		.progress = push->progress,
		.progress_arg = push->progress_arg,
	};

	if (push->layout.compression == LAYOUT_CHUNKED)
		return err_set(err, ERR_UNSUPPORTED,
			       "zstd:chunked is made of one image at a time: push the members of "
			       "the list by themselves first");
	return list_push(push->engine, &request, destination, push->ret_digest, err);
}

static int push_to(struct push *push, const char *destination, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_transports); i++) {
		const char *rest = str_after(destination, file_transports[i].transport);

		/* "oci:5000/x" would be a registry; no registry is called so */
		if (rest != NULL && *rest == ':')
			return push_to_file(push, i, rest + 1, err);
	}
	destination = str_after(destination, "docker://") ?: destination;
	return digest_is_set(&push->image->list) ? push_list(push, destination, err)
						 : push_to_registry(push, destination, err);
}

/* The name that it is pushed to when no other was said: the one that was typed, whole. */
static char *own_name(const struct image *image, const char *text)
{
	for (size_t i = 0; i < image->names.count; i++) {
		const char *name = image->names.items[i];
		size_t length = strlen(name), part = strlen(text);
		cleanup_free char *tagged = xasprintf("%s:latest", text);

		if (str_equal(name, text) || str_equal(name, tagged) ||
		    (part < length && str_ends_with(name, text) &&
		     name[length - part - 1] == '/') ||
		    (str_ends_with(name, tagged) && strlen(tagged) < length &&
		     name[length - strlen(tagged) - 1] == '/'))
			return xstrdup(name);
	}
	return NULL;
}

int image_push(struct engine *engine, const char *text, const char *destination,
	       const struct image_push_opts *opts, progress_function progress, void *progress_arg,
	       struct digest *ret_digest, struct err *err)
{
	cleanup_image struct image *image = NULL;
	cleanup_free char *own = NULL;
	struct push push = { .engine = engine,
			     .opts = opts,
			     .progress = progress,
			     .progress_arg = progress_arg,
			     .ret_digest = ret_digest };

	/* wrong options are said before an image is looked for */
	if (push_read_form(&push, true, err) < 0 || image_get(engine, text, &image, err) < 0)
		return -1;
	if (destination == NULL) {
		destination = own = own_name(image, text);
		if (own == NULL)
			return err_set(
				err, ERR_USAGE,
				"cannot push image '%s': say where to, it is called by its id",
				text);
	}
	push.image = image;
	if (push_to(&push, destination, err) < 0)
		return err_wrap(err, "cannot push image '%s' to '%s'", text, destination);
	event_image(engine, EVENT_PUSH, image->config.text, destination);
	return 0;
}

int image_push_new(struct engine *engine, const struct image_new *new_image,
		   const char *destination, const struct image_push_opts *opts,
		   progress_function progress, void *progress_arg, struct err *err)
{
	cleanup_image struct image *image = NULL;
	struct digest digest;
	struct push push = { .engine = engine,
			     .opts = opts,
			     .progress = progress,
			     .progress_arg = progress_arg,
			     .ret_digest = &digest };

	if (image_write(engine, new_image, &image, err) < 0)
		return -1;
	push.image = image;
	if (push_to_registry(&push, destination, err) < 0)
		return err_wrap(err, "cannot push to '%s'", destination);
	return 0;
}
