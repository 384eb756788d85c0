/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/yaml.c - JSON as YAML, for people
 *
 * Only what `info` needs: block maps and lists, plain words where that is safe, else double quotes, which have JSON's escapes.
 */
#include "cli/yaml.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* A word that every reader takes for the same text, and for no number, truth or null. */
static bool is_plain(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
					     "off",  "null",  "~",   "y",  "n" };
	char *end;

	if (!isalnum((unsigned char)text[0]) && text[0] != '/')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i]) == 0)
			return false;
	}
	(void)strtod(text, &end);
	if (*end == '\0')
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || (p[0] == ':' && (p[1] == ' ' || p[1] == '\0')) ||
		    (p[0] == ' ' && (p[1] == '#' || p[1] == '\0')))
			return false;
	}
	return true;
}

static void print_scalar(const json_t *json, struct strbuf *out)
{
	if (json_is_string(json) && is_plain(json_string_value(json))) {
		strbuf_adds(out, json_string_value(json));
		return;
	}
	json_print(json, 0, out);
}

static int key_compare(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_value(const json_t *json, size_t indent, bool in_list, struct strbuf *out);

static void print_object(const json_t *object, size_t indent, bool in_list, struct strbuf *out)
{
	size_t count = 0;
	cleanup_free const char **keys = xcalloc(json_object_size(object) + 1, sizeof(*keys));
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)object, key, member)
		keys[count++] = key;
	qsort(keys, count, sizeof(*keys), key_compare);
	for (size_t i = 0; i < count; i++) {
		/* the first key of an object in a list stands behind the "- " */
		if (i > 0 || !in_list)
			strbuf_addf(out, "%*s", (int)indent, "");
		strbuf_addf(out, "%s:", keys[i]);
		print_value(json_object_get(object, keys[i]), indent + 2, false, out);
	}
}

/* What stands behind "key:" or "-": on this line, or as a block on the next ones. */
static void print_value(const json_t *json, size_t indent, bool in_list, struct strbuf *out)
{
	size_t i;
	json_t *item;

	if (json_is_object(json) && json_object_size(json) > 0) {
		strbuf_addc(out, in_list ? ' ' : '\n');
		print_object(json, indent, in_list, out);
	} else if (json_is_array(json) && json_array_size(json) > 0) {
		strbuf_addc(out, '\n');
		json_array_foreach (json, i, item) {
			strbuf_addf(out, "%*s-", (int)indent - 2, "");
			print_value(item, indent, true, out);
		}
	} else {
		strbuf_addc(out, ' ');
		print_scalar(json, out);
		strbuf_addc(out, '\n');
	}
}

void yaml_print(const json_t *object, struct strbuf *out)
{
	print_object(object, 0, false, out);
}
