/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-yaml.c - YAML as tables: text and the JSON that it means, or what is said about it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/yaml.h"

static void values(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "null" },
		{ "# only a note\n", "null" },
		{ "---\na: 1\n...\n", "{\"a\":1}" },
		{ "a: b # note\nc: \"d # e\"\n", "{\"a\":\"b\",\"c\":\"d # e\"}" },
		{ "a:\n- 1\n- two\n", "{\"a\":[1,\"two\"]}" },
		{ "- a: 1\n  b: 2\n- c\n-\n  - d\n", "[{\"a\":1,\"b\":2},\"c\",[\"d\"]]" },
		{ "a: {b: [1, 2.5, ~, true], 'c d': 'it''s'}\n",
		  "{\"a\":{\"b\":[1,2.5,null,true],\"c d\":\"it's\"}}" },
		{ "a: [1,\n  2]\nb: x\n", "{\"a\":[1,2],\"b\":\"x\"}" },
		{ "a: |\n  one\n   two\n\n  three\nb: >-\n  x\n  y\n",
		  "{\"a\":\"one\\n two\\n\\nthree\\n\",\"b\":\"x y\"}" },
		{ "a: one\n  two\nb:\nc: ''\n", "{\"a\":\"one two\",\"b\":null,\"c\":\"\"}" },
		{ "a: http://x:80/y\nb: 0x10\nc: 08:30\nd: 1e3x\n",
		  "{\"a\":\"http://x:80/y\",\"b\":16,\"c\":\"08:30\",\"d\":\"1e3x\"}" },
		{ "a: \"\\u00e9\\n\"\r\n", "{\"a\":\"\303\251\\n\"}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		cleanup_json json_t *json =
			yaml_parse(cases[i].text, strlen(cases[i].text), "it", &err);

		if (json == NULL)
			fail_msg("'%s': %s", cases[i].text, err.msg);
		cleanup_json json_t *want = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
		assert_non_null(want);
		json_print(json, 0, &out);
		if (!json_equal(json, want))
			fail_msg("'%s' is %s", cases[i].text, out.data);
	}
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "a: &x 1\n", "line" },
		{ "a: *x\n", "anchors" },
		{ "a: 1\na: 2\n", "twice" },
		{ "a: [1\n", "end" },
		{ "a: 'x\n", "end" },
		{ "\ta: 1\n", "tab" },
		{ "a: 1\n---\nb: 2\n", "line" },
		{ "a: 1\n  b: 2\n", "line" },
		{ "a: !!binary x\n", "tags" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		json_t *json = yaml_parse(cases[i].text, strlen(cases[i].text), "it", &err);

		if (json != NULL || strstr(err.msg, cases[i].part) == NULL)
			fail_msg("'%s': %s", cases[i].text, json != NULL ? "taken" : err.msg);
	}
}

static void clamped(void **state)
{
	char text[] = "{\"a\":18446744073709551615,\"b\":9223372036854775808,\"c\":-5,"
		      "\"d\":\"18446744073709551615\",\"e\":18446744073709551616,\"f\":1.5}";

	json_clamp_integers(text);
	assert_string_equal(text,
			    "{\"a\":9223372036854775807 ,\"b\":9223372036854775807,\"c\":-5,"
			    "\"d\":\"18446744073709551615\",\"e\":18446744073709551616,\"f\":1.5}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(refusals),
		cmocka_unit_test(clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
