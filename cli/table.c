/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/table.c - lines of cells as columns
 *
 * Two passes over the text: widths, then output. Widths count characters, as terminals show most of them in one cell.
 */
#include "cli/table.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#define COLUMN_MIN 12
#define COLUMN_GAP 2
/* more cells than any table of ours has: the rest of a line with more is passed on as it is */
#define COLUMNS_MAX 64

static size_t characters(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static void measure(const char *text, size_t gap, size_t widths[COLUMNS_MAX])
{
	size_t column = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, "\t\n");

		if (text[length] == '\t' && column < COLUMNS_MAX) {
			size_t width = characters(text, length) + gap;

			if (width > widths[column])
				widths[column] = width;
			column++;
		} else {
			column = 0;
		}
		text += length + (text[length] != '\0');
	}
}

void table_align_as(const char *text, size_t min, size_t gap, struct strbuf *out)
{
	size_t widths[COLUMNS_MAX];
	size_t column = 0;

	for (size_t i = 0; i < COLUMNS_MAX; i++)
		widths[i] = min;
	measure(text, gap, widths);
	while (*text != '\0') {
		size_t length = strcspn(text, "\t\n");

		strbuf_add(out, text, length);
		if (text[length] == '\t' && column < COLUMNS_MAX) {
			size_t shown = characters(text, length);

			for (size_t i = shown; i < widths[column]; i++)
				strbuf_addc(out, ' ');
			column++;
		} else if (text[length] != '\0') {
			strbuf_addc(out, text[length]);
			column = 0;
		}
		text += length + (text[length] != '\0');
	}
}

void table_align(const char *text, struct strbuf *out)
{
	table_align_as(text, COLUMN_MIN, COLUMN_GAP, out);
}
