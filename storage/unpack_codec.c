/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_codec.c - gzip, zstd, bzip2 and xz in steps
 *
 * gzip is what nearly all layers are, and inflating is most of the work of a pull: ISA-L does it about four times as fast as
 * zlib and takes its place where it exists. Memory is bounded by each library's own limit: a zstd window of 128 MiB, which is
 * what `zstd -d` accepts without being asked, and as much for xz (xz -9 needs 65 MiB).
 */
#include "storage/unpack_codec.h"

#include "base/alloc.h"
#include "base/err.h"

#include <bzlib.h>
#include <lzma.h>
#include <zstd.h>
#include <zstd_errors.h>
#ifdef HAVE_ISAL
#include <isa-l.h>
#else
#include <zlib.h>
#endif

#define ZSTD_WINDOW_LOG_LIMIT 27
#define XZ_MEMORY_LIMIT	      (128U << 20)
/* the libraries count in 32 bits */
#define STEP_LIMIT (1U << 30)

static uint32_t step_size(size_t bytes)
{
	return bytes > STEP_LIMIT ? STEP_LIMIT : (uint32_t)bytes;
}

static bool gzip_starts(uint8_t byte)
{
	return byte == 0x1f;
}

#ifdef HAVE_ISAL
static void gzip_reset(void *state)
{
	struct inflate_state *stream = state;

	isal_inflate_reset(stream);
	stream->crc_flag = ISAL_GZIP; /* read the header, verify the trailer */
}

static void *gzip_open(void)
{
	struct inflate_state *stream = xmalloc(sizeof(*stream));

	isal_inflate_init(stream);
	gzip_reset(stream);
	return stream;
}

static const char *gzip_why(int result)
{
	switch (result) {
	case ISAL_INCORRECT_CHECKSUM:
		return "the checksum is wrong";
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return "the header is wrong";
	default:
		return "the deflate data is invalid";
	}
}

static enum codec_result gzip_step(void *state, struct codec_io *io)
{
	struct inflate_state *stream = state;
	uint32_t in = step_size(io->in_bytes);
	uint32_t out = step_size(io->out_bytes);

	stream->next_in = (uint8_t *)io->in;
	stream->avail_in = in;
	stream->next_out = io->out;
	stream->avail_out = out;
	int result = isal_inflate(stream);
	io->in += in - stream->avail_in;
	io->in_bytes -= in - stream->avail_in;
	io->out += out - stream->avail_out;
	io->out_bytes -= out - stream->avail_out;
	if (result < 0 || result == ISAL_NEED_DICT) {
		io->why = gzip_why(result);
		return CODEC_DAMAGED;
	}

	return stream->block_state == ISAL_BLOCK_FINISH ? CODEC_END : CODEC_MORE;
}

static void gzip_close(void *state)
{
	free(state);
}
#else
static void gzip_reset(void *state)
{
	inflateReset(state);
}

static void *gzip_open(void)
{
	z_stream *stream = xcalloc(1, sizeof(*stream));

	if (inflateInit2(stream, 15 + 16) != Z_OK)
		BUG("zlib does not start");
	return stream;
}

static enum codec_result gzip_step(void *state, struct codec_io *io)
{
	z_stream *stream = state;
	uint32_t in = step_size(io->in_bytes);
	uint32_t out = step_size(io->out_bytes);

	stream->next_in = (uint8_t *)io->in;
	stream->avail_in = in;
	stream->next_out = io->out;
	stream->avail_out = out;
	int result = inflate(stream, Z_NO_FLUSH);
	io->in += in - stream->avail_in;
	io->in_bytes -= in - stream->avail_in;
	io->out += out - stream->avail_out;
	io->out_bytes -= out - stream->avail_out;
	if (result == Z_STREAM_END)
		return CODEC_END;
	if (result == Z_OK || result == Z_BUF_ERROR)
		return CODEC_MORE;

	io->why = stream->msg ? stream->msg : "the deflate data is invalid";
	return CODEC_DAMAGED;
}

static void gzip_close(void *state)
{
	inflateEnd(state);
	free(state);
}
#endif

static bool zstd_starts(uint8_t byte)
{
	return byte == 0x28 || (byte & 0xf0) == 0x50; /* a frame, or one to skip */
}

static void zstd_reset(void *state)
{
	ZSTD_DCtx_reset(state, ZSTD_reset_session_only);
}

static void *zstd_open(void)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();

	if (context == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax,
								   ZSTD_WINDOW_LOG_LIMIT)))
		BUG("zstd does not start");
	return context;
}

