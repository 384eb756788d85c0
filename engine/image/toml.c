/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/toml.c - a strict reader of TOML 1.0
 *
 * A recursive descent over the text. Values become jansson values at once; what JSON cannot tell (whether a table was named by a
 * header, made by a dotted key, written inline) is kept in a list of marked objects, because TOML's rules about defining things
 * twice need it.
 */
#include "engine/image/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"

#define TOML_LIMIT_BYTES (1U << 20)
#define DEPTH_MAX	 64

enum mark {
	MARK_NONE,     /* a table that a header made on the way to another */
	MARK_EXPLICIT, /* named by a header of its own */
	MARK_DOTTED,   /* made by a dotted key: headers may not reopen it */
	MARK_CLOSED,   /* an inline table or array: complete as written */
	MARK_TABLES,   /* an array of tables */
};

struct toml {
	const char *at, *end;
	const char *file;
	unsigned line, depth;
	struct marked {
		json_t *json;
		enum mark mark;
	} * marks;
	size_t mark_count, mark_size;
	struct err *err;
};

static int value_parse(struct toml *toml, json_t **ret);

static int fail(struct toml *toml, const char *what)
{
	return err_set(toml->err, ERR_USAGE, "%s:%u: %s", toml->file, toml->line, what);
}

/* The byte at the reading point; 0 at the end (a NUL in the text was refused beforehand). */
static char peek(const struct toml *toml)
{
	return toml->at < toml->end ? *toml->at : '\0';
}

static bool starts_with(const struct toml *toml, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(toml->end - toml->at) >= length && memcmp(toml->at, text, length) == 0;
}

static bool accept(struct toml *toml, char c)
{
	if (peek(toml) != c)
		return false;
	toml->at++;
	return true;
}

static void set_mark(struct toml *toml, json_t *json, enum mark mark)
{
	for (size_t i = 0; i < toml->mark_count; i++) {
		if (toml->marks[i].json == json) {
			toml->marks[i].mark = mark;
			return;
		}
	}
	if (toml->mark_count == toml->mark_size) {
		toml->mark_size = toml->mark_size * 2 + 16;
		toml->marks = xreallocarray(toml->marks, toml->mark_size, sizeof(*toml->marks));
	}
	toml->marks[toml->mark_count++] = (struct marked){ json, mark };
}

static enum mark get_mark(const struct toml *toml, const json_t *json)
{
	for (size_t i = 0; i < toml->mark_count; i++) {
		if (toml->marks[i].json == json)
			return toml->marks[i].mark;
	}
	return MARK_NONE;
}

static void skip_blanks(struct toml *toml)
{
	while (peek(toml) == ' ' || peek(toml) == '\t')
		toml->at++;
}

static bool at_newline(const struct toml *toml)
{
	return peek(toml) == '\n' || starts_with(toml, "\r\n");
}

static void take_newline(struct toml *toml)
{
	accept(toml, '\r');
	toml->at++;
	toml->line++;
}

/* Blanks, and a comment up to its end of line. */
static int skip_comment(struct toml *toml)
{
	skip_blanks(toml);
	if (peek(toml) != '#')
		return 0;
	while (toml->at < toml->end && !at_newline(toml)) {
		unsigned char c = (unsigned char)*toml->at++;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail(toml, "a control character in a comment");
	}
	return 0;
}

/* Blanks, comments and ends of lines: between the parts of an array. */
static int skip_lines(struct toml *toml)
{
	for (;;) {
		if (skip_comment(toml) < 0)
			return -1;
		if (!at_newline(toml))
			return 0;
		take_newline(toml);
	}
}

static int end_of_line(struct toml *toml)
{
	if (skip_comment(toml) < 0)
		return -1;
	if (toml->at == toml->end)
		return 0;
	if (!at_newline(toml))
		return fail(toml, "the line goes on where it should end");
	take_newline(toml);
	return 0;
}

