/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/policy_parse.c - one requirement of policy.json, read strictly
 *
 * Each kind of object has a list of the keys that it may have; any other is an error, because it would be a condition that we do not know.
 */
#include "engine/image/policy.h"

#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

#define KEYS_MAX 64

static const char *const identity_kind_names[] = {
	[IDENTITY_REPO_DIGEST_OR_EXACT] = "matchRepoDigestOrExact",
	[IDENTITY_EXACT] = "matchExact",
	[IDENTITY_REPOSITORY] = "matchRepository",
	[IDENTITY_EXACT_REFERENCE] = "exactReference",
	[IDENTITY_EXACT_REPOSITORY] = "exactRepository",
	[IDENTITY_REMAP] = "remapIdentity",
};
NAME_TABLE(identity_kind, IDENTITY_KIND_COUNT)

static int wrong(struct err *err, const char *what, const char *key)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, key);
	return err_set(err, ERR_DENIED, "%s '%.200s'", what, shown.data);
}

/* Only these keys; the list ends with NULL. */
static int check_keys(const json_t *json, const char *const *known, struct err *err)
{
	const char *key = NULL;
	json_t *value = NULL;

	json_object_foreach ((json_t *)json, key, value) {
		size_t i = 0;

		while (known[i] != NULL && !str_equal(known[i], key))
			i++;
		if (known[i] == NULL)
			return wrong(err, "there is an unknown key", key);
	}
	return 0;
}

/* A text that is not empty; yours, or NULL with err. */
static char *text_at(const json_t *json, const char *key, struct err *err)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (text == NULL || *text == '\0') {
		wrong(err, "a text is missing:", key);
		return NULL;
	}
	return xstrdup(text);
}

/* ---- identities ------------------------------------------------------------------------------------------------------- */

/* "host[:port]", or a repository or the start of one: no tag and no digest. */
static bool is_prefix(const char *text)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_free char *as_host = xasprintf("%s/x", text);
	struct err ignored; /* then it is none */

	if (strchr(text, '@') != NULL)
		return false;
	if (strchr(text, '/') == NULL)
		return image_ref_parse(as_host, &ref, &ignored) == 0 && ref.registry != NULL;
	return image_ref_parse(text, &ref, &ignored) == 0 && ref.registry != NULL &&
	       ref.tag == NULL;
}

static int parse_reference(const json_t *json, struct policy_identity *ret, struct err *err)
{
	bool exact = ret->kind == IDENTITY_EXACT_REFERENCE;
	const char *key = exact ? "dockerReference" : "dockerRepository";
	const char *const known[] = { "type", key, NULL };
	cleanup_image_ref struct image_ref ref = { 0 };

	if (check_keys(json, known, err) < 0)
		return -1;
	ret->reference = text_at(json, key, err);
	if (ret->reference == NULL)
		return -1;
	if (image_ref_parse(ret->reference, &ref, err) < 0) {
		err->kind = ERR_DENIED;
		return -1;
	}
	if (exact && ref.tag == NULL && !digest_is_set(&ref.digest))
		return wrong(err, "there is neither a tag nor a digest in", ret->reference);
	return 0;
}

static int parse_remap(const json_t *json, struct policy_identity *ret, struct err *err)
{
	static const char *const known[] = { "type", "prefix", "signedPrefix", NULL };

	if (check_keys(json, known, err) < 0)
		return -1;
	ret->reference = text_at(json, "prefix", err);
	if (ret->reference == NULL)
		return -1;
	ret->signed_prefix = text_at(json, "signedPrefix", err);
	if (ret->signed_prefix == NULL)
		return -1;
	if (!is_prefix(ret->reference))
		return wrong(err, "this is no prefix of images:", ret->reference);
	if (!is_prefix(ret->signed_prefix))
		return wrong(err, "this is no prefix of images:", ret->signed_prefix);
	return 0;
}

static int parse_identity(const json_t *json, struct policy_identity *ret, struct err *err)
{
	static const char *const known[] = { "type", NULL };
	const char *type = json_get_string(json, "", "type", NULL);
	int kind = identity_kind_parse(type);

	if (json == NULL)
		return 0; /* the default is the first of the kinds */
	if (!json_is_object(json))
		return wrong(err, "there is no object at", "signedIdentity");
	if (kind < 0)
		return wrong(err, "there is a signedIdentity of the unknown type", type);
	ret->kind = (enum identity_kind)kind;
	if (ret->kind == IDENTITY_REMAP)
		return parse_remap(json, ret, err);
	if (ret->kind == IDENTITY_EXACT_REFERENCE || ret->kind == IDENTITY_EXACT_REPOSITORY)
		return parse_reference(json, ret, err);
	return check_keys(json, known, err);
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

/* The four ways to name keys: NAMEPath, NAMEPaths, NAMEData, NAMEDatas. */
struct key_source {
	const char *key;
	bool is_data, is_list;
};

static int add_key(struct policy_keys *keys, const json_t *value, const struct key_source *source,
		   struct err *err)
{
	const char *text = json_string_value(value);
	cleanup_strbuf struct strbuf bytes = STRBUF_INIT;

	if (str_is_empty(text))
		return wrong(err, "a text is missing:", source->key);
	if (source->is_data && (!base64_decode(text, &bytes) || bytes.length == 0))
		return wrong(err, "this is no base64:", source->key);
	strv_add(source->is_data ? &keys->datas : &keys->paths, text);
	return 0;
}

/* How many of the ways were used; -1 with err. */
static int parse_keys(const json_t *json, const struct key_source *sources, size_t count,
		      struct policy_keys *keys, struct err *err)
{
	int used = 0;

	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(json, sources[i].key);

		if (value == NULL)
			continue;
		used++;
		if (!sources[i].is_list) {
			if (add_key(keys, value, &sources[i], err) < 0)
				return -1;
			continue;
		}
		if (!json_is_array(value) || json_array_size(value) == 0 ||
		    json_array_size(value) > KEYS_MAX)
			return wrong(err, "there is no list of 1 to 64 keys at", sources[i].key);
		for (size_t k = 0; k < json_array_size(value); k++) {
			if (add_key(keys, json_array_get(value, k), &sources[i], err) < 0)
				return -1;
		}
	}
	return used;
}

