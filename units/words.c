/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/words.c - words of a value, as systemd parts and joins them
 */
#include "units/unit.h"

#include "base/strbuf.h"

/* The value of count digits of a base at text, or -1. */
static int digits(const char *text, int count, int base)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		char c = text[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : 99;

		if (digit >= base)
			return -1;
		value = value * base + digit;
	}
	return value;
}

static void add_utf8(struct strbuf *out, unsigned long c)
{
	if (c < 0x80) {
		strbuf_addc(out, (char)c);
	} else if (c < 0x800) {
		strbuf_addc(out, (char)(0xc0 | c >> 6));
		strbuf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		strbuf_addc(out, (char)(0xe0 | c >> 12));
		strbuf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* text stands behind a backslash; what it means is appended, and the number of bytes that belong to it returned */
static size_t unescape(const char *text, struct strbuf *out)
{
	static const char letters[] = "abfnrtv\\\"'s", values[] = "\a\b\f\n\r\t\v\\\"' ";
	const char *place = *text != '\0' ? strchr(letters, *text) : NULL;
	int value;

	if (place != NULL) {
		strbuf_addc(out, values[place - letters]);
		return 1;
	}
	if (*text == 'x' && (value = digits(text + 1, 2, 16)) > 0) {
		strbuf_addc(out, (char)value);
		return 3;
	}
	if (*text == 'u' && (value = digits(text + 1, 4, 16)) > 0) {
		add_utf8(out, (unsigned long)value);
		return 5;
	}
	value = digits(text, 3, 8);
	if (value > 0 && value < 256) {
		strbuf_addc(out, (char)value);
		return 3;
	}
	/* what is no escape stays as it is, so that a path of another system or a pattern survives */
	strbuf_addc(out, '\\');
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int unit_split_words(const char *text, struct strv *words)
{
	cleanup_strbuf struct strbuf word = STRBUF_INIT;

	for (;;) {
		char quote = '\0';

		while (is_blank(*text))
			text++;
		if (*text == '\0')
			return 0;
		strbuf_clear(&word);
		for (; *text != '\0' && (quote != '\0' || !is_blank(*text)); text++) {
			if (*text == '\\')
				text += unescape(text + 1, &word);
			else if (quote != '\0' && *text == quote)
				quote = '\0';
			else if (quote == '\0' && (*text == '"' || *text == '\''))
				quote = *text;
			else
				strbuf_addc(&word, *text);
		}
		strv_add(words, word.data);
		if (quote != '\0')
			return -1;
	}
}

void unit_quote_word(struct strbuf *out, const char *word, unsigned keep)
{
	bool quote = *word == '\0' || strpbrk(word, " \t\n\r\"'\\;") != NULL;

	if (quote)
		strbuf_addc(out, '"');
	for (; *word != '\0'; word++) {
		unsigned char c = (unsigned char)*word;

		if ((c == '$' && !(keep & UNIT_KEEP_VARIABLES)) ||
		    (c == '%' && !(keep & UNIT_KEEP_SPECIFIERS)))
			strbuf_addf(out, "%c%c", c, c);
		else if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else if (c == '\n')
			strbuf_adds(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_addc(out, (char)c);
	}
	if (quote)
		strbuf_addc(out, '"');
}
