/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-chunked-table.c - what is accepted as a table of contents names files that lie in the blob, one behind the other
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/chunked_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t blob_bytes = 1 << 20;
	struct chunked_table table;
	struct split_line line = SPLIT_LINE_INIT;
	uint64_t end = 0;

	if (chunked_table_parse((const char *)data, size, blob_bytes, &table)) {
		for (size_t i = 0; i < table.count; i++) {
			const struct chunked_file *file = &table.files[i];

			if (file->from < end || file->to <= file->from || file->to > blob_bytes ||
			    file->size == 0 || strlen(chunked_name(&table, i)) == 0)
				abort();
			end = file->to;
		}
		chunked_table_release(&table);
	}
	if (split_line_parse((const char *)data, size, &line) && line.is_file &&
	    line.data.length > 0)
		abort();
	split_line_release(&line);
	return 0;
}
