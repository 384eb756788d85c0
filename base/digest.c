/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/digest.c - content digests as text, and ids (R11)
 */
#include "base/digest.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/strbuf.h"

#define SHA256_PREFIX "sha256:"

/* Number of lower case hexadecimal digits that text starts with. */
static size_t count_hex(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

static void put_hex(char *out, const unsigned char *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

int digest_parse(const char *text, struct digest *ret)
{
	const char *hex = text != NULL ? str_after(text, SHA256_PREFIX) : NULL;

	return hex != NULL ? digest_from_hex(hex, ret) : -EINVAL;
}

int digest_from_hex(const char *hex, struct digest *ret)
{
	if (hex == NULL || count_hex(hex) != DIGEST_HEX || hex[DIGEST_HEX] != '\0')
		return -EINVAL;

	memcpy(ret->text, SHA256_PREFIX, strlen(SHA256_PREFIX));
	memcpy(ret->text + strlen(SHA256_PREFIX), hex, DIGEST_HEX + 1);
	return 0;
}

void digest_from_bytes(const unsigned char bytes[32], struct digest *ret)
{
	memcpy(ret->text, SHA256_PREFIX, strlen(SHA256_PREFIX));
	put_hex(ret->text + strlen(SHA256_PREFIX), bytes, DIGEST_HEX / 2);
}

const char *digest_hex(const struct digest *digest)
{
	if (!digest_is_set(digest))
		BUG("the digits of a digest that is not set");
	return digest->text + strlen(SHA256_PREFIX);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return str_equal(a->text, b->text);
}

void object_id_new(struct object_id *ret)
{
	unsigned char bytes[DIGEST_HEX / 2];

	/* up to 256 bytes come whole, and without a signal in between, once the pool is ready */
	while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		if (errno != EINTR)
			BUG("the kernel has no random bytes");
	}
	put_hex(ret->text, bytes, sizeof(bytes));
}

int object_id_parse(const char *text, struct object_id *ret)
{
	if (text == NULL || count_hex(text) != DIGEST_HEX || text[DIGEST_HEX] != '\0')
		return -EINVAL;

	memcpy(ret->text, text, DIGEST_HEX + 1);
	return 0;
}

bool object_id_is_prefix(const char *text)
{
	size_t count = text != NULL ? count_hex(text) : 0;

	return count >= 1 && count <= DIGEST_HEX && text[count] == '\0';
}
