/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/chunked_tar.c - the headers of a tar, block by block
 */
#include "engine/image/chunked_tar.h"

#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/parse.h"

#define XATTR_PREFIX "SCHILY.xattr."

enum { AT_NAME = 0, AT_MODE = 100, AT_UID = 108, AT_GID = 116, AT_SIZE = 124, AT_MTIME = 136 };
enum { AT_SUM = 148, AT_TYPE = 156, AT_LINK = 157, AT_MAGIC = 257, AT_PREFIX = 345 };
enum { AT_MAJOR = 329, AT_MINOR = 337, NAME_BYTES = 100, PREFIX_BYTES = 155 };

static void forget(struct tar_state *state)
{
	strbuf_clear(&state->name);
	strbuf_clear(&state->link);
	json_decref(state->xattrs);
	state->xattrs = NULL;
	state->has_size = state->has_uid = state->has_gid = state->has_mtime = false;
}

void tar_state_release(struct tar_state *state)
{
	forget(state);
	strbuf_release(&state->name);
	strbuf_release(&state->link);
}

/* Octal, or GNU's base 256. What makes no sense is 0: the digest of the whole tells the truth anyway. */
static uint64_t number_at(const unsigned char *field, size_t width)
{
	uint64_t value = 0;
	size_t i = 0;

	if ((field[0] & 0x80) != 0) {
		for (value = field[0] & 0x3f, i = 1; i < width; i++)
			value = (value << 8) | field[i];
		return value;
	}
	while (i < width && field[i] == ' ')
		i++;
	for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	return value;
}

