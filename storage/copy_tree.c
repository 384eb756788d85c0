/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/copy_tree.c - copy a tree with everything that can be kept
 *
 * There is no recursion: directories wait in a list of relative paths, and each is opened anew beneath the two roots. A
 * directory gets its times at the end, in reverse order, when nothing in it changes any more; its owner and mode come at
 * the start, with the owner's write bit there in any case, since root of the namespace does not need more.
 */
#include "storage/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/rootless.h"
#include "storage/copy_file.h"

#define LINK_BUCKETS 1024

/* A file with several names: where its copy is. */
struct link {
	struct link *next;
	dev_t dev;
	ino_t ino;
	char *path; /* below the target */
};

struct copy {
	int source_fd, target_fd; /* the roots */
	const struct copy_options *options;
	struct strv dirs; /* paths, parents before children; "" is the root */
	struct link *links[LINK_BUCKETS];
};

static void copy_release(struct copy *copy)
{
	strv_release(&copy->dirs);
	for (size_t i = 0; i < LINK_BUCKETS; i++) {
		while (copy->links[i] != NULL) {
			struct link *link = copy->links[i];

			copy->links[i] = link->next;
			free(link->path);
			free(link);
		}
	}
}

static int fail(struct err *err, int errno_value, const char *what, const char *path)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, *path != '\0' ? path : "/");
	return err_sys(err, errno_value, "cannot %s '%s'", what, shown.data);
}

static struct link **find_link(struct copy *copy, const struct stat *st)
{
	struct link **at = &copy->links[st->st_ino % LINK_BUCKETS];

	while (*at != NULL && ((*at)->ino != st->st_ino || (*at)->dev != st->st_dev))
		at = &(*at)->next;
	return at;
}

static uint32_t translate(uint32_t id, const struct idmap *through, const struct idmap *back)
{
	uint32_t host;
	uint32_t result;

	/* an id that the container does not have belongs to nobody in it, whatever we write */
	if (through == NULL || idmap_to_host(through, id, &host) == 0 ||
	    idmap_to_inside(back, host, &result) == 0)
		return id;
	return result;
}

static void translate_owner(const struct copy *copy, struct stat *st)
{
	const struct copy_options *options = copy->options;

	st->st_uid = options->uid != NULL
			     ? *options->uid
			     : translate(st->st_uid, options->uid_through, options->uid_back);
	st->st_gid = options->gid != NULL
			     ? *options->gid
			     : translate(st->st_gid, options->gid_through, options->gid_back);
	if (options->drop_set_id && !S_ISDIR(st->st_mode))
		st->st_mode &= ~(mode_t)(S_ISUID | S_ISGID);
}

/* One entry of a directory that is being copied. */
struct entry {
	int source_fd, target_fd; /* its directory on both sides */
	const char *name;
	const char *path; /* from the root */
	struct stat st;	  /* owner translated */
};

static int set_times(int target_fd, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	return utimensat(target_fd, name, times, AT_SYMLINK_NOFOLLOW);
}

/* What cannot be opened: a symlink or a fifo. */
static int finish_by_name(const struct entry *entry, bool has_mode, struct err *err)
{
	if (fchownat(entry->target_fd, entry->name, entry->st.st_uid, entry->st.st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, errno, "set the owner of", entry->path);
	if (has_mode && fchmodat(entry->target_fd, entry->name, entry->st.st_mode & 07777, 0) < 0)
		return fail(err, errno, "set the mode of", entry->path);
	if (set_times(entry->target_fd, entry->name, &entry->st) < 0)
		return fail(err, errno, "set the times of", entry->path);
	return 0;
}

static int make_symlink(const struct entry *entry)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(entry->source_fd, entry->name, text, sizeof(text) - 1);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	return symlinkat(text, entry->target_fd, entry->name) < 0 ? -errno : 0;
}

/* Content and attributes of a file that is new and open for writing. */
static int fill_file(const struct copy *copy, int from_fd, int to_fd, const struct stat *from,
		     const struct stat *as)
{
	const struct timespec times[2] = { as->st_atim, as->st_mtim };
	int status = copy_file_data(from_fd, to_fd, from);

	if (status < 0)
		return status;
	/* chown takes capabilities and setuid bits away, so it is the first */
	if (fchown(to_fd, as->st_uid, as->st_gid) < 0 || fchmod(to_fd, as->st_mode & 07777) < 0)
		return -errno;
	status = copy_file_xattrs(from_fd, to_fd, copy->options->keep_marks);
	if (status < 0 && !(copy->options->replace && (status == -ENOTSUP || status == -EPERM)))
		return status;
	return futimens(to_fd, times) < 0 ? -errno : 0;
}

