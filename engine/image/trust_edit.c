/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/trust_edit.c - change policy.json: trust set, trust add
 *
 * The user's file is written (the system's by root, as long as root has none of its own). Where there is none yet it begins as a copy of the
 * one that counts, because it takes that one's place. The whole new text must be a policy before it becomes the file.
 */
#include "engine/signatures.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/image/policy.h"
#include "engine/image/registries_d.h"
#include "engine/image/signature_ask.h"

#define NEW_POLICY "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}"

/* ---- the file --------------------------------------------------------------------------------------------------------- */

struct edit {
	char *path;
	int dir_fd; /* locked */
	json_t *json;
};
#define EDIT_INIT                                                                                  \
	{                                                                                          \
		NULL, -1, NULL                                                                     \
	}

static void edit_release(struct edit *edit)
{
	free(edit->path);
	fd_close(&edit->dir_fd);
	json_decref(edit->json);
}
#define cleanup_edit __attribute__((cleanup(edit_release)))

/* Which file is written; yours. */
static char *path_to_write(const struct engine *engine)
{
	cleanup_free char *user_file = policy_user_file();

	if (engine->options.policy_file != NULL)
		return realpath(engine->options.policy_file, NULL)
			       ?: xstrdup(engine->options.policy_file);
	if (geteuid() == 0 && access(user_file, F_OK) < 0)
		return xstrdup(POLICY_SYSTEM_FILE);
	return TAKE_PTR(user_file);
}

static int open_directory(struct edit *edit, struct err *err)
{
	cleanup_free char *dir = xstrdup(edit->path);
	char *slash = strrchr(dir, '/');

	if (*edit->path != '/')
		return err_set(err, ERR_USAGE, "policy file '%s' is not named by its whole path",
			       edit->path);
	slash[slash == dir] = '\0';
	edit->dir_fd = path_make_dirs(dir, 0755);
	if (edit->dir_fd < 0)
		return err_sys(err, -edit->dir_fd, "cannot open directory '%s'", dir);
	/* two commands at once must not lose a rule */
	if (flock(edit->dir_fd, LOCK_EX) < 0)
		return err_sys(err, errno, "cannot lock directory '%s'", dir);
	return 0;
}

static int edit_open(const struct engine *engine, struct edit *edit, struct err *err)
{
	cleanup_policy struct policy *policy = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status;

	edit->path = path_to_write(engine);
	if (open_directory(edit, err) < 0 ||
	    policy_load(engine->options.policy_file, &policy, err) < 0)
		return -1;
	status = policy->file != NULL
			 ? fd_read_file(AT_FDCWD, policy->file, &text, JSON_LIMIT_BYTES)
			 : 0;
	if (status < 0)
		return err_sys(err, -status, "cannot read '%s'", policy->file);
	if (policy->file == NULL)
		strbuf_adds(&text, NEW_POLICY);
	edit->json = json_parse(text.data, text.length, edit->path, err);
	return edit->json != NULL ? 0 : -1;
}

static int edit_write(const struct edit *edit, struct err *err)
{
	cleanup_policy struct policy *policy = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(edit->json, 4, &text);
	strbuf_addc(&text, '\n');
	if (policy_parse(text.data, text.length, edit->path, &policy, err) < 0)
		return -1;
	return record_publish_raw(edit->dir_fd, strrchr(edit->path, '/') + 1, text.data,
				  text.length, 0644, RECORD_DURABLE, err) < 0
		       ? err_wrap(err, "cannot write policy file '%s'", edit->path)
		       : 0;
}

/* ---- rules ------------------------------------------------------------------------------------------------------------ */

