/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/root.c - the root file system: mounted, entered, the host's tree dropped
 *
 * The new root is put on top of "/": there is always a directory, and our own root stays the host's until pivot_root(".", "."), which
 * swaps the two; then the host's tree, stacked below, is taken off. Nothing of the host can be reached by path after that.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "engine/runtime/sync.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>

/*
 * A tree can be cloned only in our own mount namespace, and the descriptor that C checked is of another one: the directory is
 * opened again by the path that it has, and must be the same.
 */
static int clone_directory(int directory_fd, struct err *err)
{
	char link[PROC_FD_PATH_MAX];
	char path[PATH_MAX];
	struct stat want, have;
	ssize_t length;

	fd_proc_path(directory_fd, link);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0 || fstat(directory_fd, &want) < 0)
		return err_sys(err, errno, "cannot find the root directory of the container");
	path[length] = '\0';

	cleanup_fd int fd =
		sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0 || fstat(fd, &have) < 0)
		return err_sys(err, errno, "cannot open the root directory '%s'", path);
	if (want.st_dev != have.st_dev || want.st_ino != have.st_ino)
		return err_set(err, ERR_FAILED,
			       "cannot use the root directory '%s': it was changed meanwhile",
			       path);
	return TAKE_FD(fd);
}

static int set_attributes(int fd, uint64_t set, uint64_t propagation, bool recursive)
{
	struct mount_attr attr = { .attr_set = set, .propagation = propagation };

	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			      sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int root_prepare(struct init *init, struct op *op, struct err *err)
{
	struct rootfs *rootfs = init->plan->rootfs;

	if (rootfs == NULL || op->fd >= 0 || rootfs_begin(rootfs, err) >= 0)
		return 0;
	return err_wrap(err, "cannot mount the root file system");
}

int root_apply(struct init *init, struct op *op, struct err *err)
{
	struct runtime_plan *plan = init->plan;
	int r;

	if (op->fd < 0)
		op->fd = plan->rootfs != NULL ? rootfs_mount(plan->rootfs, err)
					      : clone_directory(plan->root_fd, err);
	if (op->fd < 0)
		return err_wrap(err, "cannot mount the root file system");

	/* devices come from the host by our hand only (R4) */
	r = set_attributes(op->fd, MOUNT_ATTR_NODEV, 0, false);
	if (r == 0 && plan->wants_propagation)
		r = set_attributes(
			op->fd, 0,
			plan->root_propagation != 0 ? plan->root_propagation : MS_PRIVATE, true);
	if (r < 0)
		return err_sys(err, -r, "cannot set the options of the root file system");

	if (sys_move_mount(op->fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, errno, "cannot put the root file system in place");
	init->root_fd = op->fd;
	return 0;
}

int root_read_only_apply(struct init *init, struct op *op, struct err *err)
{
	int r = set_attributes(init->root_fd, MOUNT_ATTR_RDONLY, 0, false);

	return r < 0 ? err_sys(err, -r, "cannot make the root file system read-only") : 0;
}

int enter_apply(struct init *init, struct op *op, struct err *err)
{
	/* hooks of the runtime's namespace run now (runtime specification, createRuntime) */
	if (init->io->hooked && (sync_child_say(init->sync->child_fd, SYNC_CREATED, err) < 0 ||
				 sync_child_wait(init->sync->child_fd, SYNC_HOOKED, err) < 0))
		return -1;
	if (fchdir(init->root_fd) < 0)
		return err_sys(err, errno, "cannot enter the root file system");
	if (sys_pivot_root(".", ".") < 0) {
		err_sys(err, errno, "cannot make it the root");
		return err_hint(err, "dhow cannot start containers inside of a chroot.");
	}
	/* "." is the new root, and the topmost mount there is the old one */
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(err, errno, "cannot take the host's file systems away");
	if (chdir("/") < 0)
		return err_sys(err, errno, "cannot enter the root directory");
	return 0;
}
