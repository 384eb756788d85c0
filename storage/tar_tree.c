/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_tree.c - walk a tree and write it as tar (R21)
 *
 * No recursion: a list of frames holds the way from the top, each with the sorted names that are still to be written. The
 * first KEEP_FDS keep their descriptor, deeper ones are opened again beneath the root, by their path. Everything is looked at by the
 * descriptor it is read from, so an entry that is exchanged meanwhile is written as what was opened or counted as skipped.
 */
#include "storage/tar_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/rootless.h"
#include "storage/copy_file.h"
#include "storage/tar_links.h"
#include "storage/tar_xattr.h"

#define KEEP_FDS     32
#define OVERRIDE_MAX 64
#define OVERFLOW_ID  65534 /* what the kernel shows for an id that is not in the map */
#define WHITEOUT     ".wh."
#define OPAQUE	     ".wh..wh..opq"

struct frame {
	int fd; /* -1: to be opened again */
	struct strv names;
	size_t next;
	size_t path_length; /* of the directory */
};

struct walk {
	struct tar_writer *writer;
	const struct tar_tree_options *options;
	struct tar_tree_counts counts;
	int root_fd;
	const char *override; /* attribute that holds owners in single form, or NULL */
	struct frame *frames;
	size_t count, size;
	struct strbuf path; /* of the entry, below the root */
	struct strbuf name; /* the same with the prefix */
	struct tar_links links;
	struct tar_xattrs xattrs; /* of the entry */
};

static void walk_release(struct walk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		fd_close(&walk->frames[i].fd);
		strv_release(&walk->frames[i].names);
	}
	free(walk->frames);
	strbuf_release(&walk->path);
	strbuf_release(&walk->name);
	tar_links_release(&walk->links);
	tar_xattrs_release(&walk->xattrs);
}

static int fail(const struct walk *walk, struct err *err, int errno_value, const char *verb)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, walk->path.length ? walk->path.data : "/");
	return err_sys(err, errno_value, "cannot %s '%s' for tar", verb, shown.data);
}

/* What is there no more, or is something else by now, is no failure. */
static int skip_or_fail(struct walk *walk, struct err *err, int errno_value, const char *verb)
{
	if (errno_value != ENOENT && errno_value != ELOOP && errno_value != ENOTDIR &&
	    errno_value != EXDEV && errno_value != ENXIO)
		return fail(walk, err, errno_value, verb);
	walk->counts.skipped++;
	return 0;
}

/* Open an entry of a directory: fd or -errno. */
static int open_entry(const struct walk *walk, int dir_fd, const char *name, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
					      O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   (walk->options->cross_mounts ? 0 : RESOLVE_NO_XDEV),
	};
	int fd = sys_openat2(dir_fd, name, &how, sizeof(how));

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dir_fd, name, (int)how.flags);
	return fd < 0 ? -errno : fd;
}

/* --- attributes --- */

/* "UID:GID:MODE", with the type in the mode or behind another colon or not at all. */
static bool read_override(const struct walk *walk, int fd, struct tar_item *item)
{
	char text[OVERRIDE_MAX];
	unsigned uid, gid, mode;
	ssize_t size = fgetxattr(fd, walk->override, text, sizeof(text) - 1);

	if (size < 0)
		return false;
	text[size] = '\0';
	if (sscanf(text, "%u:%u:%o", &uid, &gid, &mode) != 3)
		return false;
	item->uid = uid;
	item->gid = gid;
	item->mode = (item->mode & S_IFMT) | (mode & 07777);
	return true;
}

static uint32_t inside_id(const struct idmap *map, uint32_t outside)
{
	uint32_t inside;

	return idmap_to_inside(map, outside, &inside) == 1 ? inside : OVERFLOW_ID;
}

