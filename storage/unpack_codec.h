/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_codec.h - the compressions of a layer behind one small table (private to the unpacker)
 *
 * A stream is one or more members (gzip members, zstd frames, bzip2 and xz streams), one after another. A codec decodes one
 * member in steps, each with the input at hand and room for output:
 *
 *	codec->open(&state)
 *	while (codec->step(state, &io) == CODEC_MORE) ...	fill input, drain output
 *	codec->reset(state)					for the next member
 *	codec->close(state)
 *
 * What follows the end of a member is the caller's business: another member, padding, or garbage.
 */
#ifndef STORAGE_UNPACK_CODEC_H
#define STORAGE_UNPACK_CODEC_H

#include "storage/unpack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec_io {
	const uint8_t *in;
	size_t in_bytes; /* left; a step moves on */
	uint8_t *out;
	size_t out_bytes; /* room left; a step moves on */
	const char *why;  /* of CODEC_DAMAGED and CODEC_TOO_LARGE */
};

enum codec_result {
	CODEC_MORE,	/* wants input or room */
	CODEC_END,	/* the member is complete, and its checksum is right */
	CODEC_DAMAGED,	/* the bytes are wrong */
	CODEC_TOO_LARGE /* it would take more memory than we allow */
};

struct codec {
	void *(*open)(void);
	void (*reset)(void *state);
	void (*close)(void *state);
	enum codec_result (*step)(void *state, struct codec_io *io);
	bool (*starts)(uint8_t byte); /* can a member start with this byte? */
	bool zero_padding; /* zeros may follow the last member, as tape blocks and xz have them */
};

/** NULL for UNPACK_NONE and UNPACK_DETECT. */
const struct codec *codec_get(enum unpack_compression compression);

#endif
