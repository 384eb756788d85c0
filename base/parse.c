/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/parse.c - one strict grammar for every kind of number and word (R7, R11, R29)
 *
 * No function of the C library for numbers is used: they skip blanks, take signs, bases and locales, and stop early.
 * Signals are in parse_signal.c, points of time in parse_time.c.
 */
#include "base/parse.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"

#define NS_PER_S INT64_C(1000000000)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Read at least one digit and move *text behind the last. */
static int take_digits(const char **text, uint64_t *ret)
{
	uint64_t value = 0;
	bool too_big = false;

	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		if (!CHECKED_MUL(value, 10U, &value) ||
		    !CHECKED_ADD(value, (uint64_t)(**text - '0'), &value))
			too_big = true;
	}
	if (too_big)
		return -ERANGE;
	*ret = value;
	return 0;
}

/*
 * Read an optional fraction ".5" as a number of 1e-18, which is more than any unit here can tell apart: further digits
 * are checked and dropped.
 */
static int take_fraction(const char **text, uint64_t *ret_atto)
{
	uint64_t value = 0;
	int places = 0;

	*ret_atto = 0;
	if (**text != '.')
		return 0;
	(*text)++;
	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		if (places < 18) {
			value = value * 10 + (uint64_t)(**text - '0');
			places++;
		}
	}
	for (; places < 18; places++)
		value *= 10;
	*ret_atto = value;
	return 0;
}

/* value and a fraction, in units of 1 / scale. */
static int scale_up(uint64_t whole, uint64_t atto, uint64_t scale, uint64_t *ret)
{
	uint64_t big;
	uint64_t part = (uint64_t)((unsigned __int128)atto * scale / UINT64_C(1000000000000000000));

	if (!CHECKED_MUL(whole, scale, &big) || !CHECKED_ADD(big, part, &big))
		return -ERANGE;
	*ret = big;
	return 0;
}

int parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	int status;

	if (text == NULL)
		return -EINVAL;
	status = take_digits(&text, &value);
	if (*text != '\0')
		return -EINVAL;
	if (status < 0)
		return status;
	*ret = value;
	return 0;
}

static int parse_up_to(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	int status = parse_u64(text, &value);

	if (status < 0)
		return status;
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int parse_u32(const char *text, uint32_t *ret)
{
	uint64_t value;
	int status = parse_up_to(text, UINT32_MAX, &value);

	if (status == 0)
		*ret = (uint32_t)value;
	return status;
}

int parse_u16(const char *text, uint16_t *ret)
{
	uint64_t value;
	int status = parse_up_to(text, UINT16_MAX, &value);

	if (status == 0)
		*ret = (uint16_t)value;
	return status;
}

int parse_i64(const char *text, int64_t *ret)
{
	bool negative = text != NULL && *text == '-';
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	uint64_t value;
	int status = parse_up_to(negative ? text + 1 : text, limit, &value);

	if (status < 0)
		return status;
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int parse_i32(const char *text, int32_t *ret)
{
	int64_t value;
	int status = parse_i64(text, &value);

	if (status < 0)
		return status;
	if (value < INT32_MIN || value > INT32_MAX)
		return -ERANGE;
	*ret = (int32_t)value;
	return 0;
}

int parse_id(const char *text, uint32_t *ret)
{
	uint64_t value;
	/* 4294967295 is (uid_t)-1, which means "leave it as it is" to chown and setresuid */
	int status = parse_up_to(text, UINT32_MAX - 1, &value);

	if (status == 0)
		*ret = (uint32_t)value;
	return status;
}

int parse_mode(const char *text, mode_t *ret)
{
	mode_t mode = 0;

	if (str_is_empty(text))
		return -EINVAL;
	for (const char *digit = text; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '7')
			return -EINVAL;
	}
	for (; *text != '\0'; text++) {
		mode = mode * 8 + (mode_t)(*text - '0');
		if (mode > 07777)
			return -ERANGE;
	}
	*ret = mode;
	return 0;
}

int parse_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "kmgtp";
	uint64_t whole = 0;
	uint64_t atto = 0;
	uint64_t scale = 1;
	int status;
	int fraction_status;

	if (text == NULL)
		return -EINVAL;
	status = take_digits(&text, &whole);
	if (status == -EINVAL)
		return status;
	fraction_status = take_fraction(&text, &atto);
	if (fraction_status < 0)
		return fraction_status;

	if (*text != '\0' && strcasecmp(text, "b") != 0) {
		const char *unit = strchr(units, *text | 0x20);

		if (unit == NULL || *unit == '\0')
			return -EINVAL;
		scale = UINT64_C(1) << (10 * (unit - units + 1));
		text++;
		if (*text != '\0' && strcasecmp(text, "b") != 0 && strcasecmp(text, "i") != 0 &&
		    strcasecmp(text, "ib") != 0)
			return -EINVAL;
	}
	if (status < 0)
		return status;
	return scale_up(whole, atto, scale, ret_bytes);
}

