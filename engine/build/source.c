/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/source.c - select, walk and digest files below a root
 */
#include "engine/build/source.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "storage/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* a directory is open for each level */
#define DEPTH_MAX  400
#define BLOCK_SIZE (256U << 10)

void source_items_release(struct source_items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		free(items->items[i].path);
		free(items->items[i].name);
		free(items->items[i].keep);
		fd_close(&items->items[i].fd);
	}
	free(items->items);
	*items = (struct source_items){ NULL, 0 };
}

static int fail(struct err *err, int errno_value, const char *what, const char *path)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, *path != '\0' ? path : ".");
	return err_sys(err, errno_value, "cannot %s '%s'", what, shown.data);
}

/* ---- select ---- */

static void split_keep(struct source_item *item, const char *path, size_t pivot)
{
	const char *kept = path + pivot;
	const char *slash = strrchr(kept, '/');

	item->keep = slash == NULL ? xstrdup("") : xstrndup(kept, (size_t)(slash - kept));
}

/* One path that exists: 1 added, 0 not there or ignored. */
static int add_item(const struct source_root *root, const char *path, bool parents, size_t pivot,
		    struct source_items *items, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *opened = *path != '\0' ? path : ".";
	struct stat st;
	cleanup_fd int fd = path_open_in_root(root->dir_fd, opened, O_PATH, 0);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fail(err, -fd, "open", opened);
	if (fstat(fd, &st) < 0)
		return fail(err, errno, "inspect", opened);
	/* of an ignored directory a part may be an exception */
	if (root->ignore != NULL && *path != '\0' && ignore_match(root->ignore, path) &&
	    !(S_ISDIR(st.st_mode) && root->ignore->has_exceptions))
		return 0;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is neither a file nor a directory", path);
	items->items = xreallocarray(items->items, items->count + 1, sizeof(*items->items));
	struct source_item *item = &items->items[items->count++];

	*item = (struct source_item){
		.path = xstrdup(path),
		.name = xstrdup(slash != NULL ? slash + 1 : path),
		.is_dir = S_ISDIR(st.st_mode),
		.fd = TAKE_FD(fd),
	};
	if (parents)
		split_keep(item, path, pivot <= strlen(path) ? pivot : 0);
	return 1;
}

static int list_names(int dir_fd, struct strv *names)
{
	const struct dirent *item;
	DIR *dir = fdopendir(dir_fd);

	if (dir == NULL) {
		int status = -errno;

		close(dir_fd);
		return status;
	}
	errno = 0;
	while ((item = readdir(dir)) != NULL)
		if (!str_equal(item->d_name, ".") && !str_equal(item->d_name, ".."))
			strv_add(names, item->d_name);
	int status = -errno;
	closedir(dir);
	strv_sort(names);
	return status;
}

/* Expand the components of `rest` below the path `done`: number of items, or -1. */
static int expand(const struct source_root *root, const char *done, const char *rest, bool parents,
		  size_t pivot, struct source_items *items, struct err *err)
{
	size_t length = strcspn(rest, "/");
	cleanup_free char *component = xstrndup(rest, length);
	const char *more = rest[length] == '/' ? rest + length + 1 : "";
	const char *slash = *done != '\0' ? "/" : "";
	cleanup_strv struct strv names = STRV_INIT;
	int found = 0;

	if (*component == '\0')
		return add_item(root, done, parents, pivot, items, err);
	if (!pattern_is_wild(component)) {
		cleanup_free char *path = xasprintf("%s%s%s", done, slash, component);

		return expand(root, path, more, parents, pivot, items, err);
	}
	bool deep = parents && str_equal(component, "**");
	struct pattern *pattern = pattern_new(component, err);
	if (pattern == NULL)
		return -1;
	int dir_fd = path_open_in_root(root->dir_fd, *done != '\0' ? done : ".",
				       O_RDONLY | O_DIRECTORY, 0);
	int status = dir_fd < 0 ? dir_fd : list_names(dir_fd, &names);

	/* "a/ ** /b" also means a/b */
	if (deep && *more != '\0') {
		found = expand(root, done, more, parents, pivot, items, err);
		if (found < 0)
			status = -EIO;
	}
	for (size_t i = 0; status == 0 && found >= 0 && i < names.count; i++) {
		if (!deep && !pattern_match(pattern, names.items[i]))
			continue;
		cleanup_free char *path = xasprintf("%s%s%s", done, slash, names.items[i]);
		struct stat st;
		cleanup_fd int fd = path_open_in_root(root->dir_fd, path, O_PATH | O_NOFOLLOW, 0);
		bool is_dir = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

		if (deep && !is_dir && *more != '\0')
			continue;
		int n = expand(root, path, deep && *more != '\0' ? rest : more, parents, pivot,
			       items, err);
		if (n < 0)
			found = -1;
		else
			found += n;
	}
	pattern_free(pattern);
	if (found < 0)
		return -1;
	if (status < 0 && status != -ENOENT && status != -ENOTDIR)
		return fail(err, -status, "read directory", done);
	return found;
}

