/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path_walk.c - resolve a path by single components
 */
#include "base/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "base/strv.h"

#define SYMLINK_MAX 40

struct walk {
	int root_fd;
	enum path_walk_kind kind;
	/* -1: at the root */
	int at_fd;
	/* the directories from the root to at_fd */
	struct strv names;
	/* what is still to be walked */
	struct strbuf rest;
	int links;
	/* missing directories are made with this mode */
	bool make;
	mode_t make_mode;
	int made;
};

static int walk_init(struct walk *walk, int root_fd, const char *path, enum path_walk_kind kind)
{
	*walk = (struct walk){ .root_fd = root_fd, .kind = kind, .at_fd = -1 };
	strbuf_init(&walk->rest);
	if (*path == '\0')
		return -ENOENT;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (*path == '/' && kind == PATH_WALK_BENEATH)
		return -EXDEV;
	strbuf_adds(&walk->rest, path);
	return 0;
}

static void walk_release(struct walk *walk)
{
	fd_close(&walk->at_fd);
	strv_release(&walk->names);
	strbuf_release(&walk->rest);
}
#define cleanup_walk __attribute__((cleanup(walk_release)))

static int dir_of(const struct walk *walk)
{
	return walk->at_fd >= 0 ? walk->at_fd : walk->root_fd;
}

static void go_to_root(struct walk *walk)
{
	fd_close(&walk->at_fd);
	strv_clear(&walk->names);
}

static int go_up(struct walk *walk)
{
	if (walk->names.count == 0)
		return walk->kind == PATH_WALK_BENEATH ? -EXDEV : 0;

	strv_remove(&walk->names, walk->names.count - 1);
	fd_close(&walk->at_fd);
	for (size_t i = 0; i < walk->names.count; i++) {
		int fd = openat(dir_of(walk), walk->names.items[i],
				O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		fd_close(&walk->at_fd);
		walk->at_fd = fd;
	}
	return 0;
}

/* Put what the link says in front of the rest. */
static int follow_link(struct walk *walk, int link_fd)
{
	char target[PATH_MAX];
	cleanup_strbuf struct strbuf rest = STRBUF_INIT;
	ssize_t length;

	if (walk->kind == PATH_WALK_BENEATH || ++walk->links > SYMLINK_MAX)
		return -ELOOP;
	length = readlinkat(link_fd, "", target, sizeof(target));
	if (length < 0)
		return -errno;
	if (length == 0)
		return -ENOENT;
	if (length == (ssize_t)sizeof(target))
		return -ENAMETOOLONG;

	if (target[0] == '/')
		go_to_root(walk);
	strbuf_add(&rest, target, (size_t)length);
	strbuf_add(&rest, walk->rest.data, walk->rest.length);
	if (rest.length >= PATH_MAX)
		return -ENAMETOOLONG;
	strbuf_clear(&walk->rest);
	strbuf_add(&walk->rest, rest.data, rest.length);
	return 0;
}

/* Open a component, whatever it is: O_PATH fd, also of a link. */
static int open_component(struct walk *walk, const char *name)
{
	int fd = openat(dir_of(walk), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && walk->make) {
		if (mkdirat(dir_of(walk), name, walk->make_mode) == 0)
			walk->made++;
		else if (errno != EEXIST)
			return -errno;
		fd = openat(dir_of(walk), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

static int enter(struct walk *walk, const char *name)
{
	cleanup_fd int fd = open_component(walk, name);
	struct stat st;

	if (fd < 0)
		return TAKE_FD(fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow_link(walk, fd);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;

	strv_add(&walk->names, name);
	fd_close(&walk->at_fd);
	walk->at_fd = TAKE_FD(fd);
	return 0;
}

/* Take the first component of the rest; NULL when there is none. A slash behind it stays in the rest. */
static char *take_component(struct walk *walk)
{
	const char *start = walk->rest.data + strspn(walk->rest.data, "/");
	size_t length = strcspn(start, "/");
	char *name;
	size_t used;

	if (length == 0) {
		strbuf_clear(&walk->rest);
		return NULL;
	}
	name = xstrndup(start, length);
	used = (size_t)(start - walk->rest.data) + length;
	memmove(walk->rest.data, walk->rest.data + used, walk->rest.length - used);
	strbuf_truncate(&walk->rest, walk->rest.length - used);
	return name;
}

/*
 * Walk to the directory of the last component and give its name; NULL when the path ends in a directory that was entered
 * ("a/", "a/..", or all_of_it).
 */
static int walk_to_last(struct walk *walk, bool all_of_it, char **ret_name)
{
	for (;;) {
		cleanup_free char *name = take_component(walk);
		int status = 0;

		if (name == NULL) {
			*ret_name = NULL;
			return 0;
		}
		if (str_equal(name, "."))
			continue;
		if (str_equal(name, "..")) {
			status = go_up(walk);
		} else if (walk->rest.length == 0 && !all_of_it) {
			*ret_name = TAKE_PTR(name);
			return 0;
		} else {
			status = enter(walk, name);
		}
		if (status < 0)
			return status;
	}
}

static int is_link(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : S_ISLNK(st.st_mode);
}

/*
 * Open the last component, which may be a link. fd, -errno, or -EAGAIN when a link was put into the rest and the walk goes
 * on.
 */
static int open_last(struct walk *walk, const char *name, int flags, mode_t mode)
{
	bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
	cleanup_fd int fd = -1;
	int status;

	if (follow) {
		fd = openat(dir_of(walk), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		status = fd >= 0 ? is_link(fd) : 0;
		if (status < 0)
			return status;
		if (status > 0) {
			status = follow_link(walk, fd);
			return status < 0 ? status : -EAGAIN;
		}
		fd_close(&fd);
	}

	fd = openat(dir_of(walk), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 && errno == ELOOP && follow) {
		/* it has become a link just now: look again, which counts as one */
		if (++walk->links > SYMLINK_MAX)
			return -ELOOP;
		strbuf_adds(&walk->rest, name);
		return -EAGAIN;
	}
	if (fd < 0)
		return -errno;
	/* O_PATH opens a link that came up in between */
	if (follow && flags & O_PATH && is_link(fd) != 0)
		return -ELOOP;
	return TAKE_FD(fd);
}

int path_walk_open(int root_fd, const char *path, int flags, mode_t mode, enum path_walk_kind kind)
{
	cleanup_walk struct walk walk;
	int status = walk_init(&walk, root_fd, path, kind);

	while (status == 0) {
		cleanup_free char *name = NULL;

		status = walk_to_last(&walk, false, &name);
		if (status < 0)
			return status;
		if (name == NULL) {
			int fd = openat(dir_of(&walk), ".", flags | O_CLOEXEC, mode);

			return fd < 0 ? -errno : fd;
		}
		status = open_last(&walk, name, flags, mode);
		if (status != -EAGAIN)
			return status;
		status = 0;
	}
	return status;
}

int path_walk_make_dirs(int root_fd, const char *path, mode_t mode, enum path_walk_kind kind,
			int *ret_made)
{
	cleanup_walk struct walk walk;
	cleanup_free char *name = NULL;
	int status = walk_init(&walk, root_fd, path, kind);

	walk.make = true;
	walk.make_mode = mode;
	if (status == 0)
		status = walk_to_last(&walk, true, &name);
	if (status < 0)
		return status;

	*ret_made = walk.made;
	if (walk.at_fd >= 0)
		return TAKE_FD(walk.at_fd);
	status = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return status < 0 ? -errno : status;
}
