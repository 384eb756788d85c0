/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-name-escape.c - image names as file names
 */
#include "unit.h"

#include "base/alloc.h"
#include "storage/image_private.h"

static void test_both_ways(void **state)
{
	static const struct {
		const char *name, *escaped;
	} rows[] = {
		{ "docker.io/library/alpine:latest", "docker.io%2Flibrary%2Falpine:latest" },
		{ "localhost:5000/a@sha256:00", "localhost:5000%2Fa@sha256:00" },
		{ "", "" },
		{ ".", "%2E" },
		{ "..", "%2E." },
		{ "a.b", "a.b" },
		{ "100%", "100%25" },
		{ "a\nb\x7f\x01", "a%0Ab%7F%01" },
		{ "\xc3\xa4", "\xc3\xa4" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *escaped = name_escape(rows[i].name);
		cleanup_free char *name = name_unescape(rows[i].escaped);

		assert_string_equal(escaped, rows[i].escaped);
		assert_non_null(name);
		assert_string_equal(name, rows[i].name);
	}
}

static void test_only_the_canonical_form_is_read(void **state)
{
	static const char *const rows[] = { "%",
					    "%2",
					    "%2f",
					    "%GG",
					    "%41",
					    "a/b",
					    ".a",
					    "a\nb",
					    "%00",
					    "a%2E",
					    "%c3",
					    "%%2F",
					    "x%~0123456789abcdef" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_null(name_unescape(rows[i]));
}

static void test_long_names_fit_into_a_file_name(void **state)
{
	char one[1024];
	char two[1024];

	memset(one, '/', sizeof(one) - 1);
	one[sizeof(one) - 1] = '\0';
	memcpy(two, one, sizeof(two));
	two[sizeof(two) - 2] = 'x';

	cleanup_free char *file_one = image_name_file(one);
	cleanup_free char *file_two = image_name_file(two);

	assert_true(strlen(file_one) <= 240);
	assert_string_not_equal(file_one, file_two);
	assert_null(name_unescape(file_one));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_both_ways),
	cmocka_unit_test(test_only_the_canonical_form_is_read),
	cmocka_unit_test(test_long_names_fit_into_a_file_name),
};
UNIT_MAIN(tests)
