/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature.h - how dhow and libexec/dhow/signature talk (private; shared by both sides)
 *
 * What needs a library of cryptography is done by a helper, for one request at a time: fd 3 is the request, one JSON text in a sealed file
 * of no name (it may hold a passphrase, R18), fd 4 the answer, one JSON text. Keys and bytes are in base64.
 *
 *	{"op": "verify", "home": "/...",		an empty directory: the GNUPGHOME of this one check
 *	 "checks": [{"type": "gpg", "keys": [KEY...]},
 *		    {"type": "sigstore", "keys": [PEM...], "rekorKeys": [PEM...]}],
 *	 "signatures": [SIGNATURE...]}
 *	-> {"results": [[{"reference": "a.b/c:1", "digest": "sha256:...", "why": ""}, ...one per signature], ...one per check]}
 *	   why is not empty: the signature is not good, and nothing of it is told.
 *	   Signatures are hostile: the helper confines itself before it looks at the first one (R14).
 *
 *	{"op": "sign-gpg", "by": "FINGERPRINT", "passphrase": "..." or null, "payload": "{...}"} -> {"signature": BYTES}
 *	{"op": "sign-sigstore", "key": BYTES, "passphrase": "...", "payload": "{...}"} -> {"signature": BYTES}
 *	{"op": "describe-keys", "home": "/...", "keys": [KEY...]}
 *	-> {"keys": [{"kind": "gpg" or "sigstore" or "", "ids": ["ann@a.test"...], "fingerprints": ["..."]}, ...one per key]}
 *
 *	-> {"error": {"kind": "denied", "message": "...", "hint": "..."}}		instead of any of these
 *
 * A SIGNATURE: {"kind": "blob", "data": BYTES}, what a file of one holds, or {"kind": "sigstore", "payload": BYTES, "signature": "...",
 * "bundle": "..."} with the signature as the annotation has it (base64) and Rekor's bundle (JSON text, "" when there is none).
 */
#ifndef ENGINE_IMAGE_SIGNATURE_H
#define ENGINE_IMAGE_SIGNATURE_H

#define SIGNATURE_REQUEST_FD 3
#define SIGNATURE_ANSWER_FD  4

#define SIGNATURES_MAX		   128		/* of one image: more are not looked at */
#define SIGNATURE_MAX_BYTES	   (256U << 10) /* of one */
#define SIGNATURES_TOTAL_MAX_BYTES (4U << 20)	/* of all (R13) */
#define SIGNATURE_KEY_MAX_BYTES	   (4U << 20)
#define SIGNATURE_JSON_MAX_BYTES   (64U << 20) /* of a request or an answer */

#define PAYLOAD_TYPE_GPG      "atomic container signature"
#define PAYLOAD_TYPE_SIGSTORE "cosign container image signature"
#define PAYLOAD_MAX_BYTES     (64U << 10)

#define SIGSTORE_PAYLOAD_MEDIA_TYPE   "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGSTORE_SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"
#define SIGSTORE_BUNDLE_ANNOTATION    "dev.sigstore.cosign/bundle"
/** What a file of a signature that is not of GPG starts with, in dir: and in lookaside storages; JSON follows. */
#define SIGSTORE_BLOB_MAGIC	   "\0sigstore-json\n"
#define SIGSTORE_BLOB_MAGIC_LENGTH (sizeof(SIGSTORE_BLOB_MAGIC) - 1)

#endif
