/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/source.h - which files COPY, ADD and RUN --mount mean, and their digest (private to engine/build)
 *
 * A root is a directory descriptor: a context, a mounted stage or image. Its content is hostile (R1, R20): every path is resolved in
 * the root, links end there, and what was opened is what is read.
 *
 *	source_select()		patterns -> items, each a file or a directory whose content is meant
 *	source_walk()		an item -> entries, parents first, sorted by name, without what is ignored
 *	source_digest()		all entries of all items -> one digest. Owners and times do not count
 */
#ifndef ENGINE_BUILD_SOURCE_H
#define ENGINE_BUILD_SOURCE_H

#include "base/digest.h"
#include "base/strv.h"
#include "engine/build/pattern.h"

#include <sys/stat.h>
#include <sys/types.h>

struct err;
struct file_memo;
struct sha256;

struct source_root {
	int dir_fd;
	const struct ignore *ignore; /* NULL: nothing is */
	const char *what;	     /* for messages: "the build context", "stage 'x'" */
	struct file_memo *memo;	     /* remembers digests; NULL: none */
};

struct source_item {
	char *path; /* below the root, as it was matched: "a/b" */
	char *name; /* last component, for a destination that is a directory; "" of the root itself */
	char *keep; /* with --parents: the directories to make, "a" or "" */
	bool is_dir;
	int fd; /* O_PATH */
};
struct source_items {
	struct source_item *items;
	size_t count;
};
void source_items_release(struct source_items *items);
#define cleanup_source_items __attribute__((cleanup(source_items_release)))

/** Expand one pattern and append. ERR_NOT_FOUND when nothing is there. */
int source_select(const struct source_root *root, const char *pattern, bool parents,
		  struct source_items *items, struct err *err);

struct source_entry {
	int dir_fd;	  /* its directory */
	const char *name; /* in it; of the item itself: a name below dir_fd that may be used once */
	const char *path; /* below the item; "" is the item itself */
	int fd;		  /* O_PATH of the item itself; -1: source_open() opens it by its name */
	struct stat st;
};
/** Open a regular file for reading; st is what was opened. fd or -errno (-ESTALE: it is no file any more). */
int source_open(const struct source_entry *entry, struct stat *ret_st);
/** Target of a link, as readlinkat(2). */
ssize_t source_read_link(const struct source_entry *entry, char *target, size_t size);
typedef int source_visit(void *arg, const struct source_entry *entry, struct err *err);
/** @param excludes  --exclude, matched below the item's place in the root; may be NULL */
int source_walk(const struct source_root *root, const struct source_item *item,
		const struct ignore *excludes, source_visit *visit, void *arg, struct err *err);

/** Add all entries of the items to a running digest. */
int source_digest(const struct source_root *root, const struct source_items *items,
		  const struct ignore *excludes, struct sha256 *hash, struct err *err);

/* ---- remembered digests (memo.c) ---- */

struct store;
/** Digests of the files of one directory tree, by inode, times and size. Never fails: without a memo all is read again. */
struct file_memo *file_memo_open(struct store *store, int root_fd);
/** Write it if something was added. */
void file_memo_close(struct file_memo *memo);
bool file_memo_find(struct file_memo *memo, const struct stat *st, unsigned char ret_digest[32]);
void file_memo_add(struct file_memo *memo, const struct stat *st, const unsigned char digest[32]);

#endif
