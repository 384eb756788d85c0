/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/devices.c - /dev (R4)
 *
 * A user namespace cannot make device nodes: the host's are bound onto empty files, after a look at their numbers, so that a file of that
 * name on the host which is something else is not passed on. The rest are links.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define UEVENT_LIMIT 4096

static const struct {
	const char *name, *path;
	unsigned major, minor;
} default_devices[] = {
	{ "null", "/dev/null", 1, 3 },	     { "zero", "/dev/zero", 1, 5 },
	{ "full", "/dev/full", 1, 7 },	     { "random", "/dev/random", 1, 8 },
	{ "urandom", "/dev/urandom", 1, 9 }, { "tty", "/dev/tty", 5, 0 },
};
_Static_assert(ARRAY_SIZE(default_devices) == sizeof(((struct init *)0)->device_fds) / sizeof(int),
	       "one place for each");

static const struct {
	const char *name, *to;
} default_links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },	 { "ptmx", "pts/ptmx" },
};

/* A detached clone of the node, or -errno; -ENODEV when it is another device. */
static int clone_node(const char *path, bool is_block, unsigned major, unsigned minor)
{
	cleanup_fd int fd = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((is_block ? !S_ISBLK(st.st_mode) : !S_ISCHR(st.st_mode)) ||
	    st.st_rdev != makedev(major, minor))
		return -ENODEV;
	return TAKE_FD(fd);
}

int devices_prepare(struct init *init, struct op *op, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
		int fd = clone_node(default_devices[i].path, false, default_devices[i].major,
				    default_devices[i].minor);

		if (fd == -ENODEV)
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot use '%s': it is not the character device %u:%u",
				       default_devices[i].path, default_devices[i].major,
				       default_devices[i].minor);
		if (fd < 0)
			return err_sys(err, -fd, "cannot use the device '%s'",
				       default_devices[i].path);
		init->device_fds[i] = fd;
	}
	return 0;
}

int devices_apply(struct init *init, struct op *op, struct err *err)
{
	cleanup_fd int own_fd = -1;
	int dev_fd = init->dev_fd;

	if (dev_fd < 0)
		dev_fd = own_fd = target_open(init, op->target, TARGET_DIRECTORY, err);
	if (dev_fd < 0)
		return -1;

	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
		const char *name = default_devices[i].name;

		if (mknodat(dev_fd, name, S_IFREG | 0666, 0) < 0 && errno != EEXIST)
			return err_sys(err, errno, "cannot make '/dev/%s'", name);
		/* does not follow a link at the end */
		if (sys_move_mount(init->device_fds[i], "", dev_fd, name, MOVE_MOUNT_F_EMPTY_PATH) <
		    0)
			return err_sys(err, errno, "cannot bind the device '/dev/%s'", name);
		fd_close(&init->device_fds[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(default_links); i++) {
		if (symlinkat(default_links[i].to, dev_fd, default_links[i].name) < 0 &&
		    errno != EEXIST)
			return err_sys(err, errno, "cannot make the link '/dev/%s'",
				       default_links[i].name);
	}
	return 0;
}

/* ---- one more ---- */

/* The kernel knows the name of a device by its numbers: 1 and the path, or 0. */
static int find_node(const struct op *op, struct strbuf *path)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *file = xasprintf("/sys/dev/%s/%u:%u/uevent",
					    op->is_block ? "block" : "char", op->major, op->minor);

	if (fd_read_file(AT_FDCWD, file, &text, UEVENT_LIMIT) < 0)
		return 0;

	const char *name = strstr(text.data, "DEVNAME=");
	if (name == NULL)
		return 0;
	name += strlen("DEVNAME=");
	strbuf_adds(path, "/dev/");
	strbuf_add(path, name, strcspn(name, "\n"));
	return 1;
}

int device_prepare(struct init *init, struct op *op, struct err *err)
{
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	int fd = clone_node(op->target, op->is_block, op->major, op->minor);

	if (fd < 0 && find_node(op, &path) == 1)
		fd = clone_node(path.data, op->is_block, op->major, op->minor);
	if (fd == -ENODEV || fd == -ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			       "cannot use the device '%s': the host has no %s device %u:%u",
			       op->target, op->is_block ? "block" : "character", op->major,
			       op->minor);
	if (fd < 0)
		return err_sys(err, -fd, "cannot use the device '%s'", op->target);
	op->fd = fd;
	return 0;
}

static bool is_default_device(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
		if (str_equal(path, default_devices[i].path))
			return true;
	}
	return false;
}

/* Mode and owner are the host's: they belong to the node, which is shared. */
int device_apply(struct init *init, struct op *op, struct err *err)
{
	if (is_default_device(op->target))
		return 0;

	cleanup_fd int target_fd = target_open(init, op->target, TARGET_FILE, err);
	if (target_fd < 0)
		return -1;
	int r = target_attach(op->fd, target_fd);
	if (r < 0)
		return err_sys(err, -r, "cannot bind the device '%s'", op->target);
	return 0;
}

int fifo_apply(struct init *init, struct op *op, struct err *err)
{
	cleanup_strbuf struct strbuf buf = STRBUF_INIT;
	const char *name;
	cleanup_fd int parent_fd = path_open_parent_in_root(init->root_fd, op->target, &buf, &name);

	if (parent_fd < 0)
		return err_sys(err, -parent_fd, "cannot open the directory of '%s'", op->target);
	if (mknodat(parent_fd, name, S_IFIFO | op->mode, 0) < 0)
		return err_sys(err, errno, "cannot make the named pipe '%s'", op->target);
	if (fchownat(parent_fd, name, op->uid, op->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot set the owner of '%s'", op->target);
	return 0;
}
