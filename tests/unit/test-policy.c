/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-policy.c - what policy.json lets in, and that everything odd says no
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/image/policy.h"

#define OK  "[{\"type\":\"insecureAcceptAnything\"}]"
#define NO  "[{\"type\":\"reject\"}]"
#define SIG "[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/x\"}]"

static const struct {
	const char *policy, *transport, *name;
	int status;
	enum err_kind kind;
} cases[] = {
	{ "{\"default\":" OK "}", "docker", "a.b/c:1", 0, 0 },
	{ "{\"default\":" NO "}", "docker", "a.b/c:1", -1, ERR_DENIED },
	{ "{\"default\":" SIG "}", "docker", "a.b/c:1", -1, ERR_UNSUPPORTED },
	{ "{\"default\":" NO ",\"transports\":{\"docker\":{\"a.b/c\":" OK "}}}", "docker",
	  "a.b/c:1", 0, 0 },
	{ "{\"default\":" NO ",\"transports\":{\"docker\":{\"a.b/c\":" OK "}}}", "docker",
	  "a.b/cd:1", -1, ERR_DENIED },
	{ "{\"default\":" NO ",\"transports\":{\"docker\":{\"a.b\":" OK ",\"a.b/c:1\":" NO "}}}",
	  "docker", "a.b/c:1", -1, ERR_DENIED },
	{ "{\"default\":" NO ",\"transports\":{\"docker\":{\"*.b\":" OK "}}}", "docker",
	  "x.a.b/c:1", 0, 0 },
	{ "{\"default\":" NO ",\"transports\":{\"docker\":{\"\":" OK "}}}", "docker", "x/c:1", 0,
	  0 },
	{ "{\"default\":" NO ",\"transports\":{\"docker\":{\"\":" OK "}}}", "oci", "/c", -1,
	  ERR_DENIED },
	{ "{\"default\":" NO ",\"transports\":{\"oci\":{\"/a\":" OK "}}}", "oci", "/a/b", 0, 0 },
	{ "{\"default\":[{\"type\":\"insecureAcceptAnything\"},{\"type\":\"reject\"}]}", "docker",
	  "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":[]}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":[{\"type\":\"new\"}]}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":[{}]}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":{}}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"transports\":{}}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":" OK ",\"more\":1}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":" OK ",\"transports\":[]}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "{\"default\":" NO ",\"default\":" OK "}", "docker", "x/c:1", -1, ERR_DENIED },
	{ "not json", "docker", "x/c:1", -1, ERR_DENIED },
	{ "", "docker", "x/c:1", -1, ERR_DENIED },
};

static void policies_are_applied(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		int status =
			policy_check_text(cases[i].policy, strlen(cases[i].policy), "policy.json",
					  cases[i].transport, cases[i].name, &err);

		if (status != cases[i].status || (status < 0 && err.kind != cases[i].kind))
			fail_msg("'%s' for '%s': %d, %s", cases[i].policy, cases[i].name, status,
				 err.msg);
		if (status < 0 && strstr(err.msg, "policy.json") == NULL)
			fail_msg("no file in: %s", err.msg);
	}
}

static void scopes_go_from_special_to_general(void **state)
{
	cleanup_strv struct strv scopes = STRV_INIT;
	cleanup_free char *joined = NULL;

	policy_scopes("docker", "a.b.c:5000/d/e:1", &scopes);
	joined = strv_join(&scopes, " ");
	assert_string_equal(joined,
			    "a.b.c:5000/d/e:1 a.b.c:5000/d/e a.b.c:5000/d a.b.c:5000 *.b.c:5000 "
			    "*.c:5000 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_applied),
		cmocka_unit_test(scopes_go_from_special_to_general),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
