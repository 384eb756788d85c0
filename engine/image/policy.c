/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/policy.c - policy.json: the file, its scopes, and the first answer
 */
#include "engine/image/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image/registries.h"

static void add_parents(struct strv *scopes, char *name)
{
	for (;;) {
		char *slash = strrchr(name, '/');

		strv_add(scopes, name);
		if (slash == NULL || slash == name)
			return;
		*slash = '\0';
	}
}

void policy_scopes(const char *transport, const char *name, struct strv *ret_scopes)
{
	cleanup_free char *copy = xstrdup(name);

	if (str_equal(transport, "docker")) {
		char *at = strchr(copy, '@');
		char *slash, *colon, *dot;

		strv_add(ret_scopes, name);
		if (at != NULL)
			*at = '\0';
		slash = strrchr(copy, '/');
		colon = strchr(slash != NULL ? slash : copy, ':');
		if (colon != NULL)
			*colon = '\0';
		add_parents(ret_scopes, copy);
		/* what is left of copy is the host: a.b.c falls in *.b.c and *.c */
		for (dot = strchr(copy, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
			strv_addf(ret_scopes, "*%s", dot);
	} else {
		add_parents(ret_scopes, copy);
	}
	strv_add(ret_scopes, "");
}

/* ---- the file --------------------------------------------------------------------------------------------------------- */

static void rules_release(struct policy_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		policy_requirement_release(&rules->items[i]);
	free(rules->items);
	free(rules->transport);
	free(rules->scope);
}

void policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	for (size_t i = 0; i < policy->count; i++)
		rules_release(&policy->rules[i]);
	free(policy->rules);
	free(policy->file);
	free(policy);
}

static int misunderstood(const struct policy *policy, struct err *err)
{
	err->kind = ERR_DENIED;
	return err_wrap(err, "policy file '%s' cannot be understood", policy->file);
}

static int wrong(const struct policy *policy, const char *what, struct err *err)
{
	err_set(err, ERR_DENIED, "%s", what);
	return misunderstood(policy, err);
}

static int add_rules(struct policy *policy, const char *transport, const char *scope,
		     const json_t *list, struct err *err)
{
	struct policy_rules *rules;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return wrong(policy, "there is an empty list of requirements", err);
	policy->rules = xreallocarray(policy->rules, policy->count + 1, sizeof(*policy->rules));
	rules = &policy->rules[policy->count++];
	*rules = (struct policy_rules){
		.transport = xstrdup_null(transport),
		.scope = xstrdup_null(scope),
		.items = xcalloc(json_array_size(list), sizeof(*rules->items)),
	};
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct policy_requirement *item = &rules->items[rules->count++];

		if (policy_parse_requirement(json_array_get(list, i), item, err) < 0)
			return misunderstood(policy, err);
	}
	return 0;
}

static int add_transports(struct policy *policy, const json_t *transports, struct err *err)
{
	const char *transport = NULL, *scope = NULL;
	json_t *scopes = NULL, *list = NULL;

	if (transports != NULL && !json_is_object(transports))
		return wrong(policy, "transports is no object", err);
	json_object_foreach ((json_t *)transports, transport, scopes) {
		if (!json_is_object(scopes))
			return wrong(policy, "a transport is no object", err);
		json_object_foreach (scopes, scope, list) {
			if (add_rules(policy, transport, scope, list, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Other keys would be rules that we do not know. */
static int check_keys(const struct policy *policy, const json_t *json, struct err *err)
{
	const char *key = NULL;
	json_t *value = NULL;

	json_object_foreach ((json_t *)json, key, value) {
		if (!str_equal(key, "default") && !str_equal(key, "transports"))
			return wrong(policy, "there is an unknown key", err);
	}
	if (json_object_get(json, "default") == NULL)
		return wrong(policy, "there is no default", err);
	return 0;
}

int policy_parse(const char *text, size_t length, const char *file, struct policy **ret_policy,
		 struct err *err)
{
	cleanup_policy struct policy *policy = xcalloc(1, sizeof(*policy));
	cleanup_json json_t *json = json_parse(text, length, "it", err);

	policy->file = xstrdup(file);
	if (json == NULL)
		return misunderstood(policy, err);
	if (check_keys(policy, json, err) < 0 ||
	    add_rules(policy, NULL, NULL, json_object_get(json, "default"), err) < 0 ||
	    add_transports(policy, json_object_get(json, "transports"), err) < 0)
		return -1;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

/* 1 read, 0 there is none, -1 */
static int read_file(const char *file, struct strbuf *text, struct err *err)
{
	cleanup_fd int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int status = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot open policy file '%s'", file);
	status = fd_read_all(fd, text, JSON_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read policy file '%s'", file);
	return 1;
}

char *policy_user_file(void)
{
	return user_config_path("containers/policy.json");
}

int policy_load(const char *file, struct policy **ret_policy, struct err *err)
{
	cleanup_free char *user_file = policy_user_file();
	const char *files[] = { user_file, POLICY_SYSTEM_FILE };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path = file != NULL ? file : files[i];
		int found = read_file(path, &text, err);

		if (found < 0)
			return -1;
		if (found > 0)
			return policy_parse(text.data, text.length, path, ret_policy, err);
		if (file != NULL)
			return err_set(err, ERR_NOT_FOUND, "there is no policy file '%s'", file);
	}
	*ret_policy = xcalloc(1, sizeof(**ret_policy));
	return 0;
}

/* ---- questions -------------------------------------------------------------------------------------------------------- */

const struct policy_rules *policy_find(const struct policy *policy, const char *transport,
				       const char *name)
{
	cleanup_strv struct strv scopes = STRV_INIT;

	if (policy->count == 0)
		return NULL;
	policy_scopes(transport, name, &scopes);
	for (size_t i = 0; i < scopes.count; i++) {
		/* the first is the default */
		for (size_t k = 1; k < policy->count; k++) {
			if (str_equal(policy->rules[k].transport, transport) &&
			    str_equal(policy->rules[k].scope, scopes.items[i]))
				return &policy->rules[k];
		}
	}
	return &policy->rules[0];
}

int policy_allows(const struct policy *policy, const struct policy_rules *rules, const char *name,
		  struct err *err)
{
	int status = 1;

	for (size_t i = 0; rules != NULL && i < rules->count; i++) {
		switch (rules->items[i].kind) {
		case REQUIRE_NOTHING:
			break;
		case REQUIRE_GPG:
		case REQUIRE_SIGSTORE:
			status = 0;
			break;
		case REQUIRE_UNKNOWN_MEANS:
			err_set(err, ERR_UNSUPPORTED,
				"policy '%s' demands a signature of image '%s' that is checked by "
				"'%s', which dhow does not do",
				policy->file, name, rules->items[i].means);
			return err_hint(err, "Name the signer's public key there: keyPath.");
		default:
			return err_set(err, ERR_DENIED, "image '%s' is rejected by policy '%s'",
				       name, policy->file);
		}
	}
	return status;
}
