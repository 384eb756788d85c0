/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/trust.c - have the signatures of an image checked, and decide
 *
 * The helper says which signatures are good, and what they say; whether that is about this image, and enough, is decided here. Each
 * requirement must be met by one signature, and one signature may meet several. Everything that is not understood meets nothing.
 */
#include "engine/image/trust.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image/policy.h"
#include "engine/image/registries_d.h"
#include "engine/image/signature.h"
#include "engine/image/signature_ask.h"

void trust_release(struct trust *trust)
{
	policy_free(trust->policy);
	free(trust->name);
	*trust = (struct trust)TRUST_INIT;
}

int trust_open(const struct engine *engine, const char *transport, const char *name,
	       struct trust *ret, struct err *err)
{
	cleanup_trust struct trust trust = TRUST_INIT;
	int allowed;

	if (policy_load(engine->options.policy_file, &trust.policy, err) < 0)
		return -1;
	trust.rules = policy_find(trust.policy, transport, name);
	trust.name = xstrdup(name);
	allowed = policy_allows(trust.policy, trust.rules, name, err);
	if (allowed < 0)
		return -1;
	trust.needs_signatures = allowed == 0;
	*ret = trust;
	trust = (struct trust)TRUST_INIT;
	return 0;
}

static int has_no_signature(const struct trust *trust, const char *why, struct err *err)
{
	return err_set(err, ERR_DENIED, "image '%s' lacks a signature that policy '%s' demands: %s",
		       trust->name, trust->policy->file, why);
}

int trust_open_without_signatures(const struct engine *engine, const char *transport,
				  const char *name, struct err *err)
{
	cleanup_trust struct trust trust = TRUST_INIT;

	if (trust_open(engine, transport, name, &trust, err) < 0)
		return -1;
	return trust.needs_signatures ? has_no_signature(&trust, "there is none in it", err) : 0;
}

/* ---- what there is ---------------------------------------------------------------------------------------------------- */

static int read_lookaside(const char *directory, const struct image_ref *ref,
			  struct pull_result *found, struct err *err)
{
	if (found->signatures == NULL)
		found->signatures = json_array();
	if (lookaside_read(directory, ref, &found->manifest, found->signatures, err) < 0)
		return -1;
	return digest_is_set(&found->index)
		       ? lookaside_read(directory, ref, &found->index, found->signatures, err)
		       : 0;
}

/* Where the signatures of a repository are, for transfer. */
static json_t *signatures_request(const struct image_ref *ref,
				  const struct signature_storage *storage, bool is_local)
{
	json_t *json = json_object();
	cleanup_free char *url = ref != NULL && !is_local
					 ? xasprintf("%s/%s", storage->read_url, ref->path)
					 : xstrdup("");

	json_put_string(json, "lookaside", url);
	json_put_bool(json, "attachments", storage->attachments);
	return json;
}

