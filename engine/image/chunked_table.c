/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/chunked_table.c - read the table of contents of a zstd:chunked layer, and its tar-split
 *
 * A table may have a line for each of 200,000 files: it is cut into its entries by hand, and each entry is parsed by itself, so that the
 * memory is that of the text and not that of a tree of objects.
 */
#include "engine/image/chunked_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"

#define FILES_MAX 1000000

/* ---- annotations ----------------------------------------------------------------------------------------------------- */

/* "12:34:56" and so on: exactly count numbers. */
static bool read_numbers(const char *text, uint64_t *ret, size_t count)
{
	cleanup_free char *copy = xstrdup(text != NULL ? text : "");
	char *at = copy;

	for (size_t i = 0; i < count; i++) {
		char *colon = strchr(at, ':');

		if ((colon == NULL) != (i + 1 == count))
			return false;
		if (colon != NULL)
			*colon = '\0';
		if (parse_u64(at, &ret[i]) < 0)
			return false;
		at = colon != NULL ? colon + 1 : at;
	}
	return true;
}

static bool lies_within(uint64_t at, uint64_t bytes, uint64_t limit)
{
	uint64_t end;

	return bytes > 0 && CHECKED_ADD(at, bytes, &end) && end <= limit;
}

bool chunked_place_read(const json_t *annotations, uint64_t blob_bytes, struct chunked_place *ret)
{
	const char *checksum = json_get_string(
		annotations, "", "io.github.containers.zstd-chunked.manifest-checksum", NULL);
	uint64_t table[4], split[3];

	if (digest_parse(checksum, &ret->table) < 0 ||
	    !read_numbers(json_get_string(annotations, NULL,
					  "io.github.containers.zstd-chunked.manifest-position",
					  NULL),
			  table, 4) ||
	    !read_numbers(json_get_string(annotations, NULL,
					  "io.github.containers.zstd-chunked.tarsplit-position",
					  NULL),
			  split, 3))
		return false;
	ret->table_at = table[0];
	ret->table_bytes = table[1];
	ret->table_size = table[2];
	ret->split_at = split[0];
	ret->split_bytes = split[1];
	ret->split_size = split[2];
	/* one behind the other, with the head of a frame between them, so that one request has both */
	return table[3] == 1 && lies_within(ret->table_at, ret->table_bytes, ret->split_at) &&
	       ret->split_at - ret->table_at - ret->table_bytes <= 4096 &&
	       lies_within(ret->split_at, ret->split_bytes, blob_bytes) && ret->table_at > 0 &&
	       ret->table_size <= CHUNKED_TABLE_MAX && ret->split_size <= CHUNKED_SPLIT_MAX;
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

void chunked_table_release(struct chunked_table *table)
{
	free(table->files);
	strbuf_release(&table->names);
	*table = (struct chunked_table)CHUNKED_TABLE_INIT;
}

/* The end of the value that begins at text[at]: an object, array, string or word. length: it has none. */
static size_t value_end(const char *text, size_t length, size_t at)
{
	size_t depth = 0;
	bool quoted = false;

	for (; at < length; at++) {
		char c = text[at];

		if (quoted && c == '\\') {
			at++;
		} else if (c == '"') {
			quoted = !quoted;
			if (!quoted && depth == 0)
				return at + 1;
		} else if (!quoted && (c == '{' || c == '[')) {
			depth++;
		} else if (!quoted && (c == '}' || c == ']')) {
			if (depth == 0)
				return at;
			if (--depth == 0)
				return at + 1;
		} else if (!quoted && depth == 0 && c == ',') {
			return at;
		}
	}
	return length;
}

static size_t skip_space(const char *text, size_t length, size_t at)
{
	while (at < length && strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0')
		at++;
	return at;
}

static bool add_file(struct chunked_table *table, const json_t *entry, size_t *allocated,
		     uint64_t blob_bytes)
{
	const char *type = json_get_string(entry, "", "type", NULL);
	const char *name = json_get_string(entry, "", "name", NULL);
	int64_t size = json_get_int(entry, 0, "size", NULL);
	int64_t from = json_get_int(entry, -1, "offset", NULL);
	int64_t to = json_get_int(entry, -1, "endOffset", NULL);
	struct chunked_file file = { .name_at = table->names.length };

	/* the chunks of a file lie between its own offsets */
	if (!str_equal(type, "reg") || size == 0)
		return true;
	if (size < 0 || from < 0 || to <= from || (uint64_t)to > blob_bytes || *name == '\0' ||
	    table->count >= FILES_MAX ||
	    digest_parse(json_get_string(entry, "", "digest", NULL), &file.digest) < 0)
		return false;
	file.size = (uint64_t)size;
	file.from = (uint64_t)from;
	file.to = (uint64_t)to;
	/* frames come in the order of the tar: two files never share bytes */
	if (table->count > 0 && file.from < table->files[table->count - 1].to)
		return false;
	if (table->count == *allocated) {
		*allocated = *allocated * 2 + 64;
		table->files = xreallocarray(table->files, *allocated, sizeof(*table->files));
	}
	strbuf_add(&table->names, name, strlen(name) + 1);
	table->files[table->count++] = file;
	return true;
}

static bool parse_entries(const char *text, size_t length, uint64_t blob_bytes,
			  struct chunked_table *table)
{
	size_t at = skip_space(text, length, 1), allocated = 0;

	while (at < length && text[at] == '{') {
		size_t end = value_end(text, length, at);
		cleanup_json json_t *entry = NULL;
		struct err ignored; /* then it is no table */

		if (end - at > CHUNKED_LINE_MAX)
			return false;
		entry = json_parse(text + at, end - at, "entry", &ignored);
		if (entry == NULL || !add_file(table, entry, &allocated, blob_bytes))
			return false;
		at = skip_space(text, length, end);
		if (at < length && text[at] == ',')
			at = skip_space(text, length, at + 1);
	}
	return at + 1 == length && text[at] == ']';
}

/* {"version": 1, "entries": [...], "tarSplitDigest": "..."}, in any order */
static bool parse(const char *text, size_t length, uint64_t blob_bytes, struct chunked_table *table)
{
	size_t at = skip_space(text, length, 0);
	bool has_entries = false, has_version = false;

	if (at >= length || text[at] != '{')
		return false;
	at = skip_space(text, length, at + 1);
	while (at < length && text[at] == '"') {
		size_t key = at + 1, key_end = value_end(text, length, at);
		size_t from = skip_space(text, length, key_end);

		if (key_end <= key || text[key_end - 1] != '"' || from >= length ||
		    text[from] != ':')
			return false;
		from = skip_space(text, length, from + 1);
		size_t to = value_end(text, length, from);
		cleanup_free char *name = xstrndup(text + key, key_end - key - 1);
		cleanup_free char *value = NULL;

		if (str_equal(name, "entries")) {
			if (has_entries || from >= length || text[from] != '[' ||
			    !parse_entries(text + from, to - from, blob_bytes, table))
				return false;
			has_entries = true;
		} else if (to - from <= 2 * sizeof(struct digest)) {
			value = xstrndup(text + from, to - from);
			if (str_equal(name, "version"))
				has_version = str_equal(value, "1");
			if (str_equal(name, "tarSplitDigest") && to - from > 2) {
				value[to - from - 1] = '\0';
				if (digest_parse(value + 1, &table->split) < 0)
					return false;
			}
		}
		at = skip_space(text, length, to);
		if (at < length && text[at] == ',')
			at = skip_space(text, length, at + 1);
	}
	return at < length && text[at] == '}' && has_entries && has_version &&
	       digest_is_set(&table->split);
}

bool chunked_table_parse(const char *text, size_t length, uint64_t blob_bytes,
			 struct chunked_table *ret)
{
	*ret = (struct chunked_table)CHUNKED_TABLE_INIT;
	if (length <= CHUNKED_TABLE_MAX && parse(text, length, blob_bytes, ret))
		return true;
	chunked_table_release(ret);
	return false;
}

/* ---- tar-split ------------------------------------------------------------------------------------------------------- */

void split_line_release(struct split_line *line)
{
	strbuf_release(&line->name);
	strbuf_release(&line->data);
}

bool split_line_parse(const char *text, size_t length, struct split_line *line)
{
	struct err ignored; /* then it is none */
	cleanup_json json_t *json =
		length <= CHUNKED_LINE_MAX
			? json_parse_limited(text, length, CHUNKED_LINE_MAX, "line", &ignored)
			: NULL;
	int64_t type = json_get_int(json, 0, "type", NULL);
	int64_t size = json_get_int(json, 0, "size", NULL);
	const char *payload = json_get_string(json, "", "payload", NULL);

	if (json == NULL || (type != 1 && type != 2) || size < 0)
		return false;
	strbuf_clear(&line->name);
	strbuf_clear(&line->data);
	line->is_file = type == 1;
	line->size = line->is_file ? (uint64_t)size : 0;
	if (line->is_file) {
		strbuf_adds(&line->name, json_get_string(json, "", "name", NULL));
		return true;
	}
	return base64_decode(payload, &line->data);
}
