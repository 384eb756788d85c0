/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/place.c - put files into a root file system
 */
#include "engine/build/place.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/runtime/user.h"
#include "storage/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static int fail(struct err *err, int errno_value, const char *what, const char *path)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, path);
	return err_sys(err, errno_value, "cannot %s '%s'", what, shown.data);
}

/* ---- modes ---- */

int mode_change_parse(const char *text, struct mode_change *ret_change, struct err *err)
{
	struct mode_change change = { .is_set = true, .text = text };

	if (parse_mode(text, &change.mode) == 0) {
		change.is_octal = true;
		*ret_change = change;
		return 0;
	}
	for (const char *p = text; *p != '\0';) {
		p += strspn(p, "ugoa");
		if (*p == '\0' || strchr("+-=", *p) == NULL)
			goto bad;
		while (*p != '\0' && strchr("+-=", *p) != NULL) {
			p++;
			p += strspn(p, "rwxXstugo");
		}
		if (*p == ',' && p[1] != '\0')
			p++;
		else if (*p != '\0')
			goto bad;
	}
	if (*text != '\0') {
		*ret_change = change;
		return 0;
	}
bad:
	err_set(err, ERR_USAGE, "--chmod: '%.60s' is no mode", text);
	return err_hint(err, "Write octal digits such as 755, or changes such as u=rwX,go=rX.");
}

static mode_t bits_of(const char *letters, size_t count, mode_t mode, mode_t who)
{
	mode_t bits = 0;

	for (size_t i = 0; i < count; i++) {
		switch (letters[i]) {
		case 'r':
			bits |= 0444;
			break;
		case 'w':
			bits |= 0222;
			break;
		case 'x':
			bits |= 0111;
			break;
		case 'X':
			if (S_ISDIR(mode) || (mode & 0111))
				bits |= 0111;
			break;
		case 's':
			bits |= (who & 0700 ? 04000 : 0) | (who & 0070 ? 02000 : 0);
			break;
		case 't':
			bits |= 01000;
			break;
		case 'u':
			bits |= ((mode >> 6) & 7) * 0111;
			break;
		case 'g':
			bits |= ((mode >> 3) & 7) * 0111;
			break;
		case 'o':
			bits |= (mode & 7) * 0111;
			break;
		}
	}
	return bits & (who | 07000);
}

mode_t mode_change_apply(const struct mode_change *change, mode_t mode)
{
	if (!change->is_set)
		return mode & 07777;
	if (change->is_octal)
		return change->mode;
	for (const char *p = change->text; *p != '\0';) {
		mode_t who = 0;

		for (; *p != '\0' && strchr("ugoa", *p) != NULL; p++)
			who |= *p == 'u' ? 0700 : *p == 'g' ? 0070 : *p == 'o' ? 0007 : 0777;
		if (who == 0)
			who = 0777;
		while (*p != '\0' && strchr("+-=", *p) != NULL) {
			char op = *p++;
			size_t count = strspn(p, "rwxXstugo");
			mode_t bits = bits_of(p, count, mode, who);

			p += count;
			if (op == '=')
				mode = (mode & ~who) | bits;
			else if (op == '+')
				mode |= bits;
			else
				mode &= ~bits;
		}
		if (*p == ',')
			p++;
	}
	return mode & 07777;
}

/* ---- owners ---- */

int place_owner(struct place *place, const char *text, struct err *err)
{
	struct identity identity = IDENTITY_INIT;
	struct identity_request request = { .user = text };
	const char *colon = strchr(text, ':');
	cleanup_free char *user =
		colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	uint32_t number;

	/* a number alone is the group's too, whatever passwd says */
	if (colon == NULL && parse_id(user, &number) == 0) {
		place->uid = place->gid = number;
		place->has_owner = true;
		return 0;
	}
	if (colon != NULL && *user == '\0')
		return err_set(err, ERR_USAGE, "--chown: '%.100s' has no user", text);
	if (identity_resolve(place->root_fd, &request, &identity, err) < 0) {
		err->kind = ERR_USAGE;
		return err_wrap(err, "--chown=%.100s", text);
	}
	place->uid = identity.uid;
	place->gid = identity.gid;
	place->has_owner = true;
	identity_release(&identity);
	return 0;
}

