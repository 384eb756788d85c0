/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-passwd.c - the readers of passwd and group of images: no crash, numbers in range, the cursor ends at the end
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/runtime/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free char *copy = xstrdup(text);
	size_t length = strlen(text);
	struct passwd_line line;
	struct group_line group;
	char *cursor = text;

	while (passwd_next(&cursor, &line)) {
		if (line.uid == UINT32_MAX || line.gid == UINT32_MAX || *line.name == '\0' ||
		    strlen(line.home) > length)
			abort();
	}
	if (cursor != text + length)
		abort();

	cursor = copy;
	while (group_next(&cursor, &group)) {
		if (group.gid == UINT32_MAX || *group.name == '\0' ||
		    strlen(group.members) > length)
			abort();
	}
	if (cursor != copy + length)
		abort();
	return 0;
}
