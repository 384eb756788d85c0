/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-pattern.c - wildcards of COPY and ignore files
 */
#include "unit.h"

#include "base/err.h"
#include "engine/build/pattern.h"

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "ab", false },
		{ "*", "abc", true },
		{ "*", "a/b", false },
		{ "a*c", "abbc", true },
		{ "a*c", "ab/c", false },
		{ "?", "a", true },
		{ "?", "/", false },
		{ "[ab]", "b", true },
		{ "[^ab]", "b", false },
		{ "[a-c]x", "bx", true },
		{ "[a]", "/", false },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "arr[[]0].txt", "arr[0].txt", true },
		{ "**/x", "x", true },
		{ "**/x", "a/b/x", true },
		{ "**/x", "a/xx", false },
		{ "**/x", "ax", false },
		{ "a/**", "a/b/c", true },
		{ "a/**", "a", false },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "a/xb", false },
		{ "**", "a/b", true },
		{ "**/*.go", "a/b.go", true },
		{ "**/*.go", "b.go", true },
		{ "**/*.go", "b.gox", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		struct pattern *pattern = pattern_new(rows[i].pattern, &err);

		assert_non_null(pattern);
		if (pattern_match(pattern, rows[i].text) != rows[i].matches)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].text);
		pattern_free(pattern);
	}
}

static void test_bad_patterns(void **state)
{
	static const char *const rows[] = { "[", "[a", "a\\", "[]", "[^" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		assert_null(pattern_new(rows[i], &err));
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void test_hostile_pattern(void **state)
{
	struct err err = { 0 };
	char pattern_text[201], text[4001];
	struct pattern *pattern;

	for (size_t i = 0; i < 200; i += 2) {
		pattern_text[i] = '*';
		pattern_text[i + 1] = 'a';
	}
	pattern_text[200] = '\0';
	memset(text, 'a', 4000);
	text[3999] = 'b';
	text[4000] = '\0';
	pattern = pattern_new(pattern_text, &err);
	assert_false(pattern_match(pattern, text));
	pattern_free(pattern);
}

static void test_ignore(void **state)
{
	static const struct {
		const char *path;
		bool ignored;
	} rows[] = {
		{ "a.log", true },	  { "keep.log", false },	  { "sub/a.log", false },
		{ "sub/x.tmp", true },	  { "sub/deep/keep.tmp", false }, { "node/m/f", true },
		{ "docs/readme", false }, { "docs/api", true },		  { "docs", false },
	};
	struct ignore ignore = { 0 };
	struct err err = { 0 };

	assert_int_equal(
		ignore_parse(&ignore,
			     "# comment\n*.log\n!keep.log\n**/*.tmp\n!sub/deep/keep.tmp\n/node\n"
			     "docs/*\n!docs/readme\r\n\n.\n",
			     "ignore", &err),
		0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ignore_match(&ignore, rows[i].path) != rows[i].ignored)
			fail_msg("'%s'", rows[i].path);
	ignore_release(&ignore);
	assert_int_equal(ignore_parse(&ignore, "a\n[\n", "ignore", &err), -1);
	assert_non_null(strstr(err.msg, "ignore:2"));
	ignore_release(&ignore);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_patterns),
	cmocka_unit_test(test_bad_patterns),
	cmocka_unit_test(test_hostile_pattern),
	cmocka_unit_test(test_ignore),
};
UNIT_MAIN(tests)
