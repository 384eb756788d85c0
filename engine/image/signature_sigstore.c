/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_sigstore.c - a signature of sigstore, and Rekor's word for it
 *
 * The signature is over the payload. Rekor's bundle says that its log has an entry with this very signature, payload and key: what it signs
 * is {"body":...,"integratedTime":...,"logID":...,"logIndex":...}, in this order and without blanks (RFC 8785), and the body is the
 * entry. Nothing of the payload is read before a key has said that it is good.
 */
#include "engine/image/signature_private.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/image/signature.h"

static bool refuse(struct strbuf *why, const char *text)
{
	strbuf_adds(why, text);
	return false;
}

static const struct key *signer_of(const struct sigstore_keys *keys, const struct strbuf *data,
				   const struct strbuf *signature)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (key_verify(keys->items[i], data->data, data->length, signature->data,
			       signature->length))
			return keys->items[i];
	}
	return NULL;
}

/* The text that Rekor has signed. A string with anything to escape in it is none that Rekor writes. */
static bool canonical_payload(const json_t *payload, struct strbuf *ret)
{
	const char *body = json_string_value(json_object_get(payload, "body"));
	const char *log = json_string_value(json_object_get(payload, "logID"));
	const json_t *time = json_object_get(payload, "integratedTime");
	const json_t *index = json_object_get(payload, "logIndex");

	if (json_object_size(payload) != 4 || body == NULL || log == NULL ||
	    !json_is_integer(time) || !json_is_integer(index))
		return false;
	for (const char *c = body; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)
			return false;
	}
	for (const char *c = log; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)
			return false;
	}
	strbuf_addf(ret,
		    "{\"body\":\"%s\",\"integratedTime\":%" PRId64
		    ",\"logID\":\"%s\",\"logIndex\":%" PRId64 "}",
		    body, (int64_t)json_integer_value(time), log,
		    (int64_t)json_integer_value(index));
	return true;
}

static bool entry_has_key(const json_t *entry, const struct key *signer)
{
	const char *text =
		json_get_string(entry, "", "spec", "signature", "publicKey", "content", NULL);
	cleanup_strbuf struct strbuf pem = STRBUF_INIT, ignored = STRBUF_INIT;
	struct key *key =
		base64_decode(text, &pem) ? key_parse(pem.data, pem.length, &ignored) : NULL;
	bool equal = key != NULL && key_equal(key, signer);

	key_free(key);
	return equal;
}

/* The log's entry is about this signature and no other. */
static bool entry_is_about(const json_t *entry, const struct key *signer,
			   const struct strbuf *payload, const struct strbuf *signature)
{
	const char *text = json_get_string(entry, "", "spec", "signature", "content", NULL);
	cleanup_strbuf struct strbuf entry_signature = STRBUF_INIT;
	char hash[65];

	key_sha256_hex(payload->data, payload->length, hash);
	return str_equal(json_get_string(entry, "", "apiVersion", NULL), "0.0.1") &&
	       str_equal(json_get_string(entry, "", "kind", NULL), "hashedrekord") &&
	       str_equal(json_get_string(entry, "", "spec", "data", "hash", "algorithm", NULL),
			 "sha256") &&
	       str_equal(json_get_string(entry, "", "spec", "data", "hash", "value", NULL), hash) &&
	       base64_decode(text, &entry_signature) &&
	       entry_signature.length == signature->length &&
	       memcmp(entry_signature.data, signature->data, signature->length) == 0 &&
	       entry_has_key(entry, signer);
}

static bool rekor_verify(const struct sigstore_keys *rekor, const char *bundle_text,
			 const struct key *signer, const struct strbuf *payload,
			 const struct strbuf *signature, struct strbuf *why)
{
	struct err ignored; /* why says it */
	cleanup_json json_t *bundle =
		json_parse(bundle_text, strlen(bundle_text), "bundle", &ignored);
	cleanup_json json_t *entry = NULL;
	cleanup_strbuf struct strbuf timestamp = STRBUF_INIT, canonical = STRBUF_INIT,
				     body = STRBUF_INIT;
	const json_t *log_payload = json_object_get(bundle, "Payload");

	if (*bundle_text == '\0')
		return refuse(why, "Rekor's signed timestamp is missing");
	if (bundle == NULL ||
	    !base64_decode(json_get_string(bundle, "", "SignedEntryTimestamp", NULL), &timestamp) ||
	    !canonical_payload(log_payload, &canonical))
		return refuse(why, "Rekor's signed timestamp has not the expected form");
	if (signer_of(rekor, &canonical, &timestamp) == NULL)
		return refuse(why, "Rekor's timestamp is signed by no key that the policy names");
	if (base64_decode(json_get_string(log_payload, "", "body", NULL), &body))
		entry = json_parse(body.data, body.length, "entry", &ignored);
	if (!entry_is_about(entry, signer, payload, signature))
		return refuse(why, "Rekor's timestamp is about another signature");
	return true;
}

bool sigstore_verify(const struct sigstore_keys *keys, const struct sigstore_keys *rekor,
		     const json_t *signature, struct claim *ret, struct strbuf *why)
{
	cleanup_strbuf struct strbuf payload = STRBUF_INIT, bytes = STRBUF_INIT;
	const char *bundle = json_get_string(signature, "", "bundle", NULL);
	const struct key *signer;

	if (!base64_decode(json_get_string(signature, "", "payload", NULL), &payload) ||
	    !base64_decode(json_get_string(signature, "", "signature", NULL), &bytes))
		return refuse(why, "it has not the expected form");
	signer = signer_of(keys, &payload, &bytes);
	if (signer == NULL)
		return refuse(why, "it is made by no key that the policy names");
	if (rekor != NULL && !rekor_verify(rekor, bundle, signer, &payload, &bytes, why))
		return false;
	return payload_parse(payload.data, payload.length, PAYLOAD_TYPE_SIGSTORE, ret, why);
}
