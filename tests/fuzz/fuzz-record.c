/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-record.c - the text of a record
 *
 * What is accepted must come out again byte for byte when it is formatted.
 */
#include "base/err.h"
#include "base/record.h"
#include "base/strbuf.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf again = STRBUF_INIT;
	struct err err;
	unsigned version;

	strbuf_add(&text, data, size);
	if (record_check(&text, "fuzz", "seed", 3, &version, &err) < 0)
		return 0;
	record_format(&again, "seed", version, text.data, text.length);
	/* leading zeros of a number are accepted, so only the body must be the same */
	if (again.length < text.length ||
	    memcmp(again.data + again.length - text.length, text.data, text.length) != 0)
		abort();
	return 0;
}
