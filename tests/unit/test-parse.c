/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-parse.c - numbers and words: one table per grammar
 */
#include "unit.h"

#include <time.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"

#define UNTOUCHED 77

static void test_unsigned(void **state)
{
	static const struct {
		const char *text;
		int status64, status32, status16;
		uint64_t value;
	} rows[] = {
		{ "0", 0, 0, 0, 0 },
		{ "007", 0, 0, 0, 7 },
		{ "65535", 0, 0, 0, 65535 },
		{ "65536", 0, 0, -ERANGE, 65536 },
		{ "4294967295", 0, 0, -ERANGE, 4294967295U },
		{ "4294967296", 0, -ERANGE, -ERANGE, 4294967296U },
		{ "18446744073709551615", 0, -ERANGE, -ERANGE, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, -ERANGE, -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, -ERANGE, -ERANGE, 0 },
		{ "99999999999999999999999x", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ NULL, -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "-1", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "+1", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ " 1", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "1 ", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "1\n", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "0x1", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "1.0", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "1e3", -EINVAL, -EINVAL, -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, -EINVAL, -EINVAL, 0 }, /* another alphabet's one */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t u64 = UNTOUCHED;
		uint32_t u32 = UNTOUCHED;
		uint16_t u16 = UNTOUCHED;

		assert_int_equal(parse_u64(rows[i].text, &u64), rows[i].status64);
		assert_int_equal(parse_u32(rows[i].text, &u32), rows[i].status32);
		assert_int_equal(parse_u16(rows[i].text, &u16), rows[i].status16);
		assert_int_equal(u64, rows[i].status64 == 0 ? rows[i].value : UNTOUCHED);
		assert_int_equal(u32, rows[i].status32 == 0 ? rows[i].value : UNTOUCHED);
		assert_int_equal(u16, rows[i].status16 == 0 ? rows[i].value : UNTOUCHED);
	}
}

