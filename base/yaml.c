/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/yaml.c - YAML into JSON values
 *
 * The document is cut into lines first, each with its indent. A block belongs to the indent of its first line; what stands behind "- " or
 * "key:" is read as if it stood in a line of its own, further in. Flow collections ([..], {..}) and quoted text may go on over lines:
 * their lines are joined before they are read.
 */
#include "base/yaml.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct yaml_line {
	size_t indent;
	char *text; /* without the indent */
};

struct yaml {
	const char *what;
	struct err *err;
	struct yaml_line *lines;
	size_t count, at;
	struct strv texts; /* owns what lines point into */
	int depth;
};

static json_t *parse_block(struct yaml *yaml, size_t indent);

/* always NULL */
static json_t *fail(struct yaml *yaml, const char *why)
{
	size_t line = yaml->at < yaml->count ? yaml->at : yaml->count;

	err_set(yaml->err, ERR_CORRUPT, "cannot read %s: %s in line %zu", yaml->what, why,
		line + 1);
	return NULL;
}

/* ---- scalars -------------------------------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
	const char *digits = *text == '-' || *text == '+' ? text + 1 : text;

	return isdigit((unsigned char)*digits) ||
	       (*digits == '.' && isdigit((unsigned char)digits[1]));
}

static json_t *plain_number(const char *text)
{
	char *end;
	int base = str_after(text, "0x") != NULL ? 16 : str_after(text, "0o") != NULL ? 8 : 10;

	errno = 0;
	long long integer = strtoll(base == 8 ? text + 2 : text, &end, base);
	if (*end == '\0' && errno == 0)
		return json_integer(integer);
	if (strspn(text, "+-0123456789.eE") != strlen(text))
		return NULL;

	double real = strtod(text, &end);
	return *end == '\0' && isfinite(real) ? json_real(real) : NULL;
}

static json_t *plain(struct yaml *yaml, const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	static const char *const trues[] = { "true", "True", "TRUE" };
	static const char *const falses[] = { "false", "False", "FALSE" };

	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		if (str_equal(text, nulls[i]))
			return json_null();
	for (size_t i = 0; i < ARRAY_SIZE(trues); i++) {
		if (str_equal(text, trues[i]))
			return json_true();
		if (str_equal(text, falses[i]))
			return json_false();
	}
	if (is_number(text)) {
		json_t *number = plain_number(text);

		if (number != NULL)
			return number;
	}
	if (strchr("&*!%@`", *text) != NULL)
		return fail(yaml, "anchors, aliases, tags and directives are not supported");

	json_t *value = json_string(text);
	return value != NULL ? value : fail(yaml, "there is text that is no UTF-8");
}

static int hex_digits(const char *text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return -1;
		value = value * 16 + (isdigit((unsigned char)text[i])
					      ? text[i] - '0'
					      : tolower((unsigned char)text[i]) - 'a' + 10);
	}
	return value;
}

static void add_code_point(struct strbuf *out, int code)
{
	if (code < 0x80) {
		strbuf_addc(out, (char)code);
	} else if (code < 0x800) {
		strbuf_addc(out, (char)(0xc0 | code >> 6));
		strbuf_addc(out, (char)(0x80 | (code & 0x3f)));
	} else {
		strbuf_addc(out, (char)(0xe0 | code >> 12));
		strbuf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		strbuf_addc(out, (char)(0x80 | (code & 0x3f)));
	}
}

/* One escape behind a backslash; how many characters it has, 0: none that we know. */
static size_t read_escape(const char *text, struct strbuf *out)
{
	static const char letters[] = "0abtnvfre\"/\\ ";
	static const char values[] = "\0\a\b\t\n\v\f\r\033\"/\\ ";
	const char *letter = *text != '\0' ? strchr(letters, *text) : NULL;
	int digits = *text == 'x' ? 2 : *text == 'u' ? 4 : 0;

	if (digits > 0) {
		int code = hex_digits(text + 1, digits);

		if (code <= 0 || (code >= 0xd800 && code < 0xe000))
			return 0;
		add_code_point(out, code);
		return (size_t)digits + 1;
	}
	/* a NUL is no text of ours */
	if (letter == NULL || *letter == '0')
		return 0;
	strbuf_addc(out, values[letter - letters]);
	return 1;
}

/* A quoted text at *cursor, which moves behind it. 0, or -1 when it does not end. */
static int read_quoted(const char **cursor, struct strbuf *out)
{
	char quote = *(*cursor)++;

	for (const char *c = *cursor; *c != '\0'; c++) {
		if (*c == quote && quote == '\'' && c[1] == '\'') {
			strbuf_addc(out, *c++);
		} else if (*c == quote) {
			*cursor = c + 1;
			return 0;
		} else if (*c == '\\' && quote == '"') {
			size_t used = read_escape(c + 1, out);

			if (used == 0)
				return -1;
			c += used;
		} else {
			strbuf_addc(out, *c);
		}
	}
	return -1;
}

