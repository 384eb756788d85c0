/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/registries_keys.c - the keys that registries.conf may have
 *
 * A key that nobody knows is an error and no remark: "insecur = true" or "block = true" would leave a registry open that somebody wanted
 * closed. The parser has forgotten lines, so the key is looked for where a line begins.
 */
#include "engine/image/registries.h"

#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "engine/image/toml.h"

/* credential-helpers and the helper of layer stores are other engines': `system check` says that they have no effect here */
static const char *const top_keys[] = { "unqualified-search-registries",
					"short-name-mode",
					"registry",
					"aliases",
					"credential-helpers",
					"additional-layer-store-auth-helper",
					NULL };
static const char *const rule_keys[] = { "prefix",  "location", "insecure",
					 "blocked", "mirror",	"mirror-by-digest-only",
					 NULL };
static const char *const mirror_keys[] = { "location", "insecure", "pull-from-mirror", NULL };
static const char *const old_keys[] = { "search", "insecure", "block", NULL };
static const char *const old_list_keys[] = { "registries", NULL };
static const char *const flag_keys[] = { "insecure", "blocked", "mirror-by-digest-only", NULL };

/* True when the line sets the key: KEY =, KEY., "KEY", [KEY or [[x.KEY */
static bool line_has_key(const char *line, const char *end, const char *key)
{
	size_t length = strlen(key);

	while (line < end && *line != '\0' && strchr(" \t[\"'", *line) != NULL)
		line++;
	for (const char *at = line; at + length <= end; at++) {
		if (memcmp(at, key, length) == 0 &&
		    (at + length == end || strchr(" \t=.]\"'", at[length]) != NULL))
			return true;
		/* only names of tables stand before it */
		at = memchr(at, '.', (size_t)(end - at));
		if (at == NULL)
			return false;
	}
	return false;
}

static unsigned line_of_key(const char *file, const char *key)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	unsigned number = 1;

	if (fd_read_file(AT_FDCWD, file, &text, TOML_LIMIT_BYTES) < 0)
		return 0;
	for (const char *line = text.data; *line != '\0'; number++) {
		const char *end = strchrnul(line, '\n');

		if (line_has_key(line, end, key))
			return number;
		line = *end != '\0' ? end + 1 : end;
	}
	return 0;
}

static void add_place(const char *file, const char *key, struct strbuf *out)
{
	unsigned line = line_of_key(file, key);

	strbuf_addf(out, "'%s", file);
	if (line > 0)
		strbuf_addf(out, ":%u", line);
	strbuf_adds(out, "'");
}

static int check_table(const char *file, const json_t *table, const char *const *known,
		       const char *where, struct err *err)
{
	const char *key = NULL;
	json_t *value = NULL;

	json_object_foreach ((json_t *)table, key, value) {
		cleanup_strbuf struct strbuf place = STRBUF_INIT, name = STRBUF_INIT;
		struct suggest suggest = SUGGEST_INIT(key);

		if (str_is_among(known, key) &&
		    (!str_is_among(flag_keys, key) || json_is_boolean(value) || known == old_keys))
			continue;
		add_place(file, key, &place);
		strbuf_add_escaped(&name, key);
		if (str_is_among(known, key))
			return err_set(err, ERR_USAGE, "%s: '%s'%s is neither true nor false",
				       place.data, name.data, where);
		err_set(err, ERR_USAGE, "%s: unknown key '%s'%s", place.data, name.data, where);
		for (size_t i = 0; known[i] != NULL; i++)
			suggest_candidate(&suggest, known[i]);
		return suggest.best != NULL ? err_hint(err, "Did you mean '%s'?", suggest.best)
					    : -1;
	}
	return 0;
}

static int check_old(const char *file, const json_t *registries, struct err *err)
{
	const char *key = NULL;
	json_t *value = NULL;

	if (check_table(file, registries, old_keys, " of registries", err) < 0)
		return -1;
	json_object_foreach ((json_t *)registries, key, value) {
		if (check_table(file, value, old_list_keys, " of a list of registries", err) < 0)
			return -1;
	}
	return 0;
}

int registries_check_keys(const char *file, const json_t *toml, struct err *err)
{
	static const char *const old_top[] = { "registries", NULL };
	const json_t *old = json_at(toml, "registries", NULL);
	const json_t *rules = json_at(toml, "registry", NULL);

	if (check_table(file, toml, old != NULL ? old_top : top_keys, "", err) < 0)
		return -1;
	if (old != NULL)
		return check_old(file, old, err);
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *rule = json_array_get(rules, i);
		const json_t *mirrors = json_at(rule, "mirror", NULL);

		if (check_table(file, rule, rule_keys, " of a registry", err) < 0)
			return -1;
		for (size_t k = 0; k < json_array_size(mirrors); k++) {
			if (check_table(file, json_array_get(mirrors, k), mirror_keys,
					" of a mirror", err) < 0)
				return -1;
		}
	}
	return 0;
}
