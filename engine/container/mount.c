/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/mount.c - root file systems for the programs of `dhow unshare`
 *
 * A plain user can mount in a mount namespace of his own only, and the mount is seen there only. So mount works inside of `dhow unshare`, and
 * what it mounted goes with that; there is nothing to clean up.
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "engine/container/life.h"
#include "engine/container/tree.h"
#include "engine/events.h"
#include "storage/rootfs.h"

static int check_inside(struct err *err)
{
	if (userns_is_inside())
		return 0;
	err_set(err, ERR_STATE, "cannot mount in your own mount namespace: only root could");
	return err_hint(err, "Run `dhow unshare` first, and mount in the shell that it starts.");
}

/* True when something is mounted exactly there. */
static bool is_mounted(const char *path)
{
	cleanup_free char *parent = xasprintf("%s/..", path);
	struct stat here, above;

	return lstat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

static int attach(struct rootfs *rootfs, const char *path, bool read_only, struct err *err)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID };
	cleanup_fd int mount_fd = rootfs_mount(rootfs, err);

	if (mount_fd < 0)
		return -1;
	if (read_only)
		attributes.attr_set |= MOUNT_ATTR_RDONLY;
	if (sys_mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 ||
	    sys_move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, errno, "cannot mount on '%s'", path);
	return 0;
}

static char *path_of_container(struct engine *engine, const struct container *container)
{
	return xasprintf("%s/containers/%s/merged", engine->store->root_path, container->id.text);
}

static char *path_of_image(struct engine *engine, const struct image *image)
{
	return xasprintf("%s/cache/mounts/%s", engine->store->root_path,
			 digest_hex(&image->config));
}

char *container_mount_point(struct engine *engine, const struct container *container)
{
	cleanup_free char *path = path_of_container(engine, container);

	return is_mounted(path) ? TAKE_PTR(path) : NULL;
}

char *image_mount_point(struct engine *engine, const struct image *image)
{
	cleanup_free char *path = path_of_image(engine, image);

	return is_mounted(path) ? TAKE_PTR(path) : NULL;
}

static int mount_container(struct engine *engine, struct container *container, const char *path,
			   struct err *err)
{
	cleanup_rootfs struct rootfs rootfs = ROOTFS_INIT;
	const struct idmaps *maps = NULL;

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT, "it is damaged");
	if (container_is_up(container)) {
		err_set(err, ERR_STATE, "it is running, in a namespace of its own");
		return err_hint(err, "Use `dhow cp` or `dhow exec`, or stop it first.");
	}
	if (store_idmaps(engine->store, &maps, err) < 0 ||
	    container_prepare_rootfs(engine, container, maps, false, &rootfs, err) < 0)
		return -1;
	if (mkdirat(container->dir_fd, "merged", 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make '%s'", path);
	return attach(&rootfs, path, false, err);
}

int container_mount(struct engine *engine, struct container *container, char **ret_path,
		    struct err *err)
{
	cleanup_free char *path = path_of_container(engine, container);

	if (check_inside(err) < 0)
		return -1;
	if (!is_mounted(path) && mount_container(engine, container, path, err) < 0)
		return err_wrap(err, "cannot mount container '%s'",
				container->name ?: container->id.text);
	event_container(engine, container, EVENT_MOUNT);
	*ret_path = TAKE_PTR(path);
	return 0;
}

static int mount_image(struct engine *engine, const struct image *image, const char *path,
		       struct err *err)
{
	cleanup_rootfs struct rootfs rootfs = ROOTFS_INIT;
	cleanup_free struct digest *layers = xcalloc(image->layer_count + 1, sizeof(*layers));
	cleanup_free char *below = xasprintf("cache/mounts/%s", digest_hex(&image->config));
	cleanup_fd int dir_fd = store_open_dir(engine->store, below, true, err);
	struct rootfs_request request = {
		.diff_ids = layers,
		.diff_id_count = image->layer_count,
		.directory_fd = -1,
		.container_dir_fd = -1,
	};

	for (size_t i = 0; i < image->layer_count; i++)
		layers[i] = image->layers[i].diff_id;
	if (dir_fd < 0 || rootfs_prepare(engine->store, &request, &rootfs, err) < 0)
		return -1;
	return attach(&rootfs, path, true, err);
}

int image_mount(struct engine *engine, const struct image *image, char **ret_path, struct err *err)
{
	cleanup_free char *path = path_of_image(engine, image);

	if (check_inside(err) < 0)
		return -1;
	if (!is_mounted(path) && mount_image(engine, image, path, err) < 0)
		return err_wrap(err, "cannot mount image '%.19s'", image->config.text);
	*ret_path = TAKE_PTR(path);
	return 0;
}

int mount_remove(const char *path, bool force, struct err *err)
{
	if (!is_mounted(path))
		return err_set(err, ERR_STATE, "it is not mounted");
	if (umount2(path, force ? MNT_DETACH : 0) < 0) {
		err_sys(err, errno, "cannot unmount '%s'", path);
		return err_hint(err, "A program uses it; --force takes it away all the same.");
	}
	rmdir(path);
	return 0;
}
