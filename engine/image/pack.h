/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pack.h - compress a stream on all processors (private to libexec/dhow/transfer)
 *
 * The input is cut into blocks of a fixed size, which are compressed by several threads, each by itself, and given out in their order. So
 * the same input makes the same output on a machine with one processor and with many, and a layer that is pushed twice has one digest.
 *
 *	gzip	one member: each block ends at a byte, by a full flush, so that blocks can be set one behind the other; the checksum of
 *		the whole is combined of theirs. ISA-L where the level is the usual one, else zlib
 *	zstd	one frame for each block, which every decoder reads as one stream
 *	zstd:chunked	the same, but blocks end where files do, and a table of contents follows (pack_chunked.h)
 *
 * Input and output are hashed on the way. Memory: about 4 MiB for each processor, never more than 48 MiB.
 */
#ifndef ENGINE_IMAGE_PACK_H
#define ENGINE_IMAGE_PACK_H

#include "base/digest.h"
#include "base/names.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct packer;

enum pack_kind { PACK_GZIP, PACK_ZSTD, PACK_CHUNKED, PACK_KIND_COUNT };
NAME_TABLE_DECLARE(pack_kind)
#define PACK_LEVEL_DEFAULT (-1)

/** Start it. input_fd is read to its end and belongs to the packer. */
struct packer *packer_new(enum pack_kind kind, int level, int input_fd);
/** Stop, whatever it is doing. Whoever feeds the input must have been told to stop, or it is waited for. */
void packer_free(struct packer *packer);
/** Compressed bytes, at least one unless it is the end; 0 at the end, -1. Blocks. */
ssize_t packer_read(struct packer *packer, void *data, size_t size, struct err *err);
/** After the end: digests of both sides, and what came out. */
void packer_result(const struct packer *packer, struct digest *ret_input, struct digest *ret_output,
		   uint64_t *ret_output_bytes);

/** JSON object of the annotations that a manifest needs beside the blob, or NULL: it needs none. Borrowed. */
const char *packer_annotations(const struct packer *packer);

#endif
