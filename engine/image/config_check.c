/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/config_check.c - are registries.conf, policy.json, auth files and seccomp profiles as they should be?
 *
 * Each kind is read by the function that reads it in earnest. Positions: parsers say "FILE:LINE" or "line N"; else the first line that has the word
 * that a message quotes.
 */
#include "engine/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/image/auth.h"
#include "engine/image/policy.h"
#include "engine/image/registries.h"
#include "engine/image/toml.h"
#include "engine/runtime.h"

/* what a key means that dhow does not read */
struct unread {
	const char *key, *instead;
};

struct checking {
	const struct config_check *check;
	const char *file;
	int errors;
};

static void tell(struct checking *checking, unsigned line, bool warning, const char *text,
		 const char *hint)
{
	const struct config_finding finding = { checking->file, line, warning, text, hint };

	checking->errors += !warning;
	checking->check->report(checking->check->arg, &finding);
}

/* The number behind "line ", or behind "FILE:"; 0: there is none. ret_rest: the sentence without "FILE:LINE: ". */
static unsigned line_in(const char *message, const char *file, const char **ret_rest)
{
	const char *place = strstr(message, file);
	const char *number = strstr(message, "line ");
	unsigned line = 0;

	*ret_rest = message;
	if (place != NULL && place[strlen(file)] == ':') {
		const char *p = place + strlen(file) + 1;

		for (; *p >= '0' && *p <= '9' && line < 1000000; p++)
			line = line * 10 + (unsigned)(*p - '0');
		p += strspn(p, "':");
		*ret_rest = p + (*p == ' ');
		return line;
	}
	for (number = number != NULL ? number + 5 : "";
	     *number >= '0' && *number <= '9' && line < 1000000; number++)
		line = line * 10 + (unsigned)(*number - '0');
	return line;
}

static void tell_err(struct checking *checking, const struct err *err, unsigned line)
{
	const char *rest;
	unsigned said = line_in(err->msg, checking->file, &rest);

	tell(checking, said > 0 ? said : line, false, rest, err->hint);
}

static bool read_text(struct checking *checking, struct strbuf *text)
{
	struct err err;
	cleanup_fd int fd = open(checking->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = fd < 0 ? -errno : fd_read_all(fd, text, JSON_LIMIT_BYTES);

	if (r >= 0)
		return true;
	err_sys(&err, -r, "cannot read the file");
	tell(checking, 0, false, err.msg, "");
	return false;
}

/* ---- keys that nobody reads -------------------------------------------------------------------------------------------- */

static void tell_unread(struct checking *checking, const json_t *table, const char *where,
			const char *const *known, const struct unread *unread)
{
	const char *key = NULL;
	json_t *value = NULL;

	json_object_foreach ((json_t *)table, key, value) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		const char *hint = "Remove it, or correct its name.";

		if (str_is_among(known, key))
			continue;
		strbuf_adds(&text, "dhow does not read '");
		strbuf_add_escaped(&text, key);
		strbuf_addf(&text, "'%s", where);
		for (const struct unread *row = unread; row != NULL && row->key != NULL; row++) {
			if (str_equal(row->key, key))
				hint = row->instead;
		}
		tell(checking, config_line_of(checking->file, key), true, text.data, hint);
	}
}

/* ---- registries.conf ---------------------------------------------------------------------------------------------------- */

static void check_registries(struct checking *checking)
{
	/* others that it may not have are errors already */
	static const char *const top[] = { "unqualified-search-registries",
					   "short-name-mode",
					   "registry",
					   "aliases",
					   "registries",
					   NULL };
	static const struct unread unread[] = {
		{ "credential-helpers",
		  "Name credential helpers in auth.json: credHelpers, or credsStore." },
		{ "additional-layer-store-auth-helper", "dhow has no additional layer stores." },
		{ NULL, NULL },
	};
	cleanup_registries struct registries *registries = NULL;
	cleanup_json json_t *toml = NULL;
	struct err err;

	/* the same function as in a pull, so that its words are the same */
	if (toml_read(checking->file, &toml, &err) < 0 ||
	    (toml != NULL && registries_check(checking->file, toml, &err) < 0)) {
		tell_err(checking, &err, 0);
		return;
	}
	tell_unread(checking, toml, "", top, unread);
}

/* ---- policy.json -------------------------------------------------------------------------------------------------------- */

/* The last name in quotes of a message that stands in the file: parsers of JSON have forgotten where it was. 0: none */
static unsigned line_of_quoted(const char *file, const char *message)
{
	unsigned line = 0;

	for (const char *p = strchr(message, '\''); p != NULL;) {
		const char *end = strchr(p + 1, '\'');

		if (end == NULL)
			break;

		cleanup_free char *word = xstrndup(p + 1, (size_t)(end - p - 1));
		unsigned found =
			*word != '\0' && !str_equal(word, file) ? config_line_of(file, word) : 0;

		line = found > 0 ? found : line;
		p = strchr(end + 1, '\'');
	}
	return line;
}

