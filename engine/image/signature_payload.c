/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_payload.c - what is signed: which bytes, and what they are called
 *
 * Both kinds of signature sign the same JSON but for the word that tells the kind. Anything in its critical part that is not expected makes
 * the whole worthless: it may be a condition.
 */
#include "engine/image/signature_private.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/image/signature.h"

void claim_release(struct claim *claim)
{
	free(claim->reference);
	free(claim->digest);
	*claim = (struct claim){ 0 };
}

/* An object of exactly these keys. */
static bool has_exactly(const json_t *json, const char *const *keys, size_t count)
{
	if (!json_is_object(json) || json_object_size(json) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (json_object_get(json, keys[i]) == NULL)
			return false;
	}
	return true;
}

/* What it says about its maker is not used, but must make sense. cosign writes null. */
static bool optional_is_good(const json_t *optional)
{
	const json_t *creator = json_object_get(optional, "creator");
	const json_t *timestamp = json_object_get(optional, "timestamp");

	if (json_is_null(optional))
		return true;
	return json_is_object(optional) && (creator == NULL || json_is_string(creator)) &&
	       (timestamp == NULL || json_is_integer(timestamp));
}

bool payload_parse(const char *text, size_t length, const char *type, struct claim *ret,
		   struct strbuf *why)
{
	static const char *const top_keys[] = { "critical", "optional" };
	static const char *const critical_keys[] = { "type", "image", "identity" };
	static const char *const image_keys[] = { "docker-manifest-digest" };
	static const char *const identity_keys[] = { "docker-reference" };
	struct err err;
	cleanup_json json_t *json =
		length > PAYLOAD_MAX_BYTES ? NULL : json_parse(text, length, "payload", &err);
	const json_t *critical = json_object_get(json, "critical");
	const json_t *image = json_object_get(critical, "image");
	const json_t *identity = json_object_get(critical, "identity");
	const char *digest = json_get_string(image, NULL, image_keys[0], NULL);
	const char *reference = json_get_string(identity, NULL, identity_keys[0], NULL);
	struct digest parsed;

	if (!has_exactly(json, top_keys, ARRAY_SIZE(top_keys)) ||
	    !has_exactly(critical, critical_keys, ARRAY_SIZE(critical_keys)) ||
	    !has_exactly(image, image_keys, ARRAY_SIZE(image_keys)) ||
	    !has_exactly(identity, identity_keys, ARRAY_SIZE(identity_keys)) ||
	    !optional_is_good(json_object_get(json, "optional")) || digest == NULL ||
	    reference == NULL || digest_parse(digest, &parsed) < 0) {
		strbuf_adds(why, "what it signs has not the expected form");
		return false;
	}
	if (!str_equal(json_get_string(critical, "", "type", NULL), type)) {
		strbuf_adds(why, "it signs something of another kind");
		return false;
	}
	ret->reference = xstrdup(reference);
	ret->digest = xstrdup(digest);
	return true;
}