/* "docker.io/library/busybox" for "busybox"; a host, or a name with its registry, stays. Yours, or NULL with err. */
static char *full_scope(const char *text, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_free char *as_host = xasprintf("%s/x", text);
	const char *wildcard = str_after(text, "*.");
	struct err ignored; /* it may be a name, too */
	char *full;

	if (strchr(text, '/') == NULL && strchr(text, '@') == NULL &&
	    image_ref_parse(wildcard != NULL ? as_host + 2 : as_host, &ref, &ignored) == 0 &&
	    ref.registry != NULL)
		return xstrdup(text);
	image_ref_release(&ref);
	if (image_ref_parse(text, &ref, err) < 0)
		return NULL;
	/* docker.io/library is the start of names, not a name in library */
	if (ref.registry != NULL)
		return xstrdup(text);
	full = image_ref_full(&ref, "docker.io");
	if (ref.tag == NULL && !digest_is_set(&ref.digest))
		full[strlen(full) - strlen(":latest")] = '\0';
	return full;
}

static void put_rules(json_t *policy, const char *scope, json_t *list_take)
{
	if (str_equal(scope, "default")) {
		json_put(policy, "default", list_take);
		return;
	}
	if (json_object_get(policy, "transports") == NULL)
		json_put(policy, "transports", json_object());
	if (json_at(policy, "transports", "docker", NULL) == NULL)
		json_put(json_object_get(policy, "transports"), "docker", json_object());
	json_put(json_at(policy, "transports", "docker", NULL), scope, list_take);
}

/* What kind of key each file holds: all the same word, "gpg" or "sigstore". Absolute paths. */
static int look_at_keys(struct engine *engine, const struct strv *files, struct strv *ret_paths,
			bool *ret_gpg, struct err *err)
{
	cleanup_json json_t *request = json_object(), *answer = NULL;
	json_t *keys = json_array();

	json_put_string(request, "op", "describe-keys");
	json_put(request, "keys", keys);
	for (size_t i = 0; i < files->count; i++) {
		json_t *key = signature_key_file(files->items[i], err);
		char *path = key != NULL ? realpath(files->items[i], NULL) : NULL;

		if (key == NULL)
			return -1;
		json_array_append_new(keys, key);
		if (path == NULL)
			return err_sys(err, errno, "cannot read key file '%s'", files->items[i]);
		strv_add_take(ret_paths, path);
	}
	if (signature_ask_with_home(engine, request, &answer, err) < 0)
		return -1;
	for (size_t i = 0; i < files->count; i++) {
		const char *kind = json_get_string(
			json_array_get(json_object_get(answer, "keys"), i), "", "kind", NULL);

		if (*kind == '\0')
			return err_set(err, ERR_USAGE, "there is no public key in '%s'",
				       files->items[i]);
		if (i > 0 && *ret_gpg != str_equal(kind, "gpg"))
			return err_set(err, ERR_USAGE,
				       "a rule has keys of GPG or of sigstore, not of both");
		*ret_gpg = str_equal(kind, "gpg");
	}
	return 0;
}

static json_t *requirement_of(const char *type)
{
	json_t *json = json_object();

	json_put_string(json, "type", type);
	if (str_equal(type, "signedBy"))
		json_put_string(json, "keyType", "GPGKeys");
	return json;
}

