/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-ref.c - a reference that is accepted means the same when its full name is read again
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "engine/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_image_ref struct image_ref ref = { 0 }, again = { 0 };
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free char *full = NULL, *full_again = NULL;
	struct err err;

	if (image_ref_parse(text, &ref, &err) < 0)
		return 0;
	full = image_ref_full(&ref, "docker.io");
	/* a name that was short may be longer than a full one may be */
	if (image_ref_parse(full, &again, &err) < 0) {
		if (ref.registry != NULL)
			abort();
		return 0;
	}
	full_again = image_ref_full(&again, "docker.io");
	if (strcmp(full, full_again) != 0)
		abort();
	return 0;
}
