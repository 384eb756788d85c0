/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-auth.c - auth files: no crash, no credentials without a user (helpers are not run: their names are broken here)
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "engine/image/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct credentials got = { 0 };
	struct err err;

	/* a name from the fuzzer must not become a program */
	if (strstr(text, "red") != NULL)
		return 0;
	if (credentials_in_file(text, strlen(text), "f", "a.test", "x/y", &got, &err) > 0 &&
	    got.username == NULL && got.identity_token == NULL)
		abort();
	credentials_release(&got);
	return 0;
}
