/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/login.c - credentials into the auth file, and out of it
 *
 * The file is podman's auth.json, which skopeo and buildah read too; whatever else is in it stays. It is published whole, for its owner
 * only (R18). Nothing is written before the registry has taken the credentials.
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/image/auth.h"
#include "engine/image/pull_private.h"

/* ---- names ----------------------------------------------------------------------------------------------------------- */

/* What is written as the key: "https://a.test/" is "a.test". ERR_USAGE. Yours. */
static char *clean_registry(const char *text, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	const char *start = str_after(text, "https://") ?: str_after(text, "http://") ?: text;
	cleanup_free char *key = xstrdup(start);
	cleanup_free char *whole = NULL;

	while (str_ends_with(key, "/"))
		key[strlen(key) - 1] = '\0';
	whole = xasprintf("%s/x", key);
	if (image_ref_parse(whole, &ref, err) < 0 || ref.registry == NULL) {
		err_set(err, ERR_USAGE, "'%s' is no registry: it is HOST[:PORT]", text);
		return NULL;
	}
	return TAKE_PTR(key);
}

/* ---- the file -------------------------------------------------------------------------------------------------------- */

struct auth_file {
	char *path;
	int dir_fd;
	const char *name;
	json_t *json;
};

static void auth_file_release(struct auth_file *file)
{
	fd_close(&file->dir_fd);
	json_decref(file->json);
	free(file->path);
}

static char *file_path(const char *authfile)
{
	const char *explicit_file = authfile != NULL ? authfile : getenv("REGISTRY_AUTH_FILE");
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (!str_is_empty(explicit_file))
		return xstrdup(explicit_file);
	if (!str_is_empty(run))
		return xasprintf("%s/containers/auth.json", run);
	return user_config_path("containers/auth.json");
}

