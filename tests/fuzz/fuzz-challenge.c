/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-challenge.c - WWW-Authenticate headers of strangers
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "engine/image/transfer_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *header = xstrndup((const char *)data, size);
	struct challenge challenge = { 0 };

	if (challenge_parse(header, "bearer", &challenge)) {
		if (challenge.scheme == NULL)
			abort();
		challenge_release(&challenge);
	}
	return 0;
}
