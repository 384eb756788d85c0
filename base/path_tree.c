/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path_tree.c - remove and measure trees that others have made
 *
 * A container can make a tree of any depth and width. So there is no recursion: a list of frames holds the way from the
 * top, each with the names of its directories that are still to be entered. Only the first KEEP_FDS frames keep their
 * descriptor; the others are reached again over "..", and must be the same directory as before. Nothing is followed, and
 * what is mounted inside is never entered: it may be somebody's home.
 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path_walk.h"
#include "base/strbuf.h"
#include "base/strv.h"

#define KEEP_FDS	    16
#define REMOVE_PAUSE_MAX_MS 64

struct frame {
	int fd;
	dev_t dev;
	ino_t ino;
	/* directories in it that are to be entered, the last first */
	struct strv dirs;
};

struct tree {
	/* of the top; borrowed */
	int dir_fd;
	struct frame *frames;
	size_t count;
	size_t size;
};

static void tree_release(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		fd_close(&tree->frames[i].fd);
		strv_release(&tree->frames[i].dirs);
	}
	free(tree->frames);
}
#define cleanup_tree __attribute__((cleanup(tree_release)))

static struct frame *top_of(struct tree *tree)
{
	return &tree->frames[tree->count - 1];
}

/* Open a directory that is on the same mount: fd, or -EXDEV when it is the root of another one. */
static int open_same_mount(int parent_fd, const char *name, int flags)
{
	const uint64_t resolve =
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
	int fd;
	struct stat parent;
	struct stat st;

	flags |= O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	fd = path_try_openat2(parent_fd, name, flags, 0, resolve);
	if (fd != -ENOSYS)
		return fd;

	/* without openat2 a bind mount of the same file system looks as if it belonged here */
	fd = openat(parent_fd, name, flags);
	if (fd < 0)
		return -errno;
	if (fstat(parent_fd, &parent) == 0 && fstat(fd, &st) == 0 && parent.st_dev == st.st_dev)
		return fd;
	fd_close(&fd);
	return -EXDEV;
}

