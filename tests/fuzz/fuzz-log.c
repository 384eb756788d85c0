/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-log - lines of log files, which a user may have given from elsewhere, and detach keys
 */
#include "engine/container/detach_keys.h"
#include "engine/container/log_reader.h"

#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly this size, so that a read behind its end is seen */
	char *copy = malloc(size + 1);
	char *out = malloc(size + DETACH_KEYS_MAX);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct log_record record;
	struct detach_keys keys;
	struct err err;
	size_t length;

	if (copy == NULL || out == NULL)
		abort();
	memcpy(copy, data, size);
	copy[size] = '\n';
	log_parse_k8s(copy, size, &record);
	log_parse_json(copy, size, &text, &record);
	copy[size] = '\0';
	if (detach_keys_parse(copy, &keys, &err) == 0)
		detach_keys_feed(&keys, copy, size, out, &length);
	free(copy);
	free(out);
	return 0;
}
