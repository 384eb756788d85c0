/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/name_escape.c - a name as one component of a path
 *
 * Image names hold '/', so they are written with %XX, as in a URL. The form is canonical: a name has one escaped form, and
 * text that is not the escaped form of its own meaning is refused on the way back.
 */
#include "storage/image.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

static const char hex_digits[] = "0123456789ABCDEF";

static bool must_escape(unsigned char byte, bool first)
{
	return byte == '%' || byte == '/' || byte < 0x20 || byte == 0x7f || (first && byte == '.');
}

char *name_escape(const char *name)
{
	struct strbuf out = STRBUF_INIT;

	for (const char *p = name; *p != '\0'; p++) {
		unsigned char byte = (unsigned char)*p;

		if (must_escape(byte, p == name)) {
			strbuf_addc(&out, '%');
			strbuf_addc(&out, hex_digits[byte >> 4]);
			strbuf_addc(&out, hex_digits[byte & 15]);
		} else {
			strbuf_addc(&out, *p);
		}
	}
	return strbuf_take(&out);
}

/* 0..15, or -1; lower case is no digit of ours. */
static int hex_value(char c)
{
	const char *at = c != '\0' ? strchr(hex_digits, c) : NULL;

	return at != NULL ? (int)(at - hex_digits) : -1;
}

char *name_unescape(const char *escaped)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (const char *p = escaped; *p != '\0'; p++) {
		int high;
		int low;

		if (*p != '%') {
			if (must_escape((unsigned char)*p, p == escaped))
				return NULL;
			strbuf_addc(&out, *p);
			continue;
		}
		high = hex_value(p[1]);
		low = high >= 0 ? hex_value(p[2]) : -1;
		if (low < 0 || (high | low) == 0 ||
		    !must_escape((unsigned char)(high << 4 | low), p == escaped))
			return NULL;
		strbuf_addc(&out, (char)(high << 4 | low));
		p += 2;
	}
	return strbuf_take(&out);
}
