/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_tar.c - from the entries of a tar to calls of the anchored writer
 *
 * libarchive reads tar and nothing else: no other format, no filter, no flags, and ACLs are not used. Names are raw bytes: in
 * the C locale, which this process never leaves, those of ustar and GNU headers are not converted at all, and those of pax
 * headers, which should be UTF-8, are kept as they are when converting them fails; when it does not fail they are ASCII.
 * What libarchive says about an entry is checked here and turned into one action (R15):
 *
 *	name	leading '/' and "." components are dropped; ".." is refused, and so are names longer than 4095 bytes or 255
 *		per component, and an entry for the root that is no directory
 *	.wh.	".wh.NAME" hides NAME of lower layers, ".wh..wh..opq" all that they have in its directory; other uses of the
 *		prefix are refused, except the administrative files of aufs at the top, which are skipped
 *	link	targets of symlinks are kept as they are; hard links lead to what this tar made
 *	type	device nodes are skipped and counted; unknown types are read as regular files (POSIX)
 *	xattr	by allow-list; others are dropped and counted
 *
 * Any other warning of libarchive is an error for us, since it means that another reader may see another entry; only ACLs,
 * which we never use, may be wrong.
 */
#include "storage/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "storage/tar_xattr.h"
#include "storage/unpack_tree.h"

#define READ_BYTES  (1U << 20)
#define XATTR_BYTES 65536
/* zeros are looked for in pieces of this size, at multiples of it */
#define HOLE_BYTES (32U << 10)
/* a smaller part of a piece, where the buffer ended, is written as it is */
#define HOLE_MIN_BYTES 4096
#define WHITEOUT       ".wh."
#define OPAQUE	       ".wh..wh..opq"
#define AUFS	       ".wh..wh."

struct untar {
	struct archive *archive;
	int input_fd;
	char *buffer;
	uint64_t read_bytes;
	int read_errno;
	struct tree tree;
	struct tree_entry entry;
	struct strbuf path, target;
};

static ssize_t read_input(struct untar *untar)
{
	for (;;) {
		ssize_t got = read(untar->input_fd, untar->buffer, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got > 0)
			untar->read_bytes += (uint64_t)got;
		return got;
	}
}

static la_ssize_t read_block(struct archive *archive, void *context, const void **ret_data)
{
	struct untar *untar = context;
	ssize_t got = read_input(untar);

	*ret_data = untar->buffer;
	if (got < 0) {
		untar->read_errno = errno;
		archive_set_error(archive, errno, "cannot read");
	}
	return got;
}

/* A failure or a warning of libarchive. 0 when it is harmless. */
static int check_archive(struct untar *untar, int status, struct err *err)
{
	const char *why = archive_error_string(untar->archive);

	if (untar->read_errno != 0)
		return err_sys(err, untar->read_errno, "cannot read layer");
	/* no text: an ACL that does not parse */
	if (status == ARCHIVE_WARN && (why == NULL || strstr(why, "be converted from") ||
				       strstr(why, "acl") || strstr(why, "ACL"))) {
		archive_clear_error(untar->archive);
		return 0;
	}
	if (archive_errno(untar->archive) == ENOMEM)
		return err_set(
			err, ERR_LIMIT,
			"cannot read tar of layer: an entry takes more memory than is allowed");

	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, why ? why : "it is damaged");
	return err_set(err, ERR_CORRUPT, "cannot read tar of layer: %s", shown.data);
}

static int open_archive(struct untar *untar, struct err *err)
{
	untar->archive = archive_read_new();
	if (untar->archive == NULL)
		return err_set(err, ERR_FAILED, "cannot read layer: libarchive does not start");
	if (archive_read_support_format_tar(untar->archive) != ARCHIVE_OK ||
	    archive_read_support_format_empty(untar->archive) != ARCHIVE_OK)
		return err_set(err, ERR_UNSUPPORTED, "cannot read layer: libarchive: %s",
			       archive_error_string(untar->archive));

	int status = archive_read_open(untar->archive, untar, NULL, read_block, NULL);
	return status == ARCHIVE_OK ? 0 : check_archive(untar, status, err);
}

/* --- names --- */

static int refuse(struct err *err, enum err_kind kind, const char *name, const char *why)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, name);
	return err_set(err, kind, "entry '%s' of layer %s", shown.data, why);
}

