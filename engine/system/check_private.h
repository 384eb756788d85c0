/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/check_private.h - the parts of a check (private)
 *
 *	check.c		what is looked at, in which order; what is said
 *	check_heal.c	layers from their blobs, images from their registry
 */
#ifndef ENGINE_SYSTEM_CHECK_PRIVATE_H
#define ENGINE_SYSTEM_CHECK_PRIVATE_H

#include "engine/check.h"
#include "storage/image.h"

enum part_state {
	PART_UNKNOWN, /* not looked at, or there and not yet compared */
	PART_GOOD,
	PART_BAD,    /* missing or damaged */
	PART_ABSENT, /* of a blob: there need not be one */
};

/* A layer, whichever images have it. */
struct check_layer {
	struct digest diff_id, blob;
	uint64_t blob_bytes;
	enum part_state tree, data; /* data: the blob */
	bool made_here;
};

struct check {
	struct engine *engine;
	const struct check_opts *opts;
	check_function report;
	void *report_arg;
	struct check_result result;
	struct image_list images;
	struct check_layer *layers;
	size_t layer_count;
};

void check_say(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A problem: said and counted as left; the caller takes it off when it is healed. */
void check_problem(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct check_layer *check_layer_of(struct check *check, const struct image_layer *layer);
/** Hash a blob: PART_GOOD, or PART_BAD with the reason in err. */
enum part_state check_blob(struct check *check, const struct digest *digest, uint64_t bytes,
			   struct err *err);

/**
 * Unpack the blobs of the image beside the store and compare: trees that are unknown become good or bad, and with repair bad ones are
 * exchanged for what was unpacked, and good.
 */
int check_against_blobs(struct check *check, const struct image *image, struct err *err);
/** Fetch what is bad once more. 0, or -1 with the reason: then all is as it was. */
int check_fetch(struct check *check, const struct image *image, struct err *err);

#endif
