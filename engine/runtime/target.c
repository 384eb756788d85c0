/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/target.c - where a mount goes: opened once, made when missing, acted upon by descriptor (R1, R2)
 *
 * The image decides what its paths mean, and another container that shares a volume may change it at any moment. So a target is resolved
 * once, within the container's root, to an O_PATH descriptor, and the mount goes onto that.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <sys/stat.h>

const char *target_name_in_dev(const struct init *init, const char *path)
{
	const char *name = str_after(path, "/dev/");

	return init->dev_fd >= 0 && name != NULL && path_is_component(name) ? name : NULL;
}

static bool must_be_real(const char *path)
{
	return str_equal(path, "/proc") || str_equal(path, "/sys") || str_equal(path, "/dev");
}

/* One component below the root, no link. */
static int open_real(struct init *init, const char *path, struct err *err)
{
	const char *name = path + 1;
	int fd = openat(init->root_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(init->root_fd, name, 0755) < 0)
			return err_sys(err, errno, "cannot make '%s' in the container", path);
		fd = openat(init->root_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd >= 0)
		return fd;
	if (errno == ELOOP || errno == ENOTDIR)
		return err_set(err, ERR_DENIED,
			       "cannot mount on '%s': it is not a real directory in the image",
			       path);
	return err_sys(err, errno, "cannot open '%s' of the container", path);
}

static int make_file(struct init *init, const char *path)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	cleanup_strbuf struct strbuf parent = STRBUF_INIT;
	cleanup_fd int parent_fd = -1;
	const char *name;
	int fd;

	path_clean(&clean, path);
	const char *slash = strrchr(clean.data, '/');
	strbuf_add(&parent, clean.data, (size_t)(slash - clean.data));
	strbuf_addc(&parent, '/');
	name = slash + 1;
	if (!path_is_component(name))
		return -EINVAL;

	parent_fd = path_make_dirs_in_root(init->root_fd, parent.data, 0755, NULL);
	if (parent_fd < 0)
		return parent_fd;
	/* a link that points nowhere would be followed by open(2) without O_EXCL */
	fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

static int open_or_make(struct init *init, const char *path, enum target_kind kind)
{
	int fd = path_open_in_root(init->root_fd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	return kind == TARGET_DIRECTORY ? path_make_dirs_in_root(init->root_fd, path, 0755, NULL)
					: make_file(init, path);
}

int target_open(struct init *init, const char *path, enum target_kind kind, struct err *err)
{
	struct stat st;

	if (must_be_real(path) && kind == TARGET_DIRECTORY)
		return open_real(init, path, err);

	cleanup_fd int fd = open_or_make(init, path, kind);
	if (fd == -EROFS) {
		err_sys(err, -fd, "cannot make '%s' in the container", path);
		return err_hint(err, "Make it in the image: its file system cannot be written to.");
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? -fd : errno, "cannot open '%s' of the container",
			       path);

	if (kind == TARGET_DIRECTORY && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED,
			       "cannot mount a directory on '%s': it is not a directory in the "
			       "container",
			       path);
	if (kind == TARGET_FILE && S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED,
			       "cannot mount a file on '%s': it is a directory in the container",
			       path);
	return TAKE_FD(fd);
}

int target_attach(int mount_fd, int target_fd)
{
	int r = sys_move_mount(mount_fd, "", target_fd, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 ? -errno : 0;
}
