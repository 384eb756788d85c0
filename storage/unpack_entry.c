/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_entry.c - the anchored writer: one function per kind of entry
 *
 * What an entry is must not depend on what was there before: each is made new, and when its name is taken the old one is
 * removed and making is tried once more. Only a directory keeps what it has. Looking first would cost a system call for each
 * file, and the answer is nearly always that nothing is there.
 *
 * In mapped form owner and mode are real. In single form every file is ours, readable and writable for us, and what the layer
 * says is kept in user.containers.override_stat, as containers/storage has it. fuse-overlayfs looks at the root of a layer: when that
 * has the attribute, it wants it on every directory and regular file of the layer, and fails without. Symlinks and fifos cannot
 * carry it: they belong to container root there.
 *
 * A file's owner and bits are set after its content, because writing and chown take setuid bits and capabilities away; its
 * time is the last.
 */
#include "storage/unpack_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#define OVERRIDE_XATTR "user.containers.override_stat"
/* three numbers and two colons */
#define OVERRIDE_MAX 40

static int fail_kind(const char *path, bool is_directory, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, path);
	err_set(err, ERR_EXISTS, "cannot overwrite %s '%s' with %s",
		is_directory ? "non-directory" : "directory", shown.data,
		is_directory ? "a directory" : "a non-directory");
	return err_hint(err, "Say --overwrite, or remove it first.");
}

/* Remove what has the name of a new entry. */
static int clear_name(struct tree *tree, const struct tree_parent *parent, const char *name,
		      const char *path, bool is_directory, bool *ret_was_whiteout, struct err *err)
{
	struct stat st;

	*ret_was_whiteout = false;
	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "inspect", path);

	const struct unpack_plain *plain = tree->limits->plain;
	if (plain != NULL && !plain->replace_kind && S_ISDIR(st.st_mode) != is_directory)
		return fail_kind(path, is_directory, err);
	int r = 0;
	if (S_ISDIR(st.st_mode))
		r = path_remove_tree(parent->fd, name);
	else if (unlinkat(parent->fd, name, 0) < 0)
		r = -errno;
	if (r < 0)
		return tree_fail(err, -r, "replace", path);

	*ret_was_whiteout = tree_is_whiteout(&st);
	return 0;
}

/* After clear_name() took away a directory or a link, open parents may lie in it. The parent of the new entry is looked up again. */
static int reopen_parent(struct tree *tree, const char *path, struct tree_parent **parent,
			 const char **name, struct err *err)
{
	tree_forget_parents(tree);
	return tree_parent_of(tree, path, parent, name, err);
}

static int set_owner(int fd, const char *name, uint32_t uid, uint32_t gid, const char *path,
		     struct err *err)
{
	int flags = *name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;

	if (fchownat(fd, name, uid, gid, flags) == 0)
		return 0;
	if (errno != EINVAL)
		return tree_fail(err, errno, "set owner of", path);

	/* not in the map of this user namespace: which of the two? */
	bool is_uid = fchownat(fd, name, uid, (gid_t)-1, flags) < 0;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, *path ? path : "/");
	err_set(err, ERR_UNSUPPORTED,
		"cannot unpack layer: '%s' belongs to %s %u, which is not "
		"among your subordinate %s",
		shown.data, is_uid ? "user" : "group", is_uid ? uid : gid,
		is_uid ? "user ids" : "group ids");
	return err_hint(err, "Add a longer range for your user to %s.",
			is_uid ? "/etc/subuid" : "/etc/subgid");
}

static int set_xattrs(struct tree *tree, const struct tree_entry *entry, int fd, struct err *err)
{
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tree_xattr *xattr = &entry->xattrs[i];

		if (fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) == 0)
			continue;
		/* the file system has none, or (single form outside of a user namespace) no capabilities can be given */
		if (errno == ENOTSUP || errno == EPERM) {
			tree->result->dropped_xattrs++;
			continue;
		}
		tree_fail(err, errno, "set an attribute of", entry->path);
		if (errno == EINVAL || errno == ERANGE || errno == E2BIG)
			err->kind = ERR_CORRUPT;
		return err_hint(err, "The attribute is '%s' with %zu bytes.", xattr->name,
				xattr->size);
	}
	return 0;
}

