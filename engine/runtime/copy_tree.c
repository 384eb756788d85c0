/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/copy_tree.c - copy a directory of the image into a new volume (R22)
 *
 * Runs as root of the container's user namespace, so owners can be kept. Both sides are walked by descriptor, no link is followed, and every
 * entry is made with O_EXCL in the target, which is new and empty. Devices and sockets are left out, as everywhere (R15).
 */
#include "engine/runtime/init.h"

#include "base/fd.h"
#include "base/kernel.h"
#include "base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX    1000
#define XATTR_MAX    (64U << 10)
#define COPY_AT_ONCE (1U << 30)

static int copy_directory(int from_fd, int to_fd, int depth);

static int copy_xattrs(int from_fd, int to_fd)
{
	char names[4096];
	ssize_t length = flistxattr(from_fd, names, sizeof(names));

	/* none, or a file system without them */
	if (length <= 0)
		return 0;
	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		cleanup_free char *value = NULL;
		ssize_t size;

		if (!str_equal(name, "security.capability") &&
		    (str_after(name, "user.") == NULL || str_after(name, "user.overlay.") != NULL))
			continue;
		value = xmalloc(XATTR_MAX);
		size = fgetxattr(from_fd, name, value, XATTR_MAX);
		if (size >= 0 && fsetxattr(to_fd, name, value, (size_t)size, 0) < 0 &&
		    errno != ENOTSUP && errno != EPERM)
			return -errno;
	}
	return 0;
}

static int copy_metadata(int from_fd, int to_fd, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	/* the mode after the owner: chown takes set-id bits away */
	if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(from_fd, to_fd);
	if (r == 0 && futimens(to_fd, times) < 0)
		return -errno;
	return r;
}

static int copy_data(int from_fd, int to_fd)
{
	char buffer[65536];
	ssize_t length;

	do
		length = copy_file_range(from_fd, NULL, to_fd, NULL, COPY_AT_ONCE, 0);
	while (length > 0);
	if (length == 0)
		return 0;

	/* between file systems of other kinds it does not work, from its first call on */
	while ((length = read(from_fd, buffer, sizeof(buffer))) > 0) {
		int r = fd_write_full(to_fd, buffer, (size_t)length);

		if (r < 0)
			return r;
	}
	return length < 0 ? -errno : 0;
}

static int copy_file(int from_dir_fd, int to_dir_fd, const char *name, const struct stat *st)
{
	cleanup_fd int from_fd =
		openat(from_dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_fd int to_fd = -1;
	int r;

	if (from_fd < 0)
		return -errno;
	to_fd = openat(to_dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return -errno;
	r = copy_data(from_fd, to_fd);
	return r < 0 ? r : copy_metadata(from_fd, to_fd, st);
}

static int copy_link(int from_dir_fd, int to_dir_fd, const char *name, const struct stat *st)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(from_dir_fd, name, text, sizeof(text) - 1);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	if (symlinkat(text, to_dir_fd, name) < 0 ||
	    fchownat(to_dir_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_subdirectory(int from_dir_fd, int to_dir_fd, const char *name,
			     const struct stat *st, int depth)
{
	cleanup_fd int from_fd =
		openat(from_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int to_fd = -1;
	int r;

	if (from_fd < 0 || mkdirat(to_dir_fd, name, 0700) < 0)
		return -errno;
	to_fd = openat(to_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to_fd < 0)
		return -errno;
	r = copy_directory(from_fd, to_fd, depth + 1);
	return r < 0 ? r : copy_metadata(from_fd, to_fd, st);
}

static int copy_entry(int from_fd, int to_fd, const char *name, int depth)
{
	struct stat st;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subdirectory(from_fd, to_fd, name, &st, depth);
	case S_IFREG:
		return copy_file(from_fd, to_fd, name, &st);
	case S_IFLNK:
		return copy_link(from_fd, to_fd, name, &st);
	case S_IFIFO:
		if (mknodat(to_fd, name, S_IFIFO | (st.st_mode & 07777), 0) < 0 ||
		    fchownat(to_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		return 0;
	default:
		return 0;
	}
}

static int copy_directory(int from_fd, int to_fd, int depth)
{
	int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
	const struct dirent *entry;
	int r = 0;

	if (dir == NULL || depth > DEPTH_MAX) {
		r = dir == NULL ? -errno : -ELOOP;
		if (dir != NULL)
			closedir(dir);
		else
			fd_close(&list_fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			r = copy_entry(from_fd, to_fd, entry->d_name, depth);
	}
	closedir(dir);
	return r;
}

int copy_up_tree(int from_fd, int to_fd)
{
	cleanup_fd int from_dir_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int to_dir_fd = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (from_dir_fd < 0 || to_dir_fd < 0 || fstat(from_dir_fd, &st) < 0)
		return -errno;
	r = copy_directory(from_dir_fd, to_dir_fd, 0);
	return r < 0 ? r : copy_metadata(from_dir_fd, to_dir_fd, &st);
}