/* Add a frame for an open directory, which it owns from now on. */
static int push_take(struct tree *tree, int fd)
{
	struct stat st;
	struct frame *frame;

	if (fstat(fd, &st) < 0) {
		int status = -errno;

		fd_close(&fd);
		return status;
	}
	if (tree->count >= KEEP_FDS)
		fd_close(&top_of(tree)->fd);
	if (tree->count == tree->size) {
		tree->size = tree->size > 0 ? tree->size * 2 : KEEP_FDS;
		tree->frames = xreallocarray(tree->frames, tree->size, sizeof(*tree->frames));
	}
	frame = &tree->frames[tree->count++];
	*frame = (struct frame){ .fd = fd, .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

/* Leave the top frame. -ESTALE: what is above is not what was above; the tree is moved about. */
static int pop(struct tree *tree)
{
	cleanup_fd int fd = top_of(tree)->fd;
	struct frame *parent;
	struct stat st;

	strv_release(&top_of(tree)->dirs);
	tree->count--;
	if (tree->count == 0 || top_of(tree)->fd >= 0)
		return 0;

	parent = top_of(tree);
	parent->fd = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent->fd < 0 || fstat(parent->fd, &st) < 0)
		return -errno;
	return st.st_dev == parent->dev && st.st_ino == parent->ino ? 0 : -ESTALE;
}

static void keep_first(int *result, int status)
{
	if (*result == 0)
		*result = status;
}

/* Call entry() for each name in the top frame's directory. 0 or -errno of reading it. */
static int for_each_entry(struct tree *tree,
			  void (*entry)(struct frame *, const struct dirent *, void *),
			  void *context)
{
	struct frame *frame = top_of(tree);
	int copy_fd = fd_dup(frame->fd);
	DIR *dir;
	int status;

	if (copy_fd < 0)
		return copy_fd;
	dir = fdopendir(copy_fd);
	if (dir == NULL) {
		status = -errno;
		fd_close(&copy_fd);
		return status;
	}
	for (;;) {
		const struct dirent *found;

		errno = 0;
		found = readdir(dir);
		if (found == NULL)
			break;
		if (!str_equal(found->d_name, ".") && !str_equal(found->d_name, ".."))
			entry(frame, found, context);
	}
	status = -errno;
	closedir(dir);
	return status;
}

/* --- removing --- */

/* 0 gone, 1 it is a directory that is not empty, or -errno. */
static int remove_entry(int dir_fd, const char *name, unsigned char type)
{
	/* an empty directory goes without being opened, whatever its mode and owner are */
	for (int tries = 0; tries < 2; tries++) {
		bool as_dir = type == DT_DIR;

		if (unlinkat(dir_fd, name, as_dir ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
			return 0;
		if (as_dir && (errno == ENOTEMPTY || errno == EEXIST))
			return 1;
		if (as_dir ? errno != ENOTDIR : errno != EISDIR)
			return -errno;
		type = as_dir ? DT_REG : DT_DIR;
	}
	return -EBUSY;
}

static void remove_or_note(struct frame *frame, const struct dirent *entry, void *context)
{
	int status = remove_entry(frame->fd, entry->d_name, entry->d_type);

	if (status > 0)
		strv_add(&frame->dirs, entry->d_name);
	else if (status < 0)
		keep_first(context, status);
}

/* Open a directory to empty it, and give ourselves the permissions that this needs. */
static int open_to_empty(int parent_fd, const char *name)
{
	cleanup_fd int fd = open_same_mount(parent_fd, name, O_RDONLY);
	cleanup_fd int path_fd = -1;
	char proc_path[PROC_FD_PATH_MAX];
	struct stat st;

	if (fd == -EACCES) {
		path_fd = open_same_mount(parent_fd, name, O_PATH);
		if (path_fd < 0)
			return TAKE_FD(path_fd);
		/* fchmod does not take O_PATH; through /proc it is the same inode, not the name */
		fd_proc_path(path_fd, proc_path);
		if (chmod(proc_path, 0700) < 0)
			return -EACCES;
		fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	if (fd < 0)
		return TAKE_FD(fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & 0700) != 0700) {
		/* when it is not ours we may still be allowed to empty it: unlinking will tell */
		int ignored = fchmod(fd, 0700);

		(void)ignored;
	}
	return TAKE_FD(fd);
}

/* Enter a directory and remove from it what can go at once. */
static int enter_to_empty(struct tree *tree, const char *name, int *result)
{
	int parent_fd = tree->count > 0 ? top_of(tree)->fd : tree->dir_fd;
	int fd = open_to_empty(parent_fd, name);
	int status;

	if (fd < 0)
		return fd == -EXDEV ? -EBUSY : fd; /* something is mounted there */
	status = push_take(tree, fd);
	if (status < 0)
		return status;
	keep_first(result, for_each_entry(tree, remove_or_note, result));
	return 0;
}

static int remove_tree_once(int dir_fd, const char *name)
{
	cleanup_tree struct tree tree = { .dir_fd = dir_fd };
	/* of the directories that are being emptied, the top first */
	cleanup_strv struct strv names = STRV_INIT;
	int result = 0;
	int status;

	if (!path_is_component(name))
		return -EINVAL;
	status = remove_entry(dir_fd, name, DT_DIR);
	if (status <= 0)
		return status;
	status = enter_to_empty(&tree, name, &result);
	if (status < 0)
		return status;
	strv_add(&names, name);

	while (tree.count > 0) {
		struct strv *dirs = &top_of(&tree)->dirs;
		cleanup_free char *next = NULL;

		if (dirs->count > 0) {
			next = xstrdup(dirs->items[dirs->count - 1]);
			strv_remove(dirs, dirs->count - 1);
			status = enter_to_empty(&tree, next, &result);
			if (status == 0)
				strv_add(&names, next);
			else if (status != -ENOENT)
				keep_first(&result, status);
			continue;
		}

		status = pop(&tree);
		if (status < 0)
			return result < 0 ? result : status;
		next = xstrdup(names.items[names.count - 1]);
		strv_remove(&names, names.count - 1);
		status = remove_entry(tree.count > 0 ? top_of(&tree)->fd : dir_fd, next, DT_DIR);
		if (status != 0)
			keep_first(&result, status > 0 ? -ENOTEMPTY : status);
	}
	return result;
}

int path_remove_tree(int dir_fd, const char *name)
{
	int result = remove_tree_once(dir_fd, name);

	/* a process that has a directory of it open may make a file there behind our back, such as the last words of a monitor */
	for (int64_t pause_ms = 1; result == -ENOTEMPTY && pause_ms <= REMOVE_PAUSE_MAX_MS;
	     pause_ms *= 2) {
		const struct timespec pause = { .tv_nsec = pause_ms * 1000000L };

		nanosleep(&pause, NULL);
		result = remove_tree_once(dir_fd, name);
		if (result == -ENOENT)
			result = 0;
	}
	return result;
}

/* --- measuring --- */

struct usage {
	unsigned long long bytes;
	/* inodes with more than one name that were counted; open addressing, ino 0 is free */
	struct inode {
		dev_t dev;
		ino_t ino;
	} * seen;
	size_t seen_count;
	size_t seen_size;
	int result;
};

static struct inode *find_place(struct inode *table, size_t size, dev_t dev, ino_t ino)
{
	size_t at = (size_t)((ino ^ (dev << 7)) * UINT64_C(0x9e3779b97f4a7c15)) % size;

	while (table[at].ino != 0 && (table[at].ino != ino || table[at].dev != dev))
		at = (at + 1) % size;
	return &table[at];
}

/* True the first time. */
static bool remember(struct usage *usage, dev_t dev, ino_t ino)
{
	struct inode *place;

	if (usage->seen_count * 2 >= usage->seen_size) {
		size_t size = usage->seen_size > 0 ? usage->seen_size * 2 : 256;
		struct inode *table = xcalloc(size, sizeof(*table));

		for (size_t i = 0; i < usage->seen_size; i++) {
			struct inode *old = &usage->seen[i];

			if (old->ino != 0)
				*find_place(table, size, old->dev, old->ino) = *old;
		}
		free(usage->seen);
		usage->seen = table;
		usage->seen_size = size;
	}
	place = find_place(usage->seen, usage->seen_size, dev, ino);
	if (place->ino != 0)
		return false;
	*place = (struct inode){ dev, ino };
	usage->seen_count++;
	return true;
}

static void count_stat(struct usage *usage, const struct stat *st)
{
	if (st->st_nlink > 1 && !S_ISDIR(st->st_mode) && !remember(usage, st->st_dev, st->st_ino))
		return;
	usage->bytes += (unsigned long long)st->st_blocks * 512;
}

static void count_entry(struct frame *frame, const struct dirent *entry, void *context)
{
	struct usage *usage = context;
	struct stat st;

	if (fstatat(frame->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			keep_first(&usage->result, -errno);
		return;
	}
	if (S_ISDIR(st.st_mode))
		strv_add(&frame->dirs, entry->d_name);
	else
		count_stat(usage, &st);
}

static int enter_to_count(struct tree *tree, const char *name, struct usage *usage)
{
	int parent_fd = tree->count > 0 ? top_of(tree)->fd : tree->dir_fd;
	/* the top may be a mount of its own, what is mounted below is not part of it */
	int fd = tree->count > 0
			 ? open_same_mount(parent_fd, name, O_RDONLY)
			 : openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int status;

	if (fd < 0)
		return tree->count > 0 ? fd : -errno;
	if (fstat(fd, &st) == 0)
		count_stat(usage, &st);
	status = push_take(tree, fd);
	if (status < 0)
		return status;
	return for_each_entry(tree, count_entry, usage);
}

int path_disk_usage(int dir_fd, const char *name, unsigned long long *ret_bytes)
{
	cleanup_tree struct tree tree = { .dir_fd = dir_fd };
	struct usage usage = { 0 };
	struct stat st;
	int status;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		*ret_bytes = (unsigned long long)st.st_blocks * 512;
		return 0;
	}

	keep_first(&usage.result, enter_to_count(&tree, name, &usage));
	while (tree.count > 0) {
		struct strv *dirs = &top_of(&tree)->dirs;
		cleanup_free char *next = NULL;

		if (dirs->count == 0) {
			status = pop(&tree);
			if (status < 0) {
				keep_first(&usage.result, status);
				break;
			}
			continue;
		}
		next = xstrdup(dirs->items[dirs->count - 1]);
		strv_remove(dirs, dirs->count - 1);
		status = enter_to_count(&tree, next, &usage);
		if (status < 0 && status != -ENOENT && status != -EXDEV)
			keep_first(&usage.result, status);
	}
	free(usage.seen);
	if (usage.result == 0)
		*ret_bytes = usage.bytes;
	return usage.result;
}