/* The clean path of a name. */
static int clean_name(const char *name, struct strbuf *path, struct err *err)
{
	strbuf_clear(path);
	for (const char *rest = name; *rest;) {
		size_t length = strcspn(rest, "/");

		if (length == 2 && rest[0] == '.' && rest[1] == '.')
			return refuse(err, ERR_CORRUPT, name, "has '..' in its name");
		if (length > NAME_MAX)
			return refuse(err, ERR_LIMIT, name, "has a name longer than 255 bytes");
		if (length > 0 && !(length == 1 && rest[0] == '.')) {
			if (path->length > 0)
				strbuf_addc(path, '/');
			strbuf_add(path, rest, length);
		}
		if (path->length >= PATH_MAX)
			return refuse(err, ERR_LIMIT, name, "has a path longer than 4095 bytes");
		rest += length;
		while (*rest == '/')
			rest++;
	}
	return 0;
}

enum name_kind { NAME_PLAIN, NAME_WHITEOUT, NAME_OPAQUE, NAME_SKIPPED };

/* base: where the last component starts */
static bool is_below_whiteout(const char *path, size_t base)
{
	for (const char *part = path; part < path + base; part = strchr(part, '/') + 1)
		if (str_after(part, WHITEOUT))
			return true;
	return false;
}

/* What the whiteout prefix makes of a clean path; for NAME_WHITEOUT and NAME_OPAQUE path becomes what it is about. */
static int classify_name(struct strbuf *path, struct err *err)
{
	char *slash = strrchr(path->data, '/');
	size_t base = slash ? (size_t)(slash - path->data) + 1 : 0;

	/* the files that aufs keeps at the top of each branch */
	if (str_after(path->data, AUFS) && !str_equal(path->data, OPAQUE))
		return NAME_SKIPPED;
	if (is_below_whiteout(path->data, base))
		return refuse(err, ERR_CORRUPT, path->data, "lies below a whiteout");

	const char *name = str_after(path->data + base, WHITEOUT);
	if (name == NULL)
		return NAME_PLAIN;
	if (str_equal(path->data + base, OPAQUE)) {
		strbuf_truncate(path, base > 0 ? base - 1 : 0);
		return NAME_OPAQUE;
	}
	if (*name == '\0' || str_equal(name, ".") || str_equal(name, "..") ||
	    str_after(name, WHITEOUT))
		return refuse(err, ERR_CORRUPT, path->data, "is a whiteout of an impossible name");

	cleanup_free char *kept = xstrdup(name);
	strbuf_truncate(path, base);
	strbuf_adds(path, kept);
	return NAME_WHITEOUT;
}

/* --- attributes --- */

static int read_xattrs(struct untar *untar, struct archive_entry *from, struct err *err)
{
	struct tree_entry *entry = &untar->entry;
	const char *name;
	const void *value;
	size_t size;

	entry->xattr_count = 0;
	archive_entry_xattr_reset(from);
	while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
		if (name == NULL || !tar_xattr_allowed(name)) {
			untar->tree.result->dropped_xattrs++;
			continue;
		}
		if (size > XATTR_BYTES)
			return refuse(err, ERR_LIMIT, entry->path,
				      "has an attribute larger than 64 KiB");
		if (entry->xattr_count == TREE_XATTRS_MAX)
			return refuse(err, ERR_LIMIT, entry->path, "has more than 128 attributes");
		entry->xattrs[entry->xattr_count++] = (struct tree_xattr){ name, value, size };
	}
	return 0;
}

static void change_attributes(const struct unpack_plain *plain, bool is_directory,
			      struct tree_entry *entry)
{
	if (plain->private_files) {
		entry->uid = entry->gid = 0;
		entry->mode = is_directory ? 0700 : 0600;
	}
	if (plain->uid != NULL)
		entry->uid = *plain->uid;
	if (plain->gid != NULL)
		entry->gid = *plain->gid;
}

static int read_attributes(struct untar *untar, struct archive_entry *from, struct err *err)
{
	struct tree_entry *entry = &untar->entry;
	int64_t uid = archive_entry_uid(from);
	int64_t gid = archive_entry_gid(from);
	long nsec = archive_entry_mtime_nsec(from);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return refuse(err, ERR_CORRUPT, untar->path.data, "has an impossible owner");

	entry->path = untar->path.data;
	entry->mode = archive_entry_perm(from) & 07777;
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	if (untar->tree.limits->plain != NULL)
		change_attributes(untar->tree.limits->plain,
				  archive_entry_filetype(from) == AE_IFDIR, entry);
	entry->size = archive_entry_size(from) > 0 ? (uint64_t)archive_entry_size(from) : 0;
	entry->mtime.tv_sec = archive_entry_mtime(from);
	entry->mtime.tv_nsec = nsec >= 0 && nsec < 1000000000 ? nsec : 0;
	return read_xattrs(untar, from, err);
}

