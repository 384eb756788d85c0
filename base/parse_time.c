/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/parse_time.c - points of time, read and printed
 */
#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly count digits between min and max. */
static int take_field(const char **text, int count, int min, int max, int *ret)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (!is_digit(**text))
			return -EINVAL;
		value = value * 10 + (**text - '0');
		(*text)++;
	}
	if (value < min || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int take_char(const char **text, char c)
{
	if (**text != c)
		return -EINVAL;
	(*text)++;
	return 0;
}

/* An optional fraction of a second; digits below a nanosecond are checked and dropped. */
static int take_fraction_ns(const char **text, int64_t *ret_ns)
{
	int64_t unit_ns = NS_PER_S;

	*ret_ns = 0;
	if (**text != '.')
		return 0;
	(*text)++;
	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		unit_ns /= 10;
		*ret_ns += unit_ns * (**text - '0');
	}
	return 0;
}

/* "Z", "+01:00" or nothing, which means the local time zone. */
static int take_zone(const char **text, bool *ret_local, int *ret_offset_s)
{
	int sign = **text == '-' ? -1 : 1;
	int hours;
	int minutes;

	*ret_local = false;
	*ret_offset_s = 0;
	if (**text == '\0') {
		*ret_local = true;
		return 0;
	}
	if (**text == 'Z' || **text == 'z') {
		(*text)++;
		return 0;
	}
	if (**text != '+' && **text != '-')
		return -EINVAL;
	(*text)++;
	if (take_field(text, 2, 0, 23, &hours) < 0 || take_char(text, ':') < 0 ||
	    take_field(text, 2, 0, 59, &minutes) < 0)
		return -EINVAL;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return 0;
}

/* date [ "T" hours ":" minutes [ ":" seconds [ fraction ] ] ] [ zone ] */
static int parse_calendar(const char *text, int64_t *ret_ns)
{
	struct tm tm = { .tm_isdst = -1 };
	struct tm normal;
	int64_t rest_ns = 0;
	int64_t seconds;
	int64_t ns;
	int offset_s;
	bool local;

	if (take_field(&text, 4, 1, 9999, &tm.tm_year) < 0 || take_char(&text, '-') < 0 ||
	    take_field(&text, 2, 1, 12, &tm.tm_mon) < 0 || take_char(&text, '-') < 0 ||
	    take_field(&text, 2, 1, 31, &tm.tm_mday) < 0)
		return -EINVAL;
	if (*text == 'T' || *text == 't' || *text == ' ') {
		text++;
		if (take_field(&text, 2, 0, 23, &tm.tm_hour) < 0 || take_char(&text, ':') < 0 ||
		    take_field(&text, 2, 0, 59, &tm.tm_min) < 0)
			return -EINVAL;
		if (*text == ':') {
			text++;
			if (take_field(&text, 2, 0, 60, &tm.tm_sec) < 0 ||
			    take_fraction_ns(&text, &rest_ns) < 0)
				return -EINVAL;
		}
	}
	if (take_zone(&text, &local, &offset_s) < 0 || *text != '\0')
		return -EINVAL;

	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	normal = tm;
	seconds = local ? mktime(&normal) : timegm(&normal) - offset_s;
	/* 31 April has become 1 May */
	if (normal.tm_mday != tm.tm_mday && tm.tm_sec < 60)
		return -EINVAL;

	if (!CHECKED_MUL(seconds, NS_PER_S, &ns) || !CHECKED_ADD(ns, rest_ns, &ns))
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}

int parse_time(const char *text, int64_t *ret_ns)
{
	uint64_t unix_ns;
	int64_t back_ns;
	int status;

	if (text == NULL)
		return -EINVAL;

	status = parse_decimal_nano(text, &unix_ns);
	if (status == -ERANGE || (status == 0 && unix_ns > INT64_MAX))
		return -ERANGE;
	if (status == 0) {
		*ret_ns = (int64_t)unix_ns;
		return 0;
	}

	status = parse_duration(text, &back_ns);
	if (status == 0)
		*ret_ns = time_now_ns() - back_ns;
	if (status != -EINVAL)
		return status;

	return parse_calendar(text, ret_ns);
}

void time_format_rfc3339(int64_t ns, char text[TIME_TEXT_MAX])
{
	time_t seconds = ns / NS_PER_S;
	int64_t rest = ns % NS_PER_S;
	struct tm tm;
	size_t length;

	if (ns == 0) {
		memcpy(text, "0001-01-01T00:00:00Z", sizeof("0001-01-01T00:00:00Z"));
		return;
	}
	if (rest < 0) {
		rest += NS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	length = strftime(text, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest > 0) {
		text[length++] = '.';
		for (int64_t unit = NS_PER_S / 10; rest > 0; unit /= 10) {
			text[length++] = (char)('0' + rest / unit);
			rest %= unit;
		}
	}
	text[length++] = 'Z';
	text[length] = '\0';
}

int64_t time_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
