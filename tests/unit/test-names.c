/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-names.c - name tables
 */
#include "unit.h"

#include "base/names.h"

enum colour { COLOUR_RED, COLOUR_NONE, COLOUR_BLUE, COLOUR_COUNT };

static const char *const colour_names[] = {
	[COLOUR_RED] = "red",
	[COLOUR_BLUE] = "blue",
};

NAME_TABLE_DECLARE(colour)
NAME_TABLE(colour, COLOUR_COUNT)

static void test_both_directions(void **state)
{
	assert_string_equal(colour_name(COLOUR_BLUE), "blue");
	assert_int_equal(colour_parse("blue"), COLOUR_BLUE);
	assert_null(colour_name(-1));
	assert_null(colour_name(COLOUR_COUNT));
	assert_null(colour_name(COLOUR_NONE));
	assert_int_equal(colour_parse("Blue"), -1);
	assert_int_equal(colour_parse(""), -1);
	assert_int_equal(colour_parse(NULL), -1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_both_directions),
};
UNIT_MAIN(tests)