/* ---- flow ----------------------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

static json_t *read_flow(struct yaml *yaml, const char **cursor);

/* A plain scalar within a flow ends at , ] } or ": " */
static json_t *flow_plain(struct yaml *yaml, const char **cursor, bool is_key)
{
	const char *start = *cursor, *end = start;

	while (*end != '\0' && strchr(",[]{}", *end) == NULL &&
	       !(*end == ':' && (is_key || end[1] == ' ' || end[1] == '\0')))
		end++;
	*cursor = end;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	cleanup_free char *text = xstrndup(start, (size_t)(end - start));
	return is_key ? json_string(text) : plain(yaml, text);
}

static json_t *flow_scalar(struct yaml *yaml, const char **cursor, bool is_key)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (**cursor != '"' && **cursor != '\'')
		return flow_plain(yaml, cursor, is_key);
	if (read_quoted(cursor, &text) < 0)
		return fail(yaml, "there is a quote without its end, or an unknown escape");

	json_t *value = json_string(text.data);
	return value != NULL ? value : fail(yaml, "there is text that is no UTF-8");
}

/* One element of a list or "key: value" of a map. */
static int read_member(struct yaml *yaml, const char **cursor, json_t *collection)
{
	cleanup_json json_t *key = NULL;

	if (json_is_object(collection)) {
		key = flow_scalar(yaml, cursor, true);
		if (key == NULL)
			return -1;
		*cursor = skip_blanks(*cursor);
		if (**cursor != ':' ||
		    json_object_get(collection, json_string_value(key)) != NULL) {
			fail(yaml,
			     **cursor != ':' ? "a key without ':'" : "a key that is there twice");
			return -1;
		}
		*cursor = skip_blanks(*cursor + 1);
	}
	json_t *value = read_flow(yaml, cursor);
	if (value == NULL)
		return -1;
	if (key != NULL)
		json_put(collection, json_string_value(key), value);
	else
		json_array_append_new(collection, value);
	return 0;
}

static json_t *flow_collection(struct yaml *yaml, const char **cursor)
{
	char close = **cursor == '[' ? ']' : '}';
	cleanup_json json_t *collection = close == ']' ? json_array() : json_object();

	for (*cursor = skip_blanks(*cursor + 1); **cursor != close;
	     *cursor = skip_blanks(*cursor)) {
		if (read_member(yaml, cursor, collection) < 0)
			return NULL;
		*cursor = skip_blanks(*cursor);
		if (**cursor == ',')
			++*cursor;
		else if (**cursor != close)
			return fail(yaml, "a list or map in brackets does not end");
	}
	++*cursor;
	return json_incref(collection);
}

static json_t *read_flow(struct yaml *yaml, const char **cursor)
{
	json_t *value;

	if (++yaml->depth > YAML_LIMIT_DEPTH)
		return fail(yaml, "too many values in each other");
	*cursor = skip_blanks(*cursor);
	value = **cursor == '[' || **cursor == '{' ? flow_collection(yaml, cursor)
						   : flow_scalar(yaml, cursor, false);
	yaml->depth--;
	return value;
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

/* Whether the character at *index is a quote or between quotes; an escaped one is passed over. *quote is the open one, or 0. */
static bool is_quoted(const char *text, size_t *index, char *quote)
{
	size_t i = *index;

	if (*quote != '\0') {
		if (text[i] == '\\' && *quote == '"' && text[i + 1] != '\0')
			(*index)++;
		else if (text[i] == *quote)
			*quote = '\0';
		return true;
	}
	if ((text[i] != '"' && text[i] != '\'') || (i > 0 && strchr(" [{,:", text[i - 1]) == NULL))
		return false;
	*quote = text[i];
	return true;
}

/* Where a comment begins, or the end; quotes are respected. */
static size_t content_length(const char *text)
{
	char quote = '\0';
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if (!is_quoted(text, &i, &quote) && text[i] == '#' &&
		    (i == 0 || isspace((unsigned char)text[i - 1])))
			break;
	}
	while (i > 0 && isspace((unsigned char)text[i - 1]))
		i--;
	return i;
}

/* True when brackets or quotes are open at the end. */
static bool goes_on(const char *text)
{
	int open = 0;
	char quote = '\0';

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (is_quoted(text, &i, &quote))
			continue;
		open += text[i] == '[' || text[i] == '{';
		open -= text[i] == ']' || text[i] == '}';
	}
	return open > 0 || quote != '\0';
}