static int open_directory(const char *path, struct err *err)
{
	cleanup_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int fd;

	if (slash == NULL)
		return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '\0';
	if (*dir != '\0' && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make directory '%s'", dir);
	fd = open(*dir != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open directory '%s'", dir) : fd;
}

static int read_file(const char *authfile, struct auth_file *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *slash;
	int status;

	*ret = (struct auth_file){ .path = file_path(authfile), .dir_fd = -1 };
	slash = strrchr(ret->path, '/');
	ret->name = slash != NULL ? slash + 1 : ret->path;
	ret->dir_fd = open_directory(ret->path, err);
	if (ret->dir_fd < 0)
		return -1;
	status = fd_read_file(ret->dir_fd, ret->name, &text, JSON_LIMIT_BYTES);
	if (status == -ENOENT || (status == 0 && text.length == 0)) {
		ret->json = json_object();
		return 0;
	}
	if (status < 0)
		return err_sys(err, -status, "cannot read auth file '%s'", ret->path);
	ret->json = json_parse(text.data, text.length, ret->path, err);
	explicit_bzero(text.data, text.length);
	if (ret->json != NULL && !json_is_object(ret->json))
		return err_set(err, ERR_CORRUPT, "auth file '%s' is no JSON object", ret->path);
	return ret->json != NULL ? 0 : -1;
}

static int write_file(const struct auth_file *file, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status;

	json_print(file->json, 4, &text);
	strbuf_addc(&text, '\n');
	status = record_publish_raw(file->dir_fd, file->name, text.data, text.length, 0600, 0, err);
	explicit_bzero(text.data, text.length);
	return status < 0 ? err_wrap(err, "cannot write auth file '%s'", file->path) : 0;
}

/* The object "auths", made if it is not there. */
static json_t *auths_of(const struct auth_file *file)
{
	if (!json_is_object(json_object_get(file->json, "auths")))
		json_put(file->json, "auths", json_object());
	return json_object_get(file->json, "auths");
}

/* ---- the registry ---------------------------------------------------------------------------------------------------- */

static int ask_registry(struct engine *engine, const char *key, const struct login_opts *opts,
			struct err *err)
{
	cleanup_free char *text = xasprintf("%s/x", key);
	cleanup_free char *creds = xasprintf("%s:%s", opts->username, opts->password);
	const struct image_pull_opts pull = { .creds = creds,
					      .cert_dir = opts->cert_dir,
					      .tls_verify = opts->tls_verify,
					      .retry = -1 };
	cleanup_registries struct registries *registries = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_json json_t *request = NULL;
	struct pull_result result = { .tags = STRV_INIT };
	json_t *source = NULL;
	int status = -1;

	if (image_ref_parse(text, &ref, err) == 0 &&
	    registries_load(engine->options.registries_conf, &registries, err) == 0 &&
	    pull_registry_itself(registries, &ref, &pull, &source, err) == 0) {
		/* the registry itself, and no repository of it */
		json_put_string(json_array_get(json_object_get(source, "endpoints"), 0), "path",
				"");
		status = pull_request(engine, "login", source, &pull, &request, err);
	}
	if (status == 0)
		status = pull_run(engine, request, NULL, NULL, &result, err);
	explicit_bzero(creds, strlen(creds));
	return status;
}

int registry_login(struct engine *engine, const char *registry, const struct login_opts *opts,
		   char **ret_file, struct err *err)
{
	cleanup_free char *key = clean_registry(registry, err);
	cleanup_strbuf struct strbuf plain = STRBUF_INIT, encoded = STRBUF_INIT;
	struct auth_file file = { .dir_fd = -1 };
	json_t *entry = json_object();
	int status;

	if (key == NULL || str_is_empty(opts->username) || strchr(opts->username, ':') != NULL) {
		json_decref(entry);
		return key == NULL ? -1
				   : err_set(err, ERR_USAGE,
					     "invalid user name: it is empty, or has a colon");
	}
	status = ask_registry(engine, key, opts, err);
	if (status == 0)
		status = read_file(opts->authfile, &file, err);
	if (status == 0 && json_get_string(file.json, NULL, "credHelpers", key, NULL) != NULL) {
		err_set(err, ERR_UNSUPPORTED,
			"auth file '%s' leaves the credentials of '%s' to a helper", file.path,
			key);
		status = err_hint(err, "Give them to the helper, or use another --authfile.");
	}
	if (status == 0) {
		strbuf_addf(&plain, "%s:%s", opts->username, opts->password);
		base64_encode(plain.data, plain.length, &encoded);
		json_put_string(entry, "auth", encoded.data);
		json_object_set(auths_of(&file), key, entry);
		status = write_file(&file, err);
		explicit_bzero(plain.data, plain.length);
		explicit_bzero(encoded.data, encoded.length);
	}
	if (status == 0)
		*ret_file = xstrdup(file.path);
	json_decref(entry);
	auth_file_release(&file);
	return status < 0 ? err_wrap(err, "cannot log in to '%s'", registry) : 0;
}

char *registry_login_name(struct engine *engine, const char *registry,
			  const struct login_opts *opts, struct err *err)
{
	cleanup_free char *key = clean_registry(registry, err);
	const struct image_pull_opts pull = { .authfile = opts->authfile };
	struct credentials credentials = { 0 };
	char *name = NULL;

	if (key == NULL || credentials_find(&pull, key, "", &credentials, err) < 0)
		return NULL;
	if (credentials.username != NULL)
		name = xstrdup(credentials.username);
	else
		err_set(err, ERR_NOT_FOUND, "not logged into %s", registry);
	credentials_release(&credentials);
	return name;
}

int registry_logout(struct engine *engine, const char *registry, const char *authfile,
		    struct err *err)
{
	struct auth_file file = { .dir_fd = -1 };
	cleanup_free char *key = registry != NULL ? clean_registry(registry, err) : NULL;
	int status;

	if (registry != NULL && key == NULL)
		return -1;
	status = read_file(authfile, &file, err);
	if (status == 0 && registry == NULL)
		json_object_clear(auths_of(&file));
	else if (status == 0 && json_object_del(auths_of(&file), key) < 0)
		status = err_set(err, ERR_NOT_FOUND, "not logged into %s", registry);
	if (status == 0)
		status = write_file(&file, err);
	auth_file_release(&file);
	return status;
}
