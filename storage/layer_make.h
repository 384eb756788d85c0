/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/layer_make.h - a layer from a directory: commit and build, and back: the tar of a layer
 *
 *	struct layer_source source = { .parent_fd = container_dir_fd, .name = "upper", .take = true };
 *	layer_make(store, &source, &made, err)		made.meta.diff_id is what the image's configuration names
 *	image_publish() of engine/image.h		makes the image whose topmost layer it is
 *
 * The upper directory of an overlay, of the kernel or of fuse-overlayfs, is walked once by the tar writer (tar_write.h), whose bytes are
 * hashed and thrown away: their digest is the diffID. The directory itself becomes layers/sha256/<diffID>/diff, by rename (a step of
 * a build, whose container is thrown away: no file is copied) or as a copy (commit, whose container stays: reflinks where the file
 * system has them). A copy is hashed after it was made, so that what is published is what was hashed, whoever writes meanwhile.
 *
 * There is no compressed blob: layer_tar() writes the same tar again when somebody needs one, and the caller checks that it hashes to
 * the diffID. Both run in a user namespace with the store's maps, in a child: files of all owners are read as they are.
 * Like layer_publish() this does not wait for the disk: image_put() does, once.
 */
#ifndef STORAGE_LAYER_MAKE_H
#define STORAGE_LAYER_MAKE_H

#include "base/strv.h"
#include "storage/layer.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;

struct layer_source {
	int parent_fd; /* of the directory that holds it, on the store's file system */
	const char *name;
	bool take; /* move it away: it is gone afterwards, also when this fails */
	/*
	 * Instead of parent_fd and name: called in the namespace, gives a descriptor of a tree without marks of an overlay (a mounted
	 * root file system: --squash). It is copied.
	 */
	int (*open)(void *context, struct err *err);
	void *open_context;
	/* these paths ("etc/hosts", "run/.containerenv") are left out: mount points that the engine made. NULL: none */
	const struct strv *drop;
	const int64_t *
		latest_mtime_s; /* no time in the tar is later (--timestamp, SOURCE_DATE_EPOCH); NULL: none */
};

struct layer_made {
	struct layer_meta meta; /* diff_id, sizes; layer_meta_release() */
	uint64_t tar_bytes;	/* what a manifest calls the size of the uncompressed layer */
	bool empty; /* the tar has no entry: an image may do without this layer. It was published all the same */
};

int layer_make(struct store *store, const struct layer_source *source, struct layer_made *ret_made,
	       struct err *err);

/**
 * Write the layer as tar to a descriptor; blocks. The bytes are those that layer_make() hashed. For a layer that was unpacked from
 * a tar of somebody else they are others: compare the digest.
 */
int layer_tar(struct store *store, const struct digest *diff_id, int output_fd, struct err *err);
/** The digest of what layer_tar() would write. Of two trees with the same content it is the same, wherever they came from. */
int layer_hash(struct store *store, const struct digest *diff_id, struct digest *ret_digest,
	       struct err *err);

#endif