/* Only comments and blanks up to the next line that says something. */
static bool next_line(struct yaml *yaml)
{
	while (yaml->at < yaml->count && content_length(yaml->lines[yaml->at].text) == 0)
		yaml->at++;
	return yaml->at < yaml->count;
}

/* | and >: the lines further in than indent, as they are. */
static json_t *block_text(struct yaml *yaml, const char *header, size_t indent)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	bool folded = *header == '>';
	char chomp = header[1];
	size_t inner = 0, blank = 0;

	if (header[1 + (chomp == '-' || chomp == '+')] != '\0')
		return fail(yaml, "an unknown form of text");
	for (; yaml->at < yaml->count; yaml->at++) {
		const struct yaml_line *line = &yaml->lines[yaml->at];

		if (*line->text == '\0') {
			blank++;
			continue;
		}
		if (inner == 0)
			inner = line->indent;
		if (line->indent <= indent || line->indent < inner)
			break;
		if (out.length > 0 && blank == 0)
			strbuf_addc(&out, folded ? ' ' : '\n');
		for (size_t i = 0; i < blank + (!folded && out.length > 0 && blank > 0); i++)
			strbuf_addc(&out, '\n');
		blank = 0;
		for (size_t i = inner; i < line->indent; i++)
			strbuf_addc(&out, ' ');
		strbuf_adds(&out, line->text);
	}
	if (chomp != '-' && out.length > 0)
		strbuf_addc(&out, '\n');
	for (size_t i = 0; chomp == '+' && i < blank; i++)
		strbuf_addc(&out, '\n');

	json_t *value = json_string(out.data);
	return value != NULL ? value : fail(yaml, "there is text that is no UTF-8");
}

/* A value that begins in this line; the lines of a flow, a quoted or a plain text that follow are taken too. */
static json_t *inline_value(struct yaml *yaml, const char *start, size_t indent)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_add(&text, start, content_length(start));
	yaml->at++;
	if (text.data[0] == '|' || text.data[0] == '>')
		return block_text(yaml, text.data, indent);

	bool is_plain = strchr("[{\"'", text.data[0]) == NULL;
	while (yaml->at < yaml->count) {
		const struct yaml_line *line = &yaml->lines[yaml->at];
		size_t length = content_length(line->text);

		if (is_plain ? length == 0 || line->indent <= indent : !goes_on(text.data))
			break;
		strbuf_addc(&text, ' ');
		strbuf_add(&text, line->text, length);
		yaml->at++;
	}
	if (is_plain)
		return strstr(text.data, ": ") != NULL
			       ? fail(yaml, "there is a ':' that belongs to no key")
			       : plain(yaml, text.data);

	const char *cursor = text.data;
	cleanup_json json_t *value = read_flow(yaml, &cursor);
	if (value != NULL && *skip_blanks(cursor) != '\0')
		return fail(yaml, "there is something behind a value");
	return json_incref(value);
}

/* ---- blocks --------------------------------------------------------------------------------------------------------- */

static bool is_item(const char *text)
{
	return text[0] == '-' && (text[1] == ' ' || text[1] == '\0');
}

/* "---" and "..." end a document. */
static bool is_marker(const struct yaml_line *line)
{
	return line->indent == 0 && (str_equal(line->text, "---") || str_equal(line->text, "..."));
}

/* The key that text begins with, and where its value begins; false when there is none. */
static bool read_key(const char *text, struct strbuf *key, const char **ret_rest)
{
	const char *cursor = text;

	if (*text == '"' || *text == '\'') {
		if (read_quoted(&cursor, key) < 0)
			return false;
	} else {
		if (strchr("[{", *text) != NULL)
			return false;
		while (*cursor != '\0' &&
		       !(*cursor == ':' && (cursor[1] == ' ' || cursor[1] == '\0')) &&
		       !(*cursor == '#' && cursor > text && cursor[-1] == ' '))
			cursor++;
		const char *end = cursor;
		while (end > text && end[-1] == ' ')
			end--;
		strbuf_add(key, text, (size_t)(end - text));
	}
	cursor = skip_blanks(cursor);
	if (*cursor != ':' || (cursor[1] != ' ' && cursor[1] != '\0'))
		return false;
	*ret_rest = skip_blanks(cursor + 1);
	return true;
}

/* What belongs to a "- " or "key:" with nothing behind it. */
static json_t *block_below(struct yaml *yaml, size_t indent, bool list_may_stand_here)
{
	yaml->at++;
	if (!next_line(yaml))
		return json_null();

	const struct yaml_line *line = &yaml->lines[yaml->at];
	if (line->indent > indent ||
	    (list_may_stand_here && line->indent == indent && is_item(line->text)))
		return parse_block(yaml, line->indent);
	return json_null();
}