static void check_keys(struct checking *checking, const struct policy_keys *keys)
{
	for (size_t i = 0; i < keys->paths.count; i++) {
		const char *path = keys->paths.items[i];
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (access(path, R_OK) == 0)
			continue;
		strbuf_adds(&text, "the key '");
		strbuf_add_escaped(&text, path);
		strbuf_addf(&text, "' cannot be read: %s", strerror(errno));
		tell(checking, config_line_of(checking->file, path), false, text.data,
		     "Images of this scope are refused until it can.");
	}
}

static void check_policy(struct checking *checking)
{
	cleanup_policy struct policy *policy = NULL;
	struct err err;

	if (policy_load(checking->file, &policy, &err) < 0) {
		tell_err(checking, &err, line_of_quoted(checking->file, err.msg));
		return;
	}
	for (size_t i = 0; i < policy->count; i++) {
		for (size_t k = 0; k < policy->rules[i].count; k++) {
			check_keys(checking, &policy->rules[i].items[k].keys);
			check_keys(checking, &policy->rules[i].items[k].rekor_keys);
		}
	}
}

/* ---- auth files --------------------------------------------------------------------------------------------------------- */

static void check_auth(struct checking *checking)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *auth = NULL;
	const char *registry = NULL;
	json_t *entry = NULL;
	struct stat st;
	struct err err;

	if (stat(checking->file, &st) == 0 && (st.st_mode & 077) != 0) {
		cleanup_free char *hint = xasprintf("chmod 600 %s", checking->file);

		tell(checking, 0, true, "others can read these credentials", hint);
	}
	if (!read_text(checking, &text) || text.length == 0)
		return;
	auth = json_parse(text.data, text.length, "the file", &err);
	if (auth == NULL) {
		tell_err(checking, &err, 0);
		return;
	}
	json_object_foreach (json_object_get(auth, "auths"), registry, entry) {
		struct credentials credentials = { 0 };

		/* helpers are not asked: that opens password stores */
		if (json_object_size(entry) > 0 &&
		    credentials_check_entry(entry, checking->file, &credentials, &err) < 0) {
			cleanup_free char *hint = xasprintf("dhow login %s", registry);

			tell(checking, config_line_of(checking->file, registry), false,
			     "the credentials of this registry cannot be decoded", hint);
		}
		credentials_release(&credentials);
	}
}

/* ---- others ------------------------------------------------------------------------------------------------------------- */

static void check_seccomp(struct checking *checking)
{
	cleanup_strv struct strv capabilities = STRV_INIT;
	struct err err;

	profile_capabilities(&capabilities);

	json_t *profile = seccomp_profile_load(checking->file, &capabilities, &err);

	if (profile == NULL)
		tell_err(checking, &err, 0);
	json_decref(profile);
}

static void check_not_read(struct checking *checking)
{
	cleanup_json json_t *toml = NULL;
	struct err err;
	const char *section = NULL;
	json_t *table = NULL;

	if (toml_read(checking->file, &toml, &err) < 0) {
		const char *rest;
		unsigned line = line_in(err.msg, checking->file, &rest);

		tell(checking, line, true, rest, "dhow does not read this file at all.");
		return;
	}
	json_object_foreach (toml, section, table) {
		cleanup_free char *head = xasprintf("[%s]", section);
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (json_object_size(table) == 0)
			continue;
		strbuf_adds(&text, "dhow does not read what is set in [");
		strbuf_add_escaped(&text, section);
		strbuf_addc(&text, ']');
		tell(checking, config_line_of(checking->file, head), true, text.data,
		     str_equal(section, "storage")
			     ? "Use --root, --runroot and --storage-driver."
			     : "Use options of the command line: dhow run --help.");
	}
}

struct kind {
	const char *name;
	void (*check)(struct checking *checking);
};
static const struct kind kind_registries = { "registries", check_registries };
static const struct kind kind_policy = { "policy", check_policy };
static const struct kind kind_auth = { "credentials", check_auth };
static const struct kind kind_seccomp = { "seccomp profile", check_seccomp };
static const struct kind kind_not_read = { "not read by dhow", check_not_read };

static int check_one(const struct config_check *check, const char *file, const struct kind *kind)
{
	struct checking checking = { check, file, 0 };

	if (check->visit != NULL)
		check->visit(check->arg, file, kind->name);
	kind->check(&checking);
	return checking.errors;
}