static bool sum_is_right(const unsigned char *block)
{
	uint64_t sum = 0;

	for (int i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : block[i];
	return sum == number_at(block + AT_SUM, 8);
}

/* "1700000000.25" in nanoseconds */
static bool parse_mtime(const char *text, int64_t *ret_ns)
{
	const char *point = strchr(text, '.');
	cleanup_free char *seconds =
		point != NULL ? xstrndup(text, (size_t)(point - text)) : xstrdup(text);
	int64_t value, fraction = 0, unit = 100000000;

	if (parse_i64(seconds, &value) < 0 || value > INT32_MAX * 4LL || value < -INT32_MAX * 4LL)
		return false;
	for (const char *c = point != NULL ? point + 1 : ""; *c >= '0' && *c <= '9'; c++) {
		fraction += (*c - '0') * unit;
		unit /= 10;
	}
	*ret_ns = value * 1000000000 + (value < 0 ? -fraction : fraction);
	return true;
}

static void use_record(struct tar_state *state, const char *key, const char *value, size_t length)
{
	const char *xattr = str_after(key, XATTR_PREFIX);

	if (str_equal(key, "path")) {
		strbuf_clear(&state->name);
		strbuf_add(&state->name, value, length);
	} else if (str_equal(key, "linkpath")) {
		strbuf_clear(&state->link);
		strbuf_add(&state->link, value, length);
	} else if (str_equal(key, "size")) {
		state->has_size = parse_u64(value, &state->size) == 0;
	} else if (str_equal(key, "uid")) {
		state->has_uid = parse_u64(value, &state->uid) == 0;
	} else if (str_equal(key, "gid")) {
		state->has_gid = parse_u64(value, &state->gid) == 0;
	} else if (str_equal(key, "mtime")) {
		state->has_mtime = parse_mtime(value, &state->mtime_ns);
	} else if (xattr != NULL && *xattr != '\0') {
		cleanup_strbuf struct strbuf encoded = STRBUF_INIT;
		cleanup_strbuf struct strbuf name = STRBUF_INIT;

		if (state->xattrs == NULL)
			state->xattrs = json_object();
		base64_encode(value, length, &encoded);
		strbuf_adds(&name, xattr);
		json_put_string(state->xattrs, name.data, encoded.data);
	}
}

/* "27 path=some/name\n" and so on; false where it breaks off. */
static bool read_pax(struct tar_state *state, const char *data, size_t length)
{
	while (length > 0) {
		size_t record = 0, digits = 0;
		cleanup_free char *copy = NULL;
		char *equals;

		while (digits < length && digits < 8 && data[digits] >= '0' && data[digits] <= '9')
			record = record * 10 + (size_t)(data[digits++] - '0');
		if (digits == 0 || digits >= length || data[digits] != ' ' || record > length ||
		    record < digits + 3 || data[record - 1] != '\n')
			return false;
		copy = xmalloc(record + 1);
		memcpy(copy, data + digits + 1, record - digits - 2);
		copy[record - digits - 2] = '\0';
		equals = memchr(copy, '=', record - digits - 2);
		if (equals == NULL)
			return false;
		*equals = '\0';
		use_record(state, copy, equals + 1,
			   record - digits - 2 - (size_t)(equals + 1 - copy));
		data += record;
		length -= record;
	}
	return true;
}

static enum tar_step extra_block(struct tar_state *state, const unsigned char *data, size_t length)
{
	struct strbuf *text = state->extra_type == 'L' ? &state->name : &state->link;

	if (length != state->extra_left)
		return TAR_BROKEN;
	state->extra_left = 0;
	if (state->extra_type == 'x')
		return read_pax(state, (const char *)data, state->extra_bytes) ? TAR_MORE
									       : TAR_BROKEN;
	if (state->extra_type == 'L' || state->extra_type == 'K') {
		strbuf_clear(text);
		strbuf_add(text, data, strnlen((const char *)data, state->extra_bytes));
	}
	return TAR_MORE; /* 'g': what holds for all entries is nothing that the table has */
}

enum tar_step tar_state_block(struct tar_state *state, const unsigned char *data, size_t length)
{
	static const unsigned char zeros[TAR_BLOCK_BYTES];
	char type;

	if (state->extra_left > 0)
		return extra_block(state, data, length);
	if (length != TAR_BLOCK_BYTES)
		return TAR_BROKEN;
	if (memcmp(data, zeros, TAR_BLOCK_BYTES) == 0)
		return TAR_MORE;
	if (!sum_is_right(data))
		return TAR_BROKEN;
	type = (char)data[AT_TYPE];
	if (type != 'x' && type != 'g' && type != 'L' && type != 'K') {
		memcpy(state->header, data, TAR_BLOCK_BYTES);
		return TAR_ENTRY;
	}
	uint64_t bytes = number_at(data + AT_SIZE, 12);
	if (bytes > TAR_EXTRA_MAX)
		return TAR_BROKEN;
	state->extra_type = type;
	state->extra_bytes = (size_t)bytes;
	state->extra_left = (size_t)(bytes + TAR_BLOCK_BYTES - 1) & ~(size_t)(TAR_BLOCK_BYTES - 1);
	return TAR_MORE;
}

static void add_text(struct strbuf *out, const unsigned char *field, size_t width)
{
	strbuf_add(out, field, strnlen((const char *)field, width));
}

static const char *kind_of(char type)
{
	switch (type) {
	case '0':
	case '\0':
	case '7':
		return "reg";
	case '1':
		return "hardlink";
	case '2':
		return "symlink";
	case '3':
		return "char";
	case '4':
		return "block";
	case '5':
		return "dir";
	case '6':
		return "fifo";
	default:
		return NULL;
	}
}

static void put_some(json_t *json, const char *key, uint64_t value)
{
	if (value != 0)
		json_put_int(json, key, (int64_t)value);
}

void tar_state_entry(struct tar_state *state, struct tar_entry *ret)
{
	const unsigned char *header = state->header;
	char type = (char)header[AT_TYPE];
	const char *kind = kind_of(type);
	char time[TIME_TEXT_MAX];
	json_t *json;

	/* a hard link and a directory have a size sometimes, but no content */
	*ret = (struct tar_entry){ .is_regular = type == '0' || type == '\0' || type == '7' };
	ret->size = state->has_size ? state->size : number_at(header + AT_SIZE, 12);
	if (kind != NULL && !ret->is_regular)
		ret->size = 0;
	if (kind == NULL) {
		forget(state);
		return;
	}
	if (state->name.length == 0) {
		if (memcmp(header + AT_MAGIC, "ustar\0", 6) == 0 && header[AT_PREFIX] != '\0') {
			add_text(&state->name, header + AT_PREFIX, PREFIX_BYTES);
			strbuf_addc(&state->name, '/');
		}
		add_text(&state->name, header + AT_NAME, NAME_BYTES);
	}
	if (state->link.length == 0 && (type == '1' || type == '2'))
		add_text(&state->link, header + AT_LINK, NAME_BYTES);
	/* before there were directories in tars, a file with a slash at its end was one */
	if (ret->is_regular && str_ends_with(state->name.data, "/"))
		kind = "dir";

	json = ret->json = json_object();
	json_put_string(json, "type", kind);
	json_put(json, "name", json_text(state->name.data));
	if (type == '1' || type == '2')
		json_put(json, "linkName", json_text(state->link.data));
	put_some(json, "mode", number_at(header + AT_MODE, 8) & 07777);
	if (ret->is_regular)
		put_some(json, "size", ret->size);
	put_some(json, "uid", state->has_uid ? state->uid : number_at(header + AT_UID, 8));
	put_some(json, "gid", state->has_gid ? state->gid : number_at(header + AT_GID, 8));
	time_format_rfc3339(state->has_mtime
				    ? state->mtime_ns
				    : (int64_t)number_at(header + AT_MTIME, 12) * 1000000000,
			    time);
	json_put_string(json, "modtime", time);
	if (type == '3' || type == '4') {
		put_some(json, "devMajor", number_at(header + AT_MAJOR, 8));
		put_some(json, "devMinor", number_at(header + AT_MINOR, 8));
	}
	if (state->xattrs != NULL)
		json_put(json, "xattrs", json_incref(state->xattrs));
	forget(state);
}