static int parse_gpg(const json_t *json, struct policy_requirement *ret, struct err *err)
{
	static const char *const known[] = { "type",	"keyType",	  "keyPath", "keyPaths",
					     "keyData", "signedIdentity", NULL };
	static const struct key_source sources[] = {
		{ "keyPath", false, false },
		{ "keyPaths", false, true },
		{ "keyData", true, false },
	};
	int used;

	ret->kind = REQUIRE_GPG;
	if (check_keys(json, known, err) < 0)
		return -1;
	if (!str_equal(json_get_string(json, "", "keyType", NULL), "GPGKeys"))
		return wrong(err, "signedBy has an unknown keyType: it must be", "GPGKeys");
	used = parse_keys(json, sources, ARRAY_SIZE(sources), &ret->keys, err);
	if (used < 0)
		return -1;
	if (used != 1)
		return wrong(err, "exactly one of keyPath, keyPaths and keyData belongs into",
			     "signedBy");
	return parse_identity(json_object_get(json, "signedIdentity"), &ret->identity, err);
}

static int parse_sigstore(const json_t *json, struct policy_requirement *ret, struct err *err)
{
	static const char *const known[] = { "type",
					     "keyPath",
					     "keyPaths",
					     "keyData",
					     "keyDatas",
					     "fulcio",
					     "pki",
					     "rekorPublicKeyPath",
					     "rekorPublicKeyPaths",
					     "rekorPublicKeyData",
					     "rekorPublicKeyDatas",
					     "signedIdentity",
					     NULL };
	static const struct key_source sources[] = {
		{ "keyPath", false, false },
		{ "keyPaths", false, true },
		{ "keyData", true, false },
		{ "keyDatas", true, true },
	};
	static const struct key_source rekor_sources[] = {
		{ "rekorPublicKeyPath", false, false },
		{ "rekorPublicKeyPaths", false, true },
		{ "rekorPublicKeyData", true, false },
		{ "rekorPublicKeyDatas", true, true },
	};
	static const char *const unknown_means[] = { "fulcio", "pki" };
	int used, rekor_used;

	ret->kind = REQUIRE_SIGSTORE;
	if (check_keys(json, known, err) < 0)
		return -1;
	used = parse_keys(json, sources, ARRAY_SIZE(sources), &ret->keys, err);
	rekor_used = used < 0 ? -1
			      : parse_keys(json, rekor_sources, ARRAY_SIZE(rekor_sources),
					   &ret->rekor_keys, err);
	if (rekor_used < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(unknown_means); i++) {
		const json_t *value = json_object_get(json, unknown_means[i]);

		if (value == NULL)
			continue;
		if (!json_is_object(value))
			return wrong(err, "there is no object at", unknown_means[i]);
		used++;
		ret->kind = REQUIRE_UNKNOWN_MEANS;
		ret->means = unknown_means[i];
	}
	if (used != 1)
		return wrong(err,
			     "exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki "
			     "belongs into",
			     "sigstoreSigned");
	if (rekor_used > 1)
		return wrong(err, "at most one list of Rekor's keys belongs into",
			     "sigstoreSigned");
	return parse_identity(json_object_get(json, "signedIdentity"), &ret->identity, err);
}

int policy_parse_requirement(const json_t *json, struct policy_requirement *ret, struct err *err)
{
	static const char *const known[] = { "type", NULL };
	const char *type = json_get_string(json, "", "type", NULL);

	if (str_equal(type, "signedBy"))
		return parse_gpg(json, ret, err);
	if (str_equal(type, "sigstoreSigned"))
		return parse_sigstore(json, ret, err);
	if (str_equal(type, "reject"))
		ret->kind = REQUIRE_REJECT;
	else if (str_equal(type, "insecureAcceptAnything"))
		ret->kind = REQUIRE_NOTHING;
	else
		return wrong(err, "there is a requirement of the unknown type", type);
	return check_keys(json, known, err);
}

void policy_requirement_release(struct policy_requirement *requirement)
{
	strv_release(&requirement->keys.paths);
	strv_release(&requirement->keys.datas);
	strv_release(&requirement->rekor_keys.paths);
	strv_release(&requirement->rekor_keys.datas);
	free(requirement->identity.reference);
	free(requirement->identity.signed_prefix);
	*requirement = (struct policy_requirement){ .kind = REQUIRE_REJECT };
}
