/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/registries.c - registries.conf: where a name leads to
 *
 * The configuration is kept as JSON, as the TOML reader gives it, merged over all files: search registries and mode are replaced
 * by later files, registries by their prefix, aliases one by one.
 */
#include "engine/image/registries.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image/toml.h"

#define SYSTEM_FILE	"/etc/containers/registries.conf"
#define SYSTEM_DROP_INS "/etc/containers/registries.conf.d"
#define KEY_SEARCH	"unqualified-search-registries"

struct registries {
	struct strv search;
	json_t *rules;	 /* array of [[registry]] tables */
	json_t *aliases; /* name -> full name */
	char *mode;	 /* short-name-mode */
	char *file;	 /* the main file, for messages */
};

void registries_free(struct registries *registries)
{
	if (registries == NULL)
		return;
	strv_release(&registries->search);
	json_decref(registries->rules);
	json_decref(registries->aliases);
	free(registries->mode);
	free(registries->file);
	free(registries);
}

void endpoint_list_release(struct endpoint_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].registry);
		free(list->items[i].path);
	}
	free(list->items);
	*list = (struct endpoint_list){ 0 };
}

unsigned config_line_of(const char *file, const char *word)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	unsigned line = 1;

	if (fd_read_file(AT_FDCWD, file, &text, TOML_LIMIT_BYTES) < 0)
		return 0;

	const char *found = strstr(text.data, word);

	for (const char *p = text.data; found != NULL && p < found; p++)
		line += *p == '\n';
	return found != NULL ? line : 0;
}

char *user_config_path(const char *name)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (!str_is_empty(config))
		return xasprintf("%s/%s", config, name);
	return xasprintf("%s/.config/%s", str_is_empty(home) ? "/nonexistent" : home, name);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

/* The parser has forgotten where things were: the first line that has the word is where somebody has to look. NULL: no line is told. */
static int wrong(const char *file, const char *word, const char *what, struct err *err)
{
	unsigned line = word != NULL ? config_line_of(file, word) : 0;

	if (line > 0)
		return err_set(err, ERR_USAGE, "'%s:%u': %s", file, line, what);
	return err_set(err, ERR_USAGE, "'%s': %s", file, what);
}

/* prefix of a rule: its own word, or its location */
static const char *rule_prefix(const json_t *rule)
{
	const char *prefix = json_get_string(rule, "", "prefix", NULL);

	return *prefix != '\0' ? prefix : json_get_string(rule, "", "location", NULL);
}

static int check_location(const char *file, const char *location, struct err *err)
{
	if (strstr(location, "://") != NULL)
		return wrong(file, location, "a location is 'host[:port][/path]', without a scheme",
			     err);
	return 0;
}

static int check_rule(const char *file, const json_t *rule, struct err *err)
{
	const json_t *mirrors = json_at(rule, "mirror", NULL);
	const char *location = json_get_string(rule, "", "location", NULL);
	const char *prefix = rule_prefix(rule);

	if (!json_is_object(rule))
		return wrong(file, "registry", "registry is not a list of tables ([[registry]])",
			     err);
	if (*prefix == '\0')
		return wrong(file, "[[registry]]", "a [[registry]] has neither prefix nor location",
			     err);
	if (*location == '\0' && strncmp(prefix, "*.", 2) != 0)
		return wrong(file, prefix, "a [[registry]] has no location", err);
	if (check_location(file, location, err) < 0 || check_location(file, prefix, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(mirrors); i++) {
		const json_t *mirror = json_array_get(mirrors, i);
		const char *where = json_get_string(mirror, "", "location", NULL);
		const char *from = json_get_string(mirror, "", "pull-from-mirror", NULL);

		if (*where == '\0')
			return wrong(file, "[[registry.mirror]]",
				     "a [[registry.mirror]] has no location", err);
		if (check_location(file, where, err) < 0)
			return -1;
		if (*from != '\0' && !str_equal(from, "all") && !str_equal(from, "digest-only") &&
		    !str_equal(from, "tag-only"))
			return wrong(file, from,
				     "pull-from-mirror is none of all, digest-only, tag-only", err);
	}
	return 0;
}

static void put_rule(struct registries *registries, json_t *rule)
{
	for (size_t i = 0; i < json_array_size(registries->rules); i++) {
		if (str_equal(rule_prefix(json_array_get(registries->rules, i)),
			      rule_prefix(rule))) {
			json_array_set(registries->rules, i, rule);
			return;
		}
	}
	json_array_append(registries->rules, rule);
}

/* the old format: three lists of hosts */
static int merge_version_1(struct registries *registries, const char *file, const json_t *table,
			   struct err *err)
{
	static const struct {
		const char *section, *key;
	} lists[] = { { "insecure", "insecure" }, { "block", "blocked" } };

	if (json_get_strv(json_at(table, "search", NULL), "registries", &registries->search) < 0)
		return wrong(file, "search", "registries.search is no list of texts", err);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		cleanup_strv struct strv hosts = STRV_INIT;

		if (json_get_strv(json_at(table, lists[i].section, NULL), "registries", &hosts) < 0)
			return wrong(file, lists[i].section,
				     "a list of registries is no list of texts", err);
		for (size_t k = 0; k < hosts.count; k++) {
			cleanup_json json_t *rule = json_object();

			json_put_string(rule, "location", hosts.items[k]);
			json_put_bool(rule, lists[i].key, true);
			put_rule(registries, rule);
		}
	}
	return 0;
}