/* ---- directories ---- */

/* The last `made` components of a path are new: give them the owner. */
static int own_made(const struct place *place, const char *path, int made, struct err *err)
{
	cleanup_free char *copy = xstrdup(path);

	for (; made > 0 && *copy != '\0'; made--) {
		cleanup_fd int fd = path_open_in_root(place->root_fd, copy, O_PATH, 0);

		if (fd < 0 || fchownat(fd, "", place->uid, place->gid, AT_EMPTY_PATH) < 0)
			return fail(err, fd < 0 ? -fd : errno, "set the owner of", copy);
		char *slash = strrchr(copy, '/');
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	return 0;
}

int place_dirs(const struct place *place, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	int made = 0;

	path_clean(&clean, path);
	int fd = path_make_dirs_in_root(place->root_fd, clean.data, 0755, &made);

	if (fd < 0)
		return fail(err, -fd, "make directory", path);
	if (made > 0 && place->has_owner && own_made(place, clean.data, made, err) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- entries ---- */

struct placing {
	const struct place *place;
	const char *base; /* path of the target directory in the root */
	int base_fd;	  /* O_PATH; entries of a directory go below it */
	bool base_made;
	const char *file_name; /* of an item that is a file */
	struct strv dirs;      /* made here, parents first: they get their times at the end */
	struct timespec (*times)[2];
	struct strbuf parent; /* the directory that was used last, and its descriptor */
	int parent_fd;
};

static void owner_of(const struct placing *placing, const struct stat *st, uid_t *uid, gid_t *gid)
{
	const struct place *place = placing->place;

	*uid = place->has_owner ? place->uid : place->keep_owner ? st->st_uid : 0;
	*gid = place->has_owner ? place->gid : place->keep_owner ? st->st_gid : 0;
}

/* Directory of an entry, O_PATH; borrowed. The target's own links are followed in the root. */
static int parent_of(struct placing *placing, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash != NULL ? (size_t)(slash - path) : 0;

	if (length == 0)
		return placing->base_fd;
	if (placing->parent_fd >= 0 && placing->parent.length == length &&
	    memcmp(placing->parent.data, path, length) == 0)
		return placing->parent_fd;
	fd_close(&placing->parent_fd);
	strbuf_clear(&placing->parent);
	strbuf_add(&placing->parent, path, length);
	cleanup_free char *full = xasprintf("%s/%s", placing->base, placing->parent.data);
	int fd = path_open_in_root(placing->place->root_fd, full, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fail(err, -fd, "open directory", full);
	placing->parent_fd = fd;
	return fd;
}

static void remember_dir(struct placing *placing, const char *path, const struct stat *st)
{
	placing->times =
		xreallocarray(placing->times, placing->dirs.count + 1, sizeof(*placing->times));
	placing->times[placing->dirs.count][0] = st->st_mtim;
	placing->times[placing->dirs.count][1] = st->st_mtim;
	strv_add(&placing->dirs, path);
}

static int finish_dir(struct placing *placing, int dir_fd, const struct source_entry *entry,
		      struct err *err)
{
	uid_t uid;
	gid_t gid;

	owner_of(placing, &entry->st, &uid, &gid);
	if (fchown(dir_fd, uid, gid) < 0 ||
	    fchmod(dir_fd, mode_change_apply(&placing->place->mode, entry->st.st_mode)) < 0)
		return fail(err, errno, "set owner and mode of", entry->path);
	remember_dir(placing, entry->path, &entry->st);
	return 0;
}

static int place_directory(struct placing *placing, int parent_fd, const struct source_entry *entry,
			   const char *name, struct err *err)
{
	if (mkdirat(parent_fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return fail(err, errno, "make directory", entry->path);
		cleanup_free char *full = xasprintf("%s/%s", placing->base, entry->path);
		cleanup_fd int there_fd =
			path_open_in_root(placing->place->root_fd, full, O_PATH | O_DIRECTORY, 0);
		if (there_fd == -ENOTDIR || there_fd == -ENOENT)
			return err_set(err, ERR_USAGE,
				       "cannot copy the directory '%.200s' onto a file", full);
		return there_fd < 0 ? fail(err, -there_fd, "open directory", full) : 0;
	}
	cleanup_fd int dir_fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return fail(err, errno, "open directory", entry->path);
	return finish_dir(placing, dir_fd, entry, err);
}

/* Make room for a name: a file or link there goes, a directory is an error. */
static int make_room(int parent_fd, const char *name, const char *path, struct err *err)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM)
		return err_set(err, ERR_USAGE, "cannot copy the file '%.200s' onto a directory",
			       *path != '\0' ? path : name);
	return fail(err, errno, "replace", path);
}

static int new_file(int parent_fd, const char *name, const char *path, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent_fd, name, flags, 0600);

	if (fd < 0 && errno == EEXIST) {
		if (make_room(parent_fd, name, path, err) < 0)
			return -1;
		fd = openat(parent_fd, name, flags, 0600);
	}
	return fd < 0 ? fail(err, errno, "make file", *path != '\0' ? path : name) : fd;
}

static int place_file(struct placing *placing, int parent_fd, const struct source_entry *entry,
		      const char *name, struct err *err)
{
	struct timespec times[2];
	struct stat st;
	uid_t uid;
	gid_t gid;

	cleanup_fd int from_fd = source_open(entry, &st);
	if (from_fd < 0)
		return fail(err, -from_fd, "read",
			    *entry->path != '\0' ? entry->path : entry->name);
	cleanup_fd int to_fd = new_file(parent_fd, name, entry->path, err);
	if (to_fd < 0)
		return -1;
	int status = copy_file_data(from_fd, to_fd, &st);
	if (status < 0)
		return fail(err, -status, "copy", *entry->path != '\0' ? entry->path : name);
	owner_of(placing, &entry->st, &uid, &gid);
	if (((uid != 0 || gid != 0) && fchown(to_fd, uid, gid) < 0) ||
	    fchmod(to_fd, mode_change_apply(&placing->place->mode, entry->st.st_mode)) < 0)
		return fail(err, errno, "set owner and mode of", name);
	if (placing->place->keep_xattrs && (status = copy_file_xattrs(from_fd, to_fd, false)) < 0)
		return fail(err, -status, "set the attributes of", name);
	times[0] = times[1] = st.st_mtim;
	return futimens(to_fd, times) < 0 ? fail(err, errno, "set the times of", name) : 0;
}

static int place_link(struct placing *placing, int parent_fd, const struct source_entry *entry,
		      const char *name, struct err *err)
{
	const struct timespec times[2] = { entry->st.st_mtim, entry->st.st_mtim };
	char target[PATH_MAX];
	ssize_t length = source_read_link(entry, target, sizeof(target) - 1);
	uid_t uid;
	gid_t gid;

	if (length < 0)
		return fail(err, errno, "read link", entry->path);
	target[length] = '\0';
	if (symlinkat(target, parent_fd, name) < 0) {
		if (errno != EEXIST)
			return fail(err, errno, "make link", entry->path);
		if (make_room(parent_fd, name, entry->path, err) < 0)
			return -1;
		if (symlinkat(target, parent_fd, name) < 0)
			return fail(err, errno, "make link", entry->path);
	}
	owner_of(placing, &entry->st, &uid, &gid);
	if (fchownat(parent_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, errno, "set owner and times of", entry->path);
	return 0;
}

static int visit(void *arg, const struct source_entry *entry, struct err *err)
{
	struct placing *placing = arg;
	const char *name = entry->name;
	int parent_fd;

	if (*entry->path == '\0') {
		/* the item itself: of a directory its content is meant */
		if (S_ISDIR(entry->st.st_mode)) {
			if (!placing->base_made)
				return 0;
			cleanup_fd int dir_fd =
				openat(placing->base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			return dir_fd < 0 ? fail(err, errno, "open directory", placing->base)
					  : finish_dir(placing, dir_fd, entry, err);
		}
		name = placing->file_name;
		parent_fd = placing->base_fd;
	} else {
		parent_fd = parent_of(placing, entry->path, err);
	}
	if (parent_fd < 0)
		return -1;
	switch (entry->st.st_mode & S_IFMT) {
	case S_IFDIR:
		return place_directory(placing, parent_fd, entry, name, err);
	case S_IFREG:
		return place_file(placing, parent_fd, entry, name, err);
	case S_IFLNK:
		return place_link(placing, parent_fd, entry, name, err);
	case S_IFIFO:
		if (make_room(parent_fd, name, entry->path, err) < 0)
			return -1;
		return mkfifoat(parent_fd, name, entry->st.st_mode & 07777) < 0
			       ? fail(err, errno, "make pipe", entry->path)
			       : 0;
	default: /* sockets and devices are no content */
		return 0;
	}
}

/* Children first: a directory that something was put into has new times. */
static int set_times(struct placing *placing, struct err *err)
{
	for (size_t i = placing->dirs.count; i-- > 0;) {
		const char *path = placing->dirs.items[i];
		cleanup_free char *full = xasprintf("%s/%s", placing->base, path);
		cleanup_fd int fd =
			path_open_in_root(placing->place->root_fd, full, O_RDONLY | O_DIRECTORY, 0);

		if (fd < 0 || futimens(fd, placing->times[i]) < 0)
			return fail(err, fd < 0 ? -fd : errno, "set the times of", full);
	}
	return 0;
}

static bool is_directory(const struct place *place, const char *path)
{
	cleanup_fd int fd = path_open_in_root(place->root_fd, path, O_PATH | O_DIRECTORY, 0);

	return fd >= 0;
}

/* Where a file goes: its directory and name. */
static int split_target(const struct place *place, const char *path, bool into_dir,
			const char *own_name, char **ret_dir, char **ret_name)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	cleanup_free char *absolute = xasprintf("/%s", path);

	path_clean(&clean, absolute);
	const char *slash = strrchr(clean.data, '/');

	if (into_dir || slash[1] == '\0' || is_directory(place, clean.data)) {
		*ret_dir = xstrdup(clean.data);
		*ret_name = xstrdup(own_name);
	} else {
		*ret_dir = slash == clean.data ? xstrdup("/")
					       : xstrndup(clean.data, (size_t)(slash - clean.data));
		*ret_name = xstrdup(slash + 1);
	}
	return 0;
}

int place_item(const struct place *place, const struct source_root *root,
	       const struct source_item *item, const struct ignore *excludes, const char *path,
	       bool into_dir, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *name = NULL;
	struct placing placing = {
		.place = place, .parent = STRBUF_INIT, .parent_fd = -1, .dirs = STRV_INIT
	};
	int status = -1;

	if (item->is_dir)
		dir = xstrdup(path);
	else
		split_target(place, path, into_dir, item->name, &dir, &name);
	placing.base = dir;
	placing.file_name = name;
	placing.base_made = item->is_dir && !is_directory(place, dir);
	placing.base_fd = place_dirs(place, dir, err);
	if (placing.base_fd >= 0)
		status = source_walk(root, item, excludes, visit, &placing, err);
	if (status == 0)
		status = set_times(&placing, err);
	fd_close(&placing.base_fd);
	fd_close(&placing.parent_fd);
	strbuf_release(&placing.parent);
	strv_release(&placing.dirs);
	free(placing.times);
	return status;
}

int place_text(const struct place *place, const char *path, bool into_dir, const char *own_name,
	       const char *text, mode_t mode, struct err *err)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *name = NULL;

	split_target(place, path, into_dir, own_name, &dir, &name);
	cleanup_fd int dir_fd = place_dirs(place, dir, err);
	if (dir_fd < 0)
		return -1;
	cleanup_fd int fd = new_file(dir_fd, name, name, err);
	if (fd < 0)
		return -1;
	int status = fd_write_full(fd, text, strlen(text));
	if (status < 0)
		return fail(err, -status, "write", name);
	if ((place->has_owner && fchown(fd, place->uid, place->gid) < 0) ||
	    fchmod(fd, mode_change_apply(&place->mode, S_IFREG | mode)) < 0)
		return fail(err, errno, "set owner and mode of", name);
	return 0;
}
