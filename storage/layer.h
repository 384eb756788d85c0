/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/layer.h - unpacked layers, keyed by diffID, shared by every image that has them
 *
 *	layers/sha256/HEX/diff/	the tree, owners as the default maps say
 *	layers/sha256/HEX/meta	record: diffID, size, blob digests, created, form
 *
 * form says how owners and whiteouts were written: "mapped" (real owners; whiteouts are 0:0 devices, opaque directories
 * user.overlay.opaque) or "single" (all files are the user's; owners and modes in user.containers.override_stat, whiteouts as
 * fuse-overlayfs writes them). A layer in the other form than the machine can use now is unpacked again from its blob.
 *
 * layer_publish() does not wait for the disk: image_put() syncs once for all layers of an image, and a layer that no image
 * record named before a power cut is not there after it (unsynced.h). So a layer is good as soon as it is visible, for pulls that
 * share it too, but only a record keeps it.
 *
 * Calling sequence: layer_lock, layer_find (0: go on), layer_stage, unpack into diff/, check the diffID, layer_publish.
 */
#ifndef STORAGE_LAYER_H
#define STORAGE_LAYER_H

#include "base/digest.h"
#include "base/names.h"
#include "storage/store.h"

enum layer_form { LAYER_MAPPED, LAYER_SINGLE, LAYER_FORM_COUNT };
NAME_TABLE_DECLARE(layer_form)

struct layer_meta {
	struct digest diff_id;
	enum layer_form form;
	uint64_t diff_bytes; /* sum of regular file sizes */
	uint64_t file_count;
	int64_t created_ns;
	struct strv blobs; /* digests of compressed blobs that unpack to it */
};
void layer_meta_release(struct layer_meta *meta);

/** 1 there (meta filled), 0 not, -1 damaged. */
int layer_find(struct store *store, const struct digest *diff_id, struct layer_meta *ret_meta,
	       struct err *err);
/** O_PATH fd of its diff/ directory; looks into additional stores too. -1 with ERR_NOT_FOUND. */
int layer_open_diff(struct store *store, const struct digest *diff_id, struct err *err);
/** Lock of one layer while it is being unpacked, so that two pulls do not do it twice. fd. */
int layer_lock(struct store *store, const struct digest *diff_id, struct err *err);
/** The same without waiting: fd, -2 when it is held, -1. For callers that hold one already. */
int layer_try_lock(struct store *store, const struct digest *diff_id, struct err *err);
/** A staging directory with an empty diff/ (mode 0755, owner container root). */
int layer_stage(struct store *store, const struct digest *diff_id, struct staging *ret_staging,
		struct err *err);
/**
 * Write meta and rename. Already there by now is success (the staging is dropped); one that is damaged, lost or of the other form is
 * replaced. On failure the staging is kept: discard it.
 */
int layer_publish(struct store *store, struct staging *staging, const struct layer_meta *meta,
		  struct err *err);
/**
 * Put a layer that another store has (on the same file system, from_fd its layers/sha256) in the place of this store's, good or not; what was
 * here is there afterwards. Durable.
 */
int layer_exchange(struct store *store, int from_fd, const struct digest *diff_id, struct err *err);
/** True when the store has, or had, a layer in single form: then a user of layers must look at each. One system call. */
bool layer_any_single(struct store *store);
int layer_remove(struct store *store, const struct digest *diff_id, struct err *err);
/** All diffIDs in the store, as "sha256:..." */
int layer_list(struct store *store, struct strv *ret_diff_ids, struct err *err);

#endif
