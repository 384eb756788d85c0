/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/human.c - sizes and durations as people read them
 *
 * Scripts compare these words, so the limits between them are those that docker and podman have.
 */
#include "cli/human.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_S INT64_C(1000000000)

static void size_text(uint64_t bytes, int digits, const char *between, char text[HUMAN_MAX])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	/* what would be rounded to 1000 is one of the next */
	while (value >= (digits > 3 ? 999.95 : 999.5) && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(text, HUMAN_MAX, "%.*g%s%s", digits, value, between, units[unit]);
}

void human_size(uint64_t bytes, char text[HUMAN_MAX])
{
	size_text(bytes, 3, "", text);
}

void human_size_precise(uint64_t bytes, char text[HUMAN_MAX])
{
	size_text(bytes, 4, "", text);
}

void human_size_spaced(uint64_t bytes, char text[HUMAN_MAX])
{
	size_text(bytes, 3, " ", text);
}

void human_duration(int64_t ns, char text[HUMAN_MAX])
{
	int64_t seconds = ns / NS_PER_S;
	int64_t minutes = seconds / 60;
	/* hours are rounded: 90 minutes are two */
	int64_t hours = (seconds + 1800) / 3600;

	if (seconds < 1)
		(void)snprintf(text, HUMAN_MAX, "Less than a second");
	else if (seconds == 1)
		(void)snprintf(text, HUMAN_MAX, "1 second");
	else if (seconds < 60)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " seconds", seconds);
	else if (minutes == 1)
		(void)snprintf(text, HUMAN_MAX, "About a minute");
	else if (minutes < 60)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " minutes", minutes);
	else if (hours == 1)
		(void)snprintf(text, HUMAN_MAX, "About an hour");
	else if (hours < 48)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " hours", hours);
	else if (hours < 24 * 7 * 2)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " days", hours / 24);
	else if (hours < 24 * 30 * 2)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " weeks", hours / 24 / 7);
	else if (hours < 24 * 365 * 2)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " months", hours / 24 / 30);
	else
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 " years", hours / 24 / 365);
}

void human_ago(int64_t then_ns, int64_t now_ns, char text[HUMAN_MAX])
{
	char duration[HUMAN_MAX];

	human_duration(now_ns > then_ns ? now_ns - then_ns : 0, duration);
	(void)snprintf(text, HUMAN_MAX, "%.40s ago", duration);
}

void human_uptime(int64_t seconds, struct strbuf *out)
{
	int64_t hours = seconds / 3600;

	strbuf_addf(out, "%" PRId64 "h %" PRId64 "m %" PRId64 ".00s", hours, seconds / 60 % 60,
		    seconds % 60);
	if (hours >= 24)
		strbuf_addf(out, " (Approximately %.2f days)", (double)hours / 24);
}
