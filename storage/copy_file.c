/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/copy_file.c - content and attributes of one file
 */
#include "storage/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

#define BUFFER_BYTES (256U << 10)
#define XATTR_MAX    (64U << 10) /* R13, and the kernel's limit */

/* One piece by hand, where the kernel does not copy between these two. */
static int copy_by_hand(int from_fd, int to_fd, off_t from, off_t to)
{
	cleanup_free char *buffer = xmalloc(BUFFER_BYTES);

	while (from < to) {
		size_t wanted = to - from < BUFFER_BYTES ? (size_t)(to - from) : BUFFER_BYTES;
		ssize_t got = pread(from_fd, buffer, wanted, from);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		for (ssize_t done = 0; done < got;) {
			ssize_t put =
				pwrite(to_fd, buffer + done, (size_t)(got - done), from + done);

			if (put < 0 && errno != EINTR)
				return -errno;
			if (put > 0)
				done += put;
		}
		from += got;
	}
	return 0;
}

static int copy_piece(int from_fd, int to_fd, off_t from, off_t to)
{
	off_t out = from;

	while (from < to) {
		ssize_t done = copy_file_range(from_fd, &from, to_fd, &out, (size_t)(to - from), 0);

		if (done > 0 || (done < 0 && errno == EINTR))
			continue;
		if (done == 0)
			return 0; /* it became shorter */
		if (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)
			return copy_by_hand(from_fd, to_fd, from, to);
		return -errno;
	}
	return 0;
}

int copy_file_data(int from_fd, int to_fd, const struct stat *st)
{
	off_t at = 0;

	if (st->st_size == 0 || ioctl(to_fd, FICLONE, from_fd) == 0)
		return 0;
	if (st->st_blocks * 512 >= st->st_size)
		return copy_piece(from_fd, to_fd, 0, st->st_size);

	while (at < st->st_size) {
		off_t data = lseek(from_fd, at, SEEK_DATA);
		off_t hole;
		int status;

		if (data < 0 && errno == ENXIO)
			break; /* a hole to the end */
		if (data < 0)
			return -errno;
		hole = lseek(from_fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		status = copy_piece(from_fd, to_fd, data, hole);
		if (status < 0)
			return status;
		at = hole;
	}
	return ftruncate(to_fd, st->st_size) < 0 ? -errno : 0;
}

static bool is_kept(const char *name, bool keep_owners)
{
	if (str_equal(name, "security.capability"))
		return true;
	if (keep_owners && str_ends_with(name, ".override_stat"))
		return true;
	return str_after(name, "user.") != NULL && str_after(name, "user.overlay.") == NULL &&
	       str_after(name, "user.fuseoverlayfs.") == NULL &&
	       str_after(name, "user.containers.") == NULL && str_after(name, "user.dhow.") == NULL;
}

static int copy_xattr(int from_fd, int to_fd, const char *name)
{
	char small[256];
	cleanup_free char *large = NULL;
	char *value = small;
	ssize_t length = fgetxattr(from_fd, name, small, sizeof(small));

	if (length < 0 && errno == ERANGE) {
		value = large = xmalloc(XATTR_MAX);
		length = fgetxattr(from_fd, name, large, XATTR_MAX);
	}
	if (length < 0)
		return errno == ENODATA ? 0 : -errno;
	return fsetxattr(to_fd, name, value, (size_t)length, 0) < 0 ? -errno : 0;
}

int copy_file_xattrs(int from_fd, int to_fd, bool keep_owners)
{
	char small[1024];
	cleanup_free char *large = NULL;
	char *names = small;
	ssize_t length = flistxattr(from_fd, small, sizeof(small));

	if (length < 0 && errno == ERANGE) {
		names = large = xmalloc(XATTR_MAX);
		length = flistxattr(from_fd, large, XATTR_MAX);
	}
	if (length < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		int status;

		if (!is_kept(name, keep_owners))
			continue;
		status = copy_xattr(from_fd, to_fd, name);
		if (status < 0)
			return status;
	}
	return 0;
}

bool copy_is_opaque_fd(int dir_fd)
{
	static const char *const marks[] = { "user.overlay.opaque", "user.fuseoverlayfs.opaque" };
	char value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (fgetxattr(dir_fd, marks[i], &value, 1) == 1 && value == 'y')
			return true;
	}
	return false;
}

bool copy_is_opaque(int dir_fd, const char *name)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && copy_is_opaque_fd(fd);
}

bool copy_is_opaque_entry(const char *name)
{
	return str_equal(name, ".wh..wh..opq") || str_equal(name, ".wh..opq");
}

int copy_set_opaque(int dir_fd)
{
	return fsetxattr(dir_fd, "user.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
}
