/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_key.c - public keys, by libcrypto
 *
 * ECDSA on the curves P-256, P-384 and P-521, RSA of 2048 bits and more, Ed25519. Its headers stay in here: their names collide with ours.
 */
#include "engine/image/signature_private.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/alloc.h"

#define RSA_BITS_MIN 2048

struct key {
	EVP_PKEY *pkey;
};

void key_free(struct key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

static bool is_known_curve(EVP_PKEY *pkey)
{
	static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
	char name[64];

	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
		if (str_equal(name, curves[i]))
			return true;
	}
	return false;
}

static bool is_usable(EVP_PKEY *pkey)
{
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_EC:
		return is_known_curve(pkey);
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
	case EVP_PKEY_ED25519:
		return true;
	default:
		return false;
	}
}

struct key *key_parse(const char *pem, size_t length, struct strbuf *why)
{
	BIO *bio = length < (1U << 20) ? BIO_new_mem_buf(pem, (int)length) : NULL;
	EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	struct key *key = NULL;

	BIO_free(bio);
	if (pkey == NULL) {
		strbuf_adds(why, "it is no public key in PEM");
		return NULL;
	}
	if (!is_usable(pkey)) {
		strbuf_adds(why, "it is a key of a kind that is not used for signatures of images");
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key = xcalloc(1, sizeof(*key));
	key->pkey = pkey;
	return key;
}

bool key_equal(const struct key *a, const struct key *b)
{
	return EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

bool key_verify(const struct key *key, const void *data, size_t length, const void *signature,
		size_t signature_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *hash =
		EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	bool good = context != NULL &&
		    EVP_DigestVerifyInit(context, NULL, hash, NULL, key->pkey) == 1 &&
		    EVP_DigestVerify(context, signature, signature_length, data, length) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

void key_sha256_hex(const void *data, size_t length, char ret[65])
{
	unsigned char bytes[32];

	if (EVP_Digest(data, length, bytes, NULL, EVP_sha256(), NULL) != 1)
		alloc_failed();
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ret[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		ret[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	ret[64] = '\0';
}
