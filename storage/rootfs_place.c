/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs_place.c - directories that are found again in another mount namespace
 */
#include "storage/rootfs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"

int rootfs_place_add(struct rootfs *rootfs, int dir_fd, const char *path, struct err *err)
{
	struct rootfs_place place = { .path = NULL };
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect directory '%s'",
			       path != NULL ? path : "");
	for (size_t i = 0; i < rootfs->place_count; i++) {
		if (rootfs->places[i].dev == st.st_dev && rootfs->places[i].ino == st.st_ino)
			return (int)i;
	}

	if (path == NULL) {
		char proc_path[PROC_FD_PATH_MAX];
		char text[PATH_MAX];
		ssize_t length;

		fd_proc_path(dir_fd, proc_path);
		length = readlink(proc_path, text, sizeof(text) - 1);
		if (length < 0)
			return err_sys(err, errno, "cannot find the path of a directory");
		text[length] = '\0';
		place.path = xstrdup(text);
	} else {
		place.path = xstrdup(path);
	}
	place.dev = st.st_dev;
	place.ino = st.st_ino;
	rootfs->places =
		xreallocarray(rootfs->places, rootfs->place_count + 1, sizeof(*rootfs->places));
	rootfs->places[rootfs->place_count] = place;
	return (int)rootfs->place_count++;
}

int rootfs_place_open(const struct rootfs_place *place, struct err *err)
{
	cleanup_fd int fd = open(place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_sys(err, errno, "cannot open directory '%s'", place->path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect directory '%s'", place->path);
	if (st.st_dev != place->dev || st.st_ino != place->ino)
		return err_set(err, ERR_FAILED, "directory '%s' was replaced by another one",
			       place->path);
	return TAKE_FD(fd);
}

int rootfs_open_below(const struct rootfs_place *place, int place_fd, const char *path,
		      struct err *err)
{
	int fd = path_open_beneath(place_fd, path, O_PATH | O_DIRECTORY, 0);

	return fd < 0 ? err_sys(err, -fd, "cannot open directory '%s/%s'", place->path, path) : fd;
}
