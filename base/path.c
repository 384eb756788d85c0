/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path.c - anchored paths (R1)
 *
 * The kernel resolves a path with openat2. Where it cannot (an old kernel, or a filter of an outer container), path_walk.c does
 * the same by single O_NOFOLLOW components. Trees are removed and measured in path_tree.c.
 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path_walk.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* A rename or mount anywhere in the system makes the kernel give up a ".."; somebody may do that on purpose, for ever. */
#define EAGAIN_TRIES 128

/*
 * What openat2 said the first time. A fact about the kernel, not state of a caller, and handing it through every function
 * that opens something would hide what those are about: so it is one of the few variables at file scope.
 */
static enum { OPENAT2_UNKNOWN, OPENAT2_WORKS, OPENAT2_MISSING } openat2_state;

void path_set_openat2(bool available)
{
	openat2_state = available ? OPENAT2_UNKNOWN : OPENAT2_MISSING;
}

/* EPERM can come from the file or from a seccomp filter: "/" can always be opened. */
static bool openat2_is_filtered(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	cleanup_fd int fd = sys_openat2(AT_FDCWD, "/", &how, sizeof(how));

	return fd < 0 && (errno == EPERM || errno == ENOSYS);
}

int path_try_openat2(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				.resolve = resolve };
	bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;

	if (openat2_state == OPENAT2_MISSING)
		return -ENOSYS;
	if (creates)
		how.mode = mode & 07777;

	for (int tries = 0; tries < EAGAIN_TRIES; tries++) {
		int fd = sys_openat2(dir_fd, path, &how, sizeof(how));

		if (fd >= 0) {
			openat2_state = OPENAT2_WORKS;
			return fd;
		}
		if (errno == ENOSYS ||
		    (errno == EPERM && openat2_state == OPENAT2_UNKNOWN && openat2_is_filtered())) {
			openat2_state = OPENAT2_MISSING;
			return -ENOSYS;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	int fd = path_try_openat2(root_fd, path, flags, mode,
				  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	return fd == -ENOSYS ? path_walk_open(root_fd, path, flags, mode, PATH_WALK_IN_ROOT) : fd;
}

int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	int fd = path_try_openat2(dir_fd, path, flags, mode,
				  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

	return fd == -ENOSYS ? path_walk_open(dir_fd, path, flags, mode, PATH_WALK_BENEATH) : fd;
}

int path_make_dirs_in_root(int root_fd, const char *path, mode_t mode, int *ret_made)
{
	int made = 0;
	int fd = path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOENT)
		fd = path_walk_make_dirs(root_fd, path, mode, PATH_WALK_IN_ROOT, &made);
	if (fd >= 0 && ret_made != NULL)
		*ret_made = made;
	return fd;
}

int path_make_dirs_beneath(int dir_fd, const char *path, mode_t mode)
{
	cleanup_fd int path_fd = -1;
	int made;
	int fd = path_open_beneath(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;

	path_fd = path_walk_make_dirs(dir_fd, path, mode, PATH_WALK_BENEATH, &made);
	if (path_fd < 0)
		return path_fd;
	fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int path_make_dirs(const char *path, mode_t mode)
{
	cleanup_fd int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int path_fd =
		root_fd < 0 ? -errno : path_make_dirs_in_root(root_fd, path, mode, NULL);
	int fd = path_fd < 0 ? path_fd : openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (path_fd < 0)
		return path_fd;
	return fd < 0 ? -errno : fd;
}

int path_open_parent_in_root(int root_fd, const char *path, struct strbuf *path_buf,
			     const char **ret_name)
{
	char *slash;
	const char *parent;
	char *name;
	int fd;

	strbuf_clear(path_buf);
	path_clean(path_buf, path);
	slash = strrchr(path_buf->data, '/');
	name = slash != NULL ? slash + 1 : path_buf->data;
	if (!path_is_component(name))
		return -EINVAL;

	/* cut for the call only, because path_buf has the whole path afterwards */
	if (slash == NULL)
		parent = ".";
	else if (slash == path_buf->data)
		parent = "/";
	else
		parent = path_buf->data;
	if (parent == path_buf->data)
		*slash = '\0';
	fd = path_open_in_root(root_fd, parent, O_PATH | O_DIRECTORY, 0);
	if (parent == path_buf->data)
		*slash = '/';
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

bool path_is_component(const char *name)
{
	size_t length = strnlen(name, NAME_MAX + 1);

	return length > 0 && length <= NAME_MAX && strchr(name, '/') == NULL &&
	       !str_equal(name, ".") && !str_equal(name, "..");
}

void path_clean(struct strbuf *out, const char *path)
{
	cleanup_strv struct strv parts = STRV_INIT;
	cleanup_strv struct strv kept = STRV_INIT;
	cleanup_free char *joined = NULL;
	bool absolute = path[0] == '/';

	strv_split(&parts, path, '/');
	for (size_t i = 0; i < parts.count; i++) {
		const char *part = parts.items[i];

		if (*part == '\0' || str_equal(part, "."))
			continue;
		if (!str_equal(part, "..")) {
			strv_add(&kept, part);
		} else if (kept.count > 0 && !str_equal(kept.items[kept.count - 1], "..")) {
			strv_remove(&kept, kept.count - 1);
		} else if (!absolute) {
			strv_add(&kept, part);
		}
	}

	joined = strv_join(&kept, "/");
	if (absolute)
		strbuf_addc(out, '/');
	strbuf_adds(out, kept.count == 0 && !absolute ? "." : joined);
}

int path_sync(int dir_fd, const char *name)
{
	cleanup_fd int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}
