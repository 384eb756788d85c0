/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_print.c - values as text: what {{.}} prints, and printf
 *
 * As Go's fmt prints them: lists as [a b], maps as map[key:value] in the order of the keys, a verb that does not fit as %!d(string=x).
 * Null is an empty list of Go in nearly all places of podman's output, so it prints as []; what is not there prints as <no value>.
 */
#include "cli/template_private.h"

#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* R13: a width is the user's, but an output of gigabytes is nobody's wish */
#define WIDTH_MAX 4096

static int key_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **template_sorted_keys(const json_t *object)
{
	size_t count = 0;
	const char **keys = xcalloc(json_object_size(object) + 1, sizeof(*keys));
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)object, key, member)
		keys[count++] = key;
	if (count > 1)
		qsort(keys, count, sizeof(*keys), key_compare);
	return keys;
}

const char *template_type(const struct value *value)
{
	switch (value->json == NULL ? JSON_NULL : json_typeof(value->json)) {
	case JSON_NULL:
		return "nil";
	case JSON_FALSE:
	case JSON_TRUE:
		return "bool";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int";
	case JSON_REAL:
		return "float64";
	case JSON_ARRAY:
		return "list";
	case JSON_OBJECT:
		return "object";
	}
	return "unknown";
}

static void add_real(double real, struct strbuf *out)
{
	char text[64];

	/* the shortest text that is the same number, as Go has it */
	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) >= real && strtod(text, NULL) <= real)
			break;
	}
	strbuf_adds(out, text);
}

static void print_json(const json_t *json, struct strbuf *out)
{
	size_t i;
	json_t *item;

	switch (json_typeof(json)) {
	case JSON_NULL:
		strbuf_adds(out, "[]");
		break;
	case JSON_FALSE:
	case JSON_TRUE:
		strbuf_adds(out, json_is_true(json) ? "true" : "false");
		break;
	case JSON_STRING:
		strbuf_adds(out, json_string_value(json));
		break;
	case JSON_INTEGER:
		strbuf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
		break;
	case JSON_REAL:
		add_real(json_real_value(json), out);
		break;
	case JSON_ARRAY:
		strbuf_addc(out, '[');
		json_array_foreach (json, i, item) {
			if (i > 0)
				strbuf_addc(out, ' ');
			print_json(item, out);
		}
		strbuf_addc(out, ']');
		break;
	case JSON_OBJECT: {
		const char **keys = template_sorted_keys(json);

		strbuf_adds(out, "map[");
		for (i = 0; keys[i] != NULL; i++) {
			strbuf_addf(out, "%s%s:", i > 0 ? " " : "", keys[i]);
			print_json(json_object_get(json, keys[i]), out);
		}
		strbuf_addc(out, ']');
		free(keys);
		break;
	}
	}
}

/* "2026-11-24T12:04:48.9Z" is "2026-11-24 12:04:48.9 +0000 UTC"; false for what is no such text. */
static bool print_time(const char *text, struct strbuf *out)
{
	const char *t = text != NULL ? strchr(text, 'T') : NULL;
	int64_t ns;

	if (t == NULL || !str_ends_with(text, "Z") || parse_time(text, &ns) < 0)
		return false;
	strbuf_add(out, text, (size_t)(t - text));
	strbuf_addf(out, " %.*s +0000 UTC", (int)(strlen(t) - 2), t + 1);
	return true;
}

void template_print(const struct value *value, struct strbuf *out)
{
	if (value->is_time && print_time(json_string_value(value->json), out))
		return;
	if (value->json == NULL)
		strbuf_adds(out, "<no value>");
	else if (json_is_null(value->json) && value->is_map)
		strbuf_adds(out, "map[]");
	else
		print_json(value->json, out);
}

/* ---- printf --------------------------------------------------------------------------------------------------------- */

struct verb {
	bool minus, plus, sharp, space, zero;
	int width;     /* 0: none */
	int precision; /* -1: none */
	char letter;
};

