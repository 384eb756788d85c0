/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/sha256.c - digests by libcrypto's plain functions
 *
 * They use the processor's SHA instructions where they exist: about five times as fast as portable code, which matters because every byte of a
 * pull is hashed twice (the blob and the diffID). Not EVP: it looks for providers and a configuration file, and links all of libcrypto into
 * `dhow`, which has no shared libraries. That OpenSSL 3 calls these functions deprecated is said here only.
 */
#define OPENSSL_API_COMPAT 0x10101000L
#include "storage/sha256.h"

#include <errno.h>
#include <openssl/sha.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/digest.h"

#define READ_BYTES (1U << 20)

struct sha256 {
	SHA256_CTX context;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *hash = xcalloc(1, sizeof(*hash));

	SHA256_Init(&hash->context);
	return hash;
}

void sha256_free(struct sha256 *hash)
{
	free(hash);
}

void sha256_update(struct sha256 *hash, const void *data, size_t bytes)
{
	SHA256_Update(&hash->context, data, bytes);
}

void sha256_final(struct sha256 *hash, unsigned char ret_bytes[32])
{
	SHA256_Final(ret_bytes, &hash->context);
	SHA256_Init(&hash->context);
}

void sha256_final_digest(struct sha256 *hash, struct digest *ret_digest)
{
	unsigned char bytes[32];

	sha256_final(hash, bytes);
	digest_from_bytes(bytes, ret_digest);
}

void sha256_of(const void *data, size_t bytes, struct digest *ret_digest)
{
	struct sha256 *hash = sha256_new();

	sha256_update(hash, data, bytes);
	sha256_final_digest(hash, ret_digest);
	sha256_free(hash);
}

int sha256_of_fd(int fd, struct digest *ret_digest)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();
	cleanup_free char *buffer = xmalloc(READ_BYTES);
	off_t at = 0;
	ssize_t got;

	while ((got = pread(fd, buffer, READ_BYTES, at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		sha256_update(hash, buffer, (size_t)got);
		at += got;
	}
	sha256_final_digest(hash, ret_digest);
	return 0;
}
