/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-table.c - columns, and YAML
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/table.h"
#include "cli/yaml.h"

static void test_align(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "one\n", "one\n" },
		{ "A\tB\n", "A           B\n" },
		{ "CONTAINER ID\tIMAGE\n0123456789ab\tlocalhost/web:1\n",
		  "CONTAINER ID  IMAGE\n0123456789ab  localhost/web:1\n" },
		/* a cell that ends its line is not padded, an empty last one lets the one before be */
		{ "SIZE\tCOMMENT\n0B\t\n", "SIZE        COMMENT\n0B          \n" },
		/* characters, not bytes */
		{ "n\xc3\xa4mename\xc3\xa4mename\tX\na\tY\n",
		  "n\xc3\xa4mename\xc3\xa4mename  X\na                Y\n" },
		{ "no newline\tx", "no newline  x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		table_align(cases[i][0], &out);
		assert_string_equal(out.data, cases[i][1]);
	}
}

static void test_many_columns(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (int i = 0; i < 200; i++)
		strbuf_adds(&text, "x\t");
	strbuf_adds(&text, "\n");
	table_align(text.data, &out);
	assert_true(str_ends_with(out.data, "\n"));
}

static void test_yaml(void **state)
{
	static const char text[] =
		"{\"b\":{\"x\":1,\"list\":[\"a\",\"b c\"],\"none\":[],\"empty\":{}},\"a\":\"true\","
		"\"c\":[{\"k\":1,\"l\":\"x: y\"},{\"k\":2}],\"d\":null,\"e\":\"\",\"f\":\"12\"}";
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct err err = { 0 };
	cleanup_json json_t *json = json_parse(text, sizeof(text) - 1, "text", &err);

	assert_non_null(json);
	yaml_print(json, &out);
	assert_string_equal(out.data, "a: \"true\"\n"
				      "b:\n"
				      "  empty: {}\n"
				      "  list:\n"
				      "  - a\n"
				      "  - b c\n"
				      "  none: []\n"
				      "  x: 1\n"
				      "c:\n"
				      "- k: 1\n"
				      "  l: \"x: y\"\n"
				      "- k: 2\n"
				      "d: null\n"
				      "e: \"\"\n"
				      "f: \"12\"\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_align),
	cmocka_unit_test(test_many_columns),
	cmocka_unit_test(test_yaml),
};
UNIT_MAIN(tests)
