/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_tree.h - the anchored writer: entries of a layer become files below one directory (R1, R15; private)
 *
 * Every call names an entry by its clean path below the root ("usr/bin/env", "" is the root itself: no leading, double or
 * trailing '/', no "." and no ".."). Nothing outside the root can be reached, whatever the entries before made:
 *
 * - parents are opened with openat2 beneath the root; where the layer itself made a symlink, it is followed inside the root
 *   only, as docker does, who unpacks in a chroot;
 * - the entry itself is made with O_EXCL or its like, and never followed: what was there before under its name is removed;
 * - owner, mode, time and attributes are set on the descriptor of what was made.
 *
 * A directory made because an entry needs it as a parent (0755, root) is remembered as implied: see unpack.h.
 *
 * The last few parents stay open, so that a file costs openat, write, utimensat, close, and fchown if it is not root's.
 */
#ifndef STORAGE_UNPACK_TREE_H
#define STORAGE_UNPACK_TREE_H

#include "base/strbuf.h"
#include "storage/unpack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct tree_xattr {
	const char *name;
	const void *value;
	size_t size;
};

#define TREE_XATTRS_MAX 128

struct tree_entry {
	const char *path;
	mode_t mode; /* 07777 */
	uint32_t uid, gid;
	uint64_t size; /* of a regular file */
	struct timespec mtime;
	size_t xattr_count;
	struct tree_xattr xattrs[TREE_XATTRS_MAX]; /* borrowed */
};

#define TREE_PARENTS 4

struct tree_parent {
	struct strbuf path;
	int fd;	   /* -1: free */
	bool sgid; /* what is made in it gets its group */
	uint64_t used;
};

/* of a directory, to be set when nothing is added to it any more */
struct tree_time {
	char *path;
	struct timespec mtime;
};

struct tree {
	struct tree_parent root; /* its fd is borrowed */
	enum layer_form form;
	const struct unpack_limits *limits;
	struct tree_parent parents[TREE_PARENTS];
	uint64_t clock;
	struct tree_time *times;
	size_t time_count, time_size, time_bytes;
	bool root_is_set;	 /* an entry gave attributes to the root */
	bool file_inherits;	 /* the file between begin and finish is in a setgid directory */
	uint64_t bytes_to_check; /* until the free space is looked at again */
	uint64_t entries_to_check;
	struct unpack_result *result; /* counts */
};

/** @param result  the tree counts in it */
void tree_init(struct tree *tree, int root_fd, enum layer_form form,
	       const struct unpack_limits *limits, struct unpack_result *result);
void tree_release(struct tree *tree);

/** Count one more entry; ERR_LIMIT, ERR_NO_SPACE. */
int tree_charge_entry(struct tree *tree, struct err *err);
/** Count bytes about to be written. */
int tree_charge_bytes(struct tree *tree, uint64_t bytes, struct err *err);

/** Make a directory, or give an existing one (the root too) these attributes. */
int tree_add_directory(struct tree *tree, const struct tree_entry *entry, struct err *err);
/** A new regular file to write to, fd. Its attributes are set by tree_finish_file(). */
int tree_begin_file(struct tree *tree, const struct tree_entry *entry, struct err *err);
int tree_finish_file(struct tree *tree, const struct tree_entry *entry, int fd, struct err *err);
int tree_add_symlink(struct tree *tree, const struct tree_entry *entry, const char *target,
		     struct err *err);
int tree_add_fifo(struct tree *tree, const struct tree_entry *entry, struct err *err);
/** target_path is clean, as entry->path; what it names must have been made by this tree. */
int tree_add_hardlink(struct tree *tree, const struct tree_entry *entry, const char *target_path,
		      struct err *err);
/** path is gone in this layer, unless the layer itself made it: then what lower layers have below it is. */
int tree_add_whiteout(struct tree *tree, const char *path, struct err *err);
/** What lower layers have in the directory path is gone. */
int tree_add_opaque(struct tree *tree, const char *path, struct err *err);

/** All entries were added: set the times of directories. */
int tree_finish(struct tree *tree, struct err *err);

/* --- between unpack_tree.c and unpack_entry.c --- */

/**
 * The open directory that path lies in, made if it is not there, and the name in it. Both are valid until the next call.
 * For "" (the root itself) the parent is the root and the name is ".".
 */
int tree_parent_of(struct tree *tree, const char *path, struct tree_parent **ret_parent,
		   const char **ret_name, struct err *err);
/** Open directories may be no longer what their paths say: forget them. */
void tree_forget_parents(struct tree *tree);
/** Hide what lower layers have in this directory. */
int tree_mark_opaque(struct tree *tree, int fd, const char *path, struct err *err);
/** Give a directory that no entry named its attributes, where they are not what the kernel makes of it. */
int tree_note_implied(struct tree *tree, int fd, const char *path, struct err *err);
void tree_add_time(struct tree *tree, const char *path, const struct timespec *mtime);
/** ERR_CORRUPT or a system error about the entry: "cannot VERB 'PATH': REASON". */
int tree_fail(struct err *err, int errno_value, const char *verb, const char *path);
bool tree_is_whiteout(const struct stat *st);

#endif