int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	if (text == NULL)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (str_equal(text, yes[i])) {
			*ret = true;
			return 0;
		}
		if (str_equal(text, no[i])) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_decimal_nano(const char *text, uint64_t *ret_nano)
{
	uint64_t whole = 0;
	uint64_t atto = 0;
	int status;

	if (text == NULL)
		return -EINVAL;
	/* ".5" is what people write for half a processor */
	status = *text == '.' ? 0 : take_digits(&text, &whole);
	if (status == -EINVAL || take_fraction(&text, &atto) < 0 || *text != '\0')
		return -EINVAL;
	if (status < 0)
		return status;
	return scale_up(whole, atto, NS_PER_S, ret_nano);
}

static const struct {
	const char *name;
	int64_t ns;
} duration_units[] = {
	/* "ms" before "m" */
	{ "ns", 1 },	       { "us", 1000 },	  { "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 },						 /* Greek mu */
	{ "ms", 1000000 },     { "s", NS_PER_S }, { "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S },
};

/* The length of a unit in ns, and *text behind it; 0 when there is none. */
static int64_t take_duration_unit(const char **text)
{
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		const char *rest = str_after(*text, duration_units[i].name);

		if (rest != NULL) {
			*text = rest;
			return duration_units[i].ns;
		}
	}
	return 0;
}

int parse_duration(const char *text, int64_t *ret_ns)
{
	uint64_t total = 0;
	bool too_big = false;

	if (str_is_empty(text))
		return -EINVAL;
	if (str_equal(text, "0")) {
		*ret_ns = 0;
		return 0;
	}

	while (*text != '\0') {
		uint64_t whole = 0;
		uint64_t atto = 0;
		uint64_t part;
		int64_t unit_ns;
		int status = *text == '.' ? 0 : take_digits(&text, &whole);

		if (status == -EINVAL || take_fraction(&text, &atto) < 0)
			return -EINVAL;
		unit_ns = take_duration_unit(&text);
		if (unit_ns == 0)
			return -EINVAL;
		if (status < 0 || scale_up(whole, atto, (uint64_t)unit_ns, &part) < 0 ||
		    !CHECKED_ADD(total, part, &total))
			too_big = true;
	}
	if (too_big || total > INT64_MAX)
		return -ERANGE;
	*ret_ns = (int64_t)total;
	return 0;
}

int parse_seconds(const char *text, bool allow_forever, int64_t *ret_s)
{
	uint64_t seconds;
	int64_t ns;
	int status;

	if (text == NULL)
		return -EINVAL;
	if (allow_forever && str_equal(text, "-1")) {
		*ret_s = -1;
		return 0;
	}

	status = parse_up_to(text, INT64_MAX, &seconds);
	if (status == 0)
		*ret_s = (int64_t)seconds;
	if (status != -EINVAL)
		return status;

	status = parse_duration(text, &ns);
	if (status < 0)
		return status;
	/* up: half a second must not become "at once" */
	*ret_s = ns / NS_PER_S + (ns % NS_PER_S > 0 ? 1 : 0);
	return 0;
}
