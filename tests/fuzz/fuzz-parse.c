/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-parse.c - all words and numbers, path_clean() and escaping
 */
#include "base/digest.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_path(const char *text)
{
	cleanup_strbuf struct strbuf once = STRBUF_INIT;
	cleanup_strbuf struct strbuf twice = STRBUF_INIT;

	path_clean(&once, text);
	path_clean(&twice, once.data);
	check(str_equal(once.data, twice.data));
	check((text[0] == '/') == (once.data[0] == '/'));
	check(strstr(once.data, "//") == NULL);
	if (once.data[0] == '/')
		check(strstr(once.data, "/../") == NULL);
}

static void check_escaped(const char *text)
{
	cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

	strbuf_add_escaped(&escaped, text);
	for (const char *at = escaped.data; *at != '\0';) {
		size_t length = utf8_sequence(at);

		check(length > 0 && (unsigned char)*at >= 0x20 && *at != 0x7f);
		at += length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strbuf struct strbuf buf = STRBUF_INIT;
	const char *text;
	char time_text[TIME_TEXT_MAX];
	struct digest digest;
	struct object_id id;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	int64_t i64;
	int64_t again;
	int32_t i32;
	int number;
	mode_t mode;
	bool flag;

	strbuf_add(&buf, data, size);
	text = buf.data;

	parse_u64(text, &u64);
	parse_u32(text, &u32);
	parse_u16(text, &u16);
	parse_i64(text, &i64);
	parse_i32(text, &i32);
	if (parse_id(text, &u32) == 0)
		check(u32 != UINT32_MAX);
	if (parse_mode(text, &mode) == 0)
		check(mode <= 07777);
	parse_bytes(text, &u64);
	parse_bool(text, &flag);
	parse_decimal_nano(text, &u64);
	if (parse_duration(text, &i64) == 0)
		check(i64 >= 0);
	if (parse_seconds(text, true, &i64) == 0)
		check(i64 >= -1);
	if (parse_signal(text, &number) == 0)
		check(number >= 1 && number <= 64);
	if (parse_time(text, &i64) == 0) {
		time_format_rfc3339(i64, time_text);
		if (i64 != 0)
			check(parse_time(time_text, &again) == 0 && again == i64);
	}
	if (digest_parse(text, &digest) == 0)
		check(str_equal(digest.text, text));
	if (object_id_parse(text, &id) == 0)
		check(object_id_is_prefix(text));
	check_path(text);
	check_escaped(text);
	return 0;
}
