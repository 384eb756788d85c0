/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-seccomp.c - profile files to programs: no crash, and all jumps of a program stay inside
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"
#include "engine/runtime/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct seccomp_filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		const struct sock_filter *item = &filter->code[i];

		if (BPF_CLASS(item->code) != BPF_JMP)
			continue;
		size_t far = BPF_OP(item->code) == BPF_JA ? item->k
			     : item->jt > item->jf	  ? item->jt
							  : item->jf;
		if (i + 1 + far >= filter->count)
			abort();
	}
	if (filter->count == 0 || BPF_CLASS(filter->code[filter->count - 1].code) != BPF_RET)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct strv none = STRV_INIT;
	struct seccomp_filter filter = SECCOMP_FILTER_INIT;
	cleanup_json json_t *profile = seccomp_profile_parse((const char *)data, size, &none, &err);

	if (profile == NULL) {
		if (err.msg[0] == '\0')
			abort();
		return 0;
	}
	if (seccomp_filter_compile(profile, &filter, &err) == 0)
		check(&filter);
	seccomp_filter_release(&filter);
	return 0;
}
