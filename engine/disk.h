/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/disk.h - what the store takes on the disk, and what of it could be had back
 *
 * Sizes are blocks on the disk, each file once, so that they add up to what `du` says of the store (U21, U22). Files that the user cannot look
 * at (they belong to subordinate ids) are counted by a child in the user namespace; that is done only where it is needed.
 * A layer or blob that several images share is counted once in the whole, and can be had back only when none of them is needed.
 */
#ifndef ENGINE_DISK_H
#define ENGINE_DISK_H

#include "base/alloc.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "storage/image.h"
#include "storage/volume.h"

#include <stdint.h>

struct err;

/** One line of `system df`. */
struct disk_part {
	size_t total, active;
	uint64_t bytes;
	uint64_t reclaimable_bytes; /* what removing all that is not active would free */
};

struct disk_image {
	const struct image *image;
	uint64_t bytes, shared_bytes; /* with blobs; shared with another image */
	size_t containers;
};
struct disk_container {
	const struct container *container;
	uint64_t bytes; /* all of its directory: writable layer, log, records */
	size_t volumes;
};
struct disk_volume {
	const struct volume *volume;
	uint64_t bytes;
	size_t links; /* containers that use it */
};

struct disk_usage {
	struct disk_part images, containers, volumes;
	uint64_t other_bytes; /* caches, staging, secrets, the journal of events */
	uint64_t whole_bytes; /* the sum of all */

	struct disk_image *image_items;
	struct disk_container *container_items;
	struct disk_volume *volume_items;
	/* what the items point into */
	struct image_list image_list;
	struct container_list container_list;
	struct volume_list volume_list;
};
int disk_usage(struct engine *engine, struct disk_usage **ret_usage, struct err *err);
void disk_usage_free(struct disk_usage *usage);
DEFINE_CLEANUP(disk_usage)
#define cleanup_disk_usage __attribute__((cleanup(disk_usage_free_ptr)))

#endif
