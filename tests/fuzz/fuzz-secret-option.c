/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-secret-option.c - the value of --secret
 */
#include "base/err.h"
#include "storage/secret.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct secret_use use = { 0 };
	struct err err;

	if (text != NULL && secret_parse_option(text, &use, &err) == 0 &&
	    (use.source == NULL || use.target == NULL ||
	     (use.type == SECRET_USE_MOUNT && use.target[0] != '/')))
		abort();
	secret_use_release(&use);
	free(text);
	return 0;
}
