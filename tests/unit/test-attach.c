/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-attach - the keys that leave a terminal
 */
#include "engine/container/detach_keys.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void words_become_keys(void **state)
{
	static const struct {
		const char *text;
		const char *keys; /* NULL: refused */
	} cases[] = {
		{ NULL, "\x10\x11" },
		{ "", "" },
		{ "ctrl-a", "\x01" },
		{ "a,b", "ab" },
		{ "ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", "\x1b\x1c\x1d\x1e\x1f" },
		{ "ctrl-A", NULL },
		{ "ctrl-", NULL },
		{ "ctrl-aa", NULL },
		{ "ab", NULL },
		{ "a,,b", NULL },
		{ ",", NULL },
		{ "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detach_keys keys;
		struct err err;
		int status = detach_keys_parse(cases[i].text, &keys, &err);

		if (cases[i].keys == NULL) {
			assert_int_equal(status, -1);
			assert_int_equal(err.kind, ERR_USAGE);
			continue;
		}
		assert_int_equal(status, 0);
		assert_int_equal(keys.count, strlen(cases[i].keys));
		assert_memory_equal(keys.keys, cases[i].keys, keys.count);
	}
}

static void keys_are_found_in_what_is_typed(void **state)
{
	static const struct {
		const char *keys;
		const char *pieces[4]; /* as they arrive */
		const char *out;
		int detached_in; /* piece, or -1 */
	} cases[] = {
		{ "ctrl-p,ctrl-q", { "hello\n" }, "hello\n", -1 },
		{ "ctrl-p,ctrl-q", { "ab\x10\x11xy" }, "ab", 0 },
		{ "ctrl-p,ctrl-q", { "\x10", "\x11" }, "", 1 },
		{ "ctrl-p,ctrl-q",
		  { "\x10", "a" },
		  "\x10"
		  "a",
		  -1 },
		{ "ctrl-p,ctrl-q", { "\x10\x10", "\x11" }, "\x10", 1 },
		{ "a,a,b", { "aaab" }, "a", 0 },
		{ "a,b,a,c", { "ab", "ab", "ac" }, "ab", 2 },
		{ "", { "\x10\x11" }, "\x10\x11", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detach_keys keys;
		struct err err;
		char out[128];
		size_t used = 0;
		int detached_in = -1;

		assert_int_equal(detach_keys_parse(cases[i].keys, &keys, &err), 0);
		for (int j = 0; j < 4 && cases[i].pieces[j] != NULL && detached_in < 0; j++) {
			size_t length;

			if (detach_keys_feed(&keys, cases[i].pieces[j], strlen(cases[i].pieces[j]),
					     out + used, &length))
				detached_in = j;
			used += length;
		}
		assert_int_equal(detached_in, cases[i].detached_in);
		assert_int_equal(used, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_keys),
		cmocka_unit_test(keys_are_found_in_what_is_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
