/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/mounts.c - new file systems and bind mounts (R2)
 *
 * A file system is made detached, as early as its owner allows: proc, sysfs, mqueue and cgroup2 belong to their namespaces, so they can be made
 * before the id maps are written; tmpfs belongs to who makes it; devpts wants a mapped root.
 *
 * Where the kernel does not let us make one, because its namespace is the host's, the host's own is shown in its place, as podman
 * does (sysfs with --network host, proc with --pid host).
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
#include <sys/statvfs.h>

/* ---- flags ---- */

static int set_flags(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation,
		     bool recursive)
{
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation,
	};

	if (set == 0 && clear == 0 && propagation == 0)
		return 0;
	if (sys_mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			      sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int mount_apply_flags(const struct runtime_plan *plan, int mount_fd,
		      const struct mount_flags *flags)
{
	uint64_t propagation = flags->propagation;
	bool recursive = flags->propagation_recursive;
	int r;

	if (propagation == 0) {
		/* the whole namespace was made private when nobody wants anything else */
		propagation = plan->wants_propagation ? MS_PRIVATE : 0;
		recursive = true;
	}
	r = set_flags(mount_fd, flags->recursive_set, flags->recursive_clear,
		      recursive ? propagation : 0, true);
	if (r == 0)
		r = set_flags(mount_fd, flags->set, flags->clear, recursive ? 0 : propagation,
			      false);
	return r;
}

int mount_flags_failed(int errno_value, const char *source, const char *target, struct err *err)
{
	err_sys(err, errno_value, "cannot set the options of the mount of '%s' on '%s'", source,
		target);
	if (errno_value == EPERM)
		return err_hint(err, "An option that the host has set on this file system (nosuid, "
				     "nodev, noexec, ro, atime) cannot be taken away.");
	return -1;
}

/* ---- new file systems ---- */

static bool type_is_early(const char *type)
{
	static const char *const types[] = { "proc", "sysfs", "mqueue", "cgroup2" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (str_equal(type, types[i]))
			return true;
	}
	return false;
}

static bool data_has(const struct strv *data, const char *prefix)
{
	for (size_t i = 0; i < data->count; i++) {
		if (str_after(data->items[i], prefix) != NULL)
			return true;
	}
	return false;
}

static bool data_names_owner(const struct strv *data)
{
	return data_has(data, "uid=") || data_has(data, "gid=");
}

/* devpts is given to the group tty (5) by convention: where that id does not exist root has it */
static bool is_unmapped_gid(const struct runtime_plan *plan, const struct op *op, const char *item)
{
	const char *value = str_after(item, "gid=");
	uint32_t gid, host;

	if (value == NULL || !str_equal(op->value, "devpts") ||
	    !plan->namespaces[NAMESPACE_USER].fresh)
		return false;
	for (gid = 0; *value >= '0' && *value <= '9' && gid < 100000; value++)
		gid = gid * 10 + (uint32_t)(*value - '0');
	return idmap_to_host(&plan->maps.gid, gid, &host) != 1;
}

static int configure(int fs_fd, const char *item)
{
	const char *equal = strchr(item, '=');

	if (equal == NULL)
		return sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, item, NULL, 0);

	cleanup_free char *key = xstrndup(item, (size_t)(equal - item));
	return sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, key, equal + 1, 0);
}

/* mount fd or -errno */
static int make_filesystem(const struct runtime_plan *plan, const struct op *op,
			   const char **ret_bad_item)
{
	cleanup_fd int fs_fd = sys_fsopen(op->value, FSOPEN_CLOEXEC);

	*ret_bad_item = NULL;
	if (fs_fd < 0)
		return -errno;
	/* what /proc/mounts shows; file systems without a device take any word */
	sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source",
		     op->source != NULL ? op->source : op->value, 0);
	for (size_t i = 0; i < op->data.count; i++) {
		const char *item = op->data.items[i];

		if (is_unmapped_gid(plan, op, item))
			continue;
		if (configure(fs_fd, item) < 0) {
			*ret_bad_item = item;
			return -errno;
		}
	}
	if (sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;

	int mount_fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC,
				   (unsigned)(op->flags.set | op->flags.recursive_set));
	return mount_fd < 0 ? -errno : mount_fd;
}

/* The host's file system of this type; path or NULL. */
static const char *host_place(const char *type)
{
	static const struct {
		const char *type, *path;
	} places[] = {
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "cgroup2", "/sys/fs/cgroup" },
		{ "mqueue", "/dev/mqueue" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (str_equal(type, places[i].type))
			return places[i].path;
	}
	return NULL;
}

static int show_host(const struct op *op)
{
	const char *path = host_place(op->value);

	if (path == NULL)
		return -EPERM;
	cleanup_fd int fd =
		sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return -errno;

	/* ro holds for what is mounted below as well */
	int r = set_flags(fd, op->flags.set & ~(uint64_t)MOUNT_ATTR__ATIME, 0, MS_PRIVATE, true);
	return r < 0 ? r : TAKE_FD(fd);
}

static int filesystem_make(struct init *init, struct op *op, struct err *err)
{
	const char *bad_item;
	int fd = make_filesystem(init->plan, op, &bad_item);

	if (bad_item != NULL) {
		err_sys(err, -fd, "cannot mount %s on '%s' with the option '%s'", op->value,
			op->target, bad_item);
		return fd == -EINVAL ? err_hint(err, "The file system does not know this option.")
				     : -1;
	}
	if (fd == -EPERM || fd == -EACCES || fd == -EBUSY) {
		int host_fd = show_host(op);

		/* without message queues a container is complete */
		if (host_fd == -ENOENT && str_equal(op->value, "mqueue"))
			return 0;
		if (host_fd >= 0)
			fd = host_fd;
	}
	if (fd == -ENODEV) {
		/* a kernel without it */
		if (str_equal(op->value, "mqueue"))
			return 0;
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot mount %s on '%s': this kernel has no such file system",
			       op->value, op->target);
	}
	if (fd < 0)
		return err_sys(err, -fd, "cannot mount %s on '%s'", op->value, op->target);
	op->fd = fd;
	return 0;
}

