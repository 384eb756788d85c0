/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/detach_keys.c - parse and find the keys that leave a terminal
 */
#include "engine/container/detach_keys.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <string.h>

static int invalid(const char *text, struct err *err)
{
	cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

	strbuf_add_escaped(&escaped, text);
	err_set(err, ERR_USAGE, "invalid detach keys '%s'", escaped.data);
	return err_hint(err, "Use single characters or ctrl- with a letter or one of @ [ \\ ] ^ _, "
			     "separated by commas: ctrl-p,ctrl-q.");
}

/* The byte that the terminal sends for one word, or -1. */
static int key_code(const char *word)
{
	const char *letter = str_after(word, "ctrl-");

	if (letter == NULL)
		return word[0] != '\0' && word[1] == '\0' ? (unsigned char)word[0] : -1;
	if (letter[0] == '\0' || letter[1] != '\0')
		return -1;
	if (letter[0] >= 'a' && letter[0] <= 'z')
		return letter[0] - 'a' + 1;
	if (letter[0] == '@' || (letter[0] >= '[' && letter[0] <= '_'))
		return letter[0] & 0x1f;
	return -1;
}

int detach_keys_parse(const char *text, struct detach_keys *ret_keys, struct err *err)
{
	struct detach_keys keys = { .count = 0 };
	cleanup_strv struct strv words = STRV_INIT;

	if (text == NULL)
		text = DETACH_KEYS_DEFAULT;
	if (*text == '\0') {
		*ret_keys = keys;
		return 0;
	}

	strv_split(&words, text, ',');
	for (size_t i = 0; i < words.count; i++) {
		int code = key_code(words.items[i]);

		if (code < 0 || keys.count == DETACH_KEYS_MAX)
			return invalid(text, err);
		keys.keys[keys.count++] = (char)code;
	}
	*ret_keys = keys;
	return 0;
}

/* How much of the sequence still matches when it broke: the longest beginning that what was typed ends with. */
static size_t fall_back(const struct detach_keys *keys, char next)
{
	char typed[DETACH_KEYS_MAX + 1];
	size_t length = keys->matched;

	memcpy(typed, keys->keys, length);
	typed[length++] = next;
	for (size_t keep = length - 1; keep > 0; keep--) {
		if (memcmp(typed + length - keep, keys->keys, keep) == 0)
			return keep;
	}
	return 0;
}

bool detach_keys_feed(struct detach_keys *keys, const char *data, size_t length, char *out,
		      size_t *ret_length)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		size_t held = keys->matched;

		if (keys->count > 0 && data[i] == keys->keys[keys->matched]) {
			if (++keys->matched == keys->count) {
				keys->matched = 0;
				*ret_length = used;
				return true;
			}
			continue;
		}
		/* what can no more be the start of the sequence is let go */
		keys->matched = keys->count > 0 ? fall_back(keys, data[i]) : 0;
		char typed[DETACH_KEYS_MAX + 1];

		memcpy(typed, keys->keys, held);
		typed[held] = data[i];
		memcpy(out + used, typed, held + 1 - keys->matched);
		used += held + 1 - keys->matched;
	}
	*ret_length = used;
	return false;
}