/* One requirement per key: all must hold. */
static int rules_for_set(struct engine *engine, const struct trust_set_opts *opts,
			 json_t **ret_list, struct err *err)
{
	const char *type = str_equal(opts->type, "accept") ? "insecureAcceptAnything" : opts->type;
	bool signed_by = str_equal(type, "signedBy");
	cleanup_strv struct strv paths = STRV_INIT;
	cleanup_json json_t *list = json_array();
	bool is_gpg = false;

	if (str_equal(type, "insecureAcceptAnything") || str_equal(type, "reject")) {
		if (opts->keys.count > 0)
			return err_set(err, ERR_USAGE, "no key belongs to the type '%s'",
				       opts->type);
		json_array_append_new(list, requirement_of(type));
		*ret_list = TAKE_PTR(list);
		return 0;
	}
	if (!signed_by && !str_equal(type, "sigstoreSigned"))
		return err_set(err, ERR_USAGE,
			       "invalid --type '%s': it is accept, reject, signedBy or "
			       "sigstoreSigned",
			       opts->type);
	if (opts->keys.count == 0) {
		err_set(err, ERR_USAGE, "at least one public key belongs to the type '%s'", type);
		return err_hint(err, "Use --pubkeysfile.");
	}
	if (look_at_keys(engine, &opts->keys, &paths, &is_gpg, err) < 0)
		return -1;
	if (is_gpg != signed_by)
		return err_set(err, ERR_USAGE,
			       "the keys are not of the kind that the type '%s' has", type);
	for (size_t i = 0; i < paths.count; i++) {
		json_t *json = requirement_of(type);

		json_put(json, "keyPath", json_text(paths.items[i]));
		json_array_append_new(list, json);
	}
	*ret_list = TAKE_PTR(list);
	return 0;
}

static int write_rules(struct engine *engine, const char *scope, json_t *list_take, char **ret_file,
		       struct err *err)
{
	cleanup_edit struct edit edit = EDIT_INIT;

	if (edit_open(engine, &edit, err) < 0) {
		json_decref(list_take);
		return -1;
	}
	put_rules(edit.json, scope, list_take);
	if (edit_write(&edit, err) < 0)
		return -1;
	*ret_file = TAKE_PTR(edit.path);
	return 0;
}

int trust_set(struct engine *engine, const char *scope, const struct trust_set_opts *opts,
	      char **ret_file, struct err *err)
{
	cleanup_free char *full = full_scope(scope, err);
	json_t *list = NULL;

	if (full == NULL || rules_for_set(engine, opts, &list, err) < 0)
		return -1;
	return write_rules(engine, str_equal(scope, "default") ? scope : full, list, ret_file, err);
}

/* ---- add -------------------------------------------------------------------------------------------------------------- */

/* cosign signs a repository, and no tag: nothing stricter could ever hold for what it signs. */
static const char *match_of(const struct trust_add_opts *opts, bool is_gpg)
{
	if (opts->match != NULL)
		return opts->match;
	return identity_kind_name(is_gpg ? IDENTITY_REPO_DIGEST_OR_EXACT : IDENTITY_REPOSITORY);
}

int trust_add(struct engine *engine, const char *scope, const struct trust_add_opts *opts,
	      struct strv *ret_files, struct err *err)
{
	cleanup_free char *full = full_scope(scope, err);
	cleanup_free char *file = NULL, *storage_file = NULL;
	cleanup_strv struct strv paths = STRV_INIT;
	bool is_gpg = false;
	json_t *requirement, *identity, *list;

	if (full == NULL)
		return -1;
	if (opts->keys.count == 0) {
		err_set(err, ERR_USAGE, "whose signatures '%s' is to have was not said", scope);
		return err_hint(err, "Use --key FILE.");
	}
	if (look_at_keys(engine, &opts->keys, &paths, &is_gpg, err) < 0)
		return -1;
	/* first where the signatures are: a rule that nothing could meet is worse than none */
	if (!is_gpg && attachments_enable(full, &storage_file, err) < 0)
		return -1;
	requirement = requirement_of(is_gpg ? "signedBy" : "sigstoreSigned");
	if (paths.count == 1)
		json_put(requirement, "keyPath", json_text(paths.items[0]));
	else
		json_put_strv(requirement, "keyPaths", &paths);
	identity = json_object();
	json_put_string(identity, "type", match_of(opts, is_gpg));
	json_put(requirement, "signedIdentity", identity);
	list = json_array();
	json_array_append_new(list, requirement);
	if (write_rules(engine, full, list, &file, err) < 0)
		return -1;
	strv_add_take(ret_files, TAKE_PTR(file));
	if (storage_file != NULL)
		strv_add_take(ret_files, TAKE_PTR(storage_file));
	return 0;
}
