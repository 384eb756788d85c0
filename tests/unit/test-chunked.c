/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-chunked.c - the table of contents of zstd:chunked: what is one, and what is not
 */
#include "unit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "engine/image/chunked_table.h"

#define D1 "sha256:a9d8bb7e492680a994ff39831a2f0e35b3381e9caedc5d65fe376ad4f9cf1c0a"
#define D2 "sha256:4c47b3e816fbe7d40cef9f665ba8f0be1ae68b5e8e7ed70f5b6bab7f70528e8f"
#define FILE_ENTRY(name, from, to)                                                                 \
	"{\"type\":\"reg\",\"name\":\"" name "\",\"size\":9,\"digest\":\"" D1                      \
	"\",\"offset\":" from ",\"endOffset\":" to "}"
#define TABLE(entries) "{\"version\":1, \"entries\":[" entries "],\"tarSplitDigest\":\"" D2 "\"}"

static void test_tables(void **state)
{
	static const struct {
		const char *text;
		int count; /* of files; -1: it is no table */
	} cases[] = {
		{ TABLE(""), 0 },
		{ TABLE(FILE_ENTRY("a", "10", "20")), 1 },
		{ TABLE(FILE_ENTRY("a", "10", "20") ", " FILE_ENTRY("x\\\"}],{", "20", "1000")),
		  2 },
		{ TABLE("{\"type\":\"dir\",\"name\":\"d/\"}," FILE_ENTRY("d/a", "10", "20")), 1 },
		/* one file in another's bytes, beyond the blob, backwards, without a name */
		{ TABLE(FILE_ENTRY("a", "10", "20") "," FILE_ENTRY("b", "19", "30")), -1 },
		{ TABLE(FILE_ENTRY("a", "10", "1001")), -1 },
		{ TABLE(FILE_ENTRY("a", "20", "10")), -1 },
		{ TABLE(FILE_ENTRY("a", "-1", "10")), -1 },
		{ TABLE(FILE_ENTRY("", "10", "20")), -1 },
		{ "{\"version\":2,\"entries\":[],\"tarSplitDigest\":\"" D2 "\"}", -1 },
		{ "{\"version\":1,\"entries\":[]}", -1 },
		{ "{\"version\":1,\"entries\":[],\"entries\":[],\"tarSplitDigest\":\"" D2 "\"}",
		  -1 },
		{ "", -1 },
		{ "[]", -1 },
		{ "{\"", -1 },
		{ "{\"entries\":[[[", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct chunked_table table;
		bool good = chunked_table_parse(cases[i].text, strlen(cases[i].text), 1000, &table);

		if (good != (cases[i].count >= 0) || (good && (int)table.count != cases[i].count))
			fail_msg("case %zu: %s", i, cases[i].text);
		if (good && table.count == 2)
			assert_string_equal(chunked_name(&table, 1), "x\"}],{");
		if (good)
			chunked_table_release(&table);
	}
}

static void test_places(void **state)
{
	static const struct {
		const char *table, *split;
		bool good;
	} cases[] = {
		{ "500:100:1000:1", "608:50:9000", true },
		{ "500:100:1000:2", "608:50:9000", false },
		{ "500:100:1000", "608:50:9000", false },
		{ "500:100:1000:1:1", "608:50:9000", false },
		{ "500:100:1000:1", "599:50:9000", false },
		{ "500:100:1000:1", "608:500:9000", false },
		{ "500:100:99999999999:1", "608:50:9000", false },
		{ "500:18446744073709551615:1000:1", "608:50:9000", false },
		{ "500:100:1000:1", "18446744073709551615:50:9000", false },
		{ "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_json json_t *json = json_object();
		struct chunked_place place;

		json_put_string(json, "io.github.containers.zstd-chunked.manifest-checksum", D1);
		json_put_string(json, "io.github.containers.zstd-chunked.manifest-position",
				cases[i].table);
		json_put_string(json, "io.github.containers.zstd-chunked.tarsplit-position",
				cases[i].split);
		if (chunked_place_read(json, 1000, &place) != cases[i].good)
			fail_msg("case %zu: %s %s", i, cases[i].table, cases[i].split);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_tables),
	cmocka_unit_test(test_places),
};
UNIT_MAIN(tests)
