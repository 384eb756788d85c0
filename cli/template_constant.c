/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_constant.c - strings, characters and numbers in templates, as Go writes them
 */
#include "cli/template_parse.h"

#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

static void add_rune(struct strbuf *out, uint32_t rune)
{
	if (rune < 0x80) {
		strbuf_addc(out, (char)rune);
	} else if (rune < 0x800) {
		strbuf_addc(out, (char)(0xc0 | rune >> 6));
		strbuf_addc(out, (char)(0x80 | (rune & 0x3f)));
	} else if (rune < 0x10000) {
		strbuf_addc(out, (char)(0xe0 | rune >> 12));
		strbuf_addc(out, (char)(0x80 | (rune >> 6 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (rune & 0x3f)));
	} else {
		strbuf_addc(out, (char)(0xf0 | rune >> 18));
		strbuf_addc(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (rune >> 6 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (rune & 0x3f)));
	}
}

static int hex_value(const char *text, size_t digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (size_t i = 0; i < digits; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return -EINVAL;
		value = value * 16 +
			(uint32_t)(isdigit((unsigned char)text[i])
					   ? text[i] - '0'
					   : tolower((unsigned char)text[i]) - 'a' + 10);
	}
	*ret = value;
	return 0;
}

/* What stands behind a backslash; next is moved behind it. */
static int parse_escape(struct template_parser *parser, char quote, struct strbuf *out)
{
	static const char letters[] = "abfnrtv\\";
	static const char bytes[] = "\a\b\f\n\r\t\v\\";
	const char *found = *parser->next != '\0' ? strchr(letters, *parser->next) : NULL;
	uint32_t rune;

	if (found != NULL) {
		strbuf_addc(out, bytes[found - letters]);
		parser->next++;
		return 0;
	}
	if (*parser->next == quote) {
		strbuf_addc(out, *parser->next++);
		return 0;
	}

	size_t digits = *parser->next == 'x' ? 2 : *parser->next == 'u' ? 4 : 8;

	if ((*parser->next != 'x' && *parser->next != 'u' && *parser->next != 'U') ||
	    hex_value(parser->next + 1, digits, &rune) < 0 || rune > 0x10ffff || rune == 0)
		return template_parse_fail(parser, "unknown escape in a string");
	add_rune(out, rune);
	parser->next += digits + 1;
	return 0;
}

int template_parse_string(struct template_parser *parser, json_t **ret)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	char quote = *parser->next++;

	while (*parser->next != quote) {
		if (*parser->next == '\0' || (*parser->next == '\n' && quote != '`'))
			return template_parse_fail(parser, "unterminated string");
		if (*parser->next == '\\' && quote != '`') {
			parser->next++;
			if (parse_escape(parser, quote, &out) < 0)
				return -1;
			continue;
		}
		strbuf_addc(&out, *parser->next++);
	}
	parser->next++;
	if (quote != '\'') {
		*ret = json_stringn(out.data, out.length);
		if (*ret == NULL)
			return template_parse_fail(parser, "a string that is not UTF-8");
		return 0;
	}
	/* a character is its number */
	if (out.length != 1 || (unsigned char)out.data[0] >= 0x80)
		return template_parse_fail(parser, "unsupported character constant");
	*ret = json_integer((unsigned char)out.data[0]);
	return 0;
}

int template_parse_number(struct template_parser *parser, json_t **ret)
{
	const char *start = parser->next;
	size_t length = strspn(start + 1, "0123456789abcdefABCDEFxX._") + 1;
	char text[40];
	char *end;
	int64_t number;

	if (length >= sizeof(text))
		return template_parse_fail(parser, "bad number");
	/* an exponent with a sign */
	if (strchr("eE", start[length - 1]) != NULL && strchr("+-", start[length]) != NULL &&
	    start[length] != '\0')
		length += strspn(start + length, "+-0123456789");
	if (length >= sizeof(text) || template_is_word(start[length]))
		return template_parse_fail(parser, "bad number");
	memcpy(text, start, length);
	text[length] = '\0';

	const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
		errno = 0;
		number = strtoll(text, &end, 16);
		if (errno != 0 || *end != '\0')
			return template_parse_fail(parser, "bad number");
		*ret = json_integer(number);
	} else if (parse_i64(text[0] == '+' ? text + 1 : text, &number) == 0) {
		*ret = json_integer(number);
	} else {
		double real = strtod(text, &end);

		if (*end != '\0' || !isfinite(real))
			return template_parse_fail(parser, "bad number");
		*ret = json_real(real);
	}
	parser->next += length;
	return 0;
}
