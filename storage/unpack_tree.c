/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_tree.c - the anchored writer: parents, room, times of directories
 *
 * The way to an entry is one openat2 beneath the root when all its parents are plain directories, which is nearly always.
 * Where that fails, the parents are walked one by one: missing ones are made, one that this layer hid by a whiteout becomes a
 * directory again (an opaque one), and a symlink is followed within the root. Open parents are kept for the next entry,
 * because tar names files directory by directory; whatever could make them stale forgets them all.
 */
#include "storage/unpack_tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"

/* the free space is looked at again after so much */
#define CHECK_BYTES   (16ULL << 20)
#define CHECK_ENTRIES 1000
/* a floor takes at most this part of a file system: a small store is a store too */
#define FLOOR_PART 32
/* times that wait, before they are set early; what is added to such a directory later changes its time again */
#define TIMES_MAX	100000
#define TIMES_BYTES_MAX (16U << 20)
#define IMPLIED_MAX	4096

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void tree_init(struct tree *tree, int root_fd, enum layer_form form,
	       const struct unpack_limits *limits, struct unpack_result *result)
{
	struct stat st;

	*tree = (struct tree){
		.form = form,
		.limits = limits,
		.result = result,
		.bytes_to_check = CHECK_BYTES,
		.entries_to_check = 1,
	};
	tree->root.fd = root_fd;
	strbuf_init(&tree->root.path);
	tree->root.sgid = fstat(root_fd, &st) == 0 && (st.st_mode & S_ISGID);
	for (size_t i = 0; i < TREE_PARENTS; i++) {
		tree->parents[i].fd = -1;
		strbuf_init(&tree->parents[i].path);
	}
}

void tree_release(struct tree *tree)
{
	tree_forget_parents(tree);
	for (size_t i = 0; i < TREE_PARENTS; i++)
		strbuf_release(&tree->parents[i].path);
	for (size_t i = 0; i < tree->time_count; i++)
		free(tree->times[i].path);
	free(tree->times);
}

void tree_forget_parents(struct tree *tree)
{
	for (size_t i = 0; i < TREE_PARENTS; i++)
		fd_close(&tree->parents[i].fd);
}

bool tree_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* What a name of the layer can cause is the layer's fault; the rest is the machine's. */
static bool is_fault_of_name(int errno_value)
{
	return errno_value == ENAMETOOLONG || errno_value == ENOTDIR || errno_value == ELOOP ||
	       errno_value == ENOENT || errno_value == EILSEQ;
}

int tree_fail(struct err *err, int errno_value, const char *verb, const char *path)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, *path ? path : "/");
	err_sys(err, errno_value, "cannot %s '%s' of layer", verb, shown.data);
	if (is_fault_of_name(errno_value))
		err->kind = ERR_CORRUPT;
	return -1;
}

/* --- limits --- */

static int tree_check_room(struct tree *tree, struct err *err)
{
	struct statvfs fs;

	tree->bytes_to_check = CHECK_BYTES;
	tree->entries_to_check = CHECK_ENTRIES;
	if (fstatvfs(tree->root.fd, &fs) < 0)
		return err_sys(err, errno, "cannot look for free space");

	uint64_t floor = tree->limits->free_space_floor_bytes;
	uint64_t total = (uint64_t)fs.f_blocks * fs.f_frsize;
	uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (floor > total / FLOOR_PART)
		floor = total / FLOOR_PART;
	if (available < floor) {
		err_set(err, ERR_NO_SPACE,
			"no space left for layer: %llu MiB are free and %llu MiB are kept free",
			(unsigned long long)(available >> 20), (unsigned long long)(floor >> 20));
		return err_hint(err, "Make room on the file system of the store.");
	}

	/* some file systems do not count inodes */
	floor = tree->limits->free_inode_floor;
	if (floor > fs.f_files / FLOOR_PART)
		floor = fs.f_files / FLOOR_PART;
	if (fs.f_files != 0 && fs.f_favail < floor) {
		err_set(err, ERR_NO_SPACE, "no space left for layer: only %llu inodes are free",
			(unsigned long long)fs.f_favail);
		return err_hint(err, "Remove files from the file system of the store.");
	}
	return 0;
}

