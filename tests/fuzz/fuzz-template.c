/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-template.c - templates: no crash, no endless run, and a message whenever one is refused
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
	"{\"Id\":\"abc\",\"N\":7,\"F\":1.5,\"Up\":true,\"Null\":null,\"List\":[\"a\",\"b\"],"
	"\"Labels\":{\"k\":\"v\"},\"Mounts\":[{\"Name\":\"v1\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct template_rules headers = { .headers = true };
	struct err err = { 0 };
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_json json_t *json = json_parse(document, sizeof(document) - 1, "document", &err);
	cleanup_template struct template *template = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (template_parse(text, &template, &err) < 0) {
		if (err.msg[0] == '\0')
			abort();
		return 0;
	}
	if (template_run(template, json, NULL, &out, &err) < 0 && err.msg[0] == '\0')
		abort();
	(void)template_run(template, NULL, &headers, &out, &err);
	return 0;
}
