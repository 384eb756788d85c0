/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/sha256.c - digests through libcrypto's EVP interface
 *
 * EVP picks the processor's SHA instructions where they exist: about five times as fast as portable code, which matters
 * because every byte of a pull is hashed twice (the blob and the diffID).
 *
 * The library is loaded when the first digest is computed: `dhow` itself needs one for commit and build only, and loading it costs more
 * than most commands take. A process that gives up its files loads it before (sha256_new() once).
 */
#include "storage/sha256.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/digest.h"

/* what a plain program links; its interface does not change within the number */
static const char *const libraries[] = { "libcrypto.so.3", "libcrypto.so.1.1" };

struct crypto {
	void *(*context_new)(void);
	void (*context_free)(void *context);
	const void *(*type)(void);
	int (*init)(void *context, const void *type, void *engine);
	int (*update)(void *context, const void *data, size_t bytes);
	int (*final)(void *context, unsigned char *ret, unsigned int *ret_size);
};

struct sha256 {
	void *context;
	const void *type;
	struct crypto crypto;
};

static void sha256_check(int result)
{
	if (result == 1)
		return;
	/* FIPS set-ups and broken openssl.cnf files do this; nothing can be verified then */
	fputs("dhow: libcrypto cannot compute sha256\n", stderr);
	_exit(125);
}

static bool load(struct crypto *ret)
{
	void *library = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(libraries) && library == NULL; i++)
		library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return false;
	*ret = (struct crypto){
		.context_new = (void *(*)(void))dlsym(library, "EVP_MD_CTX_new"),
		.context_free = (void (*)(void *))dlsym(library, "EVP_MD_CTX_free"),
		.type = (const void *(*)(void))dlsym(library, "EVP_sha256"),
		.init = (int (*)(void *, const void *, void *))dlsym(library, "EVP_DigestInit_ex"),
		.update = (int (*)(void *, const void *, size_t))dlsym(library, "EVP_DigestUpdate"),
		.final = (int (*)(void *, unsigned char *, unsigned int *))dlsym(
			library, "EVP_DigestFinal_ex"),
	};
	return ret->context_new != NULL && ret->context_free != NULL && ret->type != NULL &&
	       ret->init != NULL && ret->update != NULL && ret->final != NULL;
}

struct sha256 *sha256_new(void)
{
	struct sha256 *hash = xcalloc(1, sizeof(*hash));

	/* the second time this is a look-up of something that is loaded */
	sha256_check(load(&hash->crypto));
	hash->context = hash->crypto.context_new();
	hash->type = hash->crypto.type();
	sha256_check(hash->context != NULL);
	sha256_check(hash->crypto.init(hash->context, hash->type, NULL));
	return hash;
}

void sha256_free(struct sha256 *hash)
{
	if (hash == NULL)
		return;
	hash->crypto.context_free(hash->context);
	free(hash);
}

void sha256_update(struct sha256 *hash, const void *data, size_t bytes)
{
	sha256_check(hash->crypto.update(hash->context, data, bytes));
}

void sha256_final(struct sha256 *hash, unsigned char ret_bytes[32])
{
	sha256_check(hash->crypto.final(hash->context, ret_bytes, NULL));
	sha256_check(hash->crypto.init(hash->context, hash->type, NULL));
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