int filesystem_prepare(struct init *init, struct op *op, struct err *err)
{
	bool early = type_is_early(op->value) ||
		     (str_equal(op->value, "tmpfs") && init->plan->owner_is_root &&
		      !data_names_owner(&op->data));

	return early ? filesystem_make(init, op, err) : 0;
}

static int fill_from_image(struct init *init, const struct op *op, struct err *err)
{
	struct stat st;
	cleanup_fd int from_fd =
		path_open_in_root(init->root_fd, op->target, O_PATH | O_DIRECTORY, 0);

	if (from_fd == -ENOENT)
		return 0;
	if (fstat(op->fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect the tmpfs on '%s'", op->target);
	int r = from_fd < 0 ? from_fd : copy_up_tree(from_fd, op->fd);
	/* the directory itself becomes as the image has it, unless the options say what it is */
	if (r == 0 && data_has(&op->data, "mode=") &&
	    fchmodat(op->fd, ".", st.st_mode & 07777, 0) < 0)
		r = -errno;
	if (r == 0 && fchownat(op->fd, ".", data_has(&op->data, "uid=") ? st.st_uid : (uid_t)-1,
			       data_has(&op->data, "gid=") ? st.st_gid : (gid_t)-1, 0) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, -r, "cannot copy '%s' of the image to the tmpfs on it",
			       op->target);
	return 0;
}

/* Our own tmpfs on /dev has no other writer yet: no need to resolve anything. */
static int attach_in_dev(struct init *init, struct op *op, const char *name, struct err *err)
{
	if (mkdirat(init->dev_fd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make '%s' in the container", op->target);
	if (sys_move_mount(op->fd, "", init->dev_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, errno, "cannot mount %s on '%s'", op->value, op->target);
	return 0;
}

static int attach(struct init *init, struct op *op, struct err *err)
{
	const char *name = target_name_in_dev(init, op->target);
	int r;

	if (name != NULL)
		return attach_in_dev(init, op, name, err);

	cleanup_fd int target_fd = target_open(init, op->target, TARGET_DIRECTORY, err);
	if (target_fd < 0)
		return -1;
	r = target_attach(op->fd, target_fd);
	if (r < 0)
		return err_sys(err, -r, "cannot mount %s on '%s'", op->value, op->target);
	return 0;
}

int filesystem_apply(struct init *init, struct op *op, struct err *err)
{
	if (op->fd < 0 && filesystem_make(init, op, err) < 0)
		return -1;
	if (op->fd < 0)
		return 0;

	if (op->copy_up && fill_from_image(init, op, err) < 0)
		return -1;
	if (attach(init, op, err) < 0)
		return -1;

	/* a new file system is private; the word about it counts for what joins it later */
	int r = set_flags(op->fd, 0, 0, op->flags.propagation, false);
	if (r < 0)
		return mount_flags_failed(-r, op->value, op->target, err);

	if (str_equal(op->target, "/dev") && str_equal(op->value, "tmpfs"))
		init->dev_fd = op->fd;
	if (str_equal(op->target, "/dev/pts") && str_equal(op->value, "devpts"))
		init->pts_fd = op->fd;
	return 0;
}

/* ---- bind ---- */

/* In I's own mount namespace: a tree can be cloned only from there, so sources are opened by path, once, and here. */
int bind_prepare(struct init *init, struct op *op, struct err *err)
{
	int fd = op->fd >= 0 ? op->fd
			     : sys_open_tree(AT_FDCWD, op->source,
					     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
						     (op->recursive ? AT_RECURSIVE : 0));

	if (fd < 0 && errno == EINVAL && !op->recursive) {
		err_sys(err, errno, "cannot bind '%s' on '%s'", op->source, op->target);
		return err_hint(err, "There are other mounts below it: use 'rbind'.");
	}
	if (fd < 0)
		return err_sys(err, errno, "cannot bind '%s' on '%s'", op->source, op->target);
	op->fd = fd;

	int r = mount_apply_flags(init->plan, op->fd, &op->flags);
	return r < 0 ? mount_flags_failed(-r, op->source, op->target, err) : 0;
}

int bind_apply(struct init *init, struct op *op, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(op->fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect '%s'", op->source);

	cleanup_fd int target_fd = target_open(
		init, op->target, S_ISDIR(st.st_mode) ? TARGET_DIRECTORY : TARGET_FILE, err);
	if (target_fd < 0)
		return -1;
	r = target_attach(op->fd, target_fd);
	if (r < 0)
		return err_sys(err, -r, "cannot bind '%s' on '%s'", op->source, op->target);
	return 0;
}

int remount_apply(struct init *init, struct op *op, struct err *err)
{
	cleanup_fd int fd = path_open_in_root(init->root_fd, op->target, O_PATH, 0);

	if (fd < 0)
		return err_sys(err, -fd, "cannot open '%s' of the container", op->target);
	int r = mount_apply_flags(init->plan, fd, &op->flags);
	return r < 0 ? mount_flags_failed(-r, op->target, op->target, err) : 0;
}