/* ---- all places --------------------------------------------------------------------------------------------------------- */

static int check_if_there(const struct config_check *check, const char *file,
			  const struct kind *kind)
{
	struct stat st;

	return stat(file, &st) == 0 || errno == EACCES ? check_one(check, file, kind) : 0;
}

static int check_directory(const struct config_check *check, const char *path,
			   const struct kind *kind)
{
	cleanup_strv struct strv names = STRV_INIT;
	DIR *dir = opendir(path);
	struct dirent *entry = NULL;
	int errors = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (str_ends_with(entry->d_name, ".conf"))
			strv_add(&names, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	strv_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *file = xasprintf("%s/%s", path, names.items[i]);

		errors += check_one(check, file, kind);
	}
	return errors;
}

static int check_auth_files(const struct config_check *check)
{
	const char *only = getenv("REGISTRY_AUTH_FILE");
	const char *run = getenv("XDG_RUNTIME_DIR");
	const char *docker = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");
	cleanup_free char *user_file = user_config_path("containers/auth.json");
	cleanup_free char *run_file =
		xasprintf("%s/containers/auth.json", str_is_empty(run) ? "/nonexistent" : run);
	cleanup_free char *docker_file =
		str_is_empty(docker) ? xasprintf("%s/.docker/config.json", home != NULL ? home : "")
				     : xasprintf("%s/config.json", docker);

	if (!str_is_empty(only))
		return check_if_there(check, only, &kind_auth);
	return check_if_there(check, run_file, &kind_auth) +
	       check_if_there(check, user_file, &kind_auth) +
	       check_if_there(check, docker_file, &kind_auth);
}

int config_check_all(const struct config_check *check)
{
	static const char *const not_read[] = { "containers/containers.conf",
						"containers/storage.conf" };
	const char *override = getenv("CONTAINERS_REGISTRIES_CONF");
	cleanup_free char *registries = user_config_path("containers/registries.conf");
	cleanup_free char *drop_ins = user_config_path("containers/registries.conf.d");
	cleanup_free char *policy = user_config_path("containers/policy.json");
	struct stat st;
	int errors = 0;

	if (!str_is_empty(override)) {
		errors += check_one(check, override, &kind_registries);
	} else if (stat(registries, &st) == 0) {
		errors += check_one(check, registries, &kind_registries);
	} else {
		errors +=
			check_if_there(check, "/etc/containers/registries.conf", &kind_registries);
		errors += check_directory(check, "/etc/containers/registries.conf.d",
					  &kind_registries);
	}
	errors += check_directory(check, drop_ins, &kind_registries);
	errors += check_if_there(check,
				 stat(policy, &st) == 0 ? policy : "/etc/containers/policy.json",
				 &kind_policy);
	errors += check_auth_files(check);
	for (size_t i = 0; i < ARRAY_SIZE(not_read); i++) {
		cleanup_free char *user = user_config_path(not_read[i]);
		cleanup_free char *system = xasprintf("/etc/%s", not_read[i]);

		errors += check_if_there(check, user, &kind_not_read);
		errors += check_if_there(check, system, &kind_not_read);
	}
	return errors;
}

/* ---- one file ----------------------------------------------------------------------------------------------------------- */

static const struct kind *kind_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = fd_read_file(AT_FDCWD, path, &text, JSON_LIMIT_BYTES);

	if (r < 0) {
		if (r == -ENOENT)
			err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
		else
			err_sys(err, -r, "cannot read '%s'", path);
		return NULL;
	}
	if (str_equal(name, "containers.conf") || str_equal(name, "storage.conf"))
		return &kind_not_read;
	if (str_ends_with(name, ".conf") || str_ends_with(name, ".toml"))
		return &kind_registries;
	if (strstr(name, "policy") != NULL)
		return &kind_policy;
	if (str_equal(name, "auth.json") || str_equal(name, "config.json"))
		return &kind_auth;
	if (strstr(text.data, "\"defaultAction\"") != NULL || strstr(name, "seccomp") != NULL)
		return &kind_seccomp;
	if (strstr(text.data, "\"auths\"") != NULL || strstr(text.data, "\"credHelpers\"") != NULL)
		return &kind_auth;
	if (strstr(text.data, "\"default\"") != NULL)
		return &kind_policy;
	err_set(err, ERR_USAGE, "cannot tell what '%s' is", path);
	err_hint(err, "It can be registries.conf, policy.json, auth.json or a seccomp profile; "
		      "units are checked by `dhow unit check`.");
	return NULL;
}

int config_check_file(const struct config_check *check, const char *path, struct err *err)
{
	const struct kind *kind = kind_of(path, err);

	return kind != NULL ? check_one(check, path, kind) : -1;
}
