/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json.c - jansson with limits, and access that cannot fail half way
 *
 * The depth is counted in the text before jansson sees it: its own limit is 2048 and fixed when it was built.
 */
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* The deepest nesting of brackets outside of strings. Also right for text that is no JSON: jansson refuses that later. */
static size_t count_depth(const char *text, size_t length)
{
	size_t depth = 0;
	size_t deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			depth++;
			if (depth > deepest)
				deepest = depth;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return deepest;
}

void json_clamp_integers(char *text)
{
	static const char largest[] = "9223372036854775807"; /* 19 digits */
	bool in_string = false;

	for (char *c = text; *c != '\0'; c++) {
		if (in_string || *c < '0' || *c > '9') {
			if (in_string && *c == '\\' && c[1] != '\0')
				c++;
			else if (*c == '"')
				in_string = !in_string;
			continue;
		}
		size_t length = strspn(c, "0123456789");
		bool is_positive_integer = (c == text || strchr("-.eE+", c[-1]) == NULL) &&
					   (c[length] == '\0' || strchr(".eE", c[length]) == NULL);

		if (is_positive_integer &&
		    ((length == 19 && strncmp(c, largest, length) > 0) ||
		     (length == 20 && strncmp(c, "18446744073709551615", length) <= 0))) {
			memcpy(c, largest, 19);
			if (length == 20)
				c[19] = ' ';
		}
		c += length - 1;
	}
}

json_t *json_parse_limited(const char *text, size_t length, size_t limit_bytes, const char *what,
			   struct err *err)
{
	cleanup_strbuf struct strbuf reason = STRBUF_INIT;
	json_error_t error;
	json_t *json;

	if (length > limit_bytes) {
		err_set(err, ERR_CORRUPT, "%s has %zu bytes of JSON, which is more than %zu", what,
			length, limit_bytes);
		return NULL;
	}
	if (count_depth(text, length) > JSON_LIMIT_DEPTH) {
		err_set(err, ERR_CORRUPT, "%s nests JSON deeper than %d levels", what,
			JSON_LIMIT_DEPTH);
		return NULL;
	}

	json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL) {
		/* jansson quotes the text around the error, which comes from outside */
		strbuf_add_escaped(&reason, error.text);
		err_set(err, ERR_CORRUPT, "%s is not valid JSON: line %d, column %d: %s", what,
			error.line, error.column, reason.data);
		return NULL;
	}
	return json;
}

json_t *json_parse(const char *text, size_t length, const char *what, struct err *err)
{
	return json_parse_limited(text, length, JSON_LIMIT_BYTES, what, err);
}

static json_t *walk(const json_t *object, va_list keys)
{
	const json_t *at = object;
	const char *key;

	/* json_object_get() gives NULL for what is not an object */
	while (at != NULL && (key = va_arg(keys, const char *)) != NULL)
		at = json_object_get(at, key);
	return (json_t *)at;
}

json_t *json_at(const json_t *object, ...)
{
	va_list keys;
	json_t *value;

	va_start(keys, object);
	value = walk(object, keys);
	va_end(keys);
	return value;
}

const char *json_get_string(const json_t *object, const char *fallback, ...)
{
	va_list keys;
	json_t *value;

	va_start(keys, fallback);
	value = walk(object, keys);
	va_end(keys);
	return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t json_get_int(const json_t *object, int64_t fallback, ...)
{
	va_list keys;
	json_t *value;

	va_start(keys, fallback);
	value = walk(object, keys);
	va_end(keys);
	return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

bool json_get_bool(const json_t *object, int fallback, ...)
{
	va_list keys;
	json_t *value;

	va_start(keys, fallback);
	value = walk(object, keys);
	va_end(keys);
	return json_is_boolean(value) ? json_is_true(value) : fallback != 0;
}

int json_get_strv(const json_t *object, const char *key, struct strv *list)
{
	json_t *array = json_object_get(object, key);
	json_t *item;
	size_t i;

	if (array == NULL || json_is_null(array))
		return 0;
	if (!json_is_array(array))
		return -EINVAL;
	json_array_foreach (array, i, item) {
		if (!json_is_string(item))
			return -EINVAL;
	}
	json_array_foreach (array, i, item)
		strv_add(list, json_string_value(item));
	return 0;
}

static json_t *must(json_t *json)
{
	/* texts were cleaned before, so only memory can be missing */
	if (json == NULL)
		alloc_failed();
	return json;
}

/* Text with U+FFFD in place of each byte that belongs to no valid sequence. */
static void add_valid(struct strbuf *out, const char *text)
{
	while (*text != '\0') {
		size_t length = utf8_sequence(text);

		if (length == 0) {
			strbuf_adds(out, "\xef\xbf\xbd");
			text++;
			continue;
		}
		strbuf_add(out, text, length);
		text += length;
	}
}

void json_put(json_t *object, const char *key, json_t *value_take)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;

	must(value_take);
	if (json_object_set(object, key, value_take) < 0) {
		/* a key from outside, such as the name of a label */
		add_valid(&clean, key);
		if (json_object_set(object, clean.data, value_take) < 0)
			alloc_failed();
	}
	json_decref(value_take);
}

void json_put_string(json_t *object, const char *key, const char *text)
{
	json_put(object, key, text != NULL ? json_text(text) : json_null());
}

void json_put_int(json_t *object, const char *key, int64_t value)
{
	json_put(object, key, json_integer(value));
}

void json_put_bool(json_t *object, const char *key, bool value)
{
	json_put(object, key, json_boolean(value));
}

void json_put_strv(json_t *object, const char *key, const struct strv *list)
{
	json_put(object, key, json_from_strv(list));
}

json_t *json_from_strv(const struct strv *list)
{
	json_t *array = must(json_array());

	for (size_t i = 0; i < list->count; i++) {
		if (json_array_append_new(array, json_text(list->items[i])) < 0)
			alloc_failed();
	}
	return array;
}

json_t *json_text(const char *text)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	json_t *json = json_string(text);

	if (json != NULL)
		return json;
	add_valid(&clean, text);
	return must(json_string(clean.data));
}

json_t *json_from_env(const struct strv *list)
{
	json_t *object = must(json_object());

	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchrnul(list->items[i], '=');
		cleanup_free char *name =
			xstrndup(list->items[i], (size_t)(equals - list->items[i]));

		json_put(object, name, json_text(*equals == '=' ? equals + 1 : ""));
	}
	return object;
}

static int add_output(const char *text, size_t length, void *out)
{
	strbuf_add(out, text, length);
	return 0;
}

void json_print(const json_t *json, int indent, struct strbuf *out)
{
	size_t flags = JSON_ENCODE_ANY;

	flags |= indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT;
	if (json_dump_callback(json, add_output, out, flags) < 0)
		BUG("a JSON value cannot be printed");
}
