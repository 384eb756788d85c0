/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_func.c - the functions of templates
 *
 * One row per function: name, number of arguments, what it does. and/or have a row for their names only; the walker does them.
 */
#include "cli/template_private.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <inttypes.h>

static int give(struct value *ret, json_t *json_take)
{
	*ret = (struct value){ json_take, false };
	return 0;
}

int template_give_text(struct value *ret, const char *text)
{
	return give(ret, json_text(text));
}

bool template_is_true(const struct value *value)
{
	switch (value->json == NULL ? JSON_NULL : json_typeof(value->json)) {
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_TRUE:
		return true;
	case JSON_STRING:
		return json_string_length(value->json) > 0;
	case JSON_INTEGER:
		return json_integer_value(value->json) != 0;
	case JSON_REAL:
		return json_real_value(value->json) < 0 || json_real_value(value->json) > 0;
	case JSON_ARRAY:
		return json_array_size(value->json) > 0;
	case JSON_OBJECT:
		return json_object_size(value->json) > 0;
	}
	return false;
}

static int wrong_type(const char *wanted, const struct value *value, struct err *err)
{
	return err_set(err, ERR_USAGE, "wrong type of argument: want %s, got %s", wanted,
		       template_type(value));
}

int template_text_of(const struct value *value, const char **ret_text, struct err *err)
{
	if (!json_is_string(value->json))
		return wrong_type("string", value, err);
	*ret_text = json_string_value(value->json);
	return 0;
}

int template_number_of(const struct value *value, int64_t *ret_number, struct err *err)
{
	if (!json_is_integer(value->json))
		return wrong_type("int", value, err);
	*ret_number = json_integer_value(value->json);
	return 0;
}

/* ---- comparison ----------------------------------------------------------------------------------------------------- */

static bool same_kind(const struct value *a, const struct value *b)
{
	return (json_is_number(a->json) && json_is_number(b->json)) ||
	       (json_is_string(a->json) && json_is_string(b->json));
}

/* -1, 0, 1 of two numbers or two strings. */
static int order(const struct value *a, const struct value *b)
{
	if (json_is_string(a->json)) {
		int sign = strcmp(json_string_value(a->json), json_string_value(b->json));

		return sign < 0 ? -1 : sign > 0;
	}
	if (json_is_integer(a->json) && json_is_integer(b->json)) {
		json_int_t x = json_integer_value(a->json);
		json_int_t y = json_integer_value(b->json);

		return x < y ? -1 : x > y;
	}

	double x = json_number_value(a->json);
	double y = json_number_value(b->json);

	return x < y ? -1 : x > y;
}

static int is_equal(const struct value *a, const struct value *b, bool *ret, struct err *err)
{
	bool a_none = a->json == NULL || json_is_null(a->json);
	bool b_none = b->json == NULL || json_is_null(b->json);

	if (a_none || b_none)
		*ret = a_none && b_none;
	else if (json_is_boolean(a->json) && json_is_boolean(b->json))
		*ret = json_is_true(a->json) == json_is_true(b->json);
	else if (same_kind(a, b))
		*ret = order(a, b) == 0;
	else
		return err_set(err, ERR_USAGE, "incompatible types for comparison: %s and %s",
			       template_type(a), template_type(b));
	return 0;
}

static int func_eq(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	bool equal = false;

	for (size_t i = 1; i < count && !equal; i++) {
		if (is_equal(&args[0], &args[i], &equal, err) < 0)
			return -1;
	}
	return give(ret, json_boolean(equal));
}

static int func_ne(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	bool equal;

	if (is_equal(&args[0], &args[1], &equal, err) < 0)
		return -1;
	return give(ret, json_boolean(!equal));
}

static int compare(const struct value *args, bool less, bool equal, struct value *ret,
		   struct err *err)
{
	if (!same_kind(&args[0], &args[1]))
		return err_set(err, ERR_USAGE, "incompatible types for comparison: %s and %s",
			       template_type(&args[0]), template_type(&args[1]));