int source_select(const struct source_root *root, const char *text, bool parents,
		  struct source_items *items, struct err *err)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	cleanup_strbuf struct strbuf absolute = STRBUF_INIT;
	size_t pivot = 0;

	/* "/" before it: what leads above the root is cut off */
	strbuf_addf(&absolute, "/%s", text);
	const char *point = parents ? strstr(absolute.data, "/./") : NULL;
	if (point != NULL) {
		cleanup_strbuf struct strbuf before = STRBUF_INIT;
		cleanup_free char *head =
			xstrndup(absolute.data, (size_t)(point - absolute.data) + 1);

		path_clean(&before, head);
		pivot = before.length > 1 ? before.length : 0;
	}
	path_clean(&clean, absolute.data);
	int found = expand(root, "", clean.data + 1, parents, pivot, items, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	strbuf_add_escaped(&shown, text);
	err_set(err, ERR_NOT_FOUND, "'%s' was not found in %s: no such file or directory",
		shown.data, root->what);
	if (root->ignore != NULL && root->ignore->count > 0)
		return err_hint(err, "If it is there, the ignore file leaves it out.");
	return -1;
}

/* ---- walk ---- */

struct walk {
	const struct source_root *root;
	const struct source_item *item;
	const struct ignore *excludes;
	source_visit *visit;
	void *arg;
	struct strbuf path; /* below the item */
	struct strbuf full; /* below the root */
};

/* A directory on the way; visited when something in it is. */
struct level {
	struct level *above;
	bool visited;
	struct source_entry entry;
	size_t path_length;
};

static int visit_levels(struct walk *walk, struct level *level, struct err *err)
{
	if (level == NULL || level->visited)
		return 0;
	if (visit_levels(walk, level->above, err) < 0)
		return -1;
	level->visited = true;

	cleanup_free char *path = xstrndup(walk->path.data, level->path_length);
	struct source_entry entry = level->entry;
	entry.path = path;
	return walk->visit(walk->arg, &entry, err);
}

static bool is_left_out(struct walk *walk, bool *ret_descend)
{
	const struct ignore *lists[] = { walk->root->ignore, walk->excludes };
	bool out = false;

	*ret_descend = true;
	strbuf_clear(&walk->full);
	strbuf_addf(&walk->full, "%s%s%s", walk->item->path,
		    *walk->item->path != '\0' && walk->path.length > 0 ? "/" : "", walk->path.data);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		/* --exclude counts from the item when that is a directory, and from the root as well */
		if (lists[i] == NULL || walk->full.length == 0)
			continue;
		if (ignore_match(lists[i], walk->full.data) ||
		    (i == 1 && walk->path.length > 0 && ignore_match(lists[i], walk->path.data))) {
			out = true;
			*ret_descend = *ret_descend && lists[i]->has_exceptions;
		}
	}
	return out;
}

static int walk_directory(struct walk *walk, struct level *level, unsigned depth, struct err *err);

