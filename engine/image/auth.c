/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/auth.c - credentials of registries, from files that people have
 */
#include "engine/image/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/image.h"
#include "engine/image/registries.h"

#define HELPER_PREFIX	   "docker-credential-"
#define HELPER_LIMIT_BYTES (64U << 10)

extern char **environ;

static void free_secret(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_release(struct credentials *credentials)
{
	free(credentials->username);
	credentials->username = NULL;
	free_secret(&credentials->password);
	free_secret(&credentials->identity_token);
}

/* ---- one file ---------------------------------------------------------------------------------------------------------- */

/* Host of an old key such as "https://index.docker.io/v1/"; yours. */
static char *key_host(const char *key)
{
	const char *start = str_after(key, "https://");
	char *host = NULL;

	if (start == NULL)
		start = str_after(key, "http://");
	if (start == NULL)
		start = key;
	host = xstrndup(start, strcspn(start, "/"));
	if (str_equal(host, "index.docker.io") || str_equal(host, "registry-1.docker.io")) {
		free(host);
		host = xstrdup("docker.io");
	}
	return host;
}

static const json_t *find_entry(const json_t *auths, const char *registry, const char *path)
{
	cleanup_free char *key = xasprintf("%s/%s", registry, path);
	const char *name = NULL;
	json_t *value = NULL;

	for (;;) {
		const json_t *entry = json_at(auths, key, NULL);
		char *slash = strrchr(key, '/');

		/* an empty one only says that there is something in a helper */
		if (json_object_size(entry) > 0)
			return entry;
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	json_object_foreach ((json_t *)auths, name, value) {
		cleanup_free char *host = strchr(name, '/') != NULL ? key_host(name) : NULL;
		bool is_url = strstr(name, "://") != NULL || str_ends_with(name, "/v1/") ||
			      str_ends_with(name, "/v2/");

		if (is_url && str_equal(host, registry) && json_object_size(value) > 0)
			return value;
	}
	return NULL;
}

int credentials_check_entry(const json_t *entry, const char *file, struct credentials *ret,
			    struct err *err)
{
	cleanup_strbuf struct strbuf plain = STRBUF_INIT;
	const char *auth = json_get_string(entry, "", "auth", NULL);
	const char *token = json_get_string(entry, "", "identitytoken", NULL);
	char *colon = NULL;

	if (*auth != '\0') {
		if (!base64_decode(auth, &plain) || strlen(plain.data) != plain.length ||
		    strchr(plain.data, ':') == NULL) {
			explicit_bzero(plain.data, plain.length);
			return err_set(err, ERR_CORRUPT, "'%s' has an entry that cannot be decoded",
				       file);
		}
		colon = strchr(plain.data, ':');
		*colon = '\0';
		ret->username = xstrdup(plain.data);
		ret->password = xstrdup(colon + 1);
		explicit_bzero(plain.data, plain.length);
	}
	if (*token != '\0')
		ret->identity_token = xstrdup(token);
	return ret->username != NULL || ret->identity_token != NULL;
}

/* ---- helpers ----------------------------------------------------------------------------------------------------------- */

static bool is_helper_name(const char *name)
{
	return *name != '\0' &&
	       name[strspn(name,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] ==
		       '\0';
}

static int read_helper_answer(const struct strbuf *answer, const char *program,
			      struct credentials *ret, struct err *err)
{
	cleanup_json json_t *json = json_parse(answer->data, answer->length, program, err);
	const char *username = NULL, *secret = NULL;

	if (json == NULL)
		return -1;
	username = json_get_string(json, "", "Username", NULL);
	secret = json_get_string(json, "", "Secret", NULL);
	if (str_equal(username, "<token>")) {
		ret->identity_token = xstrdup(secret);
	} else {
		ret->username = xstrdup(username);
		ret->password = xstrdup(secret);
	}
	return 1;
}

/* Ask docker-credential-NAME: the registry on its stdin, JSON on its stdout. 1, 0 it has none, -1 */
static int ask_helper(const char *name, const char *registry, struct credentials *ret,
		      struct err *err)
{
	cleanup_free char *program = xasprintf(HELPER_PREFIX "%s", name);
	const char *server =
		str_equal(registry, "docker.io") ? "https://index.docker.io/v1/" : registry;
	cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
	cleanup_strbuf struct strbuf answer = STRBUF_INIT, complaint = STRBUF_INIT;
	cleanup_fd int input_fd = fd_sealed("server", server, strlen(server));
	struct spawn spawn = SPAWN_INIT;
	int status = 0, result = 0;

	if (!is_helper_name(name))
		return err_set(err, ERR_USAGE, "'%s' is no name of a credential helper", name);
	if (input_fd < 0)
		return err_sys(err, -input_fd, "cannot ask credential helper '%s'", program);
	strv_add(&argv, program);
	strv_add(&argv, "get");
	/* the user's own program: it wants the user's session */
	for (char **item = environ; *item != NULL; item++)
		strv_add(&env, *item);
	spawn.path = program;
	spawn.argv = &argv;
	spawn.env = &env;
	spawn.stdin_fd = input_fd;
	if (process_run(&spawn, &answer, &complaint, &status, err) < 0)
		return err_wrap(err, "cannot ask credential helper '%s'", program);
	if (status == 0)
		result = answer.length <= HELPER_LIMIT_BYTES
				 ? read_helper_answer(&answer, program, ret, err)
				 : err_set(err, ERR_LIMIT, "'%s' says too much", program);
	else if (strstr(answer.data, "credentials not found") == NULL)
		result = err_set(err, ERR_FAILED,
				 "credential helper '%s' fails with status %d for '%s'", program,
				 status, registry);
	explicit_bzero(answer.data, answer.length);
	return result;
}

int credentials_in_file(const char *text, unsigned long length, const char *file,
			const char *registry, const char *path, struct credentials *ret,
			struct err *err)
{
	cleanup_json json_t *json = json_parse(text, length, file, err);
	const json_t *entry = NULL;
	const char *helper = NULL;

	if (json == NULL)
		return err_wrap(err, "cannot read the credentials in '%s'", file);
	helper = json_get_string(json, NULL, "credHelpers", registry, NULL);
	if (helper != NULL)
		return ask_helper(helper, registry, ret, err);
	entry = find_entry(json_at(json, "auths", NULL), registry, path);
	if (entry != NULL) {
		int found = credentials_check_entry(entry, file, ret, err);

		if (found != 0)
			return found;
	}
	helper = json_get_string(json, "", "credsStore", NULL);
	return *helper != '\0' ? ask_helper(helper, registry, ret, err) : 0;
}

/* ---- all places -------------------------------------------------------------------------------------------------------- */

/* 1, 0 no such file or nothing in it, -1 */
static int try_file(const char *file, bool must_exist, const char *registry, const char *path,
		    struct credentials *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_fd int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int status = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && !must_exist)
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot open auth file '%s'", file);
	status = fd_read_all(fd, &text, JSON_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read auth file '%s'", file);
	status = text.length == 0 ? 0
				  : credentials_in_file(text.data, text.length, file, registry,
							path, ret, err);
	explicit_bzero(text.data, text.length);
	return status;
}

static void usual_files(struct strv *files)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	const char *docker = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");

	if (!str_is_empty(run))
		strv_addf(files, "%s/containers/auth.json", run);
	strv_add_take(files, user_config_path("containers/auth.json"));
	if (!str_is_empty(docker))
		strv_addf(files, "%s/config.json", docker);
	else if (!str_is_empty(home))
		strv_addf(files, "%s/.docker/config.json", home);
}

int credentials_find(const struct image_pull_opts *opts, const char *registry, const char *path,
		     struct credentials *ret, struct err *err)
{
	const char *explicit_file =
		opts->authfile != NULL ? opts->authfile : getenv("REGISTRY_AUTH_FILE");
	cleanup_strv struct strv files = STRV_INIT;

	if (opts->creds != NULL) {
		const char *colon = strchr(opts->creds, ':');

		if (colon == opts->creds || *opts->creds == '\0')
			return err_set(err, ERR_USAGE, "the credentials have no user name");
		ret->username = colon != NULL ? xstrndup(opts->creds, (size_t)(colon - opts->creds))
					      : xstrdup(opts->creds);
		ret->password = xstrdup(colon != NULL ? colon + 1 : "");
		return 0;
	}
	if (!str_is_empty(explicit_file))
		return try_file(explicit_file, true, registry, path, ret, err) < 0 ? -1 : 0;

	usual_files(&files);
	for (size_t i = 0; i < files.count; i++) {
		int found = try_file(files.items[i], false, registry, path, ret, err);

		if (found != 0)
			return found < 0 ? -1 : 0;
	}
	return 0;
}