static int merge_aliases(struct registries *registries, const char *file, json_t *aliases,
			 struct err *err)
{
	const char *name = NULL;
	json_t *value = NULL;

	json_object_foreach (aliases, name, value) {
		const char *full = json_string_value(value);
		cleanup_image_ref struct image_ref ref = { 0 };

		if (full == NULL)
			return wrong(file, name, "an alias is no text", err);
		if (*full == '\0') {
			json_object_del(registries->aliases, name);
			continue;
		}
		if (image_ref_parse(full, &ref, err) < 0)
			return err_wrap(err, "'%s:%u': alias '%s'", file,
					config_line_of(file, name), name);
		if (ref.registry == NULL || ref.tag != NULL || digest_is_set(&ref.digest))
			return wrong(file, name,
				     "an alias leads to a full name without tag and digest", err);
		json_object_set(registries->aliases, name, value);
	}
	return 0;
}

static int merge(struct registries *registries, const char *file, const json_t *toml,
		 struct err *err)
{
	const json_t *rules = json_at(toml, "registry", NULL);
	const char *mode = json_get_string(toml, NULL, "short-name-mode", NULL);

	if (registries_check_keys(file, toml, err) < 0)
		return -1;
	if (json_at(toml, "registries", NULL) != NULL)
		return merge_version_1(registries, file, json_at(toml, "registries", NULL), err);
	if (json_at(toml, KEY_SEARCH, NULL) != NULL) {
		strv_clear(&registries->search);
		if (json_get_strv(toml, KEY_SEARCH, &registries->search) < 0)
			return wrong(file, KEY_SEARCH, KEY_SEARCH " is no list of texts", err);
		for (size_t i = 0; i < registries->search.count; i++) {
			if (check_location(file, registries->search.items[i], err) < 0)
				return -1;
		}
	}
	if (rules != NULL && !json_is_array(rules))
		return wrong(file, "registry", "registry is not a list of tables ([[registry]])",
			     err);
	for (size_t i = 0; i < json_array_size(rules); i++) {
		if (check_rule(file, json_array_get(rules, i), err) < 0)
			return -1;
		put_rule(registries, json_array_get(rules, i));
	}
	if (mode != NULL) {
		if (*mode != '\0' && !str_equal(mode, "enforcing") &&
		    !str_equal(mode, "permissive") && !str_equal(mode, "disabled"))
			return wrong(file, "short-name-mode",
				     "short-name-mode is none of enforcing, permissive, disabled",
				     err);
		free(registries->mode);
		registries->mode = xstrdup(mode);
	}
	return merge_aliases(registries, file, json_at(toml, "aliases", NULL), err);
}

/* 1, 0 there is no such file, -1 */
static int merge_file(struct registries *registries, const char *file, struct err *err)
{
	cleanup_json json_t *toml = NULL;
	int found = toml_read(file, &toml, err);

	if (found <= 0)
		return found;
	return merge(registries, file, toml, err) < 0 ? -1 : 1;
}

static int merge_directory(struct registries *registries, const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	cleanup_strv struct strv names = STRV_INIT;
	struct dirent *entry = NULL;

	/* most machines have none */
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (str_ends_with(entry->d_name, ".conf"))
			strv_add(&names, entry->d_name);
	}
	closedir(dir);
	strv_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *file = xasprintf("%s/%s", path, names.items[i]);

		if (merge_file(registries, file, err) < 0)
			return -1;
	}
	return 0;
}

/* What the user chose, here or with another engine. */
static int merge_cached_aliases(struct registries *registries, struct err *err)
{
	cleanup_free char *file = registries_alias_file();
	cleanup_json json_t *toml = NULL;
	int found = toml_read(file, &toml, err);

	if (found <= 0)
		return found;
	return merge_aliases(registries, file, json_at(toml, "aliases", NULL), err);
}

