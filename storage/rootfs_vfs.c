/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs_vfs.c - a root file system made by copying
 *
 * For machines where neither overlay works. Slow, and correct: the layers are copied one over the other into rootfs.partial of the
 * container's directory, which becomes rootfs when it is whole. With reflinks it costs no space. A read-only view is copied into
 * tmp/ and goes with the view.
 */
#include "storage/rootfs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "storage/copy_tree.h"

#define PARTIAL_DIR ROOTFS_COPY_DIR ".partial"

struct vfs_copy {
	const struct rootfs *rootfs;
	int target_fd;
	struct copy_options options;
};

/* As root of a user namespace with the store's maps. */
static int copy_layers(void *arg, struct err *err)
{
	const struct vfs_copy *copy = arg;
	const struct rootfs *rootfs = copy->rootfs;

	for (size_t i = rootfs->lower_count; i-- > 0;) {
		const struct rootfs_lower *lower = &rootfs->lowers[i];
		const struct rootfs_place *place = &rootfs->places[lower->place];
		cleanup_fd int place_fd = rootfs_place_open(place, err);
		cleanup_fd int lower_fd = -1;

		if (place_fd < 0)
			return -1;
		lower_fd = rootfs_open_below(place, place_fd, lower->path, err);
		if (lower_fd < 0)
			return -1;
		if (copy_tree(lower_fd, copy->target_fd, &copy->options, err) < 0)
			return err_wrap(err, "cannot copy the layers of the image");
	}
	return 0;
}

static bool is_there(int dir_fd)
{
	struct stat st;

	return fstatat(dir_fd, ROOTFS_COPY_DIR, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

int rootfs_vfs_copy(struct store *store, const struct rootfs *rootfs, int dir_fd,
		    const struct idmaps *container_maps, struct err *err)
{
	struct vfs_copy copy = { .rootfs = rootfs, .target_fd = -1, .options.as_layer = true };
	cleanup_fd int target_fd = -1;
	const struct idmaps *maps;
	int status;

	if (is_there(dir_fd))
		return 0;
	if (store_remove_tree(store, dir_fd, PARTIAL_DIR, err) < 0)
		return -1;
	if (mkdirat(dir_fd, PARTIAL_DIR, 0755) < 0)
		return err_sys(err, errno, "cannot make directory '%s'", PARTIAL_DIR);
	target_fd = openat(dir_fd, PARTIAL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target_fd < 0)
		return err_sys(err, errno, "cannot open directory '%s'", PARTIAL_DIR);

	if (store_idmaps(store, &maps, err) < 0)
		return -1;
	copy.target_fd = target_fd;
	if (rootfs->map_ids) {
		copy.options.uid_through = &container_maps->uid;
		copy.options.uid_back = &maps->uid;
		copy.options.gid_through = &container_maps->gid;
		copy.options.gid_back = &maps->gid;
	}
	status = userns_is_inside() ? copy_layers(&copy, err)
				    : userns_run(maps, copy_layers, &copy, err);
	if (status < 0)
		return -1;
	if (!rootfs->volatile_upper && syncfs(target_fd) < 0)
		return err_sys(err, errno, "cannot write the copy of the image to the disk");
	if (renameat(dir_fd, PARTIAL_DIR, dir_fd, ROOTFS_COPY_DIR) < 0)
		return err_sys(err, errno, "cannot move the copy of the image to its place");
	return 0;
}
