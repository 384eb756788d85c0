/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/base64.c - three bytes are four characters
 */
#include "base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t length, struct strbuf *out)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t word = (uint32_t)bytes[i] << 16 |
				(left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				(left > 2 ? bytes[i + 2] : 0);

		strbuf_addc(out, alphabet[word >> 18]);
		strbuf_addc(out, alphabet[word >> 12 & 63]);
		strbuf_addc(out, left > 1 ? alphabet[word >> 6 & 63] : '=');
		strbuf_addc(out, left > 2 ? alphabet[word & 63] : '=');
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, struct strbuf *out)
{
	size_t length = strlen(text);
	size_t padding = 0;
	uint32_t word = 0;

	if (length % 4 != 0)
		return false;
	while (padding < 2 && length > padding && text[length - padding - 1] == '=')
		padding++;
	for (size_t i = 0; i < length - padding; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return false;
		word = word << 6 | (uint32_t)value;
		if (i % 4 == 1)
			strbuf_addc(out, (char)(word >> 4 & 255));
		else if (i % 4 == 2)
			strbuf_addc(out, (char)(word >> 2 & 255));
		else if (i % 4 == 3)
			strbuf_addc(out, (char)(word & 255));
	}
	/* the bits that no byte uses are zero, or two texts would stand for the same bytes */
	return padding == 0 || (word & (padding == 1 ? 3 : 15)) == 0;
}
