/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack.h - the sandboxed unpacker (R12-R15), for libexec/dhow/transfer only
 *
 * Three processes work on one layer at the same time, each on its own core if there is one:
 *
 *	fetcher (caller)  ==compressed bytes==>  inflate child  ==tar bytes==>  writer child
 *	writes and hashes the blob		 inflates, hashes the diffID	parses tar, creates files
 *
 * The inflate child sees no file system at all; the writer child sees the staging directory only, in a user namespace with the
 * default maps, and parses tar with libarchive (tar only, filters none: we inflate ourselves). Neither has network, execve or
 * more than a fixed amount of memory. Since the digest of the tar bytes is made before the tar parser sees them, a parser
 * that was taken over cannot forge it.
 */
#ifndef STORAGE_UNPACK_H
#define STORAGE_UNPACK_H

#include "base/digest.h"
#include "base/process.h"
#include "base/strv.h"
#include "storage/layer.h"

enum unpack_compression {
	UNPACK_NONE,
	UNPACK_GZIP,
	UNPACK_ZSTD,
	UNPACK_BZIP2,
	UNPACK_XZ,
	UNPACK_DETECT,
	UNPACK_COMPRESSION_COUNT
};
/* what must be at hand to tell them apart */
#define UNPACK_MAGIC_BYTES 6
/** By the first bytes; UNPACK_NONE when nothing is recognised. */
enum unpack_compression unpack_detect(const void *start, size_t bytes);
NAME_TABLE_DECLARE(unpack_compression)

/**
 * A tar that is no layer: cp, volume import, import. Names that begin with .wh. are names, directories that are there are merged, what is
 * there is replaced, the root keeps its own attributes.
 */
struct unpack_plain {
	int userns_pid_fd; /* this user namespace, or that of this process, owns what is made; -1: one with the given maps */
	bool replace_kind; /* also a directory by something else, and the other way round; else ERR_EXISTS */
	bool private_files; /* all belongs to root, and root can read it: an archive of images that is looked into */
	const uint32_t *uid, *gid; /* all that is made belongs to them; NULL: as in the tar */
};

struct unpack_limits {
	const struct unpack_plain *plain; /* NULL: it is a layer */
	uint64_t max_bytes;		  /* sum of file sizes; 0: only the free-space floor */
	uint64_t free_space_floor_bytes;  /* stop before the file system has less than this */
	uint64_t free_inode_floor;
	uint64_t ratio_limit; /* unpacked / compressed; 0: none (floors still hold) */
	uint64_t max_entries;
};
void unpack_limits_default(struct unpack_limits *limits);

struct unpacker {
	int input_fd; /* write compressed bytes here, close for end of file */
	int inflate_result_fd, writer_result_fd;
	struct child inflate, writer;
};
#define UNPACKER_INIT                                                                              \
	{                                                                                          \
		-1, -1, -1, CHILD_INIT, CHILD_INIT                                                 \
	}

struct unpack_result {
	struct digest diff_id; /* of the tar bytes */
	uint64_t compressed_bytes, tar_bytes;
	uint64_t diff_bytes;	  /* sum of the sizes of regular files */
	uint64_t file_count;	  /* entries */
	uint64_t skipped_devices; /* device nodes are never made (R15) */
	uint64_t dropped_xattrs;  /* not in the allow-list, or the file system has none */
	struct strv implied;	  /* directories that no entry named, parents first */
};
#define UNPACK_RESULT_INIT                                                                         \
	{                                                                                          \
		.implied = STRV_INIT                                                               \
	}
void unpack_result_release(struct unpack_result *result);

/** Start both children for a staged layer (form decides how owners and whiteouts are written; maps NULL in single form). */
int unpack_start(int diff_dir_fd, enum layer_form form, const struct idmaps *maps,
		 enum unpack_compression compression, const struct unpack_limits *limits,
		 struct unpacker *ret_unpacker, struct err *err);
/** After input_fd was closed: wait, and take the result. On failure both children are gone and err is the true cause. */
int unpack_finish(struct unpacker *unpacker, struct unpack_result *ret_result, struct err *err);
/** Kill and reap. */
void unpack_abort(struct unpacker *unpacker);

/**
 * Give the directories of result->implied owner, mode and time that they have in the lower layers; where none has them they stay
 * 0755 and root's. To be called between unpack_finish() and layer_publish(), when all lower layers are there.
 * @param lower_fds  diff/ of the lower layers, topmost first
 */
int unpack_adopt_implied(int diff_dir_fd, enum layer_form form, const struct idmaps *maps,
			 const struct strv *implied, const int *lower_fds, size_t lower_count,
			 struct err *err);

/**
 * The tar reader and writer themselves, for the writer child, tests and fuzzing: read tar from input_fd and make the tree in dir_fd.
 */
int unpack_tar(int input_fd, int dir_fd, enum layer_form form, const struct unpack_limits *limits,
	       struct unpack_result *ret_result, struct err *err);

#endif
