/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-transfer_auth.c - challenges of registries
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "engine/image/transfer_http.h"

static const struct {
	const char *header, *scheme, *realm, *service,
		*scope; /* realm NULL: not found, or without one */
	bool found;
} cases[] = {
	{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"", "bearer",
	  "https://a/t", "s", "repository:x:pull", true },
	{ "bearer  realm = \"https://a/t\" , service=s", "bearer", "https://a/t", "s", NULL, true },
	{ "Basic realm=\"x\", Bearer realm=\"y\"", "bearer", "y", NULL, NULL, true },
	{ "Bearer realm=\"y\", Basic realm=\"x\"", "basic", "x", NULL, NULL, true },
	{ "Basic", "basic", NULL, NULL, NULL, true },
	{ "Basic realm=\"a\\\"b\"", "basic", "a\"b", NULL, NULL, true },
	{ "Bearer realm=\"first\",realm=\"second\"", "bearer", "first", NULL, NULL, true },
	{ "Bearer realm=\"no end", "bearer", NULL, NULL, NULL, true },
	{ "Negotiate", "bearer", NULL, NULL, NULL, false },
	{ "", "basic", NULL, NULL, NULL, false },
	{ "\"x\"", "basic", NULL, NULL, NULL, false },
};

static void challenges_are_parsed(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct challenge got = { 0 };
		bool found = challenge_parse(cases[i].header, cases[i].scheme, &got);

		if (found != cases[i].found || !str_equal_null(got.realm, cases[i].realm) ||
		    !str_equal_null(got.service, cases[i].service) ||
		    !str_equal_null(got.scope, cases[i].scope))
			fail_msg("'%s': %d, '%s'", cases[i].header, found,
				 got.realm != NULL ? got.realm : "none");
		challenge_release(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(challenges_are_parsed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
