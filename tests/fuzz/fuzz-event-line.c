/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-event-line.c - a line of the journal of events
 */
#include "engine/events/parts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	int64_t time_ns;
	size_t start;

	if (line == NULL)
		return 0;
	memcpy(line, data, size);
	if (event_line_find(line, size, &start, &time_ns) > 0 &&
	    (start >= size || line[start] != '{' || time_ns < 0))
		abort();
	free(line);
	return 0;
}