int tree_charge_entry(struct tree *tree, struct err *err)
{
	if (++tree->result->file_count > tree->limits->max_entries)
		return err_set(err, ERR_LIMIT, "layer has more than %llu entries",
			       (unsigned long long)tree->limits->max_entries);
	if (--tree->entries_to_check == 0)
		return tree_check_room(tree, err);
	return 0;
}

int tree_charge_bytes(struct tree *tree, uint64_t bytes, struct err *err)
{
	if (bytes < tree->bytes_to_check) {
		tree->bytes_to_check -= bytes;
		return 0;
	}
	return tree_check_room(tree, err);
}

/* --- parents --- */

int tree_mark_opaque(struct tree *tree, int fd, const char *path, struct err *err)
{
	if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0 &&
	    (tree->form == LAYER_MAPPED ||
	     fsetxattr(fd, "user.fuseoverlayfs.opaque", "y", 1, 0) == 0))
		return 0;

	if (errno == ENOTSUP) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot unpack layer: the file system of the store has no user attributes");
		return err_hint(err, "Put the store on ext4, xfs, btrfs or the like.");
	}
	return tree_fail(err, errno, "empty directory", path);
}

/* A directory that no entry named; fd. What lower layers say about it is taken over later (unpack_adopt_implied()). */
static int make_implied(struct tree *tree, const struct tree_parent *parent, const char *name,
			const char *path, struct err *err)
{
	if (tree_charge_entry(tree, err) < 0)
		return -1;
	if (mkdirat(parent->fd, name, 0755) < 0)
		return tree_fail(err, errno, "make directory", path);
	if (parent->sgid && (fchownat(parent->fd, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0 ||
			     fchmodat(parent->fd, name, 0755, 0) < 0))
		return tree_fail(err, errno, "make directory", path);

	cleanup_fd int fd = openat(parent->fd, name, OPEN_DIR);
	if (fd < 0)
		return tree_fail(err, errno, "open directory", path);
	return tree_note_implied(tree, fd, path, err) < 0 ? -1 : TAKE_FD(fd);
}

/* name in parent exists and is no directory. Its directory fd, or -1. */
static int enter_odd(struct tree *tree, const struct tree_parent *parent, const char *name,
		     const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "find", path);

	if (tree_is_whiteout(&st)) {
		if (unlinkat(parent->fd, name, 0) < 0)
			return tree_fail(err, errno, "make directory", path);
		cleanup_fd int fd = make_implied(tree, parent, name, path, err);
		if (fd < 0)
			return -1;
		return tree_mark_opaque(tree, fd, path, err) < 0 ? -1 : TAKE_FD(fd);
	}

	if (!S_ISLNK(st.st_mode))
		return tree_fail(err, ENOTDIR, "enter", path);

	/* nothing is made on the way: docker fails here too, and where the link leads nothing else would ever look */
	int fd = path_open_in_root(tree->root.fd, path, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? tree_fail(err, -fd, "follow link", path) : fd;
}

static int note_sgid(struct tree_parent *parent, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(parent->fd, &st) < 0)
		return tree_fail(err, errno, "inspect directory", path);
	parent->sgid = st.st_mode & S_ISGID;
	return 0;
}

