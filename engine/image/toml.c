/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/toml.c - a strict reader of TOML 1.0
 *
 * A recursive descent over the text. Values become jansson values at once; what JSON cannot tell (whether a table was named by a
 * header, made by a dotted key, written inline) is kept in a list of marked objects, because TOML's rules about defining things
 * twice need it.
 */
#include "engine/image/toml.h"
#include "engine/image/toml_scan.h"

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

static int value_parse(struct toml *toml, json_t **ret);

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

/* Blanks, and a comment up to its end of line. */
static int skip_comment(struct toml *toml)
{
	toml_skip_blanks(toml);
	if (toml_peek(toml) != '#')
		return 0;
	while (toml->at < toml->end && !toml_at_newline(toml)) {
		unsigned char c = (unsigned char)*toml->at++;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return toml_fail(toml, "a control character in a comment");
	}
	return 0;
}

/* Blanks, comments and ends of lines: between the parts of an array. */
static int skip_lines(struct toml *toml)
{
	for (;;) {
		if (skip_comment(toml) < 0)
			return -1;
		if (!toml_at_newline(toml))
			return 0;
		toml_take_newline(toml);
	}
}

static int end_of_line(struct toml *toml)
{
	if (skip_comment(toml) < 0)
		return -1;
	if (toml->at == toml->end)
		return 0;
	if (!toml_at_newline(toml))
		return toml_fail(toml, "the line goes on where it should end");
	toml_take_newline(toml);
	return 0;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int key_part_parse(struct toml *toml, struct strv *keys)
{
	cleanup_strbuf struct strbuf key = STRBUF_INIT;

	if (toml_peek(toml) == '"' || toml_peek(toml) == '\'') {
		if (toml_string_parse(toml, false, &key) < 0)
			return -1;
	} else {
		while (is_bare(toml_peek(toml)))
			strbuf_addc(&key, *toml->at++);
		if (key.length == 0)
			return toml_fail(toml, "a key is missing");
	}
	if (keys->count >= TOML_DEPTH_MAX)
		return toml_fail(toml, "a key has too many parts");
	strv_add(keys, key.data);
	return 0;
}

/* a . "b c" . d */
static int key_parse(struct toml *toml, struct strv *keys)
{
	for (;;) {
		toml_skip_blanks(toml);
		if (key_part_parse(toml, keys) < 0)
			return -1;
		toml_skip_blanks(toml);
		if (!toml_accept(toml, '.'))
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
	if (!toml_accept(toml, '='))
		return toml_fail(toml, "'=' is missing behind a key");
	toml_skip_blanks(toml);
	if (value_parse(toml, &value) < 0)
		return -1;

	for (size_t i = 0; i + 1 < keys.count; i++) {
		json_t *next = json_object_get(table, keys.items[i]);

		if (next == NULL) {
			next = json_object();
			put(table, keys.items[i], next);
			set_mark(toml, next, MARK_DOTTED);
		} else if (!json_is_object(next) || get_mark(toml, next) != MARK_DOTTED) {
			return toml_fail(toml,
					 "a dotted key goes through something that is defined "
					 "already");
		}
		table = next;
	}
	if (json_object_get(table, keys.items[keys.count - 1]) != NULL)
		return toml_fail(toml, "a key is set for the second time");
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
		if (toml_accept(toml, ']'))
			break;
		if (value_parse(toml, &item) < 0)
			return -1;
		json_array_append_new(array, item);
		if (skip_lines(toml) < 0)
			return -1;
		if (toml_accept(toml, ','))
			continue;
		if (!toml_accept(toml, ']'))
			return toml_fail(toml, "',' or ']' is missing in an array");
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
	toml_skip_blanks(toml);
	if (!toml_accept(toml, '}')) {
		for (;;) {
			if (pair_parse(toml, table) < 0)
				return -1;
			toml_skip_blanks(toml);
			if (toml_accept(toml, '}'))
				break;
			if (!toml_accept(toml, ','))
				return toml_fail(toml, "',' or '}' is missing in an inline table");
			toml_skip_blanks(toml);
		}
	}
	set_mark(toml, table, MARK_CLOSED);
	*ret = TAKE_PTR(table);
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
		return toml_fail(toml, "a value is missing");
	else
		return toml_number_parse(toml, end, ret);
	toml->at = end;
	return 0;
}

static int value_parse(struct toml *toml, json_t **ret)
{
	int status = -1;

	if (toml_peek(toml) == '"' || toml_peek(toml) == '\'') {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (toml_string_parse(toml, true, &text) < 0)
			return -1;
		*ret = json_stringn(text.data, text.length);
		return *ret != NULL ? 0 : toml_fail(toml, "a string is no UTF-8");
	}
	if (toml_peek(toml) != '[' && toml_peek(toml) != '{')
		return word_parse(toml, ret);

	if (++toml->depth > TOML_DEPTH_MAX)
		return toml_fail(toml, "arrays or tables are nested too deep");
	status = toml_peek(toml) == '[' ? array_parse(toml, ret) : inline_table_parse(toml, ret);
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
		return toml_fail(toml, "a table is defined for the second time");
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
		return toml_fail(toml, "an array of tables has the name of something else");
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
	bool in_array = toml_starts_with(toml, "[[");
	json_t *table = root;
	const char *last = NULL;

	toml->at += in_array ? 2 : 1;
	if (key_parse(toml, &keys) < 0)
		return -1;
	if (!toml_accept(toml, ']') || (in_array && !toml_accept(toml, ']')))
		return toml_fail(toml, "']' is missing behind the name of a table");

	for (size_t i = 0; i + 1 < keys.count; i++) {
		table = header_step(toml, table, keys.items[i]);
		if (table == NULL)
			return toml_fail(toml, "a table goes below something that is no table");
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
		if (toml_peek(toml) == '[') {
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
			return toml_fail(toml, "the text is no UTF-8");
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
