/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/trust_show.c - policy.json as a table
 */
#include "engine/signatures.h"

#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/image/policy.h"
#include "engine/image/registries_d.h"
#include "engine/image/signature_ask.h"

static const char *const type_words[] = {
	[REQUIRE_NOTHING] = "accept",
	[REQUIRE_REJECT] = "reject",
	[REQUIRE_GPG] = "signed",
	[REQUIRE_SIGSTORE] = "sigstoreSigned",
	[REQUIRE_UNKNOWN_MEANS] = "sigstoreSigned",
};

/* Where signatures of a scope are, if somebody has said so; yours, or NULL. */
static char *storage_of(const char *scope)
{
	cleanup_signature_storage struct signature_storage storage = { 0 };
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_free char *text =
		strchr(scope, '/') != NULL ? xstrdup(scope) : xasprintf("%s/x", scope);
	struct err
		ignored; /* a wildcard, or a file that pull complains of: the row has no storage */

	if (image_ref_parse(text, &ref, &ignored) < 0 || ref.registry == NULL ||
	    signature_storage_find(&ref, &storage, &ignored) < 0 || !storage.configured)
		return NULL;
	return xstrdup(storage.read_url);
}

/* Whose keys they are. A key that cannot be read is no reason to show nothing. */
static void add_ids(struct engine *engine, const struct policy_requirement *requirement,
		    json_t *row)
{
	cleanup_json json_t *request = json_object(), *answer = NULL;
	cleanup_strv struct strv ids = STRV_INIT;
	json_t *keys = json_from_strv(&requirement->keys.datas);
	const json_t *described;
	struct err err;

	for (size_t i = 0; i < requirement->keys.paths.count; i++) {
		json_t *key = signature_key_file(requirement->keys.paths.items[i], &err);

		if (key != NULL)
			json_array_append_new(keys, key);
		else
			engine_warn(engine, "%s", err.msg);
	}
	json_put_string(request, "op", "describe-keys");
	json_put(request, "keys", keys);
	if (signature_ask_with_home(engine, request, &answer, &err) < 0) {
		engine_warn(engine, "%s", err.msg);
		return;
	}
	described = json_object_get(answer, "keys");
	for (size_t i = 0; i < json_array_size(described); i++)
		(void)json_get_strv(json_array_get(described, i), "ids", &ids);
	cleanup_free char *joined = strv_join(&ids, ", ");
	json_put(row, "gpg_id", json_text(joined));
}

static json_t *row_of(struct engine *engine, const struct policy_rules *rules,
		      const struct policy_requirement *requirement)
{
	json_t *row = json_object();
	bool is_docker = rules->transport != NULL && str_equal(rules->transport, "docker");
	cleanup_free char *storage = is_docker ? storage_of(rules->scope) : NULL;

	json_put_string(row, "transport",
			rules->transport == NULL ? "all"
			: is_docker		 ? "repository"
						 : rules->transport);
	json_put(row, "name", json_text(rules->scope == NULL ? "* (default)" : rules->scope));
	json_put(row, "repo_name", json_text(rules->scope == NULL ? "default" : rules->scope));
	json_put_string(row, "type", type_words[requirement->kind]);
	if (storage != NULL)
		json_put(row, "sigstore", json_text(storage));
	if (requirement->keys.paths.count > 0)
		json_put_strv(row, "keys", &requirement->keys.paths);
	if (requirement->kind == REQUIRE_GPG)
		add_ids(engine, requirement, row);
	else if (requirement->kind == REQUIRE_SIGSTORE)
		json_put_string(row, "gpg_id", "N/A");
	return row;
}

static int compare_rules(const void *a, const void *b)
{
	const struct policy_rules *left = a, *right = b;
	bool left_is_docker, right_is_docker;

	if (left->transport == NULL || right->transport == NULL)
		return (left->transport != NULL) - (right->transport != NULL);
	left_is_docker = str_equal(left->transport, "docker");
	right_is_docker = str_equal(right->transport, "docker");
	if (left_is_docker != right_is_docker)
		return left_is_docker - right_is_docker;
	return strcmp(left->transport, right->transport) ?: strcmp(left->scope, right->scope);
}

int trust_show(struct engine *engine, const char *scope, json_t **ret_rows, struct err *err)
{
	cleanup_policy struct policy *policy = NULL;

	if (policy_load(engine->options.policy_file, &policy, err) < 0)
		return -1;
	if (policy->count > 0)
		qsort(policy->rules, policy->count, sizeof(*policy->rules), compare_rules);
	*ret_rows = json_array();
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rules *rules = &policy->rules[i];

		if (scope != NULL && !str_equal(scope, rules->scope ?: "default"))
			continue;
		for (size_t k = 0; k < rules->count; k++)
			json_array_append_new(*ret_rows, row_of(engine, rules, &rules->items[k]));
	}
	if (scope == NULL || json_array_size(*ret_rows) > 0)
		return 0;
	json_decref(*ret_rows);
	err_set(err, ERR_NOT_FOUND, "policy.json has no rules for '%s'", scope);
	return err_hint(err, "'image trust show' shows all rules.");
}

int trust_show_raw(struct engine *engine, struct strbuf *ret_text, struct err *err)
{
	cleanup_policy struct policy *policy = NULL;
	int status;

	if (policy_load(engine->options.policy_file, &policy, err) < 0)
		return -1;
	if (policy->file == NULL)
		return err_set(err, ERR_NOT_FOUND, "there is no policy file: all images come in");
	status = fd_read_file(AT_FDCWD, policy->file, ret_text, JSON_LIMIT_BYTES);
	return status < 0 ? err_sys(err, -status, "cannot read '%s'", policy->file) : 0;
}
