/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/words.c - the three ways in which instructions are split into words
 */
#include "engine/build/dockerfile.h"

#include "base/strbuf.h"

#include <jansson.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

int df_split_quoted(const char *text, char escape, struct strv *words)
{
	const char *p = text;

	while (*p != '\0') {
		while (is_blank(*p))
			p++;
		const char *start = p;
		char quote = '\0';

		for (; *p != '\0' && (quote != '\0' || !is_blank(*p)); p++) {
			if (*p == escape && p[1] != '\0' && quote != '\'')
				p++;
			else if (quote != '\0' && *p == quote)
				quote = '\0';
			else if (quote == '\0' && (*p == '"' || *p == '\''))
				quote = *p;
		}
		if (p > start)
			strv_add_take(words, xstrndup(start, (size_t)(p - start)));
		if (quote != '\0')
			return -1;
	}
	return 0;
}

void df_split_blanks(const char *text, struct strv *words)
{
	const char *p = text;

	while (*p != '\0') {
		while (is_blank(*p))
			p++;
		const char *start = p;

		while (*p != '\0' && !is_blank(*p))
			p++;
		if (p > start)
			strv_add_take(words, xstrndup(start, (size_t)(p - start)));
	}
}

bool df_parse_json_words(const char *text, struct strv *words)
{
	struct strv found = STRV_INIT;
	bool good = true;
	json_t *item;
	size_t i;

	while (is_blank(*text))
		text++;
	if (*text != '[')
		return false;
	/* jansson itself stops at a depth of 2048; a list of strings has a depth of one */
	json_t *list = json_loads(text, 0, NULL);
	if (!json_is_array(list))
		good = false;
	json_array_foreach (list, i, item) {
		if (!json_is_string(item)) {
			good = false;
			break;
		}
		strv_add(&found, json_string_value(item));
	}
	json_decref(list);
	if (good)
		strv_add_all(words, &found);
	strv_release(&found);
	return good;
}