static int load(struct registries *registries, const char *override, struct err *err)
{
	cleanup_free char *user_file = user_config_path("containers/registries.conf");
	cleanup_free char *user_drop_ins = user_config_path("containers/registries.conf.d");
	int found = 0;

	if (override != NULL) {
		free(registries->file);
		registries->file = xstrdup(override);
		found = merge_file(registries, override, err);
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "there is no file '%s'", override);
		return found < 0 ? -1 : merge_directory(registries, user_drop_ins, err);
	}
	found = merge_file(registries, user_file, err);
	if (found > 0) {
		free(registries->file);
		registries->file = xstrdup(user_file);
	}
	if (found == 0) {
		found = merge_file(registries, SYSTEM_FILE, err);
		if (found >= 0)
			found = merge_directory(registries, SYSTEM_DROP_INS, err);
	}
	if (found < 0 || merge_directory(registries, user_drop_ins, err) < 0)
		return -1;
	return merge_cached_aliases(registries, err);
}

static struct registries *registries_new(void)
{
	struct registries *registries = xcalloc(1, sizeof(*registries));

	registries->rules = json_array();
	registries->aliases = json_object();
	registries->mode = xstrdup("");
	registries->file = xstrdup(SYSTEM_FILE);
	return registries;
}

int registries_check(const char *file, const json_t *toml, struct err *err)
{
	cleanup_registries struct registries *registries = registries_new();

	return merge(registries, file, toml, err);
}

int registries_load(const char *file, struct registries **ret, struct err *err)
{
	cleanup_registries struct registries *registries = registries_new();
	const char *override = file != NULL ? file : getenv("CONTAINERS_REGISTRIES_CONF");

	if (load(registries, str_is_empty(override) ? NULL : override, err) < 0)
		return err_wrap(err, "cannot read the configuration of registries");
	*ret = TAKE_PTR(registries);
	return 0;
}

/* ---- short names ------------------------------------------------------------------------------------------------------- */

/* The tag or digest of ref behind a name. */
static void add_name(struct strv *names, const char *registry, const char *path,
		     const struct image_ref *ref)
{
	struct image_ref full = {
		.registry = NULL,
		.path = (char *)path,
		.tag = ref->tag,
		.digest = ref->digest,
	};

	strv_add_take(names, image_ref_full(&full, registry));
}

bool registries_may_ask(const struct registries *registries)
{
	return !str_equal(registries->mode, "disabled");
}

int registries_expand(const struct registries *registries, const struct image_ref *ref,
		      bool docker_hub, struct strv *ret_names, struct err *err)
{
	if (registries_candidates(registries, ref, docker_hub, ret_names, err) < 0)
		return -1;
	if (ret_names->count < 2 || !str_equal(registries->mode, "enforcing"))
		return 0;
	err_set(err, ERR_AMBIGUOUS,
		"short name '%s' may mean several images: short-name-mode is enforcing and there "
		"are %zu search registries",
		ref->path, registries->search.count);
	return err_hint(err, "Use a full name, such as %s/%.100s.", registries->search.items[0],
			ref->path);
}

int registries_candidates(const struct registries *registries, const struct image_ref *ref,
			  bool docker_hub, struct strv *ret_names, struct err *err)
{
	const char *alias = json_get_string(registries->aliases, NULL, ref->path, NULL);
	cleanup_image_ref struct image_ref target = { 0 };

	if (alias != NULL) {
		if (image_ref_parse(alias, &target, err) < 0)
			return -1;
		add_name(ret_names, target.registry, target.path, ref);
		return 0;
	}
	for (size_t i = 0; i < registries->search.count; i++)
		add_name(ret_names, registries->search.items[i], ref->path, ref);
	if (ret_names->count > 0)
		return 0;
	if (docker_hub) {
		add_name(ret_names, "docker.io", ref->path, ref);
		return 0;
	}
	err_set(err, ERR_USAGE,
		"short name '%s' is no alias, and no unqualified-search registries are defined in "
		"'%s'",
		ref->path, registries->file);
	cleanup_free char *full = image_ref_full(ref, "docker.io");
	return err_hint(err, "Use the full name: %.200s", full);
}

/* ---- endpoints --------------------------------------------------------------------------------------------------------- */

/* How much of name the prefix covers, 0: it does not match. */
static size_t prefix_length(const char *prefix, const char *name)
{
	size_t length = strlen(prefix);
	size_t host_length = strcspn(name, "/");

	if (strncmp(prefix, "*.", 2) == 0) {
		const char *suffix = prefix + 1;
		size_t suffix_length = length - 1;

		if (host_length > suffix_length &&
		    strncasecmp(name + host_length - suffix_length, suffix, suffix_length) == 0)
			return host_length;
		return 0;
	}
	if (strncmp(name, prefix, length) != 0)
		return 0;
	if (name[length] == '\0' || name[length] == '/' || name[length] == '@')
		return length;
	/* a tag; behind a mere host it would be a port, and another registry */
	return name[length] == ':' && length > host_length ? length : 0;
}

