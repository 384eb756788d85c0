/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_implied.c - directories that a layer needs but does not name
 *
 * A tar may hold usr/bin/tool without entries for usr and usr/bin. Their directories must exist in this layer, and an overlay takes
 * owner and mode of a directory from the topmost layer that has it: 0755 and root would shadow a 1777 of /tmp below. So they get
 * what the topmost lower layer says. Lower layers are unpacked at the same time as this one, hence it is a step of
 * its own, after all of them.
 *
 * A layer is shared by all images that have it, so the first image decides. Images that share a layer nearly always share what is
 * below it too.
 */
#include "storage/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "rootless/rootless.h"

#define OVERRIDE_XATTR "user.containers.override_stat"
#define OVERRIDE_MAX   64

struct adoption {
	int diff_dir_fd;
	enum layer_form form;
	const struct strv *implied;
	const int *lower_fds; /* topmost first */
	size_t lower_count;
};

static int open_dir(int dir_fd, const char *path)
{
	return path_open_beneath(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* The directory that shines through: fd, or -1 when no lower layer has one. */
static int open_lower(const struct adoption *adoption, const char *path)
{
	for (size_t i = 0; i < adoption->lower_count; i++) {
		int fd = open_dir(adoption->lower_fds[i], path);
		/* something that is no directory (a whiteout, a link) hides what is below it */
		if (fd != -ENOENT)
			return fd < 0 ? -1 : fd;
	}
	return -1;
}

static int copy_override(int from_fd, int to_fd)
{
	char value[OVERRIDE_MAX];
	ssize_t size = fgetxattr(from_fd, OVERRIDE_XATTR, value, sizeof(value));

	if (size < 0)
		return errno == ENODATA ? 0 : -1;
	return fsetxattr(to_fd, OVERRIDE_XATTR, value, (size_t)size, 0);
}

static int adopt_one(const struct adoption *adoption, const char *path, struct err *err)
{
	cleanup_fd int to_fd = open_dir(adoption->diff_dir_fd, path);
	cleanup_fd int from_fd = open_lower(adoption, path);
	struct stat st;

	/* a later entry may have replaced it */
	if (to_fd < 0 || from_fd < 0)
		return 0;
	if (fstat(from_fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect a directory of a lower layer");

	struct timespec both[2] = { st.st_mtim, st.st_mtim };
	int r = adoption->form == LAYER_SINGLE ? copy_override(from_fd, to_fd)
					       : fchown(to_fd, st.st_uid, st.st_gid);
	if (r == 0)
		r = fchmod(to_fd, st.st_mode & 07777);
	if (r == 0)
		r = futimens(to_fd, both);
	return r < 0 ? err_sys(err, errno, "cannot set attributes of a directory of layer") : 0;
}

static int adopt_all(void *arg, struct err *err)
{
	const struct adoption *adoption = arg;

	for (size_t i = 0; i < adoption->implied->count; i++)
		if (adopt_one(adoption, adoption->implied->items[i], err) < 0)
			return -1;
	return 0;
}

int unpack_adopt_implied(int diff_dir_fd, enum layer_form form, const struct idmaps *maps,
			 const struct strv *implied, const int *lower_fds, size_t lower_count,
			 struct err *err)
{
	struct adoption adoption = { diff_dir_fd, form, implied, lower_fds, lower_count };

	if (implied->count == 0 || lower_count == 0)
		return 0;
	if (form == LAYER_SINGLE)
		return adopt_all(&adoption, err);
	return userns_run(maps, adopt_all, &adoption, err);
}
