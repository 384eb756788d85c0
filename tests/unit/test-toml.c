/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-toml.c - what the reader of TOML takes, as JSON, and what it refuses, with the line
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image/toml.h"

static const struct {
	const char *toml, *json;
} good[] = {
	{ "", "{}" },
	{ "# only a comment", "{}" },
	{ "a = 1\nb = \"x\" # y\nc = true\n", "{\"a\":1,\"b\":\"x\",\"c\":true}" },
	{ "a = 'C:\\x'", "{\"a\":\"C:\\\\x\"}" },
	{ "a = \"\\u00e9\\t\\\"\"", "{\"a\":\"\u00e9\\t\\\"\"}" },
	{ "a = \"\"\"\nx\n y\"\"\"", "{\"a\":\"x\\n y\"}" },
	{ "a = \"\"\"x \\\n   y\"\"\"", "{\"a\":\"x y\"}" },
	{ "a = '''x''''", "{\"a\":\"x'\"}" },
	{ "a.b = 1\na.\"c d\" = 2", "{\"a\":{\"b\":1,\"c d\":2}}" },
	{ "a = [1, 2,\n # c\n 3,\n]", "{\"a\":[1,2,3]}" },
	{ "a = {b = 1, c.d = [ ]}", "{\"a\":{\"b\":1,\"c\":{\"d\":[]}}}" },
	{ "[a]\nb = 1\n[a.c]\nd = 2", "{\"a\":{\"b\":1,\"c\":{\"d\":2}}}" },
	{ "[a.b]\nc = 1\n[a]\nd = 2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}" },
	{ "[[r]]\nl = \"a\"\n[[r.m]]\nl = \"b\"\n[[r]]\nl = \"c\"\r\n",
	  "{\"r\":[{\"l\":\"a\",\"m\":[{\"l\":\"b\"}]},{\"l\":\"c\"}]}" },
	{ "a = 0xfF\nb = -1_000\nc = 0o17\nd = 0b11\ne = +0",
	  "{\"a\":255,\"b\":-1000,\"c\":15,\"d\":3,\"e\":0}" },
	{ "a = 1.5\nb = 1e2", "{\"a\":1.5,\"b\":100.0}" },
	{ "\"a.b\" = 1\n'' = 2", "{\"a.b\":1,\"\":2}" },
};

static const struct {
	const char *toml, *part;
} bad[] = {
	{ "this is not [ toml", ":1: '=' is missing" },
	{ "a = 1\nb", ":2: '='" },
	{ "a = ", "value is missing" },
	{ "a = 1 2", "line goes on" },
	{ "a = 1\na = 2", ":2: a key is set" },
	{ "[a]\n[a]", ":2: a table is defined" },
	{ "[[a]]\n[a]", "second time" },
	{ "[a]\n[[a]]", "something else" },
	{ "a = []\n[[a]]", "something else" },
	{ "a = {}\n[a.b]", "no table" },
	{ "a = {}\na.b = 1", "defined already" },
	{ "[a]\nx = 1\n[b]\n[a.x.y]", ":4: " },
	{ "a.b = 1\n[a]", "second time" },
	{ "a = \"x", "no end" },
	{ "a = \"x\n\"", "no end in its line" },
	{ "a = '''x", "no end" },
	{ "a = \"\\x\"", "unknown escape" },
	{ "a = \"\\u12\"", "hexadecimal" },
	{ "a = \"\\ud800\"", "no character" },
	{ "a = \"\x01\"", "control" },
	{ "a = \"\xff\"", "UTF-8" },
	{ "a = [1", "missing in an array" },
	{ "a = {b = 1", "missing in an inline" },
	{ "a = {\nb = 1}", "key is missing" },
	{ "a = 1979-05-27", "dates" },
	{ "a = 07:32:00", "starts with 0" },
	{ "a = 01", "starts with 0" },
	{ "a = 1__0", "no string" },
	{ "a = 9223372036854775808", "out of range" },
	{ "a = yes", "no string" },
	{ "[a", "']' is missing" },
	{ "[]", "key is missing" },
	{ "= 1", "key is missing" },
};

static void good_documents_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		cleanup_json json_t *json = NULL, *want = NULL;
		struct err err;

		json = toml_parse(good[i].toml, strlen(good[i].toml), "f", &err);
		if (json == NULL)
			fail_msg("'%s': %s", good[i].toml, err.msg);
		want = json_loads(good[i].json, 0, NULL);
		assert_non_null(want);
		json_print(json, 0, &out);
		if (!json_equal(json, want))
			fail_msg("'%s' became %s", good[i].toml, out.data);
	}
}

static void bad_documents_are_refused_with_their_line(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err;

		if (toml_parse(bad[i].toml, strlen(bad[i].toml), "some.conf", &err) != NULL)
			fail_msg("'%s' was accepted", bad[i].toml);
		assert_int_equal(strncmp(err.msg, "some.conf:", 10), 0);
		if (strstr(err.msg, bad[i].part) == NULL)
			fail_msg("'%s': no '%s' in: %s", bad[i].toml, bad[i].part, err.msg);
	}
}

static void nesting_has_a_limit(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct err err;

	strbuf_adds(&text, "a = ");
	for (int i = 0; i < 100000; i++)
		strbuf_addc(&text, '[');
	assert_null(toml_parse(text.data, text.length, "f", &err));
	assert_non_null(strstr(err.msg, "too deep"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_documents_are_read),
		cmocka_unit_test(bad_documents_are_refused_with_their_line),
		cmocka_unit_test(nesting_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
