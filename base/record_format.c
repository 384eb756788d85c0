/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/record_format.c - the checksum of records, and their text
 *
 * Apart from record.c, so that the monitor, which is linked statically, gets neither jansson nor the publishing.
 */
#include "base/record.h"

#include <inttypes.h>

#include "base/strbuf.h"

uint32_t crc32_ieee(const void *data, size_t length)
{
	/* by four bits: 64 bytes of table are in the cache at once, and a record is small */
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const unsigned char *bytes = data;
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		crc = table[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
		crc = table[(crc ^ (uint32_t)(bytes[i] >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

void record_format(struct strbuf *out, const char *kind, unsigned version, const void *body,
		   size_t length)
{
	strbuf_grow(out, length + 80);
	strbuf_addf(out, "dhow-record %s %u %zu %08" PRIx32 "\n", kind, version, length,
		    crc32_ieee(body, length));
	strbuf_add(out, body, length);
}
