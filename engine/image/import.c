/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/import.c - an image from a tar of a root file system
 *
 * The archive is unpacked in the sandbox, and what came of it is made a layer as a container's changes would be: its digest is that of
 * our own tar, which can be written again, so the archive need not be kept.
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "engine/events.h"
#include "engine/image/manifest.h"
#include "engine/image/pull_private.h"
#include "engine/image/untar.h"
#include "storage/layer_make.h"

/* What is unpacked is root's and readable, as the root of a container has to be. */
static int stage(struct engine *engine, int archive_fd, struct staging *staging, struct err *err)
{
	const struct untar_request request = {
		.archive_fd = archive_fd, .uid = -1, .gid = -1, .replace_kind = true
	};
	cleanup_fd int diff_fd = -1;

	if (staging_new(engine->store, "import", staging, err) < 0)
		return -1;
	if (mkdirat(staging->dir_fd, "diff", 0755) < 0 ||
	    fchmodat(staging->dir_fd, "diff", 0755, 0) < 0)
		return err_sys(err, errno, "cannot make a directory in the store");
	diff_fd = openat(staging->dir_fd, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (diff_fd < 0)
		return err_sys(err, errno, "cannot open a directory in the store");
	return untar_into(engine, &request, diff_fd, err);
}

static int configure(struct image_new *image, const struct image_import_opts *opts,
		     const char *source, struct err *err)
{
	const struct image_pull_opts wanted = { .os = opts->os,
						.arch = opts->arch,
						.variant = opts->variant,
						.platform = opts->platform };
	cleanup_free char *comment = xasprintf("Imported from %s", source);
	struct platform platform = { 0 };
	bool explicit_platform = false;
	char created[TIME_TEXT_MAX];
	int64_t now_ns = time_now_ns();

	if (pull_platform(&wanted, &platform, &explicit_platform, err) < 0)
		return -1;
	json_put(image->config, "os", json_text(platform.os));
	json_put(image->config, "architecture", json_text(platform.architecture));
	if (*platform.variant != '\0')
		json_put(image->config, "variant", json_text(platform.variant));
	else
		json_object_del(image->config, "variant");
	platform_release(&platform);
	time_format_rfc3339(now_ns, created);
	json_put_string(image->config, "created", created);
	for (size_t i = 0; i < opts->changes.count; i++) {
		if (image_change(image->config, opts->changes.items[i], err) < 0)
			return -1;
	}
	image_new_add_history(image, now_ns, NULL, opts->message != NULL ? opts->message : comment,
			      NULL, false);
	return 0;
}

static int import(struct engine *engine, int archive_fd, struct image_new *image,
		  struct image **ret_image, struct err *err)
{
	struct staging staging = STAGING_INIT;
	struct layer_source source = { .name = "diff", .take = true };
	struct layer_made made;
	int status = stage(engine, archive_fd, &staging, err);

	if (status == 0) {
		source.parent_fd = staging.dir_fd;
		status = layer_make(engine->store, &source, &made, err);
	}
	staging_discard(engine->store, &staging);
	if (status < 0)
		return -1;
	image_new_add_layer(image, &made);
	status = image_publish(engine, image, ret_image, err);
	layer_meta_release(&made.meta);
	return status;
}

int image_import(struct engine *engine, int archive_fd, const char *source, const char *name,
		 const struct image_import_opts *opts, struct image **ret_image, struct err *err)
{
	cleanup_image_new struct image_new image = { 0 };
	char *full;

	if (image_new_from(engine, NULL, &image, err) < 0)
		return -1;
	if (name != NULL) {
		full = image_name_complete(engine, name, err);
		if (full == NULL)
			return -1;
		strv_add_take(&image.names, full);
	}
	/* wrong options are found before the work is done */
	if (configure(&image, opts, source, err) < 0 ||
	    import(engine, archive_fd, &image, ret_image, err) < 0)
		return err_wrap(err, "cannot import '%s'", source);
	event_image(engine, EVENT_IMPORT, (*ret_image)->config.text, name);
	return 0;
}

int url_fetch(struct engine *engine, const char *url, struct err *err)
{
	const struct image_pull_opts opts = { .retry = -1 };
	cleanup_fd int tmp_fd = store_open_dir(engine->store, "tmp", true, err);
	cleanup_fd int fd = -1;
	cleanup_json json_t *request = NULL;
	struct pull_result result = { .tags = STRV_INIT };
	json_t *source = json_object();

	json_put_string(source, "kind", "url");
	json_put(source, "url", json_text(url));
	if (pull_request(engine, "get", source, &opts, &request, err) < 0 || tmp_fd < 0)
		return -1;
	fd = openat(tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot make a file in '%s/tmp'",
			       engine->store->root_path);
	if (pull_run_with(engine, request, &fd, 1, NULL, NULL, &result, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read what was fetched");
	return TAKE_FD(fd);
}
