/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/toml_scan.h - the reading point of the TOML reader, for its two files (private to them)
 */
#ifndef ENGINE_IMAGE_TOML_SCAN_H
#define ENGINE_IMAGE_TOML_SCAN_H

#include "base/err.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#define TOML_DEPTH_MAX 64

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

static inline int toml_fail(struct toml *toml, const char *what)
{
	return err_set(toml->err, ERR_USAGE, "%s:%u: %s", toml->file, toml->line, what);
}

/* The byte at the reading point; 0 at the end (a NUL in the text was refused beforehand). */
static inline char toml_peek(const struct toml *toml)
{
	return toml->at < toml->end ? *toml->at : '\0';
}

static inline bool toml_starts_with(const struct toml *toml, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(toml->end - toml->at) >= length && memcmp(toml->at, text, length) == 0;
}

static inline bool toml_accept(struct toml *toml, char c)
{
	if (toml_peek(toml) != c)
		return false;
	toml->at++;
	return true;
}

static inline void toml_skip_blanks(struct toml *toml)
{
	while (toml_peek(toml) == ' ' || toml_peek(toml) == '\t')
		toml->at++;
}

static inline bool toml_at_newline(const struct toml *toml)
{
	return toml_peek(toml) == '\n' || toml_starts_with(toml, "\r\n");
}

static inline void toml_take_newline(struct toml *toml)
{
	toml_accept(toml, '\r');
	toml->at++;
	toml->line++;
}

/** A string of any of the four kinds, from its first quote on. */
int toml_string_parse(struct toml *toml, bool allow_multiline, struct strbuf *out);
/** The word up to word_end must be an integer or a float. */
int toml_number_parse(struct toml *toml, const char *word_end, json_t **ret);

#endif
