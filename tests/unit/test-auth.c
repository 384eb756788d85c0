/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-auth.c - which credentials belong to which repository
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/image/auth.h"

/* "u1:p1" and so on */
#define U1 "\"auth\":\"dTE6cDE=\""
#define U2 "\"auth\":\"dTI6cDI=\""

#define FILE_TEXT                                                                                  \
	"{\"auths\":{\"a.test\":{" U1 "},\"a.test/x/y\":{" U2                                      \
	"},\"https://index.docker.io/v1/\":{" U1 "},\"https://old.test/v2/\":{" U2                 \
	"},\"empty.test\":{},\"t.test\":{\"identitytoken\":\"tok\"}}}"

static const struct {
	const char *registry, *path, *username, *password, *token;
} cases[] = {
	{ "a.test", "q", "u1", "p1", NULL },
	{ "a.test", "x/z", "u1", "p1", NULL },
	{ "a.test", "x/y", "u2", "p2", NULL },
	{ "a.test", "x/y/z", "u2", "p2", NULL },
	{ "a.test", "x/yy", "u1", "p1", NULL },
	{ "a.test:5000", "q", NULL, NULL, NULL },
	{ "x.a.test", "q", NULL, NULL, NULL },
	{ "a.tes", "q", NULL, NULL, NULL },
	{ "docker.io", "library/x", "u1", "p1", NULL },
	{ "old.test", "x", "u2", "p2", NULL },
	{ "empty.test", "x", NULL, NULL, NULL },
	{ "t.test", "x", NULL, NULL, "tok" },
	{ "none.test", "x", NULL, NULL, NULL },
};

static void the_longest_key_wins_and_no_other_host_gets_it(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct credentials got = { 0 };
		struct err err;

		if (credentials_in_file(FILE_TEXT, strlen(FILE_TEXT), "f", cases[i].registry,
					cases[i].path, &got, &err) < 0)
			fail_msg("%s", err.msg);
		if (!str_equal_null(got.username, cases[i].username) ||
		    !str_equal_null(got.password, cases[i].password) ||
		    !str_equal_null(got.identity_token, cases[i].token))
			fail_msg("%s/%s: %s", cases[i].registry, cases[i].path,
				 got.username != NULL ? got.username : "none");
		credentials_release(&got);
	}
}

static void broken_files_are_errors_that_show_no_secret(void **state)
{
	static const char *const wrong[] = {
		"",
		"{",
		"[]x",
		"{\"auths\":{\"a.test\":{\"auth\":\"c2VjcmV0\"}}}",
		"{\"auths\":{\"a.test\":{\"auth\":\"*secret*\"}}}",
		"{\"auths\":{\"a.test\":{\"auth\":\"c2VjcmV0OgA=\"}}}",
		"{\"credHelpers\":{\"a.test\":\"../../bin/secret\"}}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct credentials got = { 0 };
		struct err err = { 0 };

		if (credentials_in_file(wrong[i], strlen(wrong[i]), "some-file", "a.test", "x",
					&got, &err) >= 0)
			fail_msg("accepted: %s", wrong[i]);
		if (i != 6)
			assert_null(strstr(err.msg, "secret"));
		credentials_release(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_key_wins_and_no_other_host_gets_it),
		cmocka_unit_test(broken_files_are_errors_that_show_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