/* The mode that the file gets on disk. */
static mode_t disk_mode(const struct tree *tree, const struct tree_entry *entry, mode_t ours)
{
	return tree->form == LAYER_SINGLE ? (entry->mode & 0777) | ours : entry->mode;
}

static int set_override(const struct tree_entry *entry, int fd, struct err *err)
{
	char text[OVERRIDE_MAX];

	int length = snprintf(text, sizeof(text), "%u:%u:%o", entry->uid, entry->gid, entry->mode);
	if (fsetxattr(fd, OVERRIDE_XATTR, text, (size_t)length, 0) == 0)
		return 0;
	if (errno == ENOTSUP)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot unpack layer: without subordinate ids "
			       "owners are kept in user attributes, and the file system of the "
			       "store has none");
	return tree_fail(err, errno, "note owner of", entry->path);
}

/* Owner, bits and attributes of an open file or directory. */
static int set_attributes(struct tree *tree, const struct tree_entry *entry, int fd, mode_t disk,
			  bool force_owner, bool force_mode, struct err *err)
{
	if (tree->form == LAYER_SINGLE) {
		if (force_mode && fchmod(fd, disk) < 0)
			return tree_fail(err, errno, "set mode of", entry->path);
		if (set_override(entry, fd, err) < 0)
			return -1;
	} else {
		if ((entry->uid != 0 || entry->gid != 0 || force_owner) &&
		    set_owner(fd, "", entry->uid, entry->gid, entry->path, err) < 0)
			return -1;
		if ((force_mode || (entry->mode & 07000)) && fchmod(fd, entry->mode) < 0)
			return tree_fail(err, errno, "set mode of", entry->path);
	}
	return set_xattrs(tree, entry, fd, err);
}

