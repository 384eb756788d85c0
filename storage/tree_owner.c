/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tree_owner.c - give a tree to somebody (the U of volumes)
 *
 * A container that shares the tree may change it at the same time, so all is done from descriptors: a directory is opened without following
 * a link, and its entries are changed by name in it (R1). The directory itself is changed after what is in it, so that a walk that was
 * interrupted does not look finished.
 */
#include "storage/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"

#define DEPTH_MAX 1000

struct owner_walk {
	uid_t uid;
	gid_t gid;
	dev_t device;
};

static int walk_directory(const struct owner_walk *walk, int list_fd_take, int depth,
			  struct err *err);

static int change(const struct owner_walk *walk, int dir_fd, const char *name,
		  const struct stat *st, struct err *err)
{
	if (st->st_uid == walk->uid && st->st_gid == walk->gid)
		return 0;
	if (fchownat(dir_fd, name, walk->uid, walk->gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ==
		    0 ||
	    errno == ENOENT)
		return 0;

	int errno_value = errno;
	err_sys(err, errno_value, "cannot change the owner of '%s'", *name != '\0' ? name : ".");
	if (errno_value == EPERM || errno_value == EINVAL)
		return err_hint(err, "It belongs to somebody whose ids are not yours to map.");
	return -1;
}

static int walk_entry(const struct owner_walk *walk, int dir_fd, const char *name, int depth,
		      struct err *err)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot inspect '%s'", name);
	if (st.st_dev != walk->device)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_sys(err, errno, "cannot open '%s'", name);
		if (fd >= 0 && walk_directory(walk, fd, depth + 1, err) < 0)
			return err_wrap(err, "in '%s'", name);
	}
	return change(walk, dir_fd, name, &st, err);
}

static int walk_directory(const struct owner_walk *walk, int list_fd_take, int depth,
			  struct err *err)
{
	DIR *dir = fdopendir(list_fd_take);
	const struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		fd_close(&list_fd_take);
		return err_sys(err, errno, "cannot read a directory");
	}
	if (depth > DEPTH_MAX)
		rc = err_set(err, ERR_LIMIT, "there are more than %d directories in each other",
			     DEPTH_MAX);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			rc = walk_entry(walk, dirfd(dir), entry->d_name, depth, err);
	}
	closedir(dir);
	return rc;
}

int tree_change_owner(int tree_fd, uid_t uid, gid_t gid, struct err *err)
{
	struct owner_walk walk = { uid, gid, 0 };
	struct stat st;

	if (fstat(tree_fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect the directory");
	walk.device = st.st_dev;
	if (S_ISDIR(st.st_mode)) {
		int list_fd = openat(tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (list_fd < 0)
			return err_sys(err, errno, "cannot open the directory");
		if (walk_directory(&walk, list_fd, 0, err) < 0)
			return -1;
	}
	return change(&walk, tree_fd, "", &st, err);
}
