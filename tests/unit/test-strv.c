/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-strv.c - lists of strings
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/strv.h"

static void assert_joined(const struct strv *list, const char *expected)
{
	cleanup_free char *joined = strv_join(list, ",");

	assert_string_equal(joined, expected);
	if (list->items != NULL)
		assert_null(list->items[list->count]);
}

static void test_add_and_remove(void **state)
{
	cleanup_strv struct strv list = STRV_INIT;
	cleanup_strv struct strv copy = STRV_INIT;

	assert_null(strv_argv(&list)[0]);
	assert_joined(&list, "");
	for (int i = 0; i < 20; i++)
		strv_addf(&list, "%d", i);
	assert_int_equal(list.count, 20);
	assert_null(strv_argv(&list)[20]);
	strv_remove(&list, 19);
	strv_remove(&list, 0);
	assert_string_equal(list.items[0], "1");
	assert_true(strv_contains(&list, "18"));
	assert_false(strv_contains(&list, "19"));

	strv_copy(&copy, &list);
	strv_clear(&list);
	assert_joined(&list, "");
	assert_int_equal(copy.count, 18);
	strv_copy(&copy, &copy);
	assert_int_equal(copy.count, 18);
	strv_add_all(&copy, &copy);
	assert_int_equal(copy.count, 36);
	assert_string_equal(copy.items[35], "18");
}

static void test_sort(void **state)
{
	cleanup_strv struct strv list = STRV_INIT;

	strv_sort(&list);
	strv_add(&list, "b");
	strv_add(&list, "");
	strv_add(&list, "a");
	strv_sort(&list);
	assert_joined(&list, ",a,b");
}

static void test_split(void **state)
{
	static const struct {
		const char *text, *joined;
		size_t count;
	} rows[] = {
		{ "", "", 1 },
		{ "a", "a", 1 },
		{ "a:b", "a,b", 2 },
		{ ":a::b:", ",a,,b,", 5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_strv struct strv list = STRV_INIT;

		strv_split(&list, rows[i].text, ':');
		assert_int_equal(list.count, rows[i].count);
		assert_joined(&list, rows[i].joined);
	}
}

static void test_env(void **state)
{
	cleanup_strv struct strv env = STRV_INIT;

	strv_add(&env, "A=1");
	strv_add(&env, "AB=2");
	strv_add(&env, "A=3");
	strv_add(&env, "bare");
	assert_string_equal(strv_env_get(&env, "A"), "3");
	assert_string_equal(strv_env_get(&env, "AB"), "2");
	assert_null(strv_env_get(&env, "B"));
	assert_null(strv_env_get(&env, "bare"));

	strv_env_set(&env, "A", "4");
	assert_joined(&env, "A=4,AB=2,bare");
	strv_env_put(&env, "C=x=y");
	assert_string_equal(strv_env_get(&env, "C"), "x=y");
	strv_env_put(&env, "C=");
	assert_string_equal(strv_env_get(&env, "C"), "");
	strv_env_unset(&env, "AB");
	strv_env_unset(&env, "missing");
	assert_joined(&env, "A=4,bare,C=");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_add_and_remove),
	cmocka_unit_test(test_sort),
	cmocka_unit_test(test_split),
	cmocka_unit_test(test_env),
};
UNIT_MAIN(tests)
