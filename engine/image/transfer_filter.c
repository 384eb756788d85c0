/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_filter.c - compress or decompress one blob, hashing what comes out (R14)
 *
 * Decompression reads what somebody else wrote, so it is done in the sandbox, which sees two descriptors and nothing else. The same input
 * always makes the same output: a layer that is pushed twice has one digest.
 */
#include "engine/image/transfer_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif
#include <zlib.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "rootless/sandbox.h"
#include "storage/sha256.h"
#include "storage/unpack_inflate.h"

#define FD_INPUT      TRANSFER_EXTRA_FD
#define FD_OUTPUT     (TRANSFER_EXTRA_FD + 1)
#define BUFFER_BYTES  (1U << 20)
#define RATIO_LIMIT   250
#define ZSTD_LEVEL    3
#define GZIP_WINDOW   (15 + 16) /* the largest, with a gzip header */
#define LEVEL_DEFAULT (-1)

struct filter {
	struct sha256 *hash;
	unsigned char *in, *out;
	int level;
};

static int put(struct filter *filter, size_t bytes, struct err *err)
{
	int status = fd_write_full(FD_OUTPUT, filter->out, bytes);

	sha256_update(filter->hash, filter->out, bytes);
	return status < 0 ? err_sys(err, -status, "cannot write the compressed layer") : 0;
}

/* Bytes, 0 at the end, -1 */
static ssize_t get(struct filter *filter, struct err *err)
{
	ssize_t got = fd_read_full(FD_INPUT, filter->in, BUFFER_BYTES);

	return got < 0 ? err_sys(err, (int)-got, "cannot read the layer") : got;
}

static int run_zlib(struct filter *filter, struct err *err)
{
	z_stream stream = { 0 };
	ssize_t got = 0;
	int result = Z_OK;
	int status = 0;

	if (deflateInit2(&stream, filter->level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return err_set(err, ERR_USAGE,
			       "invalid compression level %d for gzip: it is 1 to 9",
			       filter->level);
	while (status == 0 && result != Z_STREAM_END) {
		if (stream.avail_in == 0) {
			got = get(filter, err);
			stream.next_in = filter->in;
			stream.avail_in = got > 0 ? (uInt)got : 0;
			status = got < 0 ? -1 : 0;
		}
		stream.next_out = filter->out;
		stream.avail_out = BUFFER_BYTES;
		if (status == 0)
			result = deflate(&stream, got > 0 ? Z_NO_FLUSH : Z_FINISH);
		if (status == 0)
			status = put(filter, BUFFER_BYTES - stream.avail_out, err);
	}
	deflateEnd(&stream);
	return status;
}

#ifdef HAVE_ISAL
#define ISAL_LEVEL 2

static int run_isal(struct filter *filter, struct err *err)
{
	cleanup_free struct isal_zstream *stream = xcalloc(1, sizeof(*stream));
	cleanup_free unsigned char *level_buffer = xmalloc(ISAL_DEF_LVL2_DEFAULT);

	isal_deflate_init(stream);
	stream->level = ISAL_LEVEL;
	stream->level_buf = level_buffer;
	stream->level_buf_size = ISAL_DEF_LVL2_DEFAULT;
	stream->gzip_flag = IGZIP_GZIP;
	do {
		if (stream->avail_in == 0 && !stream->end_of_stream) {
			ssize_t got = get(filter, err);

			if (got < 0)
				return -1;
			stream->next_in = filter->in;
			stream->avail_in = (uint32_t)got;
			stream->end_of_stream = got < (ssize_t)BUFFER_BYTES;
		}
		stream->next_out = filter->out;
		stream->avail_out = BUFFER_BYTES;
		if (isal_deflate(stream) != COMP_OK)
			return err_set(err, ERR_FAILED, "cannot compress the layer");
		if (put(filter, BUFFER_BYTES - stream->avail_out, err) < 0)
			return -1;
	} while (stream->internal_state.state != ZSTATE_END);
	return 0;
}
#endif

static int run_gzip(struct filter *filter, struct err *err)
{
#ifdef HAVE_ISAL
	if (filter->level == LEVEL_DEFAULT)
		return run_isal(filter, err);
#endif
	return run_zlib(filter, err);
}

static int run_zstd(struct filter *filter, struct err *err)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t left = 1;
	ssize_t got = 1;
	int status = 0;

	if (context == NULL)
		return err_set(err, ERR_FAILED, "cannot compress the layer");
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel,
			       filter->level == LEVEL_DEFAULT ? ZSTD_LEVEL : filter->level);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	while (status == 0 && (got > 0 || left != 0)) {
		got = get(filter, err);
		ZSTD_inBuffer in = { filter->in, got > 0 ? (size_t)got : 0, 0 };

		status = got < 0 ? -1 : 0;
		do {
			ZSTD_outBuffer out = { filter->out, BUFFER_BYTES, 0 };

			left = ZSTD_compressStream2(context, &out, &in,
						    got > 0 ? ZSTD_e_continue : ZSTD_e_end);
			if (ZSTD_isError(left))
				status = err_set(err, ERR_FAILED, "cannot compress the layer: %s",
						 ZSTD_getErrorName(left));
			else
				status = put(filter, out.pos, err);
		} while (status == 0 && (in.pos < in.size || (got == 0 && left != 0)));
		if (got == 0)
			break;
	}
	ZSTD_freeCCtx(context);
	return status;
}

static int run_inflate(struct digest *ret, struct err *err)
{
	struct inflate_result result = { .reader_gone = false };

	if (inflate_run(FD_INPUT, FD_OUTPUT, UNPACK_DETECT, RATIO_LIMIT, &result, err) < 0)
		return -1;
	digest_from_bytes(result.diff_id, ret);
	return 0;
}

static int run(const struct transfer_request *request, struct digest *ret, struct err *err)
{
	const char *mode = json_get_string(request->json, "", "mode", NULL);
	const int keep[] = { FD_INPUT, FD_OUTPUT, TRANSFER_EVENT_FD };
	const struct sandbox sandbox = {
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
	};
	struct filter filter = { .level = (int)json_get_int(request->json, LEVEL_DEFAULT, "level",
							    NULL) };
	int status;

	sha256_free(sha256_new());
	if (sandbox_enter(&sandbox, err) < 0)
		return err_wrap(err, "cannot confine the filter");
	if (str_equal(mode, "inflate"))
		return run_inflate(ret, err);
	filter.in = xmalloc(BUFFER_BYTES);
	filter.out = xmalloc(BUFFER_BYTES);
	filter.hash = sha256_new();
	if (str_equal(mode, "gzip"))
		status = run_gzip(&filter, err);
	else if (str_equal(mode, "zstd"))
		status = run_zstd(&filter, err);
	else
		status = err_set(err, ERR_USAGE, "the request has the unknown mode '%s'", mode);
	sha256_final_digest(filter.hash, ret);
	sha256_free(filter.hash);
	free(filter.in);
	free(filter.out);
	return status;
}

int filter_main(const struct transfer_request *request)
{
	static const struct digest none = { "" };
	struct digest digest;
	struct err err = { 0 };
	sigset_t set;

	/* nothing is staged here: a signal may end us */
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	if (run(request, &digest, &err) < 0) {
		event_error(&err);
		return 1;
	}
	event_result(&digest, &none, 0);
	return 0;
}