	int sign = order(&args[0], &args[1]);

	return give(ret, json_boolean(sign == 0 ? equal : (sign < 0) == less));
}

static int func_lt(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return compare(args, true, false, ret, err);
}

static int func_le(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return compare(args, true, true, ret, err);
}

static int func_gt(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return compare(args, false, false, ret, err);
}

static int func_ge(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return compare(args, false, true, ret, err);
}

static int func_not(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return give(ret, json_boolean(!template_is_true(&args[0])));
}

/* ---- lists and maps ------------------------------------------------------------------------------------------------- */

static int func_len(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	const json_t *json = args[0].json;

	if (json_is_string(json))
		return give(ret, json_integer((json_int_t)json_string_length(json)));
	if (json_is_array(json))
		return give(ret, json_integer((json_int_t)json_array_size(json)));
	if (json_is_object(json))
		return give(ret, json_integer((json_int_t)json_object_size(json)));
	/* an empty list of Go is null in JSON */
	if (json_is_null(json))
		return give(ret, json_integer(0));
	return err_set(err, ERR_USAGE, "len of type %s", template_type(&args[0]));
}

static int index_one(const struct value *from, const struct value *key, struct value *ret,
		     struct err *err)
{
	int64_t number = 0;

	if (json_is_object(from->json)) {
		const char *name = "";

		if (template_text_of(key, &name, err) < 0)
			return -1;

		json_t *member = json_object_get(from->json, name);

		/* the empty value of a map of strings, which most of them are */
		return member != NULL ? give(ret, json_incref(member))
				      : template_give_text(ret, "");
	}
	if (from->json == NULL || json_is_null(from->json)) {
		if (json_is_string(key->json))
			return template_give_text(ret, "");
		return err_set(err, ERR_USAGE, "index of untyped nil");
	}
	if (!json_is_array(from->json) && !json_is_string(from->json))
		return err_set(err, ERR_USAGE, "can't index item of type %s", template_type(from));
	if (template_number_of(key, &number, err) < 0)
		return -1;

	size_t size = json_is_array(from->json) ? json_array_size(from->json)
						: json_string_length(from->json);

	if (number < 0 || (uint64_t)number >= size)
		return err_set(err, ERR_USAGE, "index out of range: %" PRId64, number);
	if (json_is_array(from->json))
		return give(ret, json_incref(json_array_get(from->json, (size_t)number)));
	return give(ret, json_integer((unsigned char)json_string_value(from->json)[number]));
}

static int func_index(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	struct value at = { json_incref(args[0].json), args[0].is_map };

	for (size_t i = 1; i < count; i++) {
		struct value next = { NULL, false };
		int status = index_one(&at, &args[i], &next, err);

		json_decref(at.json);
		at = next;
		if (status < 0)
			return -1;
	}
	*ret = at;
	return 0;
}

static int func_slice(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	const json_t *json = args[0].json;
	int64_t bounds[2] = { 0, 0 };

	if (!json_is_array(json) && !json_is_string(json))
		return err_set(err, ERR_USAGE, "can't slice item of type %s",
			       template_type(&args[0]));

	int64_t size =
		(int64_t)(json_is_array(json) ? json_array_size(json) : json_string_length(json));

	bounds[1] = size;
	for (size_t i = 1; i < count; i++) {
		if (template_number_of(&args[i], &bounds[i - 1], err) < 0)
			return -1;
	}
	if (bounds[0] < 0 || bounds[0] > bounds[1] || bounds[1] > size)
		return err_set(err, ERR_USAGE, "slice out of range: %" PRId64 ":%" PRId64,
			       bounds[0], bounds[1]);
	if (json_is_string(json)) {
		cleanup_free char *part = xstrndup(json_string_value(json) + bounds[0],
						   (size_t)(bounds[1] - bounds[0]));

		return template_give_text(ret, part);
	}

	json_t *list = json_array();

	for (int64_t i = bounds[0]; i < bounds[1]; i++)
		json_array_append(list, json_array_get(json, (size_t)i));
	return give(ret, list);
}

