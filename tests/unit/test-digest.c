/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-digest.c - digests and ids
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/digest.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX_63 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "sha256:" HEX, 0 },
		{ HEX, -EINVAL },
		{ "sha256:" HEX_63, -EINVAL },
		{ "sha256:" HEX "0", -EINVAL },
		{ "sha256:" HEX_63 "A", -EINVAL },
		{ "sha256:" HEX_63 "g", -EINVAL },
		{ "sha256:" HEX "\n", -EINVAL },
		{ "sha256:" HEX "/..", -EINVAL },
		{ "SHA256:" HEX, -EINVAL },
		{ "sha512:" HEX HEX, -EINVAL },
		{ "sha256:../../../etc/passwd", -EINVAL },
		{ "sha256:", -EINVAL },
		{ "", -EINVAL },
		{ NULL, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct digest digest = { "" };

		assert_int_equal(digest_parse(rows[i].text, &digest), rows[i].status);
		assert_int_equal(digest_is_set(&digest), rows[i].status == 0);
	}
}

static void test_forms(void **state)
{
	struct digest a;
	struct digest b;
	unsigned char bytes[32];

	for (int i = 0; i < 32; i++)
		bytes[i] = (unsigned char)(((2 * i) % 16) << 4 | (2 * i + 1) % 16);
	digest_from_bytes(bytes, &a);
	assert_string_equal(a.text, "sha256:" HEX);
	assert_int_equal(digest_from_hex(HEX, &b), 0);
	assert_true(digest_equal(&a, &b));
	assert_string_equal(digest_hex(&b), HEX);
	bytes[31] ^= 1;
	digest_from_bytes(bytes, &b);
	assert_false(digest_equal(&a, &b));
	assert_int_equal(digest_from_hex(HEX_63, &b), -EINVAL);
}

static void test_ids(void **state)
{
	struct object_id a;
	struct object_id b;

	object_id_new(&a);
	object_id_new(&b);
	assert_int_equal(strlen(a.text), DIGEST_HEX);
	assert_string_not_equal(a.text, b.text);
	assert_int_equal(object_id_parse(a.text, &b), 0);
	assert_string_equal(a.text, b.text);
	assert_int_equal(object_id_parse(HEX_63, &b), -EINVAL);
	assert_int_equal(object_id_parse(HEX "0", &b), -EINVAL);
	assert_int_equal(object_id_parse("../" HEX_63, &b), -EINVAL);

	assert_true(object_id_is_prefix("a"));
	assert_true(object_id_is_prefix(HEX));
	assert_false(object_id_is_prefix(HEX "0"));
	assert_false(object_id_is_prefix(""));
	assert_false(object_id_is_prefix("abG"));
	assert_false(object_id_is_prefix("AB"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_parse),
	cmocka_unit_test(test_forms),
	cmocka_unit_test(test_ids),
};
UNIT_MAIN(tests)
