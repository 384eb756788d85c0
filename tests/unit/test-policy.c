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
	{ "{\"default\":" SIG "}", "docker", "a.b/c:1", 1, 0 },
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
		cleanup_policy struct policy *policy = NULL;
		int status = policy_parse(cases[i].policy, strlen(cases[i].policy), "policy.json",
					  &policy, &err);

		/* 1: with signatures */
		if (status == 0)
			status = policy_allows(
				policy, policy_find(policy, cases[i].transport, cases[i].name),
				cases[i].name, &err);
		if (status >= 0)
			status = !status;
		if (status != cases[i].status || (status < 0 && err.kind != cases[i].kind))
			fail_msg("'%s' for '%s': %d, %s", cases[i].policy, cases[i].name, status,
				 err.msg);
		if (status < 0 && strstr(err.msg, "policy.json") == NULL)
			fail_msg("no file in: %s", err.msg);
	}
}

#define BY(rest)       "[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\"" rest "}]"
#define COSIGN(rest)   "[{\"type\":\"sigstoreSigned\"" rest "}]"
#define KEY	       ",\"keyPath\":\"/x\""
#define IDENTITY(text) KEY ",\"signedIdentity\":" text

static const char *const broken[] = {
	BY(""),
	BY(KEY ",\"keyData\":\"eA==\""),
	BY(",\"keyPath\":\"\""),
	BY(",\"keyPath\":7"),
	BY(",\"keyPaths\":[]"),
	BY(",\"keyPaths\":[\"\"]"),
	BY(",\"keyPaths\":\"/x\""),
	BY(",\"keyData\":\"no base64\""),
	BY(",\"keyDatas\":[\"eA==\"]"),
	BY(KEY ",\"rekorPublicKeyPath\":\"/x\""),
	BY(KEY ",\"more\":1"),
	"[{\"type\":\"signedBy\"" KEY "}]",
	"[{\"type\":\"signedBy\",\"keyType\":\"X509Certificates\"" KEY "}]",
	"[{\"type\":\"reject\",\"keyPath\":\"/x\"}]",
	"[{\"type\":\"insecureAcceptAnything\",\"x\":1}]",
	BY(IDENTITY("7")),
	BY(IDENTITY("{}")),
	BY(IDENTITY("{\"type\":\"match\"}")),
	BY(IDENTITY("{\"type\":\"matchExact\",\"x\":1}")),
	BY(IDENTITY("{\"type\":\"exactReference\"}")),
	BY(IDENTITY("{\"type\":\"exactReference\",\"dockerReference\":\"a.b/c\"}")),
	BY(IDENTITY("{\"type\":\"exactReference\",\"dockerReference\":\"A\"}")),
	BY(IDENTITY("{\"type\":\"exactRepository\",\"dockerReference\":\"a.b/c:1\"}")),
	BY(IDENTITY("{\"type\":\"remapIdentity\",\"prefix\":\"a.b\"}")),
	BY(IDENTITY(
		"{\"type\":\"remapIdentity\",\"prefix\":\"a.b/c:1\",\"signedPrefix\":\"a.b\"}")),
	BY(IDENTITY(
		"{\"type\":\"remapIdentity\",\"prefix\":\"a.b\",\"signedPrefix\":\"a.b/c@x\"}")),
	COSIGN(""),
	COSIGN(KEY ",\"fulcio\":{}"),
	COSIGN(",\"fulcio\":7"),
	COSIGN(KEY ",\"keyType\":\"GPGKeys\""),
	COSIGN(KEY ",\"rekorPublicKeyPath\":\"/a\",\"rekorPublicKeyData\":\"eA==\""),
};

/* A rule for another image that makes no sense is a policy that makes no sense. */
static void what_is_not_understood_anywhere_lets_nothing_in(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		cleanup_free char *text = xasprintf(
			"{\"default\":" OK ",\"transports\":{\"docker\":{\"other.test\":%s}}}",
			broken[i]);
		struct policy *policy = NULL;
		struct err err;

		if (policy_parse(text, strlen(text), "policy.json", &policy, &err) == 0)
			fail_msg("understood: %s", text);
		assert_int_equal(err.kind, ERR_DENIED);
	}
}

static void keyless_signatures_are_refused_by_name(void **state)
{
	static const char text[] = "{\"default\":" COSIGN(",\"fulcio\":{\"caPath\":\"/x\"}") "}";
	cleanup_policy struct policy *policy = NULL;
	struct err err;

	assert_int_equal(policy_parse(text, strlen(text), "policy.json", &policy, &err), 0);
	assert_int_equal(
		policy_allows(policy, policy_find(policy, "docker", "a.b/c:1"), "a.b/c:1", &err),
		-1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "fulcio"));
}

