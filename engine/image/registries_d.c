/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/registries_d.c - registries.d: which scope an image is in, and what it says
 *
 * As other engines do it, a scope that leaves something out does not end the search: a wider one may say it.
 */
#include "engine/image/registries_d.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/yaml.h"
#include "engine/image/policy.h"
#include "engine/image/registries.h"

#define SYSTEM_DIR "/etc/containers/registries.d"

/* All files in one: "docker" and "default-docker". */
struct config {
	json_t *docker;		/* scope to section */
	json_t *default_docker; /* or NULL */
};

static void config_release(struct config *config)
{
	json_decref(config->docker);
	json_decref(config->default_docker);
}
#define cleanup_config __attribute__((cleanup(config_release)))

void signature_storage_release(struct signature_storage *storage)
{
	free(storage->read_url);
	free(storage->write_url);
	*storage = (struct signature_storage){ 0 };
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static int check_section(const json_t *section, const char *file, const char *scope,
			 struct err *err)
{
	static const char *const texts[] = { "lookaside", "lookaside-staging", "sigstore",
					     "sigstore-staging" };
	const char *key = NULL;
	json_t *value = NULL;

	if (json_is_null(section))
		return 0;
	if (!json_is_object(section))
		return err_set(err, ERR_CORRUPT, "'%s': '%.200s' has no settings", file, scope);
	json_object_foreach ((json_t *)section, key, value) {
		bool known = str_equal(key, "use-sigstore-attachments") && json_is_boolean(value);

		for (size_t i = 0; i < ARRAY_SIZE(texts) && !known; i++)
			known = str_equal(key, texts[i]) && json_is_string(value);
		if (!known)
			return err_set(err, ERR_CORRUPT,
				       "'%s': '%.200s' has the unknown or wrong setting '%.100s'",
				       file, scope, key);
	}
	return 0;
}

static int add_scopes(struct config *config, const json_t *scopes, const char *file,
		      struct err *err)
{
	const char *scope = NULL;
	json_t *section = NULL;

	if (json_is_null(scopes))
		return 0;
	if (!json_is_object(scopes))
		return err_set(err, ERR_CORRUPT, "'%s': 'docker' has no scopes", file);
	json_object_foreach ((json_t *)scopes, scope, section) {
		if (check_section(section, file, scope, err) < 0)
			return -1;
		if (json_object_get(config->docker, scope) != NULL)
			return err_set(err, ERR_CORRUPT,
				       "'%s': '%.200s' is described by another file, too", file,
				       scope);
		json_object_set(config->docker, scope, section);
	}
	return 0;
}

static int add_file(struct config *config, int dir_fd, const char *dir, const char *name,
		    struct err *err)
{
	cleanup_free char *file = xasprintf("%s/%s", dir, name);
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *json = NULL;
	int status = fd < 0 ? -errno : fd_read_all(fd, &text, YAML_LIMIT_BYTES);
	const char *key = NULL;
	json_t *value = NULL;

	if (status < 0)
		return err_sys(err, -status, "cannot read '%s'", file);
	json = yaml_parse(text.data, text.length, file, err);
	if (json == NULL)
		return -1;
	if (json_is_null(json))
		return 0;
	if (!json_is_object(json))
		return err_set(err, ERR_CORRUPT, "'%s' has no settings", file);
	json_object_foreach (json, key, value) {
		if (str_equal(key, "docker")) {
			if (add_scopes(config, value, file, err) < 0)
				return -1;
			continue;
		}
		if (!str_equal(key, "default-docker"))
			return err_set(err, ERR_CORRUPT, "'%s' has the unknown setting '%.100s'",
				       file, key);
		if (config->default_docker != NULL)
			return err_set(err, ERR_CORRUPT,
				       "'%s': 'default-docker' is described by another file, too",
				       file);
		if (check_section(value, file, key, err) < 0)
			return -1;
		config->default_docker = json_incref(value);
	}
	return 0;
}

static int config_load(struct config *config, struct err *err)
{
	cleanup_free char *user_dir = user_config_path("containers/registries.d");
	const char *path = user_dir != NULL && access(user_dir, F_OK) == 0 ? user_dir : SYSTEM_DIR;
	DIR *dir = opendir(path);
	cleanup_strv struct strv names = STRV_INIT;
	struct dirent *entry = NULL;
	int status = 0;

	config->docker = json_object();
	if (dir == NULL && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (dir == NULL)
		return err_sys(err, errno, "cannot open directory '%s'", path);
	while ((entry = readdir(dir)) != NULL) {
		if (str_ends_with(entry->d_name, ".yaml"))
			strv_add(&names, entry->d_name);
	}
	strv_sort(&names);
	for (size_t i = 0; i < names.count && status == 0; i++)
		status = add_file(config, dirfd(dir), path, names.items[i], err);
	closedir(dir);
	return status;
}

/* ---- one image -------------------------------------------------------------------------------------------------------- */

/* The first text that a section has of these. */
static const char *text_of(const json_t *section, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_object_get(section, keys[i]));

		if (!str_is_empty(text))
			return text;
	}
	return NULL;
}