static int walk_one(struct walk *walk, struct level *level, int dir_fd, const char *name,
		    unsigned depth, struct err *err)
{
	size_t length = walk->path.length;
	bool descend;
	int status = 0;

	strbuf_addf(&walk->path, "%s%s", length > 0 ? "/" : "", name);
	bool out = is_left_out(walk, &descend);
	struct level below = { .above = level, .path_length = walk->path.length };

	below.entry = (struct source_entry){
		.dir_fd = dir_fd, .name = name, .path = walk->path.data, .fd = -1
	};
	if (out && !descend) {
		strbuf_truncate(&walk->path, length);
		return 0;
	}
	if (fstatat(dir_fd, name, &below.entry.st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* gone since the directory was read */
		if (errno != ENOENT)
			status = fail(err, errno, "inspect", walk->full.data);
	} else {
		if (!out)
			status = visit_levels(walk, &below, err);
		if (status == 0 && S_ISDIR(below.entry.st.st_mode))
			status = walk_directory(walk, &below, depth + 1, err);
	}
	strbuf_truncate(&walk->path, length);
	return status;
}

static int walk_directory(struct walk *walk, struct level *level, unsigned depth, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	const struct source_entry *entry = &level->entry;
	cleanup_fd int dir_fd = openat(entry->fd >= 0 ? entry->fd : entry->dir_fd,
				       entry->fd >= 0 ? "." : entry->name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "'%.200s' has more than %d levels of directories",
			       walk->item->path, DEPTH_MAX);
	if (dir_fd < 0)
		return fail(err, errno, "read directory", walk->path.data);
	int list_fd = fd_dup(dir_fd);
	int status = list_fd < 0 ? list_fd : list_names(list_fd, &names);
	if (status < 0)
		return fail(err, -status, "read directory", walk->path.data);
	for (size_t i = 0; i < names.count; i++)
		if (walk_one(walk, level, dir_fd, names.items[i], depth, err) < 0)
			return -1;
	return 0;
}

int source_walk(const struct source_root *root, const struct source_item *item,
		const struct ignore *excludes, source_visit *visit, void *arg, struct err *err)
{
	struct walk walk = {
		.root = root,
		.item = item,
		.excludes = excludes,
		.visit = visit,
		.arg = arg,
		.path = STRBUF_INIT,
		.full = STRBUF_INIT,
	};
	struct level top = { .entry = { .dir_fd = -1, .name = "", .path = "", .fd = item->fd } };
	bool descend;
	int status = 0;

	if (fstat(item->fd, &top.entry.st) < 0)
		return fail(err, errno, "inspect", item->path);
	bool out = is_left_out(&walk, &descend);
	if (!out)
		status = visit_levels(&walk, &top, err);
	if (status == 0 && item->is_dir && (!out || descend))
		status = walk_directory(&walk, &top, 0, err);
	strbuf_release(&walk.path);
	strbuf_release(&walk.full);
	return status;
}

int source_open(const struct source_entry *entry, struct stat *ret_st)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	char path[PROC_FD_PATH_MAX];
	cleanup_fd int fd = -1;

	if (entry->fd >= 0) {
		fd_proc_path(entry->fd, path);
		fd = open(path, flags);
	} else {
		fd = openat(entry->dir_fd, entry->name, flags | O_NOFOLLOW);
	}
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	return S_ISREG(ret_st->st_mode) ? TAKE_FD(fd) : -ESTALE;
}

ssize_t source_read_link(const struct source_entry *entry, char *target, size_t size)
{
	return entry->fd >= 0 ? readlinkat(entry->fd, "", target, size)
			      : readlinkat(entry->dir_fd, entry->name, target, size);
}

/* ---- digest ---- */

struct digesting {
	const struct source_root *root;
	struct sha256 *hash;
	char *block;
};

static int file_digest(struct digesting *digesting, const struct source_entry *entry,
		       unsigned char digest[32], struct err *err)
{
	struct stat st;
	ssize_t got;

	if (digesting->root->memo != NULL &&
	    file_memo_find(digesting->root->memo, &entry->st, digest))
		return 0;
	cleanup_fd int fd = source_open(entry, &st);
	if (fd < 0)
		return fail(err, -fd, "read", *entry->path != '\0' ? entry->path : entry->name);
	cleanup_sha256 struct sha256 *hash = sha256_new();
	if (digesting->block == NULL)
		digesting->block = xmalloc(BLOCK_SIZE);
	while ((got = read(fd, digesting->block, BLOCK_SIZE)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(err, errno, "read", entry->path);
		sha256_update(hash, digesting->block, (size_t)got);
	}
	sha256_final(hash, digest);
	if (digesting->root->memo != NULL)
		file_memo_add(digesting->root->memo, &st, digest);
	return 0;
}

static int digest_entry(void *arg, const struct source_entry *entry, struct err *err)
{
	struct digesting *digesting = arg;
	char head[64];
	int length = snprintf(head, sizeof(head), "%o %zu ", (unsigned)entry->st.st_mode,
			      strlen(entry->path));

	if (S_ISSOCK(entry->st.st_mode))
		return 0;
	sha256_update(digesting->hash, head, (size_t)length);
	sha256_update(digesting->hash, entry->path, strlen(entry->path));
	if (S_ISREG(entry->st.st_mode)) {
		unsigned char digest[32];

		if (file_digest(digesting, entry, digest, err) < 0)
			return -1;
		sha256_update(digesting->hash, digest, sizeof(digest));
	} else if (S_ISLNK(entry->st.st_mode)) {
		char target[PATH_MAX];
		ssize_t size = source_read_link(entry, target, sizeof(target));

		if (size < 0)
			return fail(err, errno, "read link", entry->path);
		sha256_update(digesting->hash, target, (size_t)size);
	}
	return 0;
}

int source_digest(const struct source_root *root, const struct source_items *items,
		  const struct ignore *excludes, struct sha256 *hash, struct err *err)
{
	struct digesting digesting = { .root = root, .hash = hash };
	int status = 0;

	for (size_t i = 0; status == 0 && i < items->count; i++) {
		const struct source_item *item = &items->items[i];
		cleanup_free char *head =
			xasprintf("item %s %s\n", item->name, item->keep != NULL ? item->keep : "");

		sha256_update(hash, head, strlen(head));
		status = source_walk(root, item, excludes, digest_entry, &digesting, err);
	}
	free(digesting.block);
	return status;
}
