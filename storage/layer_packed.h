/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/layer_packed.h - which compressed blobs a layer has been, and where they are
 *
 * A layer that was made here has no compressed blob; a push makes one while it sends it, and keeps nothing but this note, in the layer's
 * own directory: compressed in this way it is that blob. So a second push, or a push of a second tag, asks the registry for the blob by its
 * digest and neither compresses nor sends; a pull knows that what it would fetch is here; and a push to another repository of the
 * registry can ask for the blob to be mounted from where it is.
 *
 * A note is a hint that costs nothing to lose: it is not durable, and who makes the blob again compares its digest.
 */
#ifndef STORAGE_LAYER_PACKED_H
#define STORAGE_LAYER_PACKED_H

#include "base/digest.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

struct layer_packed {
	char *kind; /* "gzip", "zstd", "zstd:chunked"; "" for a blob that came as it is */
	int level;
	struct digest blob;
	uint64_t bytes;
	struct strv places; /* "REGISTRY/REPOSITORY" that have it, the latest last */
	char *annotations;  /* JSON object that a manifest says beside it, or NULL */
};
void layer_packed_release(struct layer_packed *packed);
#define cleanup_layer_packed __attribute__((cleanup(layer_packed_release)))

/** What the layer is when it is compressed so: 1 and filled, 0 nobody knows. */
int layer_packed_find(struct store *store, const struct digest *diff_id, const char *kind,
		      int level, struct layer_packed *ret);
/** The same by the blob's digest. */
int layer_packed_find_blob(struct store *store, const struct digest *diff_id,
			   const struct digest *blob, struct layer_packed *ret);
/** Note that it is this blob, and at these places. Adds to what is known. Quiet: a note that cannot be written is none. */
void layer_packed_note(struct store *store, const struct digest *diff_id,
		       const struct layer_packed *packed);

#endif
