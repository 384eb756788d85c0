/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_secret.c - private keys of sigstore
 *
 * A file of PEM whose bytes are JSON: scrypt makes a key of the passphrase, NaCl's secretbox opens PKCS #8 with it.
 */
#include "engine/image/signature_private.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"

#define SCRYPT_MEMORY_MAX (512ULL << 20)
#define SCRYPT_COST_MAX	  (1 << 20)
#define BOX_MAX_BYTES	  (64U << 10)

static bool refuse(struct strbuf *why, const char *text)
{
	strbuf_adds(why, text);
	return false;
}

static void wipe(struct strbuf *buf)
{
	if (buf->size > 0)
		sodium_memzero(buf->data, buf->size);
	strbuf_release(buf);
}
#define cleanup_secret __attribute__((cleanup(wipe)))

/* The JSON inside of the PEM. New reference, or NULL. */
static json_t *box_of(const struct strbuf *key_file)
{
	static const char *const types[] = { "ENCRYPTED SIGSTORE PRIVATE KEY",
					     "ENCRYPTED COSIGN PRIVATE KEY" };
	BIO *bio = key_file->length < BOX_MAX_BYTES
			   ? BIO_new_mem_buf(key_file->data, (int)key_file->length)
			   : NULL;
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long length = 0;
	json_t *json = NULL;

	if (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &length) == 1 &&
	    (str_equal(name, types[0]) || str_equal(name, types[1])))
		json = json_loadb((const char *)data, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(bio);
	return json;
}

static bool derive(const json_t *box, const char *passphrase,
		   unsigned char ret[crypto_secretbox_KEYBYTES], struct strbuf *why)
{
	const json_t *kdf = json_object_get(box, "kdf");
	int64_t n = json_get_int(kdf, 0, "params", "N", NULL);
	int64_t r = json_get_int(kdf, 0, "params", "r", NULL);
	int64_t p = json_get_int(kdf, 0, "params", "p", NULL);
	cleanup_strbuf struct strbuf salt = STRBUF_INIT;

	if (!str_equal(json_get_string(kdf, "", "name", NULL), "scrypt") ||
	    !base64_decode(json_get_string(kdf, "", "salt", NULL), &salt) || n < 2 || r < 1 ||
	    p < 1 || n > SCRYPT_COST_MAX || r > 64 || p > 16)
		return refuse(why, "its passphrase is turned into a key in an unknown way");
	if (EVP_PBE_scrypt(passphrase, strlen(passphrase), (const unsigned char *)salt.data,
			   salt.length, (uint64_t)n, (uint64_t)r, (uint64_t)p, SCRYPT_MEMORY_MAX,
			   ret, crypto_secretbox_KEYBYTES) != 1)
		return refuse(why, "its passphrase cannot be turned into a key");
	return true;
}

/* PKCS #8 in DER. */
static bool open_box(const json_t *box, const char *passphrase, struct strbuf *ret,
		     struct strbuf *why)
{
	unsigned char key[crypto_secretbox_KEYBYTES];
	cleanup_strbuf struct strbuf nonce = STRBUF_INIT, closed = STRBUF_INIT;
	bool good;

	if (!str_equal(json_get_string(box, "", "cipher", "name", NULL), "nacl/secretbox") ||
	    !base64_decode(json_get_string(box, "", "cipher", "nonce", NULL), &nonce) ||
	    nonce.length != crypto_secretbox_NONCEBYTES ||
	    !base64_decode(json_get_string(box, "", "ciphertext", NULL), &closed) ||
	    closed.length <= crypto_secretbox_MACBYTES)
		return refuse(why, "it is encrypted in an unknown way");
	if (!derive(box, passphrase, key, why))
		return false;
	strbuf_grow(ret, closed.length);
	good = crypto_secretbox_open_easy((unsigned char *)ret->data,
					  (const unsigned char *)closed.data, closed.length,
					  (const unsigned char *)nonce.data, key) == 0;
	sodium_memzero(key, sizeof(key));
	if (!good)
		return refuse(why, "the passphrase is wrong");
	ret->length = closed.length - crypto_secretbox_MACBYTES;
	return true;
}

static EVP_PKEY *read_secret(const struct strbuf *key_file, const char *passphrase,
			     struct strbuf *why)
{
	cleanup_json json_t *box = box_of(key_file);
	cleanup_secret struct strbuf der = STRBUF_INIT;
	const unsigned char *at = NULL;
	EVP_PKEY *pkey = NULL;

	if (box == NULL) {
		refuse(why, "it is no private key of sigstore, as cosign and skopeo make them");
		return NULL;
	}
	if (sodium_init() < 0 || !open_box(box, passphrase, &der, why))
		return NULL;
	at = (const unsigned char *)der.data;
	pkey = d2i_AutoPrivateKey(NULL, &at, (long)der.length);
	if (pkey == NULL)
		refuse(why, "what is encrypted in it is no private key");
	return pkey;
}

bool secret_sign(const struct strbuf *key_file, const char *passphrase, const char *payload,
		 struct strbuf *ret, struct strbuf *why)
{
	EVP_PKEY *pkey = read_secret(key_file, passphrase, why);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *hash = EVP_sha256();
	size_t length = 0;
	bool good = false;

	if (pkey == NULL)
		goto out;
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519)
		hash = NULL;
	good = EVP_DigestSignInit(context, NULL, hash, NULL, pkey) == 1 &&
	       EVP_DigestSign(context, NULL, &length, (const unsigned char *)payload,
			      strlen(payload)) == 1;
	if (good) {
		strbuf_grow(ret, length);
		good = EVP_DigestSign(context, (unsigned char *)ret->data, &length,
				      (const unsigned char *)payload, strlen(payload)) == 1;
		ret->length = good ? length : 0;
	}
	if (!good)
		refuse(why, "it cannot be signed with");
out:
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pkey);
	return good;
}
