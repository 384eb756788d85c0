/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/policy.c - policy.json: which images may come in
 */
#include "engine/image/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/image/registries.h"

#define SYSTEM_FILE "/etc/containers/policy.json"

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
		char *colon = strrchr(copy, ':');
		char *dot = NULL;

		strv_add(ret_scopes, name);
		if (at != NULL)
			*at = '\0';
		else if (colon != NULL && strchr(colon, '/') == NULL)
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

static int wrong(const char *file, const char *what, struct err *err)
{
	return err_set(err, ERR_DENIED, "policy file '%s' cannot be understood: %s", file, what);
}

static int check_requirement(const json_t *requirement, const char *file, const char *name,
			     struct err *err)
{
	const char *type = json_get_string(requirement, "", "type", NULL);

	if (str_equal(type, "insecureAcceptAnything"))
		return 0;
	if (str_equal(type, "reject"))
		return err_set(err, ERR_DENIED, "image '%s' is rejected by policy '%s'", name,
			       file);
	if (str_equal(type, "signedBy") || str_equal(type, "sigstoreSigned"))
		return err_set(
			err, ERR_UNSUPPORTED,
			"policy '%s' demands a signature of image '%s', and signatures cannot be "
			"checked",
			file, name);
	return wrong(file, "there is a requirement of an unknown type", err);
}

/* All of a list must hold; an empty list holds nothing. */
static int check_requirements(const json_t *list, const char *file, const char *name,
			      struct err *err)
{
	if (!json_is_array(list) || json_array_size(list) == 0)
		return wrong(file, "there is an empty list of requirements", err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (check_requirement(json_array_get(list, i), file, name, err) < 0)
			return -1;
	}
	return 0;
}

/* Other keys would be rules that we do not know. */
static int check_keys(const json_t *policy, const char *file, struct err *err)
{
	const char *key = NULL;
	json_t *value = NULL;

	json_object_foreach ((json_t *)policy, key, value) {
		if (!str_equal(key, "default") && !str_equal(key, "transports"))
			return wrong(file, "there is an unknown key", err);
	}
	if (json_object_get(policy, "default") == NULL)
		return wrong(file, "there is no default", err);
	value = json_object_get(policy, "transports");
	if (value != NULL && !json_is_object(value))
		return wrong(file, "transports is no object", err);
	return 0;
}

int policy_check_text(const char *text, size_t length, const char *file, const char *transport,
		      const char *name, struct err *err)
{
	cleanup_json json_t *policy = json_parse(text, length, file, err);
	cleanup_strv struct strv scopes = STRV_INIT;
	const json_t *rules = NULL;

	if (policy == NULL) {
		err->kind = ERR_DENIED;
		return err_wrap(err, "policy file '%s' cannot be understood", file);
	}
	if (check_keys(policy, file, err) < 0)
		return -1;
	rules = json_at(policy, "transports", transport, NULL);
	policy_scopes(transport, name, &scopes);
	for (size_t i = 0; i < scopes.count; i++) {
		const json_t *list = json_object_get(rules, scopes.items[i]);

		if (list != NULL)
			return check_requirements(list, file, name, err);
	}
	return check_requirements(json_object_get(policy, "default"), file, name, err);
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

int policy_check(const char *file, const char *transport, const char *name, struct err *err)
{
	cleanup_free char *user_file = user_config_path("containers/policy.json");
	const char *files[] = { user_file, SYSTEM_FILE };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int found = 0;

	if (file != NULL) {
		found = read_file(file, &text, err);
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "there is no policy file '%s'", file);
		return found < 0 ? -1
				 : policy_check_text(text.data, text.length, file, transport, name,
						     err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		found = read_file(files[i], &text, err);
		if (found < 0)
			return -1;
		if (found > 0)
			return policy_check_text(text.data, text.length, files[i], transport, name,
						 err);
	}
	return 0;
}
