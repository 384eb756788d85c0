/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/sha256.h - compute digests
 *
 * libcrypto does it; its headers stay in sha256.c, since its names collide with base/err.h (ERR_STATE).
 */
#ifndef STORAGE_SHA256_H
#define STORAGE_SHA256_H

#include <stddef.h>

struct digest;
struct sha256;

/** Start one. Never NULL. */
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t bytes);
/** The digest of all that was added; the hash starts anew. */
void sha256_final(struct sha256 *hash, unsigned char ret_bytes[32]);
/** The same as text. */
void sha256_final_digest(struct sha256 *hash, struct digest *ret_digest);
/** The digest of what is in memory. */
void sha256_of(const void *data, size_t bytes, struct digest *ret_digest);
/** The digest of a whole file; where it stands does not matter and does not change. 0, -errno. */
int sha256_of_fd(int fd, struct digest *ret_digest);

static inline void sha256_free_ptr(struct sha256 **hash)
{
	sha256_free(*hash);
}
#define cleanup_sha256 __attribute__((cleanup(sha256_free_ptr)))

#endif
