/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/load.c - take the images of an archive or directory into the store
 */
#include "engine/files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/events.h"
#include "engine/image/archive.h"
#include "engine/image/pull_private.h"
#include "engine/image/trust.h"

static const struct image_pull_opts load_opts = { .retry = -1 };

static void add_names(const struct image *image, struct strv *names)
{
	if (image->names.count == 0)
		strv_add(names, image->config.text);
	strv_add_all(names, &image->names);
}

static int load_all(struct engine *engine, const struct archive *archive, const char *name,
		    progress_function progress, void *progress_arg, struct strv *ret_names,
		    struct err *err)
{
	for (size_t i = 0; i < archive->count; i++) {
		cleanup_image struct image *image = NULL;
		cleanup_image struct image *named = NULL;

		if (pull_layout(engine, archive->path, &archive->items[i], &load_opts, progress,
				progress_arg, &image, err) < 0)
			return -1;
		/* with the names that it has now */
		if (image_find_id(engine->store, image->manifest.text, &named, err) < 0)
			return -1;
		add_names(named != NULL ? named : image, ret_names);
		event_image(engine, EVENT_LOAD, image->config.text, name);
	}
	return 0;
}

/* Not a layout: perhaps the files of dir:, which the transport of that name reads. */
static int load_plain_directory(struct engine *engine, const char *path, progress_function progress,
				void *progress_arg, struct strv *ret_names, struct err *err)
{
	cleanup_free char *text = xasprintf("dir:%s", path);
	cleanup_image struct image *image = NULL;

	if (image_pull(engine, text, &load_opts, progress, progress_arg, &image, err) < 0)
		return -1;
	add_names(image, ret_names);
	return 0;
}

int image_load(struct engine *engine, int archive_fd, const char *path, const char *name,
	       progress_function progress, void *progress_arg, struct strv *ret_names,
	       struct err *err)
{
	struct archive archive = ARCHIVE_INIT;
	cleanup_free char *absolute = path != NULL ? realpath(path, NULL) : NULL;
	int status;

	if (path != NULL && absolute == NULL)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (path == NULL && trust_open_without_signatures(engine, "docker-archive", "", err) < 0)
		return err_wrap(err, "cannot load images");
	status = path != NULL ? archive_open_layout(absolute, &archive, err)
			      : archive_open(engine, archive_fd, &archive, err);
	/* the plain files of dir: are looked at by their own rules, and may have signatures */
	if (status == 0 && path != NULL)
		status = trust_open_without_signatures(engine, "oci", absolute, err);
	if (status == 0)
		status = load_all(engine, &archive, name, progress, progress_arg, ret_names, err);
	else if (path != NULL && err->kind == ERR_NOT_FOUND)
		status = load_plain_directory(engine, absolute, progress, progress_arg, ret_names,
					      err);
	archive_release(engine, &archive);
	/* scripts know the sentence */
	if (status < 0 && err->kind == ERR_CORRUPT)
		err_wrap(err, "payload does not match any of the supported image formats");
	return status < 0 ? err_wrap(err, "cannot load images") : 0;
}