static int make_file(const struct copy *copy, const struct entry *entry)
{
	cleanup_fd int from_fd = openat(entry->source_fd, entry->name,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	cleanup_fd int to_fd = -1;
	struct stat st;

	if (from_fd < 0 || fstat(from_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ESTALE; /* replaced while we looked */
	to_fd = openat(entry->target_fd, entry->name,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return -errno;
	return fill_file(copy, from_fd, to_fd, &st, &entry->st);
}

static int make_link(struct copy *copy, const struct link *link, const struct entry *entry)
{
	if (linkat(copy->target_fd, link->path, entry->target_fd, entry->name, 0) < 0)
		return -errno;
	return 0;
}

static int make_entry(struct copy *copy, const struct entry *entry)
{
	switch (entry->st.st_mode & S_IFMT) {
	case S_IFREG: {
		struct link **link = find_link(copy, &entry->st);

		return *link != NULL ? make_link(copy, *link, entry) : make_file(copy, entry);
	}
	case S_IFLNK:
		return make_symlink(entry);
	case S_IFIFO:
		return mkfifoat(entry->target_fd, entry->name, 0600) < 0 ? -errno : 0;
	case S_IFCHR:
		if (!copy->options->keep_marks || entry->st.st_rdev != makedev(0, 0))
			return 0;
		return mknodat(entry->target_fd, entry->name, S_IFCHR, makedev(0, 0)) < 0 ? -errno
											  : 0;
	default:
		return 0;
	}
}

static void remember_link(struct copy *copy, const struct entry *entry)
{
	struct link **at;
	struct link *link;

	if (entry->st.st_nlink < 2 || !S_ISREG(entry->st.st_mode))
		return;
	at = find_link(copy, &entry->st);
	if (*at != NULL)
		return;
	link = xcalloc(1, sizeof(*link));
	link->dev = entry->st.st_dev;
	link->ino = entry->st.st_ino;
	link->path = xstrdup(entry->path);
	*at = link;
}

static int fail_kind(struct err *err, const char *path, bool is_directory)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, path);
	err_set(err, ERR_EXISTS, "cannot overwrite %s '%s' with %s",
		is_directory ? "non-directory" : "directory", shown.data,
		is_directory ? "a directory" : "a non-directory");
	return err_hint(err, "Say --overwrite, or remove it first.");
}

/* Take away what stands in the place of something that is no directory. */
static int clear_place(const struct copy *copy, int target_fd, const char *name, const char *path,
		       struct err *err)
{
	struct stat there;
	int status;

	if (copy->options->replace && !copy->options->replace_kind &&
	    fstatat(target_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(there.st_mode))
		return fail_kind(err, path, false);
	status = path_remove_tree(target_fd, name);
	return status < 0 ? fail(err, -status, "replace", path) : 0;
}

static int copy_other(struct copy *copy, const struct entry *entry, struct err *err)
{
	int status = make_entry(copy, entry);

	if (status == -EEXIST && (copy->options->as_layer || copy->options->replace)) {
		if (clear_place(copy, entry->target_fd, entry->name, entry->path, err) < 0)
			return -1;
		status = make_entry(copy, entry);
	}
	if (status < 0)
		return fail(err, -status, "copy", entry->path);
	remember_link(copy, entry);
	if (S_ISLNK(entry->st.st_mode))
		return finish_by_name(entry, false, err);
	if (S_ISFIFO(entry->st.st_mode))
		return finish_by_name(entry, true, err);
	return 0;
}

/* What a lower layer has in a directory that stands in the place of something else is hidden. */
static int mark_opaque(const struct entry *entry)
{
	cleanup_fd int fd = openat(entry->target_fd, entry->name,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : copy_set_opaque(fd);
}

/* Make the directory, or take the one that is there when that is allowed, and put it on the list. */
static int copy_directory(struct copy *copy, const struct entry *entry, struct err *err)
{
	int status = mkdirat(entry->target_fd, entry->name, 0700) < 0 ? -errno : 0;
	struct stat there;

	if (status == -EEXIST && (copy->options->as_layer || copy->options->replace)) {
		if (fstatat(entry->target_fd, entry->name, &there, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(err, errno, "inspect", entry->path);
		if (copy->options->replace && !copy->options->replace_kind &&
		    !S_ISDIR(there.st_mode))
			return fail_kind(err, entry->path, true);
		status = 0;
		if (!S_ISDIR(there.st_mode) ||
		    (copy->options->as_layer && copy_is_opaque(entry->source_fd, entry->name))) {
			status = path_remove_tree(entry->target_fd, entry->name);
			if (status == 0 && mkdirat(entry->target_fd, entry->name, 0700) < 0)
				status = -errno;
			if (status == 0 && copy->options->as_layer && copy->options->keep_marks)
				status = mark_opaque(entry);
		}
	}
	if (status < 0)
		return fail(err, -status, "make directory", entry->path);
	strv_add(&copy->dirs, entry->path);
	return 0;
}

static int copy_entry(struct copy *copy, struct entry *entry, struct err *err)
{
	if (copy->options->keep_marks && copy_is_opaque_entry(entry->name))
		return 0;
	if (fstatat(entry->source_fd, entry->name, &entry->st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, errno, "inspect", entry->path);
	if (copy->options->as_layer && S_ISCHR(entry->st.st_mode) &&
	    entry->st.st_rdev == makedev(0, 0)) {
		int status = path_remove_tree(entry->target_fd, entry->name);

		/* what lies below the copy is to be hidden, too */
		if (status == 0 && copy->options->keep_marks &&
		    mknodat(entry->target_fd, entry->name, S_IFCHR, makedev(0, 0)) < 0)
			status = -errno;

		return status < 0 ? fail(err, -status, "remove", entry->path) : 0;
	}
	translate_owner(copy, &entry->st);
	if (S_ISDIR(entry->st.st_mode))
		return copy_directory(copy, entry, err);
	return copy_other(copy, entry, err);
}

/* Owner, mode and attributes of a directory. */
static int set_directory(struct copy *copy, int source_fd, int target_fd, const char *path,
			 struct err *err)
{
	struct stat st;
	int status;

	if (*path == '\0' && copy->options->keep_root)
		return 0;
	if (fstat(source_fd, &st) < 0)
		return fail(err, errno, "inspect", path);
	translate_owner(copy, &st);
	if (fchown(target_fd, st.st_uid, st.st_gid) < 0)
		return fail(err, errno, "set the owner of", path);
	if (fchmod(target_fd, st.st_mode & 07777) < 0)
		return fail(err, errno, "set the mode of", path);
	status = copy_file_xattrs(source_fd, target_fd, copy->options->keep_marks);
	if (copy->options->replace && (status == -ENOTSUP || status == -EPERM))
		status = 0;
	if (status == 0 && copy->options->keep_marks && copy_is_opaque_fd(source_fd))
		status = copy_set_opaque(target_fd);
	return status < 0 ? fail(err, -status, "set the attributes of", path) : 0;
}

static int open_dir(int root_fd, const char *path, struct err *err)
{
	int fd = path_open_beneath(root_fd, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? fail(err, -fd, "open directory", path) : fd;
}

static int copy_contents(struct copy *copy, const char *path, struct err *err)
{
	cleanup_fd int source_fd = open_dir(copy->source_fd, path, err);
	cleanup_fd int target_fd = -1;
	cleanup_strbuf struct strbuf below = STRBUF_INIT;
	const struct dirent *item;
	int status = 0;
	int list_fd;
	DIR *dir;

	if (source_fd < 0)
		return -1;
	target_fd = open_dir(copy->target_fd, path, err);
	if (target_fd < 0)
		return -1;
	if (set_directory(copy, source_fd, target_fd, path, err) < 0)
		return -1;
	list_fd = fd_dup(source_fd);
	dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
	if (dir == NULL) {
		fd_close(&list_fd);
		return fail(err, errno, "read directory", path);
	}
	while (status == 0 && (item = readdir(dir)) != NULL) {
		struct entry entry = { source_fd, target_fd, item->d_name, NULL, { 0 } };

		if (str_equal(item->d_name, ".") || str_equal(item->d_name, ".."))
			continue;
		strbuf_clear(&below);
		strbuf_addf(&below, "%s%s%s", path, *path != '\0' ? "/" : "", item->d_name);
		entry.path = below.data;
		status = copy_entry(copy, &entry, err);
	}
	closedir(dir);
	return status;
}

static int set_directory_times(struct copy *copy, const char *path, struct err *err)
{
	const char *name = *path != '\0' ? path : ".";
	struct stat st;
	struct timespec times[2];
	cleanup_fd int fd = open_dir(copy->source_fd, path, err);
	cleanup_fd int target_fd = -1;

	if (fd < 0)
		return -1;
	target_fd = open_dir(copy->target_fd, path, err);
	if (target_fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail(err, errno, "inspect", name);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return futimens(target_fd, times) < 0 ? fail(err, errno, "set the times of", name) : 0;
}

int copy_tree(int source_fd, int target_fd, const struct copy_options *options, struct err *err)
{
	struct copy copy = { .source_fd = source_fd, .target_fd = target_fd, .options = options };
	int status = 0;

	strv_add(&copy.dirs, "");
	/* the list grows while we walk it */
	for (size_t i = 0; status == 0 && i < copy.dirs.count; i++) {
		cleanup_free char *path = xstrdup(copy.dirs.items[i]);

		status = copy_contents(&copy, path, err);
	}
	for (size_t i = copy.dirs.count; status == 0 && i-- > (options->keep_root ? 1 : 0);)
		status = set_directory_times(&copy, copy.dirs.items[i], err);
	copy_release(&copy);
	return status;
}

int copy_file(int source_fd, int target_dir_fd, const char *target_name,
	      const struct copy_options *options, struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct copy copy = { .options = options };
	cleanup_fd int to_fd = -1;
	struct stat from, as;
	int status;

	if (fstat(source_fd, &from) < 0)
		return fail(err, errno, "inspect", target_name);
	to_fd = openat(target_dir_fd, target_name, flags, 0600);
	if (to_fd < 0 && errno == EEXIST && options->replace) {
		if (clear_place(&copy, target_dir_fd, target_name, target_name, err) < 0)
			return -1;
		to_fd = openat(target_dir_fd, target_name, flags, 0600);
	}
	if (to_fd < 0)
		return fail(err, errno, "make", target_name);
	as = from;
	translate_owner(&copy, &as);
	status = fill_file(&copy, source_fd, to_fd, &from, &as);
	return status < 0 ? fail(err, -status, "copy", target_name) : 0;
}