/* fd -1: of what cannot be opened. */
static void describe(const struct walk *walk, const struct stat *st, int fd, struct tar_item *item)
{
	const struct tar_tree_options *options = walk->options;

	*item = (struct tar_item){
		.name = walk->name.data,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtime,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
	};
	if (options->form == LAYER_SINGLE) {
		/* all files are ours; what says nothing else belongs to container root */
		item->uid = item->gid = 0;
		if (walk->override && fd >= 0)
			read_override(walk, fd, item);
	} else if (options->maps) {
		item->uid = inside_id(&options->maps->uid, st->st_uid);
		item->gid = inside_id(&options->maps->gid, st->st_gid);
	}
	/* permissions of a link are what the file system likes */
	if (S_ISLNK(st->st_mode))
		item->mode = S_IFLNK | 0777;
	if (options->uid)
		item->uid = *options->uid;
	if (options->gid)
		item->gid = *options->gid;
	if (options->latest_mtime_s && item->mtime_s > *options->latest_mtime_s)
		item->mtime_s = *options->latest_mtime_s;
}

/* --- entries --- */

static int write_item(struct walk *walk, struct tar_item *item, int fd, struct err *err)
{
	walk->counts.entries++;
	walk->counts.bytes += item->link ? 0 : item->size;
	if (fd >= 0 && !item->link) {
		int r = tar_xattrs_read(&walk->xattrs, fd);
		if (r < 0)
			return fail(walk, err, -r, "read the attributes of");
		item->xattrs = walk->xattrs.items;
		item->xattr_count = walk->xattrs.count;
	}
	if (fd >= 0 && S_ISREG(item->mode) && !item->link)
		return tar_writer_add_fd(walk->writer, item, fd, err);
	return tar_writer_add_data(walk->writer, item, NULL, err);
}

/* A marker says nothing but its name: its own owner and time are accidents. */
static int write_marker(struct walk *walk, const char *dir, const char *prefix, const char *name,
			struct err *err)
{
	cleanup_free char *marker = xasprintf("%s%s%s", dir, prefix, name);
	const struct tar_item item = { .name = marker, .mode = S_IFREG };

	walk->counts.entries++;
	return tar_writer_add_data(walk->writer, &item, NULL, err);
}

static int write_whiteout(struct walk *walk, const char *name, struct err *err)
{
	cleanup_free char *dir = xstrndup(walk->name.data, walk->name.length - strlen(name));

	return write_marker(walk, dir, WHITEOUT, name, err);
}