int tree_add_directory(struct tree *tree, const struct tree_entry *entry, struct err *err)
{
	mode_t disk = disk_mode(tree, entry, 0700);
	struct tree_parent *parent;
	const char *name;
	bool existed = *entry->path == '\0';
	bool was_whiteout = false;

	if (tree_parent_of(tree, entry->path, &parent, &name, err) < 0)
		return -1;
	if (!existed && mkdirat(parent->fd, name, disk & 0777) < 0) {
		struct stat st;

		if (errno != EEXIST || fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return tree_fail(err, errno, "make directory", entry->path);
		existed = S_ISDIR(st.st_mode);
		if (!existed &&
		    (clear_name(tree, parent, name, entry->path, true, &was_whiteout, err) < 0 ||
		     reopen_parent(tree, entry->path, &parent, &name, err) < 0))
			return -1;
		if (!existed && mkdirat(parent->fd, name, disk & 0777) < 0)
			return tree_fail(err, errno, "make directory", entry->path);
	}

	bool plain = tree->form == LAYER_MAPPED && !existed && !was_whiteout && !parent->sgid &&
		     entry->uid == 0 && entry->gid == 0 && disk == entry->mode && !(disk & 07000) &&
		     entry->xattr_count == 0;
	if (!plain) {
		cleanup_fd int fd =
			openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		bool inherits = parent->sgid;
		if (fd < 0)
			return tree_fail(err, errno, "open directory", entry->path);
		if (was_whiteout && tree_mark_opaque(tree, fd, entry->path, err) < 0)
			return -1;
		if (set_attributes(tree, entry, fd, disk, existed || inherits, existed || inherits,
				   err) < 0)
			return -1;
	}
	if (existed) {
		/* it may be open as a parent, with another setgid bit */
		tree_forget_parents(tree);
		if (*entry->path == '\0')
			tree->root.sgid = disk & S_ISGID;
	}
	tree->root_is_set |= *entry->path == '\0';
	tree_add_time(tree, entry->path, &entry->mtime);
	return 0;
}

int tree_note_implied(struct tree *tree, int fd, const char *path, struct err *err)
{
	const struct tree_entry entry = { .path = path, .mode = 0755 };

	return tree->form == LAYER_SINGLE ? set_override(&entry, fd, err) : 0;
}

/* What makes one entry; 0 or -1 with errno (an fd for files). */
typedef int make_entry(int parent_fd, const char *name, const struct tree_entry *entry, mode_t mode,
		       const char *target);

/* Make something that is not a directory; what make() gave. */
static int make_new(struct tree *tree, const struct tree_entry *entry, const char *target,
		    make_entry *make, const char *verb, struct tree_parent **ret_parent,
		    const char **ret_name, struct err *err)
{
	mode_t mode = disk_mode(tree, entry, 0600) & 0777;
	bool was_whiteout;

	if (tree_parent_of(tree, entry->path, ret_parent, ret_name, err) < 0)
		return -1;
	int r = make((*ret_parent)->fd, *ret_name, entry, mode, target);
	if (r >= 0)
		return r;
	if (errno != EEXIST)
		return tree_fail(err, errno, verb, entry->path);

	if (clear_name(tree, *ret_parent, *ret_name, entry->path, false, &was_whiteout, err) < 0 ||
	    reopen_parent(tree, entry->path, ret_parent, ret_name, err) < 0)
		return -1;
	r = make((*ret_parent)->fd, *ret_name, entry, mode, target);
	return r < 0 ? tree_fail(err, errno, verb, entry->path) : r;
}

static int make_file(int parent_fd, const char *name, const struct tree_entry *entry, mode_t mode,
		     const char *target)
{
	return openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

int tree_begin_file(struct tree *tree, const struct tree_entry *entry, struct err *err)
{
	struct tree_parent *parent;
	const char *name;
	uint64_t sum;
	uint64_t limit = tree->limits->max_bytes;

	if (!CHECKED_ADD(tree->result->diff_bytes, entry->size, &sum) || sum > INT64_MAX ||
	    (limit != 0 && sum > limit))
		return err_set(err, ERR_LIMIT, "files of layer are larger than %llu bytes",
			       (unsigned long long)(limit ? limit : INT64_MAX));
	tree->result->diff_bytes = sum;

	int fd = make_new(tree, entry, NULL, make_file, "make file", &parent, &name, err);
	if (fd >= 0)
		tree->file_inherits = parent->sgid;
	return fd;
}

int tree_finish_file(struct tree *tree, const struct tree_entry *entry, int fd, struct err *err)
{
	struct timespec both[2] = { entry->mtime, entry->mtime };

	if (set_attributes(tree, entry, fd, disk_mode(tree, entry, 0600), tree->file_inherits,
			   false, err) < 0)
		return -1;
	if (futimens(fd, both) < 0)
		return tree_fail(err, errno, "set time of", entry->path);
	return 0;
}

/* Owner and time of what cannot be opened. */
static int finish_unopened(struct tree *tree, const struct tree_entry *entry,
			   const struct tree_parent *parent, const char *name, struct err *err)
{
	struct timespec both[2] = { entry->mtime, entry->mtime };

	if (tree->form == LAYER_MAPPED && (entry->uid != 0 || entry->gid != 0 || parent->sgid) &&
	    set_owner(parent->fd, name, entry->uid, entry->gid, entry->path, err) < 0)
		return -1;
	if (utimensat(parent->fd, name, both, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail(err, errno, "set time of", entry->path);
	return 0;
}

static int make_symlink(int parent_fd, const char *name, const struct tree_entry *entry,
			mode_t mode, const char *target)
{
	return symlinkat(target, parent_fd, name);
}

int tree_add_symlink(struct tree *tree, const struct tree_entry *entry, const char *target,
		     struct err *err)
{
	struct tree_parent *parent;
	const char *name;

	if (make_new(tree, entry, target, make_symlink, "make link", &parent, &name, err) < 0)
		return -1;
	return finish_unopened(tree, entry, parent, name, err);
}

static int make_fifo(int parent_fd, const char *name, const struct tree_entry *entry, mode_t mode,
		     const char *target)
{
	return mkfifoat(parent_fd, name, mode);
}

int tree_add_fifo(struct tree *tree, const struct tree_entry *entry, struct err *err)
{
	struct tree_parent *parent;
	const char *name;

	if (make_new(tree, entry, NULL, make_fifo, "make fifo", &parent, &name, err) < 0)
		return -1;
	return finish_unopened(tree, entry, parent, name, err);
}

/* The directory of a hard link's target: nothing is made on the way. fd. */
static int open_target_parent(struct tree *tree, const char *target, const char **ret_name)
{
	const char *slash = strrchr(target, '/');

	*ret_name = slash ? slash + 1 : target;
	if (slash == NULL)
		return fd_dup(tree->root.fd);
	cleanup_free char *parent = xstrndup(target, (size_t)(slash - target));
	int fd = path_open_beneath(tree->root.fd, parent, O_PATH | O_DIRECTORY, 0);
	/* below a link that this layer made */
	if (fd == -ELOOP || fd == -ENOTDIR)
		fd = path_open_in_root(tree->root.fd, parent, O_PATH | O_DIRECTORY, 0);
	return fd;
}

static int fail_hardlink(struct err *err, const struct tree_entry *entry, const char *target,
			 const char *why)
{
	cleanup_strbuf struct strbuf from = STRBUF_INIT;
	cleanup_strbuf struct strbuf to = STRBUF_INIT;

	strbuf_add_escaped(&from, entry->path);
	strbuf_add_escaped(&to, *target ? target : "/");
	return err_set(err, ERR_CORRUPT, "cannot make hard link '%s' of layer to '%s': %s",
		       from.data, to.data, why);
}

int tree_add_hardlink(struct tree *tree, const struct tree_entry *entry, const char *target_path,
		      struct err *err)
{
	struct tree_parent *parent;
	const char *name;
	const char *target_name;
	struct stat st;
	bool was_whiteout;

	if (tree_parent_of(tree, entry->path, &parent, &name, err) < 0)
		return -1;
	cleanup_fd int target_fd = open_target_parent(tree, target_path, &target_name);
	if (target_fd < 0 || *target_name == '\0' ||
	    fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_hardlink(err, entry, target_path, "this layer has not made it before");
	if (S_ISDIR(st.st_mode) || tree_is_whiteout(&st))
		return fail_hardlink(err, entry, target_path,
				     S_ISDIR(st.st_mode) ? "it is a directory" : "it was removed");

	/* to itself: it is there */
	if (str_equal(entry->path, target_path))
		return 0;
	if (linkat(target_fd, target_name, parent->fd, name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return tree_fail(err, errno, "make hard link", entry->path);

	/* what is replaced may be the target, or hold it */
	if (clear_name(tree, parent, name, entry->path, true, &was_whiteout, err) < 0 ||
	    reopen_parent(tree, entry->path, &parent, &name, err) < 0)
		return -1;
	if (linkat(target_fd, target_name, parent->fd, name, 0) < 0)
		return tree_fail(err, errno, "make hard link", entry->path);
	return 0;
}

int tree_add_whiteout(struct tree *tree, const char *path, struct err *err)
{
	struct tree_parent *parent;
	const char *name;

	if (tree_parent_of(tree, path, &parent, &name, err) < 0)
		return -1;
	if (mknodat(parent->fd, name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno == EPERM || errno == ENOTSUP) {
		err_sys(err, errno, "cannot unpack layer: cannot make a whiteout in the store");
		return err_hint(err, "Put the store on a local file system.");
	}
	if (errno != EEXIST)
		return tree_fail(err, errno, "remove", path);

	/* made by this layer: it stays, and only a directory lets lower layers shine through */
	cleanup_fd int fd =
		openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return tree_mark_opaque(tree, fd, path, err);
	if (errno == ENOTDIR || errno == ELOOP)
		return 0;
	return tree_fail(err, errno, "remove", path);
}

int tree_add_opaque(struct tree *tree, const char *path, struct err *err)
{
	cleanup_free char *below = xasprintf("%s%s.", path, *path ? "/" : "");
	struct tree_parent *parent;
	const char *name;

	/* the directory is the parent of what it hides */
	if (tree_parent_of(tree, below, &parent, &name, err) < 0)
		return -1;
	return tree_mark_opaque(tree, parent->fd, path, err);
}