static json_t *parse_list(struct yaml *yaml, size_t indent)
{
	cleanup_json json_t *list = json_array();

	while (next_line(yaml)) {
		struct yaml_line *line = &yaml->lines[yaml->at];
		json_t *value;

		if (line->indent != indent || !is_item(line->text))
			break;
		const char *rest = skip_blanks(line->text + 1);
		if (content_length(rest) == 0) {
			value = block_below(yaml, indent, false);
		} else {
			/* as if it stood in a line of its own */
			line->indent += (size_t)(rest - line->text);
			line->text += rest - line->text;
			value = parse_block(yaml, line->indent);
		}
		if (value == NULL)
			return NULL;
		json_array_append_new(list, value);
	}
	return json_incref(list);
}

static json_t *parse_map(struct yaml *yaml, size_t indent)
{
	cleanup_json json_t *map = json_object();

	while (next_line(yaml)) {
		const struct yaml_line *line = &yaml->lines[yaml->at];
		cleanup_strbuf struct strbuf key = STRBUF_INIT;
		const char *rest;
		json_t *value;

		if (line->indent != indent || is_item(line->text) || is_marker(line))
			break;
		if (!read_key(line->text, &key, &rest))
			return fail(yaml, "a key is missing");
		if (strchr("&*!?%@`", key.data[0]) != NULL && key.length > 0)
			return fail(yaml, "anchors, tags and complex keys are not supported");
		if (json_object_get(map, key.data) != NULL)
			return fail(yaml, "a key that is there twice");
		value = content_length(rest) == 0 ? block_below(yaml, indent, true)
						  : inline_value(yaml, rest, indent);
		if (value == NULL)
			return NULL;
		if (json_object_set_new(map, key.data, value) < 0)
			return fail(yaml, "there is text that is no UTF-8");
	}
	return json_incref(map);
}

static json_t *parse_block(struct yaml *yaml, size_t indent)
{
	cleanup_strbuf struct strbuf key = STRBUF_INIT;
	const char *rest;
	const char *text = yaml->lines[yaml->at].text;
	json_t *value;

	if (++yaml->depth > YAML_LIMIT_DEPTH)
		return fail(yaml, "too many values in each other");
	if (is_item(text))
		value = parse_list(yaml, indent);
	else if (read_key(text, &key, &rest))
		value = parse_map(yaml, indent);
	else
		value = inline_value(yaml, text, indent == 0 ? 0 : indent - 1);
	yaml->depth--;
	return value;
}

/* ---- the document --------------------------------------------------------------------------------------------------- */

static int cut_lines(struct yaml *yaml, const char *text)
{
	strv_split(&yaml->texts, text, '\n');
	yaml->count = yaml->texts.count;
	yaml->lines = xcalloc(yaml->count + 1, sizeof(*yaml->lines));
	for (size_t i = 0; i < yaml->count; i++) {
		char *line = yaml->texts.items[i];
		size_t length = strlen(line);

		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		yaml->lines[i].indent = strspn(line, " ");
		yaml->lines[i].text = line + yaml->lines[i].indent;
		if (yaml->lines[i].text[strspn(yaml->lines[i].text, " \t")] == '\0')
			yaml->lines[i].text += strlen(yaml->lines[i].text);
		yaml->at = i;
		if (yaml->lines[i].text[0] == '\t')
			return fail(yaml, "a tab as indent") != NULL;
	}
	yaml->at = 0;
	return 1;
}

static json_t *parse_document(struct yaml *yaml)
{
	if (next_line(yaml) && str_equal(yaml->lines[yaml->at].text, "---"))
		yaml->at++;
	if (!next_line(yaml))
		return json_null();

	cleanup_json json_t *value = parse_block(yaml, yaml->lines[yaml->at].indent);
	if (value == NULL)
		return NULL;
	if (next_line(yaml) && str_equal(yaml->lines[yaml->at].text, "..."))
		yaml->at++;
	if (next_line(yaml))
		return fail(yaml, "an indent that fits to nothing above it, or a second document,");
	return json_incref(value);
}

json_t *yaml_parse(const char *text, size_t length, const char *what, struct err *err)
{
	struct yaml yaml = { .what = what, .err = err, .texts = STRV_INIT };
	json_t *value = NULL;

	if (length > YAML_LIMIT_BYTES) {
		err_set(err, ERR_LIMIT, "cannot read %s: it has more than %u bytes", what,
			YAML_LIMIT_BYTES);
		return NULL;
	}
	cleanup_free char *copy = xstrndup(text, length);
	if (strlen(copy) != length)
		fail(&yaml, "there is a NUL byte");
	else if (cut_lines(&yaml, copy) == 1)
		value = parse_document(&yaml);
	free(yaml.lines);
	strv_release(&yaml.texts);
	return value;
}