static bool is_opaque(int fd)
{
	static const char *const names[] = { "user.overlay.opaque", "user.fuseoverlayfs.opaque",
					     "trusted.overlay.opaque" };
	char value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fgetxattr(fd, names[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

static int write_file(struct walk *walk, int dir_fd, const char *name, struct err *err)
{
	cleanup_fd int fd = open_entry(walk, dir_fd, name, O_RDONLY);
	struct tar_item item;
	struct stat st;

	if (fd < 0)
		return skip_or_fail(walk, err, -fd, "open");
	if (fstat(fd, &st) < 0)
		return fail(walk, err, errno, "inspect");
	if (!S_ISREG(st.st_mode))
		return skip_or_fail(walk, err, ENXIO, "open");

	describe(walk, &st, fd, &item);
	if (st.st_nlink > 1)
		item.link = tar_links_find_or_add(&walk->links, &st, walk->name.data);
	return write_item(walk, &item, fd, err);
}

static int write_symlink(struct walk *walk, int dir_fd, const char *name, const struct stat *st,
			 struct err *err)
{
	char target[PATH_MAX + 1];
	struct tar_item item;
	ssize_t length = readlinkat(dir_fd, name, target, sizeof(target) - 1);

	if (length < 0 && errno == EINVAL) /* not a link any more */
		return skip_or_fail(walk, err, ENXIO, "read link");
	if (length < 0)
		return skip_or_fail(walk, err, errno, "read link");
	target[length] = '\0';
	describe(walk, st, -1, &item);
	item.link = target;
	return write_item(walk, &item, -1, err);
}

/* --- directories --- */

static int read_names(struct walk *walk, int fd, struct strv *names, struct err *err)
{
	int copy_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy_fd < 0 ? NULL : fdopendir(copy_fd);
	const struct dirent *entry;

	if (dir == NULL) {
		fail(walk, err, errno, "read directory");
		fd_close(&copy_fd);
		return -1;
	}
	errno = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			strv_add(names, entry->d_name);
		errno = 0;
	}
	int failed = errno;
	closedir(dir);
	if (failed)
		return fail(walk, err, failed, "read directory");
	if (names->count > 0)
		strv_sort(names);
	return 0;
}

/* Go into a directory, whose fd is the frame's from now on. */
static int enter_take(struct walk *walk, int fd, struct err *err)
{
	if (walk->count == walk->size) {
		walk->size = walk->size ? walk->size * 2 : 32;
		walk->frames = xreallocarray(walk->frames, walk->size, sizeof(*walk->frames));
	}
	struct frame *frame = &walk->frames[walk->count++];
	*frame = (struct frame){ .fd = fd, .path_length = walk->path.length };
	return read_names(walk, fd, &frame->names, err);
}

static int frame_open(struct walk *walk, struct frame *frame, struct err *err)
{
	if (frame->fd >= 0)
		return 0;
	cleanup_free char *path = xstrndup(walk->path.data, frame->path_length);
	frame->fd = path_open_beneath(walk->root_fd, *path ? path : ".",
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (frame->fd < 0)
		return fail(walk, err, -frame->fd, "open directory again");
	return 0;
}

static bool root_needs_entry(const struct tar_item *item)
{
	return item->uid != 0 || item->gid != 0 || (item->mode & 07777) != 0755;
}

/* The entry of an open directory and its marker. */
static int write_directory(struct walk *walk, int fd, bool is_root, struct err *err)
{
	struct tar_item item;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(walk, err, errno, "inspect");
	describe(walk, &st, fd, &item);
	if (is_root && walk->name.length == 0)
		item.name = "./";
	if ((!is_root || walk->options->with_root ||
	     (walk->options->layer && root_needs_entry(&item))) &&
	    write_item(walk, &item, fd, err) < 0)
		return -1;

	if (!walk->options->layer || !is_opaque(fd))
		return 0;
	if (walk->options->opaque != NULL)
		walk->options->opaque(walk->options->opaque_context, fd);
	cleanup_free char *dir =
		is_root && walk->name.length == 0 ? xstrdup("") : xasprintf("%s/", walk->name.data);
	return write_marker(walk, dir, "", OPAQUE, err);
}

static int add_directory(struct walk *walk, int dir_fd, const char *name, struct err *err)
{
	cleanup_fd int fd = open_entry(walk, dir_fd, name, O_RDONLY | O_DIRECTORY);

	if (fd == -EXDEV) {
		/* a mount point is written, what is mounted is not: the same look from outside */
		struct tar_item item;
		struct stat st;
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return skip_or_fail(walk, err, errno, "inspect");
		describe(walk, &st, -1, &item);
		return write_item(walk, &item, -1, err);
	}
	if (fd < 0)
		return skip_or_fail(walk, err, -fd, "open directory");
	if (write_directory(walk, fd, false, err) < 0)
		return -1;
	/* the parent's descriptor is not needed meanwhile */
	if (walk->count >= KEEP_FDS)
		fd_close(&walk->frames[walk->count - 1].fd);
	return enter_take(walk, TAKE_FD(fd), err);
}

static int limit_time(struct walk *walk, int dir_fd, const char *name, time_t mtime_s,
		      struct err *err)
{
	const struct tar_tree_options *options = walk->options;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };

	if (!options->set_latest_mtime || options->latest_mtime_s == NULL ||
	    mtime_s <= *options->latest_mtime_s)
		return 0;
	times[1].tv_sec = *options->latest_mtime_s;
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(walk, err, errno, "set the time of");
	return 0;
}

static int add_entry(struct walk *walk, int dir_fd, const char *name, struct err *err)
{
	struct tar_item item;
	struct stat st;

	/* fuse-overlayfs makes them beside its attribute: said once is enough */
	if (walk->options->layer && copy_is_opaque_entry(name) && is_opaque(dir_fd))
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip_or_fail(walk, err, errno, "inspect");
	if (limit_time(walk, dir_fd, name, st.st_mtime, err) < 0)
		return -1;

	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return write_file(walk, dir_fd, name, err);
	case S_IFDIR:
		return add_directory(walk, dir_fd, name, err);
	case S_IFLNK:
		return write_symlink(walk, dir_fd, name, &st, err);
	case S_IFIFO:
		describe(walk, &st, -1, &item);
		return write_item(walk, &item, -1, err);
	case S_IFCHR:
		if (walk->options->layer && st.st_rdev == makedev(0, 0))
			return write_whiteout(walk, name, err);
		break;
	default:
		break;
	}
	walk->counts.skipped++;
	return 0;
}

/* Set path and name to an entry of the topmost frame. */
static int set_path(struct walk *walk, const struct frame *frame, const char *name, struct err *err)
{
	const char *prefix = walk->options->prefix;

	strbuf_truncate(&walk->path, frame->path_length);
	if (frame->path_length > 0)
		strbuf_addc(&walk->path, '/');
	strbuf_adds(&walk->path, name);
	if (walk->path.length >= PATH_MAX)
		return fail(walk, err, ENAMETOOLONG, "name");

	strbuf_clear(&walk->name);
	if (!str_is_empty(prefix))
		strbuf_addf(&walk->name, "%s/", prefix);
	strbuf_add(&walk->name, walk->path.data, walk->path.length);
	return 0;
}

static int walk_all(struct walk *walk, struct err *err)
{
	while (walk->count > 0) {
		struct frame *frame = &walk->frames[walk->count - 1];

		if (frame->next == frame->names.count) {
			fd_close(&frame->fd);
			strv_release(&frame->names);
			walk->count--;
			continue;
		}
		if (frame_open(walk, frame, err) < 0)
			return -1;
		const char *name = frame->names.items[frame->next++];
		if (set_path(walk, frame, name, err) < 0)
			return -1;
		if (walk->options->skip &&
		    walk->options->skip(walk->options->skip_context, walk->path.data))
			continue;
		if (add_entry(walk, frame->fd, name, err) < 0)
			return -1;
	}
	return 0;
}

/* Which attribute holds owners: fuse-overlayfs looks at the root of a layer, so do we. */
static const char *find_override(int root_fd)
{
	static const char *const names[] = { "user.containers.override_stat",
					     "user.fuseoverlayfs.override_stat" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fgetxattr(root_fd, names[i], NULL, 0) > 0)
			return names[i];
	return NULL;
}

int tar_writer_add_tree(struct tar_writer *writer, int dir_fd,
			const struct tar_tree_options *options, struct tar_tree_counts *ret_counts,
			struct err *err)
{
	struct walk walk = {
		.writer = writer,
		.options = options,
		.path = STRBUF_INIT,
		.name = STRBUF_INIT,
	};
	cleanup_fd int root_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0)
		return err_sys(err, errno, "cannot open directory for tar");

	walk.root_fd = root_fd;
	walk.override = options->form == LAYER_SINGLE ? find_override(root_fd) : NULL;
	tar_links_init(&walk.links);
	tar_xattrs_init(&walk.xattrs);
	if (!str_is_empty(options->prefix))
		strbuf_adds(&walk.name, options->prefix);
	int r = write_directory(&walk, root_fd, true, err);
	if (r == 0)
		r = enter_take(&walk, TAKE_FD(root_fd), err);
	/* the first frame keeps its descriptor: deeper ones start from it */
	if (r == 0)
		r = walk_all(&walk, err);
	if (ret_counts)
		*ret_counts = walk.counts;
	walk_release(&walk);
	return r;
}
