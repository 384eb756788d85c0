/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-strbuf.c - strings that grow
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/strbuf.h"

static void test_empty_is_a_string(void **state)
{
	struct strbuf buf = STRBUF_INIT;
	char *text;

	assert_string_equal(buf.data, "");
	strbuf_clear(&buf);
	strbuf_add(&buf, NULL, 0);
	text = strbuf_take(&buf);
	assert_string_equal(text, "");
	free(text);
	strbuf_release(&buf);
	strbuf_release(&buf);
}

static void test_grows(void **state)
{
	cleanup_strbuf struct strbuf buf = STRBUF_INIT;
	char *text;

	for (int i = 0; i < 10000; i++)
		strbuf_addc(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.length, 10000);
	assert_int_equal(strlen(buf.data), 10000);
	assert_int_equal(buf.data[9999], 'a' + 9999 % 26);
	strbuf_truncate(&buf, 3);
	assert_string_equal(buf.data, "abc");
	strbuf_addf(&buf, "-%05d-%s", 42, "x");
	assert_string_equal(buf.data, "abc-00042-x");
	strbuf_add(&buf, "a\0b", 3);
	assert_int_equal(buf.length, 14);
	text = strbuf_take(&buf);
	assert_memory_equal(text, "abc-00042-xa\0b", 15);
	free(text);
	assert_int_equal(buf.length, 0);
}

static void test_long_format(void **state)
{
	/* around the room that a first try has */
	for (int length = 40; length < 300; length++) {
		cleanup_strbuf struct strbuf buf = STRBUF_INIT;

		strbuf_addf(&buf, "%*d|", length, 7);
		assert_int_equal(buf.length, length + 1);
		assert_string_equal(buf.data + length - 1, "7|");
	}
}

static void test_escape(void **state)
{
	static const struct {
		const char *text, *escaped;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "a\nb\tc", "a\\x0ab\\x09c" },
		{ "\x1b[31m", "\\x1b[31m" },
		{ "\x7f", "\\x7f" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\xa2",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\xa2" },
		/* a control character of two bytes, that some terminals obey */
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\x80", "\\xc0\\x80" },	       /* too long */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* surrogate */
		{ "\xe2\x82", "\\xe2\\x82" },	       /* cut */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_strbuf struct strbuf buf = STRBUF_INIT;

		strbuf_add_escaped(&buf, rows[i].text);
		assert_string_equal(buf.data, rows[i].escaped);
	}
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = {
		{ "", 0 },
		{ "a", 1 },
		{ "\xc3\xbc", 2 },
		{ "\xc3", 0 },
		{ "\x80", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xe0\xa0\x80", 3 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(utf8_sequence(rows[i].text), rows[i].length);
}

static void test_words(void **state)
{
	assert_string_equal(str_after("docker://x", "docker://"), "x");
	assert_string_equal(str_after("same", "same"), "");
	assert_null(str_after("do", "docker"));
	assert_true(str_ends_with("a.json", ".json"));
	assert_false(str_ends_with("json", ".json"));
	assert_true(str_equal_null(NULL, NULL));
	assert_false(str_equal_null(NULL, ""));
	assert_true(str_equal_null("a", "a"));
	assert_true(str_is_empty(NULL));
	assert_true(str_is_empty(""));
	assert_false(str_is_empty(" "));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_empty_is_a_string),
	cmocka_unit_test(test_grows),
	cmocka_unit_test(test_long_format),
	cmocka_unit_test(test_escape),
	cmocka_unit_test(test_utf8),
	cmocka_unit_test(test_words),
};
UNIT_MAIN(tests)