static int add_code_point(struct toml *toml, unsigned digits, struct strbuf *out)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < digits; i++) {
		char c = peek(toml);
		const char *hex = "0123456789abcdef";
		const char *place = NULL;

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		place = c == '\0' ? NULL : strchr(hex, c);
		if (place == NULL)
			return fail(toml, "hexadecimal digits are missing in an escape");
		code = code << 4 | (uint32_t)(place - hex);
		toml->at++;
	}
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return fail(toml, "an escape that is no character");

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
	char c = peek(toml);

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
		skip_blanks(toml);
		if (at_newline(toml)) {
			while (at_newline(toml) || peek(toml) == ' ' || peek(toml) == '\t') {
				if (at_newline(toml))
					take_newline(toml);
				else
					toml->at++;
			}
			return 0;
		}
	}
	return fail(toml, "an unknown escape in a string");
}

static int string_parse(struct toml *toml, bool allow_multiline, struct strbuf *out)
{
	char quote = *toml->at;
	const char *triple = quote == '"' ? "\"\"\"" : "'''";
	bool multiline = allow_multiline && starts_with(toml, triple);

	toml->at += multiline ? 3 : 1;
	if (multiline && at_newline(toml))
		take_newline(toml);

	for (;;) {
		unsigned char c = (unsigned char)peek(toml);

		if (toml->at == toml->end)
			return fail(toml, "a string has no end");
		if (multiline && starts_with(toml, triple)) {
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
		if (at_newline(toml)) {
			if (!multiline)
				return fail(toml, "a string has no end in its line");
			take_newline(toml);
			strbuf_addc(out, '\n');
			continue;
		}
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail(toml, "a control character in a string");
		toml->at++;
		if (c == '\\' && quote == '"') {
			if (escape_parse(toml, multiline, out) < 0)
				return -1;
			continue;
		}
		strbuf_addc(out, (char)c);
	}
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int key_part_parse(struct toml *toml, struct strv *keys)
{
	cleanup_strbuf struct strbuf key = STRBUF_INIT;

	if (peek(toml) == '"' || peek(toml) == '\'') {
		if (string_parse(toml, false, &key) < 0)
			return -1;
	} else {
		while (is_bare(peek(toml)))
			strbuf_addc(&key, *toml->at++);
		if (key.length == 0)
			return fail(toml, "a key is missing");
	}
	if (keys->count >= DEPTH_MAX)
		return fail(toml, "a key has too many parts");
	strv_add(keys, key.data);
	return 0;
}

/* a . "b c" . d */
static int key_parse(struct toml *toml, struct strv *keys)
{
	for (;;) {
		skip_blanks(toml);
		if (key_part_parse(toml, keys) < 0)
			return -1;
		skip_blanks(toml);
		if (!accept(toml, '.'))
			return 0;
	}
}

static void put(json_t *table, const char *key, json_t *value_take)
{
	json_put(table, key, value_take);
}

/* KEY = VALUE in table. */
static int pair_parse(struct toml *toml, json_t *table)
{
	cleanup_strv struct strv keys = STRV_INIT;
	cleanup_json json_t *value = NULL;

	if (key_parse(toml, &keys) < 0)
		return -1;
	if (!accept(toml, '='))
		return fail(toml, "'=' is missing behind a key");
	skip_blanks(toml);
	if (value_parse(toml, &value) < 0)
		return -1;

	for (size_t i = 0; i + 1 < keys.count; i++) {
		json_t *next = json_object_get(table, keys.items[i]);

		if (next == NULL) {
			next = json_object();
			put(table, keys.items[i], next);
			set_mark(toml, next, MARK_DOTTED);
		} else if (!json_is_object(next) || get_mark(toml, next) != MARK_DOTTED) {
			return fail(toml, "a dotted key goes through something that is defined "
					  "already");
		}
		table = next;
	}
	if (json_object_get(table, keys.items[keys.count - 1]) != NULL)
		return fail(toml, "a key is set for the second time");
	put(table, keys.items[keys.count - 1], TAKE_PTR(value));
	return 0;
}

static int array_parse(struct toml *toml, json_t **ret)
{
	cleanup_json json_t *array = json_array();

	toml->at++;
	for (;;) {
		json_t *item = NULL;

		if (skip_lines(toml) < 0)
			return -1;
		if (accept(toml, ']'))
			break;
		if (value_parse(toml, &item) < 0)
			return -1;
		json_array_append_new(array, item);
		if (skip_lines(toml) < 0)
			return -1;
		if (accept(toml, ','))
			continue;
		if (!accept(toml, ']'))
			return fail(toml, "',' or ']' is missing in an array");
		break;
	}
	set_mark(toml, array, MARK_CLOSED);
	*ret = TAKE_PTR(array);
	return 0;
}

static int inline_table_parse(struct toml *toml, json_t **ret)
{
	cleanup_json json_t *table = json_object();

	toml->at++;
	skip_blanks(toml);
	if (!accept(toml, '}')) {
		for (;;) {
			if (pair_parse(toml, table) < 0)
				return -1;
			skip_blanks(toml);
			if (accept(toml, '}'))
				break;
			if (!accept(toml, ','))
				return fail(toml, "',' or '}' is missing in an inline table");
			skip_blanks(toml);
		}
	}
	set_mark(toml, table, MARK_CLOSED);
	*ret = TAKE_PTR(table);
	return 0;
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

static int number_parse(struct toml *toml, const char *word_end, json_t **ret)
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
		return fail(toml, "a value that is no string, number, boolean, array or table");
	if (base == 10 && text.data[first] == '0' && text.length > first + 1)
		return fail(toml, "a number starts with 0");
	if (base == 10 && at < word_end && *at == '.') {
		is_float = true;
		strbuf_addc(&text, *at++);
		if (!add_digits(&at, word_end, 10, &text))
			return fail(toml, "digits are missing in a number");
	}
	if (base == 10 && at < word_end && (*at == 'e' || *at == 'E')) {
		is_float = true;
		strbuf_addc(&text, *at++);
		if (at < word_end && (*at == '+' || *at == '-'))
			strbuf_addc(&text, *at++);
		if (!add_digits(&at, word_end, 10, &text))
			return fail(toml, "digits are missing in a number");
	}
	if (at != word_end)
		return fail(toml, *at == '-' || *at == ':'
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
		return fail(toml, "a number is out of range");
	}
	toml->at = word_end;
	return 0;
}

static int word_parse(struct toml *toml, json_t **ret)
{
	const char *end = toml->at;

	while (end < toml->end && *end != '\0' && strchr(" \t\r\n#,]}", *end) == NULL)
		end++;
	if (end - toml->at == 4 && memcmp(toml->at, "true", 4) == 0)
		*ret = json_true();
	else if (end - toml->at == 5 && memcmp(toml->at, "false", 5) == 0)
		*ret = json_false();
	else if (end == toml->at)
		return fail(toml, "a value is missing");
	else
		return number_parse(toml, end, ret);
	toml->at = end;
	return 0;
}

static int value_parse(struct toml *toml, json_t **ret)
{
	int status = -1;

	if (peek(toml) == '"' || peek(toml) == '\'') {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (string_parse(toml, true, &text) < 0)
			return -1;
		*ret = json_stringn(text.data, text.length);
		return *ret != NULL ? 0 : fail(toml, "a string is no UTF-8");
	}
	if (peek(toml) != '[' && peek(toml) != '{')
		return word_parse(toml, ret);

	if (++toml->depth > DEPTH_MAX)
		return fail(toml, "arrays or tables are nested too deep");
	status = peek(toml) == '[' ? array_parse(toml, ret) : inline_table_parse(toml, ret);
	toml->depth--;
	return status;
}

/* One step of a header's path: the table that key names in table, made if missing; of an array of tables the last. */
static json_t *header_step(struct toml *toml, json_t *table, const char *key)
{
	json_t *next = json_object_get(table, key);

	if (next == NULL) {
		next = json_object();
		put(table, key, next);
	} else if (json_is_array(next) && get_mark(toml, next) == MARK_TABLES) {
		next = json_array_get(next, json_array_size(next) - 1);
	}
	if (!json_is_object(next) || get_mark(toml, next) == MARK_CLOSED)
		return NULL;
	return next;
}

static int open_table(struct toml *toml, json_t *parent, const char *key, json_t **ret_table)
{
	json_t *table = json_object_get(parent, key);

	if (table == NULL) {
		table = json_object();
		put(parent, key, table);
	} else if (!json_is_object(table) || get_mark(toml, table) != MARK_NONE) {
		return fail(toml, "a table is defined for the second time");
	}
	set_mark(toml, table, MARK_EXPLICIT);
	*ret_table = table;
	return 0;
}

static int open_table_in_array(struct toml *toml, json_t *parent, const char *key,
			       json_t **ret_table)
{
	json_t *array = json_object_get(parent, key);
	json_t *table = NULL;

	if (array == NULL) {
		array = json_array();
		put(parent, key, array);
		set_mark(toml, array, MARK_TABLES);
	} else if (!json_is_array(array) || get_mark(toml, array) != MARK_TABLES) {
		return fail(toml, "an array of tables has the name of something else");
	}
	table = json_object();
	json_array_append_new(array, table);
	set_mark(toml, table, MARK_EXPLICIT);
	*ret_table = table;
	return 0;
}

/* [a.b] or [[a.b]]: the table that the pairs below it go to. */
static int header_parse(struct toml *toml, json_t *root, json_t **ret_table)
{
	cleanup_strv struct strv keys = STRV_INIT;
	bool in_array = starts_with(toml, "[[");
	json_t *table = root;
	const char *last = NULL;

	toml->at += in_array ? 2 : 1;
	if (key_parse(toml, &keys) < 0)
		return -1;
	if (!accept(toml, ']') || (in_array && !accept(toml, ']')))
		return fail(toml, "']' is missing behind the name of a table");

	for (size_t i = 0; i + 1 < keys.count; i++) {
		table = header_step(toml, table, keys.items[i]);
		if (table == NULL)
			return fail(toml, "a table goes below something that is no table");
	}
	last = keys.items[keys.count - 1];
	return in_array ? open_table_in_array(toml, table, last, ret_table)
			: open_table(toml, table, last, ret_table);
}

static int document_parse(struct toml *toml, json_t *root)
{
	json_t *table = root;

	set_mark(toml, root, MARK_EXPLICIT);
	for (;;) {
		if (skip_lines(toml) < 0)
			return -1;
		if (toml->at == toml->end)
			return 0;
		if (peek(toml) == '[') {
			if (header_parse(toml, root, &table) < 0)
				return -1;
		} else if (pair_parse(toml, table) < 0) {
			return -1;
		}
		if (end_of_line(toml) < 0)
			return -1;
	}
}

static int check_text(struct toml *toml)
{
	for (const char *c = toml->at; c < toml->end;) {
		/* the text is terminated, so a sequence that is cut off is seen as invalid */
		size_t bytes = *c == '\0' ? 0 : utf8_sequence(c);

		if (bytes == 0)
			return fail(toml, "the text is no UTF-8");
		if (*c == '\n')
			toml->line++;
		c += bytes;
	}
	toml->line = 1;
	return 0;
}

json_t *toml_parse(const char *text, size_t length, const char *file, struct err *err)
{
	cleanup_free char *copy = xmalloc(length + 1);
	cleanup_json json_t *root = json_object();
	struct toml toml = {
		.at = copy, .end = copy + length, .file = file, .line = 1, .err = err
	};
	int status = -1;

	memcpy(copy, text, length);
	copy[length] = '\0';
	if (length >= 3 && memcmp(copy, "\xef\xbb\xbf", 3) == 0)
		toml.at += 3;
	status = check_text(&toml);
	if (status == 0)
		status = document_parse(&toml, root);
	free(toml.marks);
	return status < 0 ? NULL : TAKE_PTR(root);
}

int toml_read(const char *path, json_t **ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	/* a link is fine: configuration is the user's own */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int status = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);

	status = fd_read_all(fd, &text, TOML_LIMIT_BYTES);
	if (status == -EFBIG)
		return err_set(err, ERR_LIMIT, "'%s' has more than 1 MiB", path);
	if (status < 0)
		return err_sys(err, -status, "cannot read '%s'", path);

	*ret = toml_parse(text.data, text.length, path, err);
	return *ret != NULL ? 1 : -1;
}