#define DIGEST "sha256:0123456789012345678901234567890123456789012345678901234567890123"
static const struct {
	struct policy_identity identity;
	const char *image; /* NULL: it has no name */
	const char *claim;
	bool good;
} identities[] = {
	{ { IDENTITY_EXACT }, "a.b/c:1", "a.b/c:1", true },
	{ { IDENTITY_EXACT }, "a.b/c:1", "a.b/c:2", false },
	{ { IDENTITY_EXACT }, "a.b/c:1", "a.b/c", false },
	{ { IDENTITY_EXACT }, "a.b/c", "a.b/c:latest", true },
	{ { IDENTITY_EXACT }, "a.b/c@" DIGEST, "a.b/c:1", false },
	{ { IDENTITY_EXACT }, NULL, "a.b/c:1", false },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c:1", "a.b/c:1", true },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c:1", "a.b/c:2", false },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c:1", "a.b/c", false },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c@" DIGEST, "a.b/c:1", true },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c@" DIGEST, "a.b/d:1", false },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c@" DIGEST, "a.b/c", false },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c@" DIGEST, "a.b/c@" DIGEST, true },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "docker.io/library/c:1", "c:1", true },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "docker.io/library/c:1", "docker.io/c:1", true },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c:1", "not a name", false },
	{ { IDENTITY_REPO_DIGEST_OR_EXACT }, "a.b/c:1", "", false },
	{ { IDENTITY_REPOSITORY }, "a.b/c:1", "a.b/c:2", true },
	{ { IDENTITY_REPOSITORY }, "a.b/c:1", "a.b/c", true },
	{ { IDENTITY_REPOSITORY }, "a.b/c:1", "a.b/cd", false },
	{ { IDENTITY_REPOSITORY }, NULL, "a.b/c", false },
	{ { IDENTITY_EXACT_REFERENCE, (char *)"x.y/z:1" }, "a.b/c:1", "x.y/z:1", true },
	{ { IDENTITY_EXACT_REFERENCE, (char *)"x.y/z:1" }, "a.b/c:1", "a.b/c:1", false },
	{ { IDENTITY_EXACT_REFERENCE, (char *)"x.y/z:1" }, NULL, "x.y/z:1", true },
	{ { IDENTITY_EXACT_REPOSITORY, (char *)"x.y/z" }, "a.b/c:1", "x.y/z:7", true },
	{ { IDENTITY_EXACT_REPOSITORY, (char *)"x.y/z" }, NULL, "x.y/zz:7", false },
	{ { IDENTITY_REMAP, (char *)"mirror:5000", (char *)"x.y" },
	  "mirror:5000/a/b:1",
	  "x.y/a/b:1",
	  true },
	{ { IDENTITY_REMAP, (char *)"mirror:5000", (char *)"x.y" },
	  "mirror:5000/a/b:1",
	  "x.y/a/b:2",
	  false },
	{ { IDENTITY_REMAP, (char *)"mirror:5000", (char *)"x.y" },
	  "mirror:50001/a/b:1",
	  "x.y/a/b:1",
	  false },
	{ { IDENTITY_REMAP, (char *)"m/v", (char *)"x.y" },
	  "other.test/a:1",
	  "other.test/a:1",
	  true },
	{ { IDENTITY_REMAP, (char *)"m.t/v", (char *)"x.y/q" },
	  "m.t/v/a@" DIGEST,
	  "x.y/q/a:1",
	  true },
	{ { IDENTITY_REMAP, (char *)"m.t/v", (char *)"x.y/q" }, "m.t/vv/a:1", "x.y/qv/a:1", false },
};

static void a_signature_is_for_one_name(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(identities); i++) {
		cleanup_image_ref struct image_ref ref = { 0 };
		struct err err;

		if (identities[i].image != NULL)
			assert_int_equal(image_ref_parse(identities[i].image, &ref, &err), 0);
		if (policy_identity_matches(&identities[i].identity,
					    identities[i].image != NULL ? &ref : NULL,
					    identities[i].claim) != identities[i].good)
			fail_msg("'%s' signed as '%s' by %s %s", identities[i].image,
				 identities[i].claim,
				 identity_kind_name(identities[i].identity.kind),
				 identities[i].identity.reference);
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
		cmocka_unit_test(what_is_not_understood_anywhere_lets_nothing_in),
		cmocka_unit_test(keyless_signatures_are_refused_by_name),
		cmocka_unit_test(a_signature_is_for_one_name),
		cmocka_unit_test(scopes_go_from_special_to_general),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
