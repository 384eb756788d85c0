/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_partial.h - a layer of which only some files are fetched: the supervisor's half (private)
 *
 * A zstd:chunked layer has a table of contents: each file with its digest and its place in the blob. What a layer of the store has at the
 * same path, with the same digest, is not fetched. A child does it:
 *
 *	1. reads table and tar-split, which the fetcher has written to a file, and compares digests: the manifest names the table's, the
 *	   table that of tar-split and of each file
 *	2. looks each file up in the layers of the store and hashes what it finds; tells which parts of the blob are missing, or that it
 *	   would not be worth while
 *	3. when they are there: writes the tar of the layer, made of all that, to the unpacker, which hashes it as any other
 *
 * The child reads what comes from outside and what is in layers, so it has no network and can write nothing: a sandbox with read access to
 * layers/sha256. It cannot make a wrong layer either: the tar must have the diffID. Files are copied and not linked, since a link would
 * share owner, mode and attributes with a file of another layer.
 */
#ifndef ENGINE_IMAGE_TRANSFER_PARTIAL_H
#define ENGINE_IMAGE_TRANSFER_PARTIAL_H

#include "base/process.h"
#include "engine/image/chunked_table.h"
#include "engine/image/transfer_fetcher.h"

struct store;

struct partial {
	struct child child;
	int control_fd; /* to the child */
};
#define PARTIAL_INIT                                                                               \
	{                                                                                          \
		CHILD_INIT, -1                                                                     \
	}

/** What the child answers. */
struct partial_plan {
	uint32_t wins; /* else the whole is to be fetched */
	uint32_t count;
	struct part parts[PARTS_MAX];
};

/** True when the store has layers that could help. */
bool partial_may_help(struct store *store);
/**
 * Start the child. The plan comes as one message on control_fd.
 * @param file_fd  has table and tar-split at their offsets; parts are written to it later
 */
int partial_start(struct store *store, int file_fd, const struct chunked_place *place,
		  uint64_t blob_bytes, struct partial *ret_partial, struct err *err);
/** All parts are there: write the tar to this descriptor, which is taken. */
int partial_go(struct partial *partial, int output_fd, struct err *err);
void partial_release(struct partial *partial);

#endif