/* Put text into its width; characters count, not bytes. */
static void add_padded(const struct verb *verb, const char *text, bool zero, struct strbuf *out)
{
	size_t characters = 0;

	for (const char *p = text; *p != '\0'; p++)
		characters += ((unsigned char)*p & 0xc0) != 0x80;

	size_t pad = (size_t)verb->width > characters ? (size_t)verb->width - characters : 0;

	if (zero && !verb->minus && pad > 0 && (*text == '-' || *text == '+'))
		strbuf_addc(out, *text++);
	for (size_t i = 0; i < pad && !verb->minus; i++)
		strbuf_addc(out, zero ? '0' : ' ');
	strbuf_adds(out, text);
	for (size_t i = 0; i < pad && verb->minus; i++)
		strbuf_addc(out, ' ');
}

static void add_quoted(const char *text, struct strbuf *out)
{
	static const char letters[] = "abtnvfr";

	strbuf_addc(out, '"');
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else if (c >= '\a' && c <= '\r')
			strbuf_addf(out, "\\%c", letters[c - '\a']);
		else if (c < ' ' || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_addc(out, (char)c);
	}
	strbuf_addc(out, '"');
}

static void add_bad_verb(const struct verb *verb, const struct value *value, struct strbuf *out)
{
	strbuf_addf(out, "%%!%c(%s=", verb->letter, template_type(value));
	template_print(value, out);
	strbuf_addc(out, ')');
}

static bool add_integer(const struct verb *verb, int64_t number, struct strbuf *out)
{
	uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	const char *sign = number < 0 ? "-" : verb->plus ? "+" : verb->space ? " " : "";
	char text[96];
	char *p = text;

	switch (verb->letter) {
	case 'd':
	case 'v':
		(void)snprintf(text, sizeof(text), "%s%" PRIu64, sign, size);
		break;
	case 'x':
		(void)snprintf(text, sizeof(text), verb->sharp ? "%s0x%" PRIx64 : "%s%" PRIx64,
			       sign, size);
		break;
	case 'X':
		(void)snprintf(text, sizeof(text), verb->sharp ? "%s0X%" PRIX64 : "%s%" PRIX64,
			       sign, size);
		break;
	case 'o':
		(void)snprintf(text, sizeof(text), verb->sharp ? "%s0%" PRIo64 : "%s%" PRIo64, sign,
			       size);
		break;
	case 'b':
		p += snprintf(text, sizeof(text), "%s", sign);
		for (int bit = 63, begun = 0; bit >= 0; bit--) {
			begun |= (int)(size >> bit & 1);
			if (begun || bit == 0)
				*p++ = (char)('0' + (size >> bit & 1));
		}
		*p = '\0';
		break;
	case 'c':
		if (number <= 0 || number > 0x7f)
			return false;
		(void)snprintf(text, sizeof(text), "%c", (char)number);
		break;
	default:
		return false;
	}
	add_padded(verb, text, verb->zero, out);
	return true;
}

static bool add_float(const struct verb *verb, double number, struct strbuf *out)
{
	char text[512];
	char letter = verb->letter;
	int precision = verb->precision < 0 ? 6 : verb->precision > 100 ? 100 : verb->precision;

	if (letter == 'v' || ((letter == 'g' || letter == 'G') && verb->precision < 0)) {
		cleanup_strbuf struct strbuf shortest = STRBUF_INIT;

		add_real(number, &shortest);
		add_padded(verb, shortest.data, verb->zero, out);
		return true;
	}
	switch (letter) {
	case 'f':
	case 'F':
		(void)snprintf(text, sizeof(text), "%.*f", precision, number);
		break;
	case 'e':
		(void)snprintf(text, sizeof(text), "%.*e", precision, number);
		break;
	case 'E':
		(void)snprintf(text, sizeof(text), "%.*E", precision, number);
		break;
	case 'g':
	case 'G':
		(void)snprintf(text, sizeof(text), "%.*g", precision, number);
		break;
	default:
		return false;
	}
	add_padded(verb, text, verb->zero, out);
	return true;
}

