/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-human.c - sizes and durations as people read them
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "cli/human.h"

#define S INT64_C(1000000000)
#define H (3600 * S)

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text, *spaced;
	} cases[] = {
		{ 0, "0B", "0 B" },
		{ 999, "999B", "999 B" },
		{ 1000, "1kB", "1 kB" },
		{ 2071011, "2.07MB", "2.07 MB" },
		{ 3145728, "3.15MB", "3.15 MB" },
		{ 999999, "1MB", "1 MB" },
		{ 228000000, "228MB", "228 MB" },
		{ UINT64_MAX, "18.4EB", "18.4 EB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[HUMAN_MAX];

		human_size(cases[i].bytes, text);
		assert_string_equal(text, cases[i].text);
		human_size_spaced(cases[i].bytes, text);
		assert_string_equal(text, cases[i].spaced);
	}

	char text[HUMAN_MAX];

	human_size_precise(25276026880, text);
	assert_string_equal(text, "25.28GB");
	human_size_precise(12, text);
	assert_string_equal(text, "12B");
	human_size_precise(999990, text);
	assert_string_equal(text, "1MB");
}

static void test_duration(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "Less than a second" },
		{ S - 1, "Less than a second" },
		{ S, "1 second" },
		{ 59 * S, "59 seconds" },
		{ 60 * S, "About a minute" },
		{ 120 * S, "2 minutes" },
		{ 59 * 60 * S, "59 minutes" },
		{ 60 * 60 * S, "About an hour" },
		{ 2 * H, "2 hours" },
		{ 47 * H, "47 hours" },
		{ 48 * H, "2 days" },
		{ 13 * 24 * H, "13 days" },
		{ 14 * 24 * H, "2 weeks" },
		{ 59 * 24 * H, "8 weeks" },
		{ 61 * 24 * H, "2 months" },
		{ 729 * 24 * H, "24 months" },
		{ 731 * 24 * H, "2 years" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[HUMAN_MAX];

		human_duration(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_ago(void **state)
{
	char text[HUMAN_MAX];

	human_ago(5 * S, 7 * S, text);
	assert_string_equal(text, "2 seconds ago");
	/* a clock that was set back */
	human_ago(9 * S, 7 * S, text);
	assert_string_equal(text, "Less than a second ago");
}

static void test_uptime(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	human_uptime(21 * 60 + 1, &text);
	assert_string_equal(text.data, "0h 21m 1.00s");
	strbuf_clear(&text);
	human_uptime(49 * 3600 + 61, &text);
	assert_string_equal(text.data, "49h 1m 1.00s (Approximately 2.04 days)");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_size),
	cmocka_unit_test(test_duration),
	cmocka_unit_test(test_ago),
	cmocka_unit_test(test_uptime),
};
UNIT_MAIN(tests)
