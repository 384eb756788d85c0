/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/chunked_table.h - read the table of contents of a zstd:chunked layer, and its tar-split (private to libexec/dhow/transfer)
 *
 * Both come from outside and are read in a sandbox (transfer_partial.c). Nothing here decides what is true: the table's digest is in the
 * manifest, a file's digest is in the table, and the tar that comes of it all must have the diffID. What is larger than the limits, or
 * odd in any way, is no error for a user: the layer is pulled as a whole.
 */
#ifndef ENGINE_IMAGE_CHUNKED_TABLE_H
#define ENGINE_IMAGE_CHUNKED_TABLE_H

#include "base/digest.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNKED_TABLE_MAX (32U << 20)  /* uncompressed */
#define CHUNKED_SPLIT_MAX (512U << 20) /* uncompressed; it is never whole in memory */
#define CHUNKED_LINE_MAX  (4U << 20)   /* one entry of either */

/** Where the two are in the blob, as the layer's annotations say. */
struct chunked_place {
	uint64_t table_at, table_bytes, table_size; /* offset, compressed, uncompressed */
	uint64_t split_at, split_bytes, split_size;
	struct digest table; /* of the compressed bytes */
};
/** True when there is a table that can be used, and it all lies in a blob of so many bytes. */
bool chunked_place_read(const json_t *annotations, uint64_t blob_bytes, struct chunked_place *ret);

/** A file with content. */
struct chunked_file {
	size_t name_at;		 /* in the names */
	uint64_t size, from, to; /* its frames are [from, to) of the blob */
	struct digest digest;
};
struct chunked_table {
	struct chunked_file *files; /* in the order of the tar */
	size_t count;
	struct strbuf names; /* each with its NUL */
	struct digest split; /* of the compressed tar-split */
};
#define CHUNKED_TABLE_INIT                                                                         \
	{                                                                                          \
		.names = STRBUF_INIT                                                               \
	}
void chunked_table_release(struct chunked_table *table);
/** True when it is one. @param blob_bytes  no file lies beyond */
bool chunked_table_parse(const char *text, size_t length, uint64_t blob_bytes,
			 struct chunked_table *ret);
static inline const char *chunked_name(const struct chunked_table *table, size_t number)
{
	return table->names.data + table->files[number].name_at;
}

/** One line of tar-split. */
struct split_line {
	bool is_file; /* size bytes of content come here; else data */
	struct strbuf name, data;
	uint64_t size;
};
#define SPLIT_LINE_INIT                                                                            \
	{                                                                                          \
		.name = STRBUF_INIT, .data = STRBUF_INIT                                           \
	}
void split_line_release(struct split_line *line);
/** True when it is one; line is used anew. */
bool split_line_parse(const char *text, size_t length, struct split_line *line);

#endif