static bool add_text(const struct verb *verb, const char *text, struct strbuf *out)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	cleanup_strbuf struct strbuf cut = STRBUF_INIT;

	/* precision counts characters */
	for (int i = 0; *text != '\0' && (verb->precision < 0 || i < verb->precision); i++) {
		size_t length = utf8_sequence(text);

		length = length > 0 ? length : 1;
		strbuf_add(&cut, text, length);
		text += length;
	}
	switch (verb->letter) {
	case 's':
	case 'v':
		strbuf_adds(&shown, cut.data);
		break;
	case 'q':
		add_quoted(cut.data, &shown);
		break;
	case 'x':
	case 'X':
		for (size_t i = 0; i < cut.length; i++)
			strbuf_addf(&shown, verb->letter == 'x' ? "%02x" : "%02X",
				    (unsigned char)cut.data[i]);
		break;
	default:
		return false;
	}
	add_padded(verb, shown.data, false, out);
	return true;
}

static void add_verb(const struct verb *verb, const struct value *value, struct strbuf *out)
{
	const json_t *json = value->json;
	bool done;

	if (json_is_integer(json)) {
		done = add_integer(verb, json_integer_value(json), out);
	} else if (json_is_real(json)) {
		done = add_float(verb, json_real_value(json), out);
	} else if (json_is_boolean(json)) {
		done = verb->letter == 't' || verb->letter == 'v';
		if (done)
			add_padded(verb, json_is_true(json) ? "true" : "false", false, out);
	} else if (json_is_string(json)) {
		done = add_text(verb, json_string_value(json), out);
	} else {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		template_print(value, &text);
		done = verb->letter == 'v' || verb->letter == 's';
		if (done)
			add_padded(verb, text.data, false, out);
	}
	if (!done)
		add_bad_verb(verb, value, out);
}

static int number_argument(const struct value *args, size_t count, size_t *next)
{
	int64_t number = 0;

	if (*next < count && json_is_integer(args[*next].json))
		number = json_integer_value(args[*next].json);
	if (*next < count)
		(*next)++;
	return number < -WIDTH_MAX || number > WIDTH_MAX ? 0 : (int)number;
}

static const char *parse_digits(const char *text, int *ret)
{
	int number = 0;

	for (; isdigit((unsigned char)*text); text++) {
		if (number < WIDTH_MAX)
			number = number * 10 + (*text - '0');
	}
	*ret = number < WIDTH_MAX ? number : WIDTH_MAX;
	return text;
}

void template_format(const struct value *args, size_t count, struct strbuf *out)
{
	const char *p = json_string_value(args[0].json);
	size_t next = 1;

	while (*p != '\0') {
		struct verb verb = { .precision = -1 };

		if (*p != '%') {
			strbuf_addc(out, *p++);
			continue;
		}
		for (p++; *p != '\0' && strchr("-+# 0", *p) != NULL; p++) {
			verb.minus |= *p == '-';
			verb.plus |= *p == '+';
			verb.sharp |= *p == '#';
			verb.space |= *p == ' ';
			verb.zero |= *p == '0';
		}
		if (*p == '*') {
			verb.width = number_argument(args, count, &next);
			verb.minus |= verb.width < 0;
			verb.width = abs(verb.width);
			p++;
		} else {
			p = parse_digits(p, &verb.width);
		}
		if (*p == '.' && p[1] == '*') {
			verb.precision = number_argument(args, count, &next);
			p += 2;
		} else if (*p == '.') {
			p = parse_digits(p + 1, &verb.precision);
		}
		if (*p == '\0') {
			strbuf_adds(out, "%!(NOVERB)");
			break;
		}
		verb.letter = *p++;
		if (verb.letter == '%')
			strbuf_addc(out, '%');
		else if (next >= count)
			strbuf_addf(out, "%%!%c(MISSING)", verb.letter);
		else
			add_verb(&verb, &args[next++], out);
	}
	if (next >= count)
		return;
	strbuf_adds(out, "%!(EXTRA ");
	for (size_t i = next; i < count; i++) {
		strbuf_addf(out, "%s%s=", i > next ? ", " : "", template_type(&args[i]));
		template_print(&args[i], out);
	}
	strbuf_addc(out, ')');
}
