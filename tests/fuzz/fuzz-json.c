/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-json.c - documents from outside
 *
 * What is accepted can be printed and is accepted again, with the same meaning.
 */
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv list = STRV_INIT;
	cleanup_json json_t *again = NULL;
	struct err err;
	cleanup_json json_t *json = json_parse((const char *)data, size, "input", &err);

	if (json == NULL)
		return 0;
	json_get_strv(json, "layers", &list);
	json_get_string(json, "", "config", "digest", NULL);
	json_get_int(json, 0, "config", "size", NULL);

	json_print(json, 0, &text);
	/* a number may grow when it is printed */
	if (text.length > JSON_LIMIT_BYTES)
		return 0;
	again = json_parse(text.data, text.length, "printed input", &err);
	if (again == NULL || !json_equal(json, again))
		abort();
	return 0;
}