/* --- content --- */

/* Zeros that are worth a hole: a whole piece of a larger file. */
static bool is_hole(const struct untar *untar, const char *data, size_t bytes)
{
	return untar->entry.size > HOLE_BYTES && bytes >= HOLE_MIN_BYTES && data[0] == 0 &&
	       memcmp(data, data + 1, bytes - 1) == 0;
}

/* The start of data that is to be written: up to the first piece that becomes a hole. */
static size_t data_run(const struct untar *untar, const char *data, size_t bytes, uint64_t offset,
		       size_t *ret_hole)
{
	size_t run = 0;

	*ret_hole = 0;
	while (run < bytes) {
		size_t piece = HOLE_BYTES - (size_t)((offset + run) % HOLE_BYTES);
		if (piece > bytes - run)
			piece = bytes - run;
		if (is_hole(untar, data + run, piece)) {
			*ret_hole = piece;
			break;
		}
		run += piece;
	}
	return run;
}

/* position: where the descriptor stands, that is the end of what was written. */
static int write_content(struct untar *untar, int fd, const char *data, size_t bytes,
			 uint64_t offset, uint64_t *position, struct err *err)
{
	const char *path = untar->entry.path;

	while (bytes > 0) {
		size_t hole;
		size_t run = data_run(untar, data, bytes, offset, &hole);

		if (run > 0) {
			if (tree_charge_bytes(&untar->tree, run, err) < 0)
				return -1;
			if (offset != *position && lseek(fd, (off_t)offset, SEEK_SET) < 0)
				return tree_fail(err, errno, "write", path);
			int r = fd_write_full(fd, data, run);
			if (r < 0)
				return tree_fail(err, -r, "write", path);
			*position = offset + run;
		}
		data += run + hole;
		bytes -= run + hole;
		offset += run + hole;
	}
	return 0;
}

/*
 * Only what has data is written, where it is: holes of sparse files stay holes, and long runs of zeros become some, because the tools
 * that make layers do not keep them.
 */
static int copy_content(struct untar *untar, int fd, struct err *err)
{
	const struct tree_entry *entry = &untar->entry;
	uint64_t end = 0; /* of the data so far */
	uint64_t position = 0;

	for (;;) {
		const void *data;
		size_t bytes;
		la_int64_t offset;
		int status = archive_read_data_block(untar->archive, &data, &bytes, &offset);

		if (status == ARCHIVE_EOF)
			break;
		if (status != ARCHIVE_OK && check_archive(untar, status, err) < 0)
			return -1;
		if (bytes == 0)
			continue;
		if (offset < 0 || (uint64_t)offset < end || (uint64_t)offset > entry->size ||
		    bytes > entry->size - (uint64_t)offset)
			return refuse(err, ERR_CORRUPT, entry->path,
				      "has data outside of its size");
		if (write_content(untar, fd, data, bytes, (uint64_t)offset, &position, err) < 0)
			return -1;
		end = (uint64_t)offset + bytes;
	}

	if (position < entry->size && ftruncate(fd, (off_t)entry->size) < 0)
		return tree_fail(err, errno, "make hole in", entry->path);
	return 0;
}

static int add_file(struct untar *untar, struct err *err)
{
	cleanup_fd int fd = tree_begin_file(&untar->tree, &untar->entry, err);

	if (fd < 0 || copy_content(untar, fd, err) < 0)
		return -1;
	return tree_finish_file(&untar->tree, &untar->entry, fd, err);
}

static int add_hardlink(struct untar *untar, const char *target, struct err *err)
{
	/* other readers skip this body or read it as the next entries */
	if (untar->entry.size != 0)
		return refuse(err, ERR_CORRUPT, untar->path.data, "is a hard link with content");
	if (clean_name(target, &untar->target, err) < 0)
		return -1;
	return tree_add_hardlink(&untar->tree, &untar->entry, untar->target.data, err);
}

static int add_symlink(struct untar *untar, struct archive_entry *from, struct err *err)
{
	const char *target = archive_entry_symlink(from);

	if (str_is_empty(target))
		return refuse(err, ERR_CORRUPT, untar->path.data, "is a symbolic link to nothing");
	if (strlen(target) >= PATH_MAX)
		return refuse(err, ERR_LIMIT, untar->path.data,
			      "has a target longer than 4095 bytes");
	return tree_add_symlink(&untar->tree, &untar->entry, target, err);
}