static enum codec_result zstd_step(void *state, struct codec_io *io)
{
	ZSTD_inBuffer in = { io->in, io->in_bytes, 0 };
	ZSTD_outBuffer out = { io->out, io->out_bytes, 0 };

	size_t result = ZSTD_decompressStream(state, &out, &in);
	io->in += in.pos;
	io->in_bytes -= in.pos;
	io->out += out.pos;
	io->out_bytes -= out.pos;
	if (!ZSTD_isError(result))
		return result == 0 ? CODEC_END : CODEC_MORE;

	ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
	if (code == ZSTD_error_frameParameter_windowTooLarge ||
	    code == ZSTD_error_memory_allocation) {
		io->why = "its window is larger than 128 MiB";
		return CODEC_TOO_LARGE;
	}

	io->why = ZSTD_getErrorString(code);
	return CODEC_DAMAGED;
}

static void zstd_close(void *state)
{
	ZSTD_freeDCtx(state);
}

static bool bzip2_starts(uint8_t byte)
{
	return byte == 'B';
}

static void bzip2_reset(void *state)
{
	bz_stream *stream = state;

	BZ2_bzDecompressEnd(stream);
	*stream = (bz_stream){ 0 };
	if (BZ2_bzDecompressInit(stream, 0, 0) != BZ_OK)
		BUG("bzip2 does not start");
}

static void *bzip2_open(void)
{
	bz_stream *stream = xcalloc(1, sizeof(*stream));

	bzip2_reset(stream);
	return stream;
}

static enum codec_result bzip2_step(void *state, struct codec_io *io)
{
	bz_stream *stream = state;
	uint32_t in = step_size(io->in_bytes);
	uint32_t out = step_size(io->out_bytes);

	stream->next_in = (char *)io->in;
	stream->avail_in = in;
	stream->next_out = (char *)io->out;
	stream->avail_out = out;
	int result = BZ2_bzDecompress(stream);
	io->in += in - stream->avail_in;
	io->in_bytes -= in - stream->avail_in;
	io->out += out - stream->avail_out;
	io->out_bytes -= out - stream->avail_out;
	if (result == BZ_OK)
		return CODEC_MORE;
	if (result == BZ_STREAM_END)
		return CODEC_END;

	io->why = result == BZ_DATA_ERROR_MAGIC ? "the header is wrong"
						: "a block does not have its checksum";
	return CODEC_DAMAGED;
}

static void bzip2_close(void *state)
{
	BZ2_bzDecompressEnd(state);
	free(state);
}

static bool xz_starts(uint8_t byte)
{
	return byte == 0xfd;
}

static void xz_reset(void *state)
{
	if (lzma_stream_decoder(state, XZ_MEMORY_LIMIT, 0) != LZMA_OK)
		BUG("xz does not start");
}

static void *xz_open(void)
{
	lzma_stream *stream = xcalloc(1, sizeof(*stream));

	xz_reset(stream);
	return stream;
}

static enum codec_result xz_step(void *state, struct codec_io *io)
{
	lzma_stream *stream = state;

	stream->next_in = io->in;
	stream->avail_in = io->in_bytes;
	stream->next_out = io->out;
	stream->avail_out = io->out_bytes;
	lzma_ret result = lzma_code(stream, LZMA_RUN);
	io->in = stream->next_in;
	io->in_bytes = stream->avail_in;
	io->out = stream->next_out;
	io->out_bytes = stream->avail_out;
	switch (result) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return CODEC_MORE;
	case LZMA_STREAM_END:
		return CODEC_END;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		io->why = "its dictionary is larger than 128 MiB";
		return CODEC_TOO_LARGE;
	case LZMA_FORMAT_ERROR:
	case LZMA_OPTIONS_ERROR:
		io->why = "the header is wrong";
		return CODEC_DAMAGED;
	default:
		io->why = "the data does not have its checksum";
		return CODEC_DAMAGED;
	}
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

static const struct codec codecs[UNPACK_COMPRESSION_COUNT] = {
	[UNPACK_GZIP] = { gzip_open, gzip_reset, gzip_close, gzip_step, gzip_starts, true },
	[UNPACK_ZSTD] = { zstd_open, zstd_reset, zstd_close, zstd_step, zstd_starts, false },
	[UNPACK_BZIP2] = { bzip2_open, bzip2_reset, bzip2_close, bzip2_step, bzip2_starts, false },
	[UNPACK_XZ] = { xz_open, xz_reset, xz_close, xz_step, xz_starts, true },
};

const struct codec *codec_get(enum unpack_compression compression)
{
	return codecs[compression].step ? &codecs[compression] : NULL;
}
