/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pack_chunked.h - zstd:chunked: what pack.c needs beside zstd (private to libexec/dhow/transfer)
 *
 * Such a blob is a plain zstd stream to everybody, with frames that begin and end where the content of a file does, and behind it three
 * frames that decoders skip:
 *
 *	frames		headers of the tar | content of a file | headers | content | ...
 *	skipped frame	the table of contents: JSON, compressed; each file with its digest and where its frames are
 *	skipped frame	"tar-split", JSON lines, compressed: the bytes of the tar between the contents, so that whoever has the files can
 *			make the very tar again
 *	skipped frame	64 bytes: where the two are
 *
 * The layer's annotations in the manifest tell where the table is and its digest: a table is trusted through them only.
 *
 * Two threads work on it: the walker (whoever takes the next block) reads the tar, the reader knows at which offset of the output a block
 * has come out. What is written depends on the input alone.
 */
#ifndef ENGINE_IMAGE_PACK_CHUNKED_H
#define ENGINE_IMAGE_PACK_CHUNKED_H

#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct chunked;

struct chunked *chunked_new(int input_fd, int level);
void chunked_free(struct chunked *chunked);
/** The next bytes that are one frame: headers, or content of one file. 0 at the end, -errno. */
ssize_t chunked_read_block(struct chunked *chunked, unsigned char *data, size_t size,
			   uint64_t number);
/** The reader: the frame of this block is at [from, to) of the output. */
void chunked_block_done(struct chunked *chunked, uint64_t number, uint64_t from, uint64_t to);
/**
 * After the last block: the three skipped frames.
 * @param output_bytes     that stand before them
 * @param ret_annotations  JSON object of the layer's annotations
 * @return 0, -1 the compressor failed
 */
int chunked_end(struct chunked *chunked, uint64_t output_bytes, struct strbuf *ret_frames,
		struct strbuf *ret_annotations);

#endif