/* A whiteout is an empty file; aufs made it a hard link. */
static bool can_be_whiteout(struct archive_entry *from)
{
	return archive_entry_hardlink(from) != NULL || archive_entry_filetype(from) == AE_IFREG;
}

static int add_entry(struct untar *untar, struct archive_entry *from, struct err *err)
{
	const char *raw = archive_entry_pathname(from);
	const char *hardlink = archive_entry_hardlink(from);
	const struct unpack_plain *plain = untar->tree.limits->plain;

	if (str_is_empty(raw))
		return err_set(err, ERR_CORRUPT, "an entry of layer has no name");
	if (clean_name(raw, &untar->path, err) < 0 || tree_charge_entry(&untar->tree, err) < 0)
		return -1;
	int kind = plain != NULL ? NAME_PLAIN : classify_name(&untar->path, err);
	if (kind < 0)
		return -1;
	if (kind == NAME_SKIPPED)
		return 0;
	if (kind != NAME_PLAIN && !can_be_whiteout(from))
		return refuse(err, ERR_CORRUPT, raw, "is a whiteout, but not an empty file");
	if (kind == NAME_OPAQUE)
		return tree_add_opaque(&untar->tree, untar->path.data, err);
	if (kind == NAME_WHITEOUT)
		return tree_add_whiteout(&untar->tree, untar->path.data, err);

	if (plain != NULL && untar->path.length == 0)
		return 0; /* the root is somebody's and keeps what it has */
	if (untar->path.length == 0 && (hardlink || archive_entry_filetype(from) != AE_IFDIR))
		return refuse(err, ERR_CORRUPT, raw, "is the root and not a directory");
	if (read_attributes(untar, from, err) < 0)
		return -1;
	if (hardlink)
		return add_hardlink(untar, hardlink, err);

	switch (archive_entry_filetype(from)) {
	case AE_IFDIR:
		return tree_add_directory(&untar->tree, &untar->entry, err);
	case AE_IFREG:
		return add_file(untar, err);
	case AE_IFLNK:
		return add_symlink(untar, from, err);
	case AE_IFIFO:
		return tree_add_fifo(&untar->tree, &untar->entry, err);
	case AE_IFCHR:
	case AE_IFBLK:
		untar->tree.result->skipped_devices++;
		return 0;
	default:
		return refuse(err, ERR_CORRUPT, raw, "has an unknown type");
	}
}

/* What follows the end of the archive is padding, or at least it was hashed: the writer of the pipe must not find it closed. */
static int drain(struct untar *untar, struct err *err)
{
	ssize_t got;

	do {
		got = read_input(untar);
	} while (got > 0);
	return got < 0 ? err_sys(err, errno, "cannot read layer") : 0;
}

static int add_entries(struct untar *untar, struct err *err)
{
	struct archive_entry *entry;

	for (;;) {
		int status = archive_read_next_header(untar->archive, &entry);
		if (status == ARCHIVE_EOF)
			break;
		if (status != ARCHIVE_OK && check_archive(untar, status, err) < 0)
			return -1;
		if (status < ARCHIVE_WARN)
			return err_set(err, ERR_CORRUPT, "cannot read tar of layer");
		if (add_entry(untar, entry, err) < 0)
			return -1;
	}
	if (drain(untar, err) < 0)
		return -1;
	return tree_finish(&untar->tree, err);
}

int unpack_tar(int input_fd, int dir_fd, enum layer_form form, const struct unpack_limits *limits,
	       struct unpack_result *ret_result, struct err *err)
{
	/* fsetxattr and futimens want more than an O_PATH descriptor */
	cleanup_fd int root_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct unpack_result result = UNPACK_RESULT_INIT;

	if (root_fd < 0)
		return err_sys(err, errno, "cannot open directory of layer");

	struct untar untar = {
		.input_fd = input_fd,
		.buffer = xmalloc(READ_BYTES),
		.path = STRBUF_INIT,
		.target = STRBUF_INIT,
	};
	/* modes are made as they are meant, without a chmod */
	mode_t umask_before = umask(0);
	tree_init(&untar.tree, root_fd, form, limits, &result);
	int r = open_archive(&untar, err);
	if (r == 0)
		r = add_entries(&untar, err);
	result.tar_bytes = untar.read_bytes;
	tree_release(&untar.tree);
	umask(umask_before);
	archive_read_free(untar.archive);
	free(untar.buffer);
	strbuf_release(&untar.path);
	strbuf_release(&untar.target);

	if (r < 0)
		unpack_result_release(&result);
	else
		*ret_result = result;
	return r;
}
