/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/masks.c - parts of /proc and /sys that a container does not see, or cannot write (R4)
 *
 * A directory is covered by an empty read-only tmpfs of ours, the same one everywhere; a file by the host's /dev/null. Both by
 * descriptors that the image has no part in. What is not there needs no mask.
 *
 * Until Linux 6.15 only a mount that is attached can be cloned: the first directory gets the tmpfs itself, the others clones of it.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int make_empty_directory(void)
{
	cleanup_fd int fs_fd = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs_fd < 0 || sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;

	int fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_null(void)
{
	cleanup_fd int fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return -ENODEV;
	return TAKE_FD(fd);
}

int mask_prepare(struct init *init, struct op *op, struct err *err)
{
	if (init->null_fd < 0)
		init->null_fd = open_null();
	if (init->null_fd < 0)
		return err_sys(err, -init->null_fd, "cannot use '/dev/null'");

	/* once for all masks; the id that owns it shows in its mode only */
	if (init->mask_fd < 0)
		init->mask_fd = make_empty_directory();
	if (init->mask_fd < 0)
		return err_sys(err, -init->mask_fd, "cannot make an empty file system");
	return 0;
}

static int cover_directory(struct init *init, int target_fd)
{
	if (!init->mask_is_attached) {
		init->mask_is_attached = true;
		return target_attach(init->mask_fd, target_fd);
	}

	cleanup_fd int clone_fd = sys_open_tree(
		init->mask_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	return clone_fd < 0 ? -errno : target_attach(clone_fd, target_fd);
}

static int cover_file(struct init *init, int target_fd)
{
	cleanup_fd int clone_fd = sys_open_tree(
		init->null_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	return clone_fd < 0 ? -errno : target_attach(clone_fd, target_fd);
}

/* fd; -ENOENT when there is nothing to cover */
static int open_existing(struct init *init, const struct op *op)
{
	int fd = path_open_in_root(init->root_fd, op->target, O_PATH, 0);

	return fd == -ENOTDIR ? -ENOENT : fd;
}

int mask_apply(struct init *init, struct op *op, struct err *err)
{
	cleanup_fd int target_fd = open_existing(init, op);
	struct stat st;
	int r;

	if (target_fd == -ENOENT)
		return 0;
	if (target_fd < 0 || fstat(target_fd, &st) < 0)
		return err_sys(err, target_fd < 0 ? -target_fd : errno, "cannot mask '%s'",
			       op->target);

	r = S_ISDIR(st.st_mode) ? cover_directory(init, target_fd) : cover_file(init, target_fd);
	return r < 0 ? err_sys(err, -r, "cannot mask '%s'", op->target) : 0;
}

int read_only_apply(struct init *init, struct op *op, struct err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_fd int target_fd = open_existing(init, op);
	int r;

	if (target_fd == -ENOENT)
		return 0;
	if (target_fd < 0)
		return err_sys(err, -target_fd, "cannot make '%s' read-only", op->target);

	cleanup_fd int clone_fd = sys_open_tree(
		target_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (clone_fd < 0 ||
	    sys_mount_setattr(clone_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_sys(err, errno, "cannot make '%s' read-only", op->target);
	r = target_attach(clone_fd, target_fd);
	return r < 0 ? err_sys(err, -r, "cannot make '%s' read-only", op->target) : 0;
}