static int func_join(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *between = "";
	size_t i;
	json_t *item;

	if (template_text_of(&args[1], &between, err) < 0)
		return -1;
	if (args[0].json != NULL && !json_is_array(args[0].json) && !json_is_null(args[0].json))
		return wrong_type("[]string", &args[0], err);
	json_array_foreach (args[0].json, i, item) {
		struct value value = { item, false };

		if (i > 0)
			strbuf_adds(&out, between);
		template_print(&value, &out);
	}
	return template_give_text(ret, out.data);
}

static int func_split(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	const char *text = "";
	const char *between = "";

	if (template_text_of(&args[0], &text, err) < 0 ||
	    template_text_of(&args[1], &between, err) < 0)
		return -1;

	json_t *list = json_array();
	size_t length = strlen(between);

	for (;;) {
		const char *end = length > 0 ? strstr(text, between) : NULL;
		size_t part = end != NULL ? (size_t)(end - text) : strlen(text);

		/* an empty separator splits into characters */
		if (length == 0 && *text != '\0') {
			part = utf8_sequence(text);
			part = part > 0 ? part : 1;
			end = text[part] != '\0' ? text + part : NULL;
		}

		cleanup_free char *piece = xstrndup(text, part);

		json_array_append_new(list, json_text(piece));
		if (end == NULL)
			break;
		text = end + length;
	}
	return give(ret, list);
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

#define ANY_COUNT 64

static const struct {
	const char *name;
	size_t min, max;
	template_function body; /* NULL: the walker does it */
} functions[] = {
	{ "and", 1, ANY_COUNT, NULL },
	{ "or", 1, ANY_COUNT, NULL },
	{ "not", 1, 1, func_not },
	{ "eq", 2, ANY_COUNT, func_eq },
	{ "ne", 2, 2, func_ne },
	{ "lt", 2, 2, func_lt },
	{ "le", 2, 2, func_le },
	{ "gt", 2, 2, func_gt },
	{ "ge", 2, 2, func_ge },
	{ "len", 1, 1, func_len },
	{ "index", 1, ANY_COUNT, func_index },
	{ "slice", 1, 3, func_slice },
	{ "join", 2, 2, func_join },
	{ "split", 2, 2, func_split },
	{ "upper", 1, 1, template_func_upper },
	{ "lower", 1, 1, template_func_lower },
	{ "title", 1, 1, template_func_title },
	{ "truncate", 2, 2, template_func_truncate },
	{ "pad", 3, 3, template_func_pad },
	{ "print", 0, ANY_COUNT, template_func_print },
	{ "println", 0, ANY_COUNT, template_func_println },
	{ "printf", 1, ANY_COUNT, template_func_printf },
	{ "json", 1, 1, template_func_json },
	{ "html", 1, ANY_COUNT, template_func_html },
	{ "js", 1, ANY_COUNT, template_func_js },
	{ "urlquery", 1, ANY_COUNT, template_func_urlquery },
};

static size_t function_find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(functions) && !str_equal(functions[i].name, name))
		i++;
	return i;
}

bool template_function_exists(const char *name)
{
	return function_find(name) < ARRAY_SIZE(functions);
}

int template_call(const char *name, const struct value *args, size_t count, struct value *ret,
		  struct err *err)
{
	size_t i = function_find(name);

	if (i == ARRAY_SIZE(functions))
		return err_set(err, ERR_USAGE, "function \"%s\" not defined", name);
	if (count < functions[i].min || count > functions[i].max || functions[i].body == NULL)
		return err_set(err, ERR_USAGE, "wrong number of args for %s: want %s%zu got %zu",
			       name, functions[i].min == functions[i].max ? "" : "at least ",
			       functions[i].min, count);
	return functions[i].body(args, count, ret, err);
}