int trust_collect(struct engine *engine, const struct image_ref *ref, const json_t *source,
		  const struct image_pull_opts *opts, struct pull_result *ret, struct err *err)
{
	cleanup_signature_storage struct signature_storage storage = { 0 };
	cleanup_json json_t *request = NULL;
	cleanup_free char *directory = NULL;

	if (ref != NULL && signature_storage_find(ref, &storage, err) < 0)
		return -1;
	if (ref != NULL)
		directory = signature_storage_directory(storage.read_url);
	if (pull_request(engine, "signatures", json_deep_copy(source), opts, &request, err) < 0)
		return -1;
	json_put(request, "signatures", signatures_request(ref, &storage, directory != NULL));
	if (pull_run(engine, request, NULL, NULL, ret, err) < 0)
		return -1;
	if (!digest_is_set(&ret->manifest))
		return err_set(err, ERR_FAILED, "'transfer' gives no manifest");
	return directory != NULL ? read_lookaside(directory, ref, ret, err) : 0;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

static json_t *keys_of(const struct policy_keys *keys, struct err *err)
{
	json_t *list = json_from_strv(&keys->datas);

	for (size_t i = 0; i < keys->paths.count; i++) {
		const char *path = keys->paths.items[i];
		json_t *key = NULL;

		/* what is trusted must not depend on where somebody stands */
		if (*path != '/')
			err_set(err, ERR_DENIED, "key file '%s' is not named by its whole path",
				path);
		else
			key = signature_key_file(path, err);
		if (key == NULL) {
			err->kind = ERR_DENIED;
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, key);
	}
	return list;
}

static int add_check(json_t *checks, const struct policy_requirement *requirement, struct err *err)
{
	json_t *check = json_object();
	json_t *keys = keys_of(&requirement->keys, err);
	json_t *rekor = keys != NULL ? keys_of(&requirement->rekor_keys, err) : NULL;

	json_array_append_new(checks, check);
	json_put_string(check, "type", requirement->kind == REQUIRE_GPG ? "gpg" : "sigstore");
	if (keys != NULL)
		json_put(check, "keys", keys);
	if (rekor == NULL)
		return -1;
	json_put(check, "rekorKeys", rekor);
	return 0;
}

static bool is_signature_demand(const struct policy_requirement *requirement)
{
	return requirement->kind == REQUIRE_GPG || requirement->kind == REQUIRE_SIGSTORE;
}

static int ask(struct engine *engine, const struct trust *trust, json_t *signatures,
	       json_t **ret_answer, struct err *err)
{
	cleanup_json json_t *request = json_object();
	json_t *checks = json_array();

	json_put_string(request, "op", "verify");
	json_put(request, "checks", checks);
	json_object_set(request, "signatures", signatures);
	for (size_t i = 0; i < trust->rules->count; i++) {
		if (is_signature_demand(&trust->rules->items[i]) &&
		    add_check(checks, &trust->rules->items[i], err) < 0)
			return err_wrap(err, "policy '%s' cannot be applied", trust->policy->file);
	}
	return signature_ask_with_home(engine, request, ret_answer, err);
}

/* ---- the decision ----------------------------------------------------------------------------------------------------- */

/* One signature, one requirement: empty why when it meets it. */
static bool meets(const struct policy_requirement *requirement, const json_t *result,
		  const struct image_ref *ref, const struct pull_result *found, struct strbuf *why)
{
	const char *reason = json_get_string(result, "it cannot be checked", "why", NULL);
	const char *reference = json_get_string(result, "", "reference", NULL);
	const char *digest = json_get_string(result, "", "digest", NULL);

	if (*reason != '\0') {
		strbuf_add_escaped(why, reason);
		return false;
	}
	if (*digest == '\0' ||
	    (!str_equal(digest, found->manifest.text) && !str_equal(digest, found->index.text))) {
		strbuf_adds(why, "it is of another manifest: ");
		strbuf_add_escaped(why, digest);
		return false;
	}
	if (!policy_identity_matches(&requirement->identity, ref, reference)) {
		strbuf_adds(why, "it is for '");
		strbuf_add_escaped(why, reference);
		strbuf_adds(why, "'");
		return false;
	}
	return true;
}

static int decide_one(const struct trust *trust, const struct policy_requirement *requirement,
		      const json_t *results, const struct image_ref *ref,
		      const struct pull_result *found, struct err *err)
{
	size_t count = json_array_size(found->signatures);
	cleanup_strbuf struct strbuf whys = STRBUF_INIT;

	/* an answer for each signature, or something is wrong with the answer */
	if (json_array_size(results) != count)
		return err_set(err, ERR_FAILED, "'signature' says something that makes no sense");
	for (size_t i = 0; i < count; i++) {
		cleanup_strbuf struct strbuf why = STRBUF_INIT;

		if (meets(requirement, json_array_get(results, i), ref, found, &why))
			return 0;
		if (whys.length < ERR_MSG_MAX / 2)
			strbuf_addf(&whys, "%ssignature %zu: %s", i > 0 ? "; " : "", i + 1,
				    why.data);
	}
	return has_no_signature(trust, count > 0 ? whys.data : "there is none", err);
}

static int decide(const struct trust *trust, const json_t *answer, const struct image_ref *ref,
		  const struct pull_result *found, struct err *err)
{
	const json_t *lists = json_object_get(answer, "results");
	size_t number = 0;

	for (size_t i = 0; i < trust->rules->count; i++) {
		const struct policy_requirement *requirement = &trust->rules->items[i];

		if (is_signature_demand(requirement) &&
		    decide_one(trust, requirement, json_array_get(lists, number++), ref, found,
			       err) < 0)
			return -1;
	}
	/* nobody has asked for a decision when nothing was demanded */
	return number > 0 ? 0 : err_set(err, ERR_DENIED, "no signature was checked");
}

/* The same signatures are asked of any endpoint: the digest says what comes. */
static void pin(const struct trust *trust, json_t *source)
{
	json_put_string(source, "digest",
			digest_is_set(&trust->index) ? trust->index.text : trust->manifest.text);
}

int trust_check(struct engine *engine, struct trust *trust, const struct image_ref *ref,
		json_t *source, const struct image_pull_opts *opts, struct err *err)
{
	struct pull_result found = { .tags = STRV_INIT };
	cleanup_json json_t *answer = NULL;
	int status = trust_collect(engine, ref, source, opts, &found, err);

	if (status == 0)
		status = json_array_size(found.signatures) == 0
				 ? has_no_signature(trust, "there is none", err)
				 : ask(engine, trust, found.signatures, &answer, err);
	if (status == 0)
		status = decide(trust, answer, ref, &found, err);
	if (status == 0) {
		trust->manifest = found.manifest;
		trust->index = found.index;
		trust->checked = true;
		pin(trust, source);
	}
	pull_result_release(&found);
	return status;
}

int trust_holds(const struct trust *trust, const struct digest *manifest, struct err *err)
{
	if (!trust->needs_signatures)
		return 0;
	if (!trust->checked || !digest_equal(&trust->manifest, manifest))
		return err_set(err, ERR_DENIED, "image '%s' changed while it was pulled: '%s'",
			       trust->name, manifest->text);
	return 0;
}
