/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/squash.c - many layers become one
 *
 * The layers are mounted as a container would see them, and what is seen there is copied into the new layer.
 */
#include "engine/image.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "storage/layer_make.h"
#include "storage/rootfs.h"

static int open_view(void *context, struct err *err)
{
	cleanup_fd int mount_fd = rootfs_mount(context, err);
	int fd;

	if (mount_fd < 0)
		return -1;
	fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open the layers") : fd;
}

int image_squash(struct engine *engine, const struct digest *diff_ids, size_t count,
		 const int64_t *latest_mtime_s, struct layer_made *ret_layer, struct err *err)
{
	cleanup_rootfs struct rootfs rootfs = ROOTFS_INIT;
	const struct rootfs_request request = {
		.diff_ids = diff_ids,
		.diff_id_count = count,
		.directory_fd = -1,
		.container_dir_fd = -1,
	};
	const struct layer_source source = {
		.open = open_view,
		.open_context = &rootfs,
		.latest_mtime_s = latest_mtime_s,
	};

	if (rootfs_prepare(engine->store, &request, &rootfs, err) < 0 ||
	    layer_make(engine->store, &source, ret_layer, err) < 0)
		return err_wrap(err, "cannot squash the layers");
	return 0;
}
