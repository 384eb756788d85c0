/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_write.h - write tar, always the same bytes for the same tree
 *
 * For layers (commit, build, a blob that somebody needs again), and for export, save, cp and volume export. Needs no library.
 *
 *	struct tar_writer *writer = tar_writer_new(sink, context);
 *	tar_writer_add_tree(writer, dir_fd, &options, err)	or _add_data(), _add_fd(), one entry each
 *	tar_writer_finish(writer, err)
 *	tar_writer_free(writer)
 *
 * The format is ustar with pax headers where ustar has no room: long names and targets, large sizes and ids, times before 1970,
 * extended attributes. Nothing in it depends on when or where it is written: a tree is walked in the order of the bytes of its
 * names, times are whole seconds, there are no names of users, and what a file system makes up (inode numbers, sizes of
 * directories, order of attributes) leaves no trace. So a layer that was unpacked, or an upper directory that became a layer, has a
 * digest that stays.
 *
 * The tree may change meanwhile, and somebody may change it on purpose: every file is opened from its directory's descriptor and
 * never followed, what was opened is what is written, and a file that got shorter is filled up with zeros.
 */
#ifndef STORAGE_TAR_WRITE_H
#define STORAGE_TAR_WRITE_H

#include "storage/layer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct idmaps;
struct tar_writer;

/** Takes the bytes as they come: 0, or -1 with err. */
typedef int tar_sink(void *context, const void *data, size_t size, struct err *err);
/** A sink that writes to a descriptor; context points to it. */
int tar_sink_fd(void *context, const void *data, size_t size, struct err *err);

struct tar_writer *tar_writer_new(tar_sink *sink, void *context);
void tar_writer_free(struct tar_writer *writer);
/** The end of the archive; everything has reached the sink. */
int tar_writer_finish(struct tar_writer *writer, struct err *err);
/** So far, with what the sink has not seen yet. */
uint64_t tar_writer_bytes(const struct tar_writer *writer);

struct tar_xattr {
	const char *name;
	const void *value;
	size_t size;
};

struct tar_item {
	const char *name; /* "dir/file", as it shall stand there; a directory's may lack its '/' */
	mode_t mode;	  /* type (S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO) and permissions */
	uint32_t uid, gid;
	int64_t mtime_s;
	uint64_t size;	  /* of a regular file */
	const char *link; /* of a symlink; of a regular file: it is a hard link to this name */
	const struct tar_xattr *xattrs; /* in the order of their names */
	size_t xattr_count;
};

/** An entry whose content (item->size bytes) is in memory, or that has none (data NULL). */
int tar_writer_add_data(struct tar_writer *writer, const struct tar_item *item, const void *data,
			struct err *err);
/** A regular file: exactly item->size bytes from the start of fd. Holes are not read. */
int tar_writer_add_fd(struct tar_writer *writer, const struct tar_item *item, int fd,
		      struct err *err);

struct tar_tree_options {
	/* whiteouts and opaque directories of an overlay are written as OCI layers have them; else they are left out */
	bool layer;
	/* LAYER_SINGLE: owners and modes are read from the override_stat attribute that the root tells */
	enum layer_form form;
	/* owners on disk are host ids of this map; NULL: they are meant as they are seen (inside of the user namespace) */
	const struct idmaps *maps;
	/* before every name: "" or NULL none, "dir" makes "dir/file" */
	const char *prefix;
	/* an entry for the root itself: "./", or the prefix. A layer has one only when it is not 0755 and root's */
	bool with_root;
	/* enter what is mounted in the tree */
	bool cross_mounts;
	/* all entries belong to this owner (cp without -a); SIZE_MAX style "unset" is NULL */
	const uint32_t *uid, *gid;
	/* no time is later (SOURCE_DATE_EPOCH); INT64_MIN is not used, NULL: none */
	const int64_t *latest_mtime_s;
	/* the tree itself gets those times too, so that it makes the same tar again */
	bool set_latest_mtime;
	/* leave out this path ("etc/hosts", without prefix) and what is below it; NULL: nothing is */
	bool (*skip)(void *context, const char *path);
	void *skip_context;
	/* told of each opaque directory, open for reading; NULL: nobody is */
	void (*opaque)(void *context, int dir_fd);
	void *opaque_context;
};

struct tar_tree_counts {
	uint64_t entries, bytes; /* of content */
	uint64_t skipped; /* sockets, devices, and what vanished or changed its type meanwhile */
};

/**
 * Everything below dir_fd. Hard links are links to the first name that was written. Sockets and devices are skipped.
 * @param ret_counts  may be NULL
 */
int tar_writer_add_tree(struct tar_writer *writer, int dir_fd,
			const struct tar_tree_options *options, struct tar_tree_counts *ret_counts,
			struct err *err);

#endif