/* Walk to path, component by component. fd. */
static int walk_to(struct tree *tree, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf so_far = STRBUF_INIT;
	cleanup_fd int fd = -1;
	struct tree_parent at = tree->root;

	while (*path) {
		size_t length = strcspn(path, "/");
		size_t start = so_far.length;
		if (start > 0)
			strbuf_addc(&so_far, '/');
		strbuf_add(&so_far, path, length);
		const char *name = so_far.data + start + (start > 0);
		path += length + (path[length] == '/');

		int next = openat(at.fd, name, OPEN_DIR);
		if (next < 0 && errno == ENOENT) {
			next = make_implied(tree, &at, name, so_far.data, err);
			if (next < 0)
				return -1;
			if (tree->result->implied.count < IMPLIED_MAX)
				strv_add(&tree->result->implied, so_far.data);
		} else if (next < 0 && (errno == ENOTDIR || errno == ELOOP)) {
			next = enter_odd(tree, &at, name, so_far.data, err);
			if (next < 0)
				return -1;
		}
		if (next < 0)
			return tree_fail(err, errno, "open directory", so_far.data);

		fd_close(&fd);
		at.fd = fd = next;
		if (note_sgid(&at, so_far.data, err) < 0)
			return -1;
	}
	return TAKE_FD(fd);
}

static int open_parent(struct tree *tree, const char *path, struct err *err)
{
	int fd = path_open_beneath(tree->root.fd, path, OPEN_DIR, 0);

	if (fd >= 0)
		return fd;
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return walk_to(tree, path, err);
	return tree_fail(err, -fd, "open directory", path);
}

int tree_parent_of(struct tree *tree, const char *path, struct tree_parent **ret_parent,
		   const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : *path ? path : ".";
	if (slash == NULL) {
		*ret_parent = &tree->root;
		return 0;
	}

	size_t length = (size_t)(slash - path);
	struct tree_parent *parent = &tree->parents[0];
	for (size_t i = 0; i < TREE_PARENTS; i++) {
		struct tree_parent *candidate = &tree->parents[i];
		if (candidate->fd >= 0 && candidate->path.length == length &&
		    memcmp(candidate->path.data, path, length) == 0) {
			candidate->used = ++tree->clock;
			*ret_parent = candidate;
			return 0;
		}
		if (candidate->fd < 0 || (parent->fd >= 0 && candidate->used < parent->used))
			parent = candidate;
	}

	fd_close(&parent->fd);
	strbuf_clear(&parent->path);
	strbuf_add(&parent->path, path, length);
	parent->fd = open_parent(tree, parent->path.data, err);
	if (parent->fd < 0)
		return -1;
	parent->used = ++tree->clock;
	if (note_sgid(parent, parent->path.data, err) < 0)
		return -1;
	*ret_parent = parent;
	return 0;
}

/* --- times --- */

/* Directories may have gone or become something else since: then there is nothing to set. */
static int set_times(struct tree *tree, struct err *err)
{
	for (size_t i = 0; i < tree->time_count; i++) {
		struct tree_time *time = &tree->times[i];
		struct timespec both[2] = { time->mtime, time->mtime };

		cleanup_fd int fd = path_open_beneath(tree->root.fd, *time->path ? time->path : ".",
						      OPEN_DIR, 0);
		if (fd >= 0 && futimens(fd, both) < 0)
			return tree_fail(err, errno, "set time of", time->path);
	}
	for (size_t i = 0; i < tree->time_count; i++)
		free(tree->times[i].path);
	tree->time_count = 0;
	tree->time_bytes = 0;
	return 0;
}

void tree_add_time(struct tree *tree, const char *path, const struct timespec *mtime)
{
	if (tree->time_count >= TIMES_MAX || tree->time_bytes >= TIMES_BYTES_MAX) {
		struct err ignored; /* times of directories are not worth to fail for */
		(void)set_times(tree, &ignored);
	}
	if (tree->time_count == tree->time_size) {
		tree->time_size = tree->time_size ? tree->time_size * 2 : 256;
		tree->times = xreallocarray(tree->times, tree->time_size, sizeof(*tree->times));
	}
	tree->times[tree->time_count++] = (struct tree_time){ xstrdup(path), *mtime };
	tree->time_bytes += strlen(path);
}

int tree_finish(struct tree *tree, struct err *err)
{
	if (!tree->root_is_set && tree_note_implied(tree, tree->root.fd, "", err) < 0)
		return -1;
	return set_times(tree, err);
}
