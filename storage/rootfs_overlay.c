/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs_overlay.c - native overlay in the container's user namespace
 *
 * Directories are named by descriptors, so that a ':' or a blank in the store's path means nothing, and 500 layers fit. Newer kernels
 * take them one by one; mount(2) takes all in one page of text, which is why they are named relative to /proc/self/fd there. It
 * also wants a place to mount on: the topmost layer itself, for a moment, in the container's own mount namespace.
 *
 * Options: userxattr (trusted.* is not for us), volatile for --rm.
 */
#include "storage/rootfs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

/* what the kernel said last about the context, "" when it said nothing: "e overlay: ..." */
static void read_log(int fs_fd, char text[256])
{
	ssize_t length = read(fs_fd, text, 255);

	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static int fail_context(const struct rootfs *rootfs, const char *what, struct err *err)
{
	int errno_value = errno;
	char log[256];

	read_log(rootfs->fs_fd, log);
	if (*log != '\0')
		return err_sys(err, errno_value, "cannot %s (%s)", what,
			       log[1] == ' ' ? log + 2 : log);
	return err_sys(err, errno_value, "cannot %s", what);
}

/* Give the context one directory, in the way of rootfs->api. */
static int set_directory(const struct rootfs *rootfs, const char *key, int fd)
{
	char path[PROC_FD_PATH_MAX];

	if (rootfs->api == ROOTFS_API_FDS)
		return sys_fsconfig(rootfs->fs_fd, FSCONFIG_SET_FD, key, NULL, fd);
	fd_proc_path(fd, path);
	return sys_fsconfig(rootfs->fs_fd, FSCONFIG_SET_STRING, key, path, 0);
}

/* Keep the place that was opened last open: layers of one store follow each other. */
struct opened_place {
	size_t index;
	int fd;
};

static int open_place(const struct rootfs *rootfs, size_t index, struct opened_place *place,
		      struct err *err)
{
	if (place->fd >= 0 && place->index == index)
		return 0;
	fd_close(&place->fd);
	place->fd = rootfs_place_open(&rootfs->places[index], err);
	place->index = index;
	return place->fd < 0 ? -1 : 0;
}

static int open_lower(const struct rootfs *rootfs, size_t i, struct opened_place *place,
		      struct err *err)
{
	const struct rootfs_lower *lower = &rootfs->lowers[i];

	if (open_place(rootfs, lower->place, place, err) < 0)
		return -1;
	return rootfs_open_below(&rootfs->places[lower->place], place->fd, lower->path, err);
}

/* 1 done, 0 this kernel does not know the way, -1 */
static int set_lowers(struct rootfs *rootfs, struct opened_place *place, struct err *err)
{
	for (size_t i = 0; i < rootfs->lower_count; i++) {
		cleanup_fd int fd = open_lower(rootfs, i, place, err);

		if (fd < 0)
			return -1;
		if (set_directory(rootfs, "lowerdir+", fd) == 0)
			continue;
		if (i == 0 && (errno == EINVAL || errno == EOPNOTSUPP))
			return 0;
		return fail_context(rootfs, "use a layer in an overlay", err);
	}
	return 1;
}

static int set_upper(struct rootfs *rootfs, struct opened_place *place, struct err *err)
{
	const struct rootfs_place *where = &rootfs->places[rootfs->upper_place];
	cleanup_fd int upper_fd = -1;
	cleanup_fd int work_fd = -1;

	if (rootfs->read_only)
		return 0;
	if (open_place(rootfs, rootfs->upper_place, place, err) < 0)
		return -1;
	upper_fd = rootfs_open_below(where, place->fd, rootfs->upper_path, err);
	if (upper_fd < 0)
		return -1;
	work_fd = rootfs_open_below(where, place->fd, rootfs->work_path, err);
	if (work_fd < 0)
		return -1;
	if (set_directory(rootfs, "upperdir", upper_fd) < 0 ||
	    set_directory(rootfs, "workdir", work_fd) < 0)
		return fail_context(rootfs, "use the container's directory in an overlay", err);
	return 0;
}

/*
 * Before Linux 6.5 overlay is no file system of the new kind: the kernel collects whatever text it is given for mount(2) to refuse. A key that
 * no kernel knows tells the two apart.
 */
static bool takes_anything(int fs_fd)
{
	char log[256];

	if (sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "no-such-option", NULL, 0) == 0)
		return true;
	read_log(fs_fd, log);
	return false;
}