static void test_signed(void **state)
{
	static const struct {
		const char *text;
		int status64, status32;
		int64_t value;
	} rows[] = {
		{ "-1", 0, 0, -1 },
		{ "-0", 0, 0, 0 },
		{ "2147483647", 0, 0, INT32_MAX },
		{ "2147483648", 0, -ERANGE, 2147483648 },
		{ "-2147483648", 0, 0, INT32_MIN },
		{ "-2147483649", 0, -ERANGE, -2147483649 },
		{ "9223372036854775807", 0, -ERANGE, INT64_MAX },
		{ "9223372036854775808", -ERANGE, -ERANGE, 0 },
		{ "-9223372036854775808", 0, -ERANGE, INT64_MIN },
		{ "-9223372036854775809", -ERANGE, -ERANGE, 0 },
		{ "--1", -EINVAL, -EINVAL, 0 },
		{ "-", -EINVAL, -EINVAL, 0 },
		{ "+1", -EINVAL, -EINVAL, 0 },
		{ NULL, -EINVAL, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t i64 = UNTOUCHED;
		int32_t i32 = UNTOUCHED;

		assert_int_equal(parse_i64(rows[i].text, &i64), rows[i].status64);
		assert_int_equal(parse_i32(rows[i].text, &i32), rows[i].status32);
		assert_true(i64 == (rows[i].status64 == 0 ? rows[i].value : UNTOUCHED));
		assert_true(i32 == (rows[i].status32 == 0 ? rows[i].value : UNTOUCHED));
	}
}

static void test_id(void **state)
{
	static const struct {
		const char *text;
		int status;
		uint32_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "65536", 0, 65536 },
		{ "4294967294", 0, 4294967294U },
		{ "4294967295", -ERANGE, 0 },
		{ "4294967296", -ERANGE, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t id = UNTOUCHED;

		assert_int_equal(parse_id(rows[i].text, &id), rows[i].status);
		assert_int_equal(id, rows[i].status == 0 ? rows[i].value : UNTOUCHED);
	}
}

static void test_mode(void **state)
{
	static const struct {
		const char *text;
		int status;
		mode_t mode;
	} rows[] = {
		{ "0", 0, 0 },		 { "755", 0, 0755 },
		{ "0644", 0, 0644 },	 { "7777", 0, 07777 },
		{ "10000", -ERANGE, 0 }, { "77777777777777777777", -ERANGE, 0 },
		{ "8", -EINVAL, 0 },	 { "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },	 { "u+x", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		mode_t mode = UNTOUCHED;

		assert_int_equal(parse_mode(rows[i].text, &mode), rows[i].status);
		assert_int_equal(mode, rows[i].status == 0 ? rows[i].mode : UNTOUCHED);
	}
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		int status;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0, 0 },
		{ "10", 0, 10 },
		{ "10b", 0, 10 },
		{ "10B", 0, 10 },
		{ "64m", 0, 64U << 20 },
		{ "64M", 0, 64U << 20 },
		{ "64mb", 0, 64U << 20 },
		{ "64MiB", 0, 64U << 20 },
		{ "64mi", 0, 64U << 20 },
		{ "10kb", 0, 10240 },
		{ "1.5g", 0, 1610612736 },
		{ "0.5k", 0, 512 },
		{ "1.1k", 0, 1126 },
		{ "1.5", 0, 1 },
		{ "2t", 0, UINT64_C(2) << 40 },
		{ "3p", 0, UINT64_C(3) << 50 },
		{ "16383p", 0, UINT64_C(16383) << 50 },
		{ "16384p", -ERANGE, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999g", -ERANGE, 0 },
		{ "1.", -EINVAL, 0 },
		{ ".5g", -EINVAL, 0 },
		{ "1e", -EINVAL, 0 },
		{ "1 g", -EINVAL, 0 },
		{ "1gg", -EINVAL, 0 },
		{ "1gbb", -EINVAL, 0 },
		{ "1bb", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "g", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t bytes = UNTOUCHED;

		assert_int_equal(parse_bytes(rows[i].text, &bytes), rows[i].status);
		assert_true(bytes == (rows[i].status == 0 ? rows[i].bytes : UNTOUCHED));
	}
}

static void test_bool(void **state)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	static const char *const neither[] = { "", "yes", "no", "on", "tRUE", "true ", "2", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		bool value = false;

		assert_int_equal(parse_bool(yes[i], &value), 0);
		assert_true(value);
		assert_int_equal(parse_bool(no[i], &value), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++) {
		bool value;

		assert_int_equal(parse_bool(neither[i], &value), -EINVAL);
	}
}

static void test_decimal(void **state)
{
	static const struct {
		const char *text;
		int status;
		uint64_t nano;
	} rows[] = {
		{ "1", 0, 1000000000 },
		{ "1.5", 0, 1500000000 },
		{ ".5", 0, 500000000 },
		{ "0.000000001", 0, 1 },
		{ "0.0000000019", 0, 1 },
		{ "0.00000000000000000000009", 0, 0 },
		{ "18446744073.709551615", 0, UINT64_MAX },
		{ "18446744073.709551616", -ERANGE, 0 },
		{ "18446744074", -ERANGE, 0 },
		{ ".", -EINVAL, 0 },
		{ "1.", -EINVAL, 0 },
		{ "1.5.1", -EINVAL, 0 },
		{ "1,5", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t nano = UNTOUCHED;

		assert_int_equal(parse_decimal_nano(rows[i].text, &nano), rows[i].status);
		assert_true(nano == (rows[i].status == 0 ? rows[i].nano : UNTOUCHED));
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int status;
		int64_t ns;
	} rows[] = {
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "300ms", 0, 300000000 },
		{ "1h2m3.5s", 0, 3723500000000 },
		{ "1.5h", 0, 5400000000000 },
		{ ".5s", 0, 500000000 },
		{ "1m", 0, 60000000000 },
		{ "1us", 0, 1000 },
		{ "1\xc2\xb5s", 0, 1000 },
		{ "1\xce\xbcs", 0, 1000 },
		{ "7ns", 0, 7 },
		{ "2562047h", 0, INT64_C(2562047) * 3600 * 1000000000 },
		{ "2562048h", -ERANGE, 0 },
		{ "99999999999999999999h", -ERANGE, 0 },
		{ "1", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1d", -EINVAL, 0 },
		{ ".s", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t ns = UNTOUCHED;

		assert_int_equal(parse_duration(rows[i].text, &ns), rows[i].status);
		assert_true(ns == (rows[i].status == 0 ? rows[i].ns : UNTOUCHED));
	}
}

static void test_seconds(void **state)
{
	static const struct {
		const char *text;
		bool allow_forever;
		int status;
		int64_t seconds;
	} rows[] = {
		{ "10", false, 0, 10 },	     { "-1", true, 0, -1 },
		{ "-1", false, -EINVAL, 0 }, { "-2", true, -EINVAL, 0 },
		{ "1m30s", false, 0, 90 },   { "500ms", false, 0, 1 },
		{ "0", false, 0, 0 },	     { "1.5", false, -EINVAL, 0 },
		{ "", false, -EINVAL, 0 },   { "9223372036854775808", false, -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t seconds = UNTOUCHED;

		assert_int_equal(parse_seconds(rows[i].text, rows[i].allow_forever, &seconds),
				 rows[i].status);
		assert_true(seconds == (rows[i].status == 0 ? rows[i].seconds : UNTOUCHED));
	}
}

static void test_signal(void **state)
{
	static const struct {
		const char *text;
		int status, number;
	} rows[] = {
		{ "TERM", 0, 15 },	  { "SIGTERM", 0, 15 },
		{ "sigterm", 0, 15 },	  { "kill", 0, 9 },
		{ "15", 0, 15 },	  { "64", 0, 64 },
		{ "65", -ERANGE, 0 },	  { "0", -ERANGE, 0 },
		{ "RTMIN", 0, 34 },	  { "SIGRTMIN+3", 0, 37 },
		{ "rtmin+30", 0, 64 },	  { "RTMIN+31", -EINVAL, 0 },
		{ "RTMAX", 0, 64 },	  { "RTMAX-1", 0, 63 },
		{ "RTMAX-30", 0, 34 },	  { "IOT", 0, 6 },
		{ "CLD", 0, 17 },	  { "POLL", 0, 29 },
		{ "SIG", -EINVAL, 0 },	  { "TERM ", -EINVAL, 0 },
		{ "NOSUCH", -EINVAL, 0 }, { "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },	  { "-9", -EINVAL, 0 },
		{ "9x", -EINVAL, 0 },	  { "SIGSIGTERM", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int number = UNTOUCHED;

		assert_int_equal(parse_signal(rows[i].text, &number), rows[i].status);
		assert_int_equal(number, rows[i].status == 0 ? rows[i].number : UNTOUCHED);
	}
	for (int number = -1; number < 70; number++) {
		const char *name = signal_name(number);
		int again = 0;

		if (name == NULL) {
			assert_true(number < 1 || number > 64 || number == 32 || number == 33);
			continue;
		}
		assert_int_equal(parse_signal(name, &again), 0);
		assert_int_equal(again, number);
	}
}

static void test_time(void **state)
{
	static const struct {
		const char *text;
		int status;
		int64_t ns;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1700000000", 0, INT64_C(1700000000000000000) },
		{ "1700000000.25", 0, INT64_C(1700000000250000000) },
		{ "2023-11-14T22:13:20Z", 0, INT64_C(1700000000000000000) },
		{ "2023-11-14T22:13:20.250000001Z", 0, INT64_C(1700000000250000001) },
		{ "2023-11-14T23:13:20+01:00", 0, INT64_C(1700000000000000000) },
		{ "2023-11-14T17:43:20-04:30", 0, INT64_C(1700000000000000000) },
		{ "2023-11-14T22:13:20", 0, INT64_C(1700000000000000000) },
		{ "2023-11-14T22:13", 0, INT64_C(1699999980000000000) },
		{ "2023-11-14", 0, INT64_C(1699920000000000000) },
		{ "2024-02-29", 0, INT64_C(1709164800000000000) },
		{ "1969-12-31T23:59:59Z", 0, INT64_C(-1000000000) },
		{ "2023-02-29", -EINVAL, 0 },
		{ "2023-04-31", -EINVAL, 0 },
		{ "2023-13-01", -EINVAL, 0 },
		{ "2023-00-01", -EINVAL, 0 },
		{ "2023-11-14T24:00:00Z", -EINVAL, 0 },
		{ "2023-11-14T22:13:20+1:00", -EINVAL, 0 },
		{ "2023-11-14T22:13:20Zx", -EINVAL, 0 },
		{ "2023-11-14T22:13:20.Z", -EINVAL, 0 },
		{ "23-11-14", -EINVAL, 0 },
		{ "9999-01-01", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "yesterday", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};
	int64_t before;
	int64_t ns;

	setenv("TZ", "UTC0", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ns = UNTOUCHED;
		assert_int_equal(parse_time(rows[i].text, &ns), rows[i].status);
		assert_true(ns == (rows[i].status == 0 ? rows[i].ns : UNTOUCHED));
	}

	before = time_now_ns();
	assert_int_equal(parse_time("1h", &ns), 0);
	assert_true(ns >= before - INT64_C(3600000000000));
	assert_true(ns <= time_now_ns() - INT64_C(3600000000000));

	/* without a zone it is the time of the place */
	setenv("TZ", "XXX-2", 1);
	tzset();
	assert_int_equal(parse_time("2023-11-15T00:13:20", &ns), 0);
	assert_true(ns == INT64_C(1700000000000000000));
}

static void test_format_time(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0001-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ INT64_C(1700000000000000000), "2023-11-14T22:13:20Z" },
		{ INT64_C(1700000000037603480), "2023-11-14T22:13:20.03760348Z" },
		{ INT64_C(1700000000999999999), "2023-11-14T22:13:20.999999999Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[TIME_TEXT_MAX];

		time_format_rfc3339(rows[i].ns, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_checked(void **state)
{
	uint32_t sum;

	assert_true(CHECKED_ADD(1U, 2U, &sum));
	assert_int_equal(sum, 3);
	assert_false(CHECKED_ADD(UINT32_MAX, 1U, &sum));
	assert_false(CHECKED_MUL(65536U, 65536U, &sum));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_unsigned), cmocka_unit_test(test_signed),
	cmocka_unit_test(test_id),	 cmocka_unit_test(test_mode),
	cmocka_unit_test(test_bytes),	 cmocka_unit_test(test_bool),
	cmocka_unit_test(test_decimal),	 cmocka_unit_test(test_duration),
	cmocka_unit_test(test_seconds),	 cmocka_unit_test(test_signal),
	cmocka_unit_test(test_time),	 cmocka_unit_test(test_format_time),
	cmocka_unit_test(test_checked),
};
UNIT_MAIN(tests)
