/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-alloc.c - memory and cleanup by scope
 */
#include "unit.h"

#include <sys/wait.h>

#include "base/alloc.h"

/* With AddressSanitizer too, what cannot be had is NULL. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_zero_sizes_give_memory(void **state)
{
	cleanup_free void *a = xmalloc(0);
	cleanup_free void *b = xcalloc(0, 8);
	cleanup_free void *c = xmemdup("", 0);

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
}

static void test_copies(void **state)
{
	cleanup_free char *whole = xstrdup("hello");
	cleanup_free char *start = xstrndup("hello", 3);
	cleanup_free char *longer = xstrndup("hello", 30);
	cleanup_free char *printed = xasprintf("%s-%d", "a", 7);
	int *numbers = xcalloc(2, sizeof(int));

	assert_string_equal(whole, "hello");
	assert_string_equal(start, "hel");
	assert_string_equal(longer, "hello");
	assert_string_equal(printed, "a-7");
	assert_null(xstrdup_null(NULL));
	numbers[1] = 5;
	numbers = xreallocarray(numbers, 100, sizeof(int));
	assert_int_equal(numbers[1], 5);
	free(numbers);
}

static char *hand_over(void)
{
	cleanup_free char *text = xstrdup("mine");

	return TAKE_PTR(text);
}

static void test_take_keeps_it_from_cleanup(void **state)
{
	cleanup_free char *text = hand_over();

	assert_string_equal(text, "mine");
}

static void test_out_of_memory_ends_with_125(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null_fd = open("/dev/null", O_WRONLY);

		dup2(null_fd, STDERR_FILENO);
		xreallocarray(NULL, SIZE_MAX / 2, 4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 125);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_zero_sizes_give_memory),
	cmocka_unit_test(test_copies),
	cmocka_unit_test(test_take_keeps_it_from_cleanup),
	cmocka_unit_test(test_out_of_memory_ends_with_125),
};
UNIT_MAIN(tests)
