/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-json.c - documents
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"

static json_t *parse(const char *text)
{
	struct err err;
	json_t *json = json_parse(text, strlen(text), "document 'x'", &err);

	if (json == NULL) {
		assert_int_equal(err.kind, ERR_CORRUPT);
		assert_non_null(strstr(err.msg, "document 'x'"));
	}
	return json;
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "{}", true },
		{ "[]", true },
		{ " {\"a\": [1, 2.5, null, true, \"x\"]}\n", true },
		{ "{\"a\":\"[{[{\\\"[{\"}", true },
		{ "", false },
		{ "1", false },
		{ "\"text\"", false },
		{ "{} {}", false },
		{ "{}x", false },
		{ "{\"a\":1,\"a\":1}", false },
		{ "{\"b\":{\"a\":1,\"a\":2}}", false },
		{ "{\"a\":\"\\u0000\"}", false },
		{ "{\"a\\u0000b\":1}", false },
		{ "{\"a\":\"\xff\"}", false },
		{ "{\"a\":\"\n\"}", false },
		{ "{'a':1}", false },
		{ "{\"a\":1,}", false },
		{ "{\"a\":01}", false },
		{ "{\"a\":NaN}", false },
		{ "{\"a\":99999999999999999999}", false },
		{ "\xef\xbb\xbf{}", false },
		{ "{\"a\":1", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_json json_t *json = parse(rows[i].text);

		assert_int_equal(json != NULL, rows[i].ok);
	}
}

static void test_depth(void **state)
{
	for (size_t depth = 60; depth < 70; depth++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_json json_t *json = NULL;

		for (size_t i = 0; i < depth; i++)
			strbuf_adds(&text, i % 2 != 0 ? "{\"a\":" : "[");
		if (depth % 2 == 0)
			strbuf_addc(&text, '1');
		for (size_t i = depth; i-- > 0;)
			strbuf_addc(&text, i % 2 != 0 ? '}' : ']');
		json = parse(text.data);
		assert_int_equal(json != NULL, depth <= JSON_LIMIT_DEPTH);
	}
}

static void test_size(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *fits = NULL;
	cleanup_json json_t *too_big = NULL;

	strbuf_adds(&text, "[]");
	while (text.length < JSON_LIMIT_BYTES)
		strbuf_addc(&text, ' ');
	fits = parse(text.data);
	assert_non_null(fits);
	strbuf_addc(&text, ' ');
	too_big = parse(text.data);
	assert_null(too_big);
}

static void test_no_terminal_bytes_in_messages(void **state)
{
	struct err err;
	const char text[] = "{\"a\": \x1b[31m}";

	assert_null(json_parse(text, strlen(text), "x", &err));
	assert_null(strchr(err.msg, '\x1b'));
}

static void test_getters(void **state)
{
	cleanup_json json_t *json =
		parse("{\"s\":\"text\",\"n\":-5,\"b\":true,\"o\":{\"in\":{\"s\":\"deep\"}},"
		      "\"list\":[\"a\",\"b\"],\"null\":null,\"mixed\":[\"a\",1]}");
	cleanup_strv struct strv list = STRV_INIT;

	assert_string_equal(json_get_string(json, "no", "s", NULL), "text");
	assert_string_equal(json_get_string(json, "no", "o", "in", "s", NULL), "deep");
	assert_string_equal(json_get_string(json, "no", "o", "out", "s", NULL), "no");
	assert_string_equal(json_get_string(json, "no", "s", "s", NULL), "no");
	assert_string_equal(json_get_string(json, "no", "n", NULL), "no");
	assert_null(json_get_string(NULL, NULL, "s", NULL));
	assert_int_equal(json_get_int(json, 7, "n", NULL), -5);
	assert_int_equal(json_get_int(json, 7, "s", NULL), 7);
	assert_true(json_get_bool(json, false, "b", NULL));
	assert_true(json_get_bool(json, true, "missing", NULL));
	assert_false(json_get_bool(json, false, "n", NULL));
	assert_ptr_equal(json_at(json, NULL), json);
	assert_true(json_is_null(json_at(json, "null", NULL)));

	assert_int_equal(json_get_strv(json, "list", &list), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(json_get_strv(json, "null", &list), 0);
	assert_int_equal(json_get_strv(json, "missing", &list), 0);
	assert_int_equal(json_get_strv(json, "mixed", &list), -EINVAL);
	assert_int_equal(json_get_strv(json, "s", &list), -EINVAL);
	assert_int_equal(list.count, 2);
}

static void test_building(void **state)
{
	cleanup_json json_t *json = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv env = STRV_INIT;

	json_put_string(json, "s", "a\"b");
	json_put_string(json, "null", NULL);
	json_put_string(json, "bad", "x\xffy");
	json_put_string(json, "k\xff", "v");
	json_put_int(json, "n", INT64_MIN);
	json_put_bool(json, "b", true);
	json_put_strv(json, "empty", &env);
	strv_add(&env, "A=1=2");
	strv_add(&env, "B");
	json_put_strv(json, "list", &env);
	json_put(json, "env", json_from_env(&env));
	json_put_string(json, "s", "again");
	json_print(json, 0, &text);
	assert_string_equal(
		text.data,
		"{\"s\":\"again\",\"null\":null,\"bad\":\"x\xef\xbf\xbdy\",\"k\xef\xbf\xbd\":\"v\","
		"\"n\":-9223372036854775808,\"b\":true,\"empty\":[],\"list\":[\"A=1=2\",\"B\"],"
		"\"env\":{\"A\":\"1=2\",\"B\":\"\"}}");
}

static void test_indent(void **state)
{
	cleanup_json json_t *json = parse("{\"a\":[1,{}],\"b\":[]}");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(json, 5, &text);
	assert_string_equal(
		text.data,
		"{\n     \"a\": [\n          1,\n          {}\n     ],\n     \"b\": []\n}");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_what_is_refused),
	cmocka_unit_test(test_depth),
	cmocka_unit_test(test_size),
	cmocka_unit_test(test_no_terminal_bytes_in_messages),
	cmocka_unit_test(test_getters),
	cmocka_unit_test(test_building),
	cmocka_unit_test(test_indent),
};
UNIT_MAIN(tests)
