/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/view.c - one more root file system of storage at a place in the container
 *
 * An image that is mounted as data, or an overlay on a directory of the host. Storage makes the mount as it makes the root's; here it
 * gets its flags and its place. A part of it (subpath) is what the container would find by that path: links end at the mount's root.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>

int view_prepare(struct init *init, struct op *op, struct err *err)
{
	(void)init;
	if (rootfs_begin(op->view->rootfs, err) >= 0)
		return 0;
	return err_wrap(err, "cannot mount '%s' on '%s'", op->source, op->target);
}

static int clone_part(int part_fd)
{
	int fd = sys_open_tree(part_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * The mount of a path in it. Kernels before 6.15 clone only what is attached: there the whole is put on the target first, and
 * the part, when it is a directory too, covers it.
 */
static int take_part(struct init *init, struct op *op, struct err *err)
{
	const char *subpath = op->view->subpath;
	cleanup_fd int part_fd = path_open_in_root(op->fd, subpath, O_PATH, 0);

	if (part_fd < 0)
		return err_sys(err, -part_fd, "cannot find '%s' in '%s'", subpath, op->source);

	int fd = clone_part(part_fd);
	if (fd == -EINVAL) {
		cleanup_fd int target_fd = target_open(init, op->target, TARGET_DIRECTORY, err);
		int r = target_fd < 0 ? -1 : target_attach(op->fd, target_fd);

		if (target_fd < 0)
			return -1;
		fd = r < 0 ? r : clone_part(part_fd);
	}
	if (fd < 0)
		return err_sys(err, -fd, "cannot mount '%s' of '%s' on '%s'", subpath, op->source,
			       op->target);
	fd_close(&op->fd);
	op->fd = fd;
	return 0;
}

int view_apply(struct init *init, struct op *op, struct err *err)
{
	op->fd = rootfs_mount(op->view->rootfs, err);
	if (op->fd < 0)
		return err_wrap(err, "cannot mount '%s' on '%s'", op->source, op->target);
	if (op->view->subpath != NULL && take_part(init, op, err) < 0)
		return -1;

	int r = mount_apply_flags(init->plan, op->fd, &op->flags);
	if (r < 0)
		return mount_flags_failed(-r, op->source, op->target, err);
	return bind_apply(init, op, err);
}
