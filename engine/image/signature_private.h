/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_private.h - the parts of libexec/dhow/signature (private to it)
 *
 *	signature_main.c	requests and answers, confinement
 *	signature_payload.c	the signed JSON
 *	signature_gpg.c		OpenPGP, by libgpgme and gpg
 *	signature_sigstore.c	a signature of sigstore, and Rekor's word for it
 *	signature_key.c		public keys, by libcrypto
 *	signature_secret.c	encrypted private keys of sigstore, by libcrypto and libsodium
 *
 * None of these functions knows struct err, whose header and libcrypto's do not go together: they return a sentence in why.
 */
#ifndef ENGINE_IMAGE_SIGNATURE_PRIVATE_H
#define ENGINE_IMAGE_SIGNATURE_PRIVATE_H

#include "base/strbuf.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** What a signature claims, once it is known to be good. */
struct claim {
	char *reference;
	char *digest;
};
void claim_release(struct claim *claim);

/* signature_payload.c */

/** Read the signed JSON, strictly. */
bool payload_parse(const char *text, size_t length, const char *type, struct claim *ret,
		   struct strbuf *why);

/* signature_gpg.c */

/** All that must be done while programs and files may still be opened freely: called before the sandbox closes. */
bool gpg_prepare(const char *home, struct strbuf *why);
struct gpg;
/** A keyring of these keys, each of which must be one or more public keys of OpenPGP. NULL: why. */
struct gpg *gpg_new(const char *home, const struct strbuf *keys, size_t key_count,
		    struct strbuf *why);
void gpg_free(struct gpg *gpg);
bool gpg_verify(struct gpg *gpg, const char *data, size_t length, struct claim *ret,
		struct strbuf *why);
/** Mail addresses (or names) and fingerprints of all keys. */
void gpg_describe(struct gpg *gpg, struct strv *ret_ids, struct strv *ret_fingerprints);
/** With the user's own keys. passphrase NULL: gpg's agent asks. */
bool gpg_sign(const char *by, const char *passphrase, const char *payload, struct strbuf *ret,
	      struct strbuf *why);

/* signature_key.c */

struct key;
/** A public key in PEM. NULL: why. */
struct key *key_parse(const char *pem, size_t length, struct strbuf *why);
void key_free(struct key *key);
bool key_equal(const struct key *a, const struct key *b);
/** True when signature is the key's own for data (with SHA-256 where the kind of key leaves a choice). */
bool key_verify(const struct key *key, const void *data, size_t length, const void *signature,
		size_t signature_length);
/** 64 hexadecimal digits of SHA-256. */
void key_sha256_hex(const void *data, size_t length, char ret[65]);

/* signature_sigstore.c */

struct sigstore_keys {
	struct key **items;
	size_t count;
};
/** @param rekor  keys of Rekor, one of which must have signed the bundle; NULL: nobody asks for that */
bool sigstore_verify(const struct sigstore_keys *keys, const struct sigstore_keys *rekor,
		     const json_t *signature, struct claim *ret, struct strbuf *why);

/* signature_secret.c */

bool secret_sign(const struct strbuf *key_file, const char *passphrase, const char *payload,
		 struct strbuf *ret, struct strbuf *why);

#endif
