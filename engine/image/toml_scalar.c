/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/toml_scalar.c - strings and numbers of TOML
 */
#include "engine/image/toml_scan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int add_code_point(struct toml *toml, unsigned digits, struct strbuf *out)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < digits; i++) {
		char c = toml_peek(toml);
		const char *hex = "0123456789abcdef";
		const char *place = NULL;

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		place = c == '\0' ? NULL : strchr(hex, c);
		if (place == NULL)
			return toml_fail(toml, "hexadecimal digits are missing in an escape");
		code = code << 4 | (uint32_t)(place - hex);
		toml->at++;
	}
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return toml_fail(toml, "an escape that is no character");

	if (code < 0x80) {
		strbuf_addc(out, (char)code);
	} else if (code < 0x800) {
		strbuf_addc(out, (char)(0xc0 | code >> 6));
		strbuf_addc(out, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		strbuf_addc(out, (char)(0xe0 | code >> 12));
		strbuf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (code & 0x3f)));
	} else {
		strbuf_addc(out, (char)(0xf0 | code >> 18));
		strbuf_addc(out, (char)(0x80 | (code >> 12 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (code & 0x3f)));
	}
	return 0;
}

/* The part of a string behind a backslash. */
static int escape_parse(struct toml *toml, bool multiline, struct strbuf *out)
{
	static const char names[] = "btnfr\"\\";
	static const char values[] = "\b\t\n\f\r\"\\";
	const char *place = NULL;
	char c = toml_peek(toml);

	place = c == '\0' ? NULL : strchr(names, c);
	if (place != NULL) {
		strbuf_addc(out, values[place - names]);
		toml->at++;
		return 0;
	}
	if (c == 'u' || c == 'U') {
		toml->at++;
		return add_code_point(toml, c == 'u' ? 4 : 8, out);
	}
	if (multiline) {
		/* a backslash at the end of a line takes the blanks behind it away */
		toml_skip_blanks(toml);
		if (toml_at_newline(toml)) {
			while (toml_at_newline(toml) || toml_peek(toml) == ' ' ||
			       toml_peek(toml) == '\t') {
				if (toml_at_newline(toml))
					toml_take_newline(toml);
				else
					toml->at++;
			}
			return 0;
		}
	}
	return toml_fail(toml, "an unknown escape in a string");
}

int toml_string_parse(struct toml *toml, bool allow_multiline, struct strbuf *out)
{
	char quote = *toml->at;
	const char *triple = quote == '"' ? "\"\"\"" : "'''";
	bool multiline = allow_multiline && toml_starts_with(toml, triple);

	toml->at += multiline ? 3 : 1;
	if (multiline && toml_at_newline(toml))
		toml_take_newline(toml);

	for (;;) {
		unsigned char c = (unsigned char)toml_peek(toml);

		if (toml->at == toml->end)
			return toml_fail(toml, "a string has no end");
		if (multiline && toml_starts_with(toml, triple)) {
			/* up to two quotes may stand before the closing ones */
			for (int extra = 0;
			     extra < 2 && toml->end - toml->at > 3 && toml->at[3] == quote;
			     extra++) {
				strbuf_addc(out, quote);
				toml->at++;
			}
			toml->at += 3;
			return 0;
		}
		if (!multiline && c == (unsigned char)quote) {
			toml->at++;
			return 0;
		}
		if (toml_at_newline(toml)) {
			if (!multiline)
				return toml_fail(toml, "a string has no end in its line");
			toml_take_newline(toml);
			strbuf_addc(out, '\n');
			continue;
		}
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return toml_fail(toml, "a control character in a string");
		toml->at++;
		if (c == '\\' && quote == '"') {
			if (escape_parse(toml, multiline, out) < 0)
				return -1;
			continue;
		}
		strbuf_addc(out, (char)c);
	}
}

/* Digits with single '_' between them, without these. */
static bool add_digits(const char **at, const char *end, unsigned base, struct strbuf *out)
{
	static const char all[] = "0123456789abcdef";
	bool digit_before = false;

	for (; *at < end; (*at)++) {
		char c = **at;
		const char *place = NULL;

		if (c == '_') {
			if (!digit_before || *at + 1 == end)
				return false;
			digit_before = false;
			continue;
		}
		if (base == 16 && c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		place = memchr(all, c, base);
		if (place == NULL)
			break;
		strbuf_addc(out, c);
		digit_before = true;
	}
	return digit_before;
}

int toml_number_parse(struct toml *toml, const char *word_end, json_t **ret)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *at = toml->at;
	unsigned base = 10;
	bool is_float = false;
	size_t first = 0;
	char *rest = NULL;

	if (word_end - at > 2 && at[0] == '0' && strchr("xob", at[1]) != NULL) {
		base = at[1] == 'x' ? 16 : at[1] == 'o' ? 8 : 2;
		at += 2;
	} else if (*at == '+' || *at == '-') {
		strbuf_addc(&text, *at++);
	}
	first = text.length;
	if (!add_digits(&at, word_end, base, &text))
		return toml_fail(toml,
				 "a value that is no string, number, boolean, array or table");
	if (base == 10 && text.data[first] == '0' && text.length > first + 1)
		return toml_fail(toml, "a number starts with 0");
	if (base == 10 && at < word_end && *at == '.') {
		is_float = true;
		strbuf_addc(&text, *at++);
		if (!add_digits(&at, word_end, 10, &text))
			return toml_fail(toml, "digits are missing in a number");
	}
	if (base == 10 && at < word_end && (*at == 'e' || *at == 'E')) {
		is_float = true;
		strbuf_addc(&text, *at++);
		if (at < word_end && (*at == '+' || *at == '-'))
			strbuf_addc(&text, *at++);
		if (!add_digits(&at, word_end, 10, &text))
			return toml_fail(toml, "digits are missing in a number");
	}
	if (at != word_end)
		return toml_fail(toml, *at == '-' || *at == ':'
					       ? "dates and times are not supported"
					       : "a number goes on with other characters");
	errno = 0;
	if (is_float)
		*ret = json_real(strtod(text.data, NULL));
	else
		*ret = json_integer(strtoll(text.data, &rest, (int)base));
	if (errno == ERANGE || *ret == NULL) {
		json_decref(*ret);
		*ret = NULL;
		return toml_fail(toml, "a number is out of range");
	}
	toml->at = word_end;
	return 0;
}