/* 1 done, 0 this kernel does not know the way, -1 */
static int begin_context(struct rootfs *rootfs, struct err *err)
{
	struct opened_place place = { 0, -1 };
	int status;

	rootfs->fs_fd = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	if (rootfs->fs_fd < 0) {
		if (errno == ENOSYS)
			return 0;
		err_sys(err, errno, "cannot use native overlay");
		return err_hint(err, "Load the kernel module 'overlay', or use --storage-driver "
				     "fuse-overlayfs.");
	}
	if (rootfs->api == ROOTFS_API_PATHS && takes_anything(rootfs->fs_fd))
		return 0;
	status = set_lowers(rootfs, &place, err);
	if (status > 0)
		status = set_upper(rootfs, &place, err) < 0 ? -1 : 1;
	fd_close(&place.fd);
	if (status <= 0)
		return status;

	if (sys_fsconfig(rootfs->fs_fd, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return fail_context(rootfs, "use an overlay with user attributes", err);
	if (rootfs->volatile_upper && !rootfs->read_only &&
	    sys_fsconfig(rootfs->fs_fd, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return fail_context(rootfs, "use a volatile overlay", err);
	return 1;
}

int rootfs_overlay_begin(struct rootfs *rootfs, struct err *err)
{
	for (; rootfs->api != ROOTFS_API_MOUNT; rootfs->api++) {
		int status = begin_context(rootfs, err);

		if (status != 0)
			return status < 0 ? -1 : 0;
		fd_close(&rootfs->fs_fd);
	}
	return 0;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

/* "lowerdir=7:8:9,upperdir=10,workdir=11,..."; fds has room for all and tells what to close. */
static int mount_options(const struct rootfs *rootfs, struct opened_place *place, int *fds,
			 size_t *ret_count, struct strbuf *options, struct err *err)
{
	for (size_t i = 0; i < rootfs->lower_count; i++) {
		int fd = open_lower(rootfs, i, place, err);

		if (fd < 0)
			return -1;
		fds[(*ret_count)++] = fd;
		strbuf_addf(options, "%s%d", i == 0 ? "lowerdir=" : ":", fd);
	}
	if (!rootfs->read_only) {
		const struct rootfs_place *where = &rootfs->places[rootfs->upper_place];
		const char *const paths[] = { rootfs->upper_path, rootfs->work_path };
		static const char *const keys[] = { ",upperdir=", ",workdir=" };

		if (open_place(rootfs, rootfs->upper_place, place, err) < 0)
			return -1;
		for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
			int fd = rootfs_open_below(where, place->fd, paths[i], err);

			if (fd < 0)
				return -1;
			fds[(*ret_count)++] = fd;
			strbuf_addf(options, "%s%d", keys[i], fd);
		}
		if (rootfs->volatile_upper)
			strbuf_adds(options, ",volatile");
	}
	strbuf_adds(options, ",userxattr");
	if (options->length >= (size_t)sysconf(_SC_PAGESIZE))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot mount %zu layers: this kernel takes fewer",
			       rootfs->lower_count);
	return 0;
}

/* Mount on the topmost layer, take a copy that is mounted nowhere, and unmount. */
static int mount_and_detach(const struct rootfs *rootfs, int target_fd, const char *options,
			    struct err *err)
{
	cleanup_fd int mount_fd = -1;
	cleanup_fd int place_fd = -1;
	char target[PROC_FD_PATH_MAX];

	fd_proc_path(target_fd, target);
	if (mount("overlay", target, "overlay", 0, options) < 0)
		return err_sys(err, errno, "cannot mount an overlay of %zu layers",
			       rootfs->lower_count);
	/* the place itself may be covered now, so it is not compared again */
	place_fd = open(rootfs->places[rootfs->lowers[0].place].path,
			O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place_fd < 0)
		return err_sys(err, errno, "cannot open an overlay");
	mount_fd = sys_open_tree(place_fd, rootfs->lowers[0].path,
				 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mount_fd < 0)
		return err_sys(err, errno, "cannot detach an overlay");
	if (fchdir(place_fd) < 0 || umount2(rootfs->lowers[0].path, MNT_DETACH) < 0)
		return err_sys(err, errno, "cannot unmount an overlay");
	return TAKE_FD(mount_fd);
}

static int mount_by_text(const struct rootfs *rootfs, struct err *err)
{
	cleanup_free int *fds = xcalloc(rootfs->lower_count + 2, sizeof(*fds));
	cleanup_strbuf struct strbuf options = STRBUF_INIT;
	cleanup_fd int cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct opened_place place = { 0, -1 };
	size_t count = 0;
	int status = mount_options(rootfs, &place, fds, &count, &options, err);

	fd_close(&place.fd);
	if (status == 0 && chdir("/proc/self/fd") < 0)
		status = err_sys(err, errno, "cannot enter '/proc/self/fd'");
	if (status == 0)
		status = mount_and_detach(rootfs, fds[0], options.data, err);
	if (cwd_fd >= 0 && fchdir(cwd_fd) < 0)
		debug("cannot go back to the working directory");
	close_all(fds, count);
	return status;
}

int rootfs_overlay_mount(struct rootfs *rootfs, struct err *err)
{
	int mount_fd;

	if (rootfs->fs_fd < 0)
		return mount_by_text(rootfs, err);
	if (sys_fsconfig(rootfs->fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_context(rootfs, "mount the layers as an overlay", err);
	mount_fd = sys_fsmount(rootfs->fs_fd, FSMOUNT_CLOEXEC, 0);
	if (mount_fd < 0)
		return fail_context(rootfs, "mount the layers as an overlay", err);
	fd_close(&rootfs->fs_fd);
	return mount_fd;
}