static void take_section(const json_t *section, struct signature_storage *ret, bool *attachments)
{
	static const char *const keys[] = { "lookaside-staging", "sigstore-staging", "lookaside",
					    "sigstore" };
	const json_t *use = json_object_get(section, "use-sigstore-attachments");

	if (ret->read_url == NULL)
		ret->read_url = xstrdup_null(text_of(section, keys + 2, 2));
	if (ret->write_url == NULL)
		ret->write_url = xstrdup_null(text_of(section, keys, 4));
	if (use != NULL && !*attachments) {
		*attachments = true;
		ret->attachments = json_is_true(use);
	}
}

static char *usual_directory(void)
{
	const char *home = getenv("HOME");

	if (geteuid() == 0 || str_is_empty(home))
		return xstrdup("file:///var/lib/containers/sigstore");
	return xasprintf("file://%s/.local/share/containers/sigstore", home);
}

static int check_url(const char *url, struct err *err)
{
	cleanup_free char *directory = signature_storage_directory(url);

	if (directory != NULL || str_after(url, "https://") != NULL ||
	    str_after(url, "http://") != NULL)
		return 0;
	err_set(err, ERR_CORRUPT, "registries.d names a storage of signatures that is none: '%s'",
		url);
	return err_hint(err, "It is file:///DIRECTORY, or an https: URL.");
}

int signature_storage_find(const struct image_ref *ref, struct signature_storage *ret,
			   struct err *err)
{
	cleanup_config struct config config = { NULL, NULL };
	cleanup_signature_storage struct signature_storage storage = { 0 };
	cleanup_free char *name = image_ref_full(ref, "docker.io");
	cleanup_strv struct strv scopes = STRV_INIT;
	bool attachments = false;

	if (config_load(&config, err) < 0)
		return err_wrap(err, "cannot find out where signatures are");
	policy_scopes("docker", name, &scopes);
	for (size_t i = 0; i < scopes.count; i++)
		take_section(json_object_get(config.docker, scopes.items[i]), &storage,
			     &attachments);
	take_section(config.default_docker, &storage, &attachments);
	storage.configured = storage.read_url != NULL;
	if (storage.read_url == NULL)
		storage.read_url = usual_directory();
	if (storage.write_url == NULL)
		storage.write_url = xstrdup(storage.read_url);
	if (check_url(storage.read_url, err) < 0 || check_url(storage.write_url, err) < 0)
		return -1;
	*ret = storage;
	storage = (struct signature_storage){ 0 };
	return 0;
}

char *signature_storage_directory(const char *url)
{
	const char *path = str_after(url, "file://");

	return path != NULL && *path == '/' ? xstrdup(path) : NULL;
}
