/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_views.c - overlays on directories, and images as data
 *
 * Both are root file systems of storage with another place. What is written to them goes to views/N in the container's directory, so it
 * stays for the next start and goes with the container.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "engine/container/record.h"
#include "engine/container/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define DIR_VIEWS "views"

static int open_place(const struct start *start, size_t number, struct err *err)
{
	char path[sizeof(DIR_VIEWS) + 24];

	(void)snprintf(path, sizeof(path), DIR_VIEWS "/%zu", number);
	int fd = path_make_dirs_beneath(start->container->dir_fd, path, 0700);

	return fd < 0 ? err_sys(err, -fd, "cannot make a directory of the container") : fd;
}

static int prepare_view(struct start *start, const json_t *item, size_t number,
			struct rootfs *ret_rootfs, struct err *err)
{
	const char *path = json_get_string(item, NULL, KEY_PATH, NULL);
	cleanup_free struct digest *layers = NULL;
	cleanup_fd int directory_fd = -1;
	cleanup_fd int place_fd = -1;
	struct rootfs_request request = {
		.directory_fd = -1,
		.directory_overlay = true,
		.container_dir_fd = -1,
		.volatile_upper = start->container->remove_at_exit,
		.container_maps = &start->maps,
	};

	/* an overlay that is read-only still wants an upper: it may lie on one directory only */
	if (path != NULL || !json_get_bool(item, true, KEY_READ_ONLY, NULL)) {
		place_fd = open_place(start, number, err);
		if (place_fd < 0)
			return -1;
		request.container_dir_fd = place_fd;
	}
	if (path != NULL) {
		directory_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directory_fd < 0)
			return err_sys(err, errno, "cannot put an overlay on '%s'", path);
		request.directory_fd = directory_fd;
	} else if (container_parse_layers(json_object_get(item, KEY_LAYERS), &layers,
					  &request.diff_id_count, err) < 0) {
		return -1;
	}
	request.diff_ids = layers;
	return rootfs_prepare(start->engine->store, &request, ret_rootfs, err);
}

int start_prepare_views(struct start *start, struct err *err)
{
	const json_t *list = json_at(start->container->create, KEY_RUNTIME, KEY_VIEWS, NULL);
	struct runtime_extra *extra = &start->extra;
	const json_t *item;
	size_t i;

	if (json_array_size(list) == 0)
		return 0;
	start->views = xcalloc(json_array_size(list), sizeof(*start->views));
	extra->views = xcalloc(json_array_size(list), sizeof(*extra->views));
	json_array_foreach (list, i, item) {
		struct runtime_view *view = &extra->views[i];

		view->destination = xstrdup(json_get_string(item, "", KEY_DESTINATION, NULL));
		view->subpath = xstrdup_null(json_get_string(item, NULL, KEY_SUBPATH, NULL));
		view->rootfs = &start->views[i];
		start->views[i] = (struct rootfs)ROOTFS_INIT;
		extra->view_count = start->view_count = i + 1;
		if (prepare_view(start, item, i, &start->views[i], err) < 0)
			return err_wrap(err, "cannot mount on '%s'", view->destination);
	}
	return 0;
}

void start_release_views(struct start *start)
{
	for (size_t i = 0; i < start->view_count; i++)
		rootfs_release(&start->views[i]);
	free(start->views);
	start->views = NULL;
	start->view_count = 0;
}
