/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-policy.c - policy.json: no crash; what has no accepting rule in it lets nothing in
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "engine/image/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char name[] = "a.test/x/y:1";
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_policy struct policy *policy = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	const struct policy_rules *rules;
	struct err err;

	if (policy_parse(text, strlen(text), "f", &policy, &err) < 0)
		return 0;
	rules = policy_find(policy, "docker", name);
	if (rules == NULL || rules->count == 0)
		abort();
	/* JSON can write letters as \u0069, so a text with a backslash says nothing about its words */
	if (policy_allows(policy, rules, name, &err) > 0 &&
	    strstr(text, "insecureAcceptAnything") == NULL && strchr(text, '\\') == NULL)
		abort();
	if (image_ref_parse(name, &ref, &err) < 0)
		abort();
	for (size_t i = 0; i < rules->count; i++) {
		if (policy_identity_matches(&rules->items[i].identity, &ref, "") ||
		    policy_identity_matches(&rules->items[i].identity, &ref, "not a name"))
			abort();
		(void)policy_identity_matches(&rules->items[i].identity, &ref, name);
	}
	return 0;
}
