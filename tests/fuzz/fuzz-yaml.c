/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-yaml.c - the reader of YAML: no crash, and a message whenever it refuses
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	cleanup_json json_t *json = yaml_parse((const char *)data, size, "f", &err);

	if (json == NULL && err.msg[0] == '\0')
		abort();
	return 0;
}