static const json_t *find_rule(const struct registries *registries, const char *name,
			       size_t *ret_length)
{
	const json_t *best = NULL;
	size_t best_length = 0;

	for (size_t i = 0; i < json_array_size(registries->rules); i++) {
		const json_t *rule = json_array_get(registries->rules, i);
		const char *prefix = rule_prefix(rule);

		/* of two that match the longer one is the more special; a wildcard is less so than the name itself */
		if (prefix_length(prefix, name) > 0 && strlen(prefix) > best_length) {
			best = rule;
			best_length = strlen(prefix);
			*ret_length = prefix_length(prefix, name);
		}
	}
	return best;
}

static int add_endpoint(struct endpoint_list *list, const char *location, const char *rest,
			bool insecure, int tls_verify, struct err *err)
{
	cleanup_free char *name = xasprintf("%s%s", location, rest);
	cleanup_image_ref struct image_ref ref = { 0 };

	if (image_ref_parse(name, &ref, err) < 0)
		return -1;
	if (ref.registry == NULL)
		return err_set(err, ERR_USAGE, "location '%s' in registries.conf has no host",
			       location);
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct endpoint){
		.registry = xstrdup(ref.registry),
		.path = xstrdup(ref.path),
		.insecure = tls_verify < 0 ? insecure : tls_verify == 0,
	};
	return 0;
}

static bool mirror_applies(const json_t *rule, const json_t *mirror, bool by_digest)
{
	const char *from = json_get_string(mirror, "all", "pull-from-mirror", NULL);

	if (json_get_bool(rule, false, "mirror-by-digest-only", NULL) && !by_digest)
		return false;
	if (str_equal(from, "digest-only"))
		return by_digest;
	return !str_equal(from, "tag-only") || !by_digest;
}

int registries_endpoints(const struct registries *registries, const struct image_ref *ref,
			 int tls_verify, struct endpoint_list *ret_list, struct err *err)
{
	cleanup_free char *name = image_ref_full(ref, "docker.io");
	bool by_digest = digest_is_set(&ref->digest);
	size_t length = 0;
	const json_t *rule = find_rule(registries, name, &length);
	const json_t *mirrors = json_at(rule, "mirror", NULL);
	const char *location = NULL;

	if (rule == NULL)
		return add_endpoint(ret_list, name, "", false, tls_verify, err);
	if (json_get_bool(rule, false, "blocked", NULL))
		return err_set(err, ERR_DENIED, "registry '%s' is blocked in registries.conf: '%s'",
			       rule_prefix(rule), name);
	for (size_t i = 0; i < json_array_size(mirrors); i++) {
		const json_t *mirror = json_array_get(mirrors, i);

		if (mirror_applies(rule, mirror, by_digest) &&
		    add_endpoint(ret_list, json_get_string(mirror, "", "location", NULL),
				 name + length, json_get_bool(mirror, false, "insecure", NULL),
				 tls_verify, err) < 0)
			return -1;
	}
	location = json_get_string(rule, "", "location", NULL);
	if (*location == '\0')
		return add_endpoint(ret_list, name, "",
				    json_get_bool(rule, false, "insecure", NULL), tls_verify, err);
	return add_endpoint(ret_list, location, name + length,
			    json_get_bool(rule, false, "insecure", NULL), tls_verify, err);
}

/* ---- info -------------------------------------------------------------------------------------------------------------- */

static json_t *rule_json(const json_t *rule)
{
	json_t *object = json_object();
	json_t *mirrors = json_at(rule, "mirror", NULL);
	const char *prefix = rule_prefix(rule);

	json_put_string(object, "Prefix", prefix);
	json_put_string(object, "Location", json_get_string(rule, prefix, "location", NULL));
	json_put_bool(object, "Insecure", json_get_bool(rule, false, "insecure", NULL));
	json_put_bool(object, "Blocked", json_get_bool(rule, false, "blocked", NULL));
	json_put(object, "Mirrors", mirrors != NULL ? json_incref(mirrors) : json_null());
	return object;
}

json_t *image_registries_json(struct engine *engine, struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	size_t i;
	json_t *rule;

	if (registries_load(engine->options.registries_conf, &registries, err) < 0)
		return NULL;

	json_t *object = json_object();

	if (registries->search.count > 0)
		json_put_strv(object, "search", &registries->search);
	json_array_foreach (registries->rules, i, rule)
		json_put(object, rule_prefix(rule), rule_json(rule));
	return object;
}
