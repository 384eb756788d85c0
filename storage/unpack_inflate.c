/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_inflate.c - the inflate child: decompress and hash while the bytes flow
 *
 * Everything that may follow a complete member is decided here: another member, zeros up to the end where the format pads, or
 * the error that there is garbage. A stream that ends inside a member is cut short. The digest covers exactly the bytes that
 * were written to the reader, whatever it does with them (R12).
 */
#include "storage/unpack_inflate.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "storage/sha256.h"
#include "storage/unpack_codec.h"

/* a pipe gives at most what it holds; the output stays in the second level cache between inflating, hashing and writing */
#define INPUT_BYTES  (256U << 10)
#define OUTPUT_BYTES (256U << 10)
/* the ratio is looked at beyond this much output: a small layer of zeros is harmless and common */
#define RATIO_GRACE_BYTES (1ULL << 30)

struct inflate {
	int input_fd, output_fd;
	enum unpack_compression compression;
	uint64_t ratio_limit;
	uint8_t *in_buffer, *out_buffer;
	struct codec_io io;
	bool end_of_input;
	struct sha256 *hash;
	struct inflate_result result;
};

static void inflate_init(struct inflate *inflate)
{
	inflate->in_buffer = xmalloc(INPUT_BYTES);
	inflate->out_buffer = xmalloc(OUTPUT_BYTES);
	inflate->io.in = inflate->in_buffer;
	inflate->hash = sha256_new();
}

static void inflate_release(struct inflate *inflate)
{
	free(inflate->in_buffer);
	free(inflate->out_buffer);
	sha256_free(inflate->hash);
}

/* Have at least `want` bytes at hand unless the input ends before. */
static int inflate_fill(struct inflate *inflate, size_t want, struct err *err)
{
	struct codec_io *io = &inflate->io;

	if (io->in_bytes >= want || inflate->end_of_input)
		return 0;
	memmove(inflate->in_buffer, io->in, io->in_bytes);
	io->in = inflate->in_buffer;
	while (io->in_bytes < want) {
		ssize_t got = read(inflate->input_fd, inflate->in_buffer + io->in_bytes,
				   INPUT_BYTES - io->in_bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "cannot read compressed layer");
		if (got == 0) {
			inflate->end_of_input = true;
			break;
		}
		io->in_bytes += (size_t)got;
		inflate->result.compressed_bytes += (uint64_t)got;
	}
	return 0;
}

/* Hash and pass on. */
static int inflate_emit(struct inflate *inflate, const uint8_t *data, size_t bytes, struct err *err)
{
	if (bytes == 0)
		return 0;
	inflate->result.tar_bytes += bytes;
	if (inflate->ratio_limit != 0 && inflate->result.tar_bytes > RATIO_GRACE_BYTES &&
	    inflate->result.tar_bytes / inflate->ratio_limit > inflate->result.compressed_bytes)
		return err_set(err, ERR_LIMIT,
			       "layer grows to more than %llu times its compressed size",
			       (unsigned long long)inflate->ratio_limit);
	sha256_update(inflate->hash, data, bytes);

	int r = fd_write_full(inflate->output_fd, data, bytes);
	if (r == -EPIPE)
		inflate->result.reader_gone = true;
	if (r < 0)
		return err_sys(err, -r, "cannot pass decompressed layer on");
	return 0;
}

static int inflate_damaged(const struct inflate *inflate, struct err *err, const char *why)
{
	return err_set(err, ERR_CORRUPT, "%s data of layer is damaged: %s",
		       unpack_compression_name((int)inflate->compression), why);
}

static int inflate_plain(struct inflate *inflate, struct err *err)
{
	for (;;) {
		if (inflate_fill(inflate, 1, err) < 0)
			return -1;
		if (inflate->io.in_bytes == 0)
			return 0;
		if (inflate_emit(inflate, inflate->io.in, inflate->io.in_bytes, err) < 0)
			return -1;
		inflate->io.in_bytes = 0;
	}
}

static int inflate_member(struct inflate *inflate, const struct codec *codec, void *state,
			  struct err *err)
{
	struct codec_io *io = &inflate->io;

	for (;;) {
		if (inflate_fill(inflate, 1, err) < 0)
			return -1;
		size_t had = io->in_bytes;
		io->out = inflate->out_buffer;
		io->out_bytes = OUTPUT_BYTES;
		enum codec_result result = codec->step(state, io);
		size_t made = OUTPUT_BYTES - io->out_bytes;
		if (inflate_emit(inflate, inflate->out_buffer, made, err) < 0)
			return -1;
		if (result == CODEC_END)
			return 0;
		if (result == CODEC_DAMAGED)
			return inflate_damaged(inflate, err, io->why);
		if (result == CODEC_TOO_LARGE)
			return err_set(err, ERR_LIMIT, "cannot decompress layer: %s", io->why);
		/* neither took nor gave anything: it waits for bytes that will never come */
		if (made == 0 && io->in_bytes == had && (had > 0 || inflate->end_of_input))
			return inflate_damaged(inflate, err,
					       inflate->end_of_input ? "it is cut short"
								     : "it does not go on");
	}
}

/* After a member: 1 another one follows, 0 the end (padding was read), -1 something else. */
static int inflate_between(struct inflate *inflate, const struct codec *codec, struct err *err)
{
	struct codec_io *io = &inflate->io;
	bool padded = false;

	for (;;) {
		if (inflate_fill(inflate, 1, err) < 0)
			return -1;
		if (io->in_bytes == 0)
			return 0;
		if (!padded && codec->starts(*io->in))
			return 1;
		for (; io->in_bytes > 0; io->in++, io->in_bytes--)
			if (*io->in != 0 || !codec->zero_padding)
				return inflate_damaged(inflate, err,
						       "something else follows its end");
		padded = true;
	}
}

static int inflate_members(struct inflate *inflate, const struct codec *codec, struct err *err)
{
	void *state = codec->open();
	int r;

	for (;;) {
		r = inflate_member(inflate, codec, state, err);
		if (r < 0)
			break;
		r = inflate_between(inflate, codec, err);
		if (r <= 0)
			break;
		codec->reset(state);
	}
	codec->close(state);
	return r;
}

static int inflate_all(struct inflate *inflate, struct err *err)
{
	inflate_init(inflate);
	if (inflate_fill(inflate, UNPACK_MAGIC_BYTES, err) < 0)
		return -1;
	if (inflate->compression == UNPACK_DETECT)
		inflate->compression = unpack_detect(inflate->io.in, inflate->io.in_bytes);

	const struct codec *codec = codec_get(inflate->compression);
	if ((codec ? inflate_members(inflate, codec, err) : inflate_plain(inflate, err)) < 0)
		return -1;
	sha256_final(inflate->hash, inflate->result.diff_id);
	return 0;
}

int inflate_run(int input_fd, int output_fd, enum unpack_compression compression,
		uint64_t ratio_limit, struct inflate_result *ret_result, struct err *err)
{
	struct inflate inflate = {
		.input_fd = input_fd,
		.output_fd = output_fd,
		.compression = compression,
		.ratio_limit = ratio_limit,
	};
	int r = inflate_all(&inflate, err);

	*ret_result = inflate.result;
	inflate_release(&inflate);
	return r;
}
