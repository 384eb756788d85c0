/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_detect.c - which compression a stream has
 *
 * Apart from the codecs, so that who only asks does not link their libraries.
 */
#include "storage/unpack.h"

#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

static const struct {
	enum unpack_compression compression;
	size_t length;
	char bytes[UNPACK_MAGIC_BYTES + 1];
} magics[] = {
	{ UNPACK_GZIP, 2, "\x1f\x8b" },
	{ UNPACK_ZSTD, 4, "\x28\xb5\x2f\xfd" },
	{ UNPACK_BZIP2, 3, "BZh" },
	{ UNPACK_XZ, 6,
	  "\xfd"
	  "7zXZ\0" },
};

enum unpack_compression unpack_detect(const void *start, size_t bytes)
{
	const uint8_t *data = start;

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (bytes >= magics[i].length &&
		    memcmp(data, magics[i].bytes, magics[i].length) == 0)
			return magics[i].compression;

	/* a zstd stream may start with frames to skip: 0x184d2a50 to 0x184d2a5f, little endian */
	if (bytes >= 4 && (data[0] & 0xf0) == 0x50 && memcmp(data + 1, "\x2a\x4d\x18", 3) == 0)
		return UNPACK_ZSTD;
	return UNPACK_NONE;
}
