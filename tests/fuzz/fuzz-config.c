/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-config.c - config.json of the runtime specification to a plan: no crash, and a message whenever it is refused
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct runtime_plan *plan = NULL;
	cleanup_json json_t *config = json_parse((const char *)data, size, "config.json", &err);
	cleanup_fd int dir_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (config == NULL)
		return 0;
	if (runtime_plan_new(config, dir_fd, NULL, NULL, NULL, &plan, &err) < 0) {
		if (err.msg[0] == '\0')
			abort();
		return 0;
	}
	free(runtime_plan_print(plan));
	runtime_plan_free(plan);
	return 0;
}
