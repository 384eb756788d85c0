/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/digest.h - content digests as text, and ids (R11)
 *
 * Only "sha256:" and 64 lower case hexadecimal digits is a digest: everything else is refused before it can reach a path, a
 * request or a log line. Computing one: storage/sha256.h.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX 64

struct digest {
	char text[sizeof("sha256:") + DIGEST_HEX]; /* "sha256:..."; "" when unset */
};

/** 0 or -EINVAL. */
int digest_parse(const char *text, struct digest *ret);
/** From 64 hexadecimal digits. */
int digest_from_hex(const char *hex, struct digest *ret);
/** From 32 bytes. */
void digest_from_bytes(const unsigned char bytes[32], struct digest *ret);
/** The 64 digits; borrowed. */
const char *digest_hex(const struct digest *digest);
bool digest_equal(const struct digest *a, const struct digest *b);
static inline bool digest_is_set(const struct digest *digest)
{
	return digest->text[0] != '\0';
}

/** 64 random hexadecimal digits of a container, volume or exec session. */
struct object_id {
	char text[DIGEST_HEX + 1];
};
/** Fresh, from getrandom. */
void object_id_new(struct object_id *ret);
/** Exactly 64 lower case digits: 0 or -EINVAL. */
int object_id_parse(const char *text, struct object_id *ret);
/** True when text is 1 to 64 lower case hexadecimal digits: it can be the start of an id. */
bool object_id_is_prefix(const char *text);
#define OBJECT_ID_SHORT 12

#endif
