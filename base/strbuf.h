/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/strbuf.h - a string that grows
 *
 * data is never NULL and always terminated, also when empty, and may hold NUL bytes within its length.
 *
 *	cleanup_strbuf struct strbuf line = STRBUF_INIT;
 *	strbuf_addf(&line, "%s:%u", host, port);
 *	return strbuf_take(&line);
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

extern char strbuf_empty[1];

struct strbuf {
	char *data;
	size_t length;
	size_t size; /* 0: data is strbuf_empty */
};
#define STRBUF_INIT                                                                                \
	{                                                                                          \
		strbuf_empty, 0, 0                                                                 \
	}

void strbuf_init(struct strbuf *buf);
void strbuf_release(struct strbuf *buf);
/** Make it empty, keep the memory. */
void strbuf_clear(struct strbuf *buf);
/** Make room for `more` bytes behind the end (and the terminator). */
void strbuf_grow(struct strbuf *buf, size_t more);
void strbuf_add(struct strbuf *buf, const void *data, size_t length);
void strbuf_adds(struct strbuf *buf, const char *text);
void strbuf_addc(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *buf, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/** Cut to a length that is not greater than the present one. */
void strbuf_truncate(struct strbuf *buf, size_t length);
/** The text is yours (free()); buf is empty again. Never NULL. */
char *strbuf_take(struct strbuf *buf);
/**
 * Append text with control bytes, DEL and invalid UTF-8 written as \xNN, so that a name from outside cannot steer a
 * terminal (R11). Newline and tab are escaped too.
 */
void strbuf_add_escaped(struct strbuf *buf, const char *text);

/** Bytes of the valid UTF-8 sequence that text starts with: 1 to 4, or 0 when it is invalid or the end. */
size_t utf8_sequence(const char *text);

#define cleanup_strbuf __attribute__((cleanup(strbuf_release)))

static inline bool str_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
/** True when both are NULL or both are the same text. */
static inline bool str_equal_null(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}
static inline bool str_is_empty(const char *text)
{
	return text == NULL || *text == '\0';
}
/** The rest of text behind prefix, or NULL when it does not start so. For words, never for paths (R1). */
const char *str_after(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);
/** True when text is one of words, whose end is NULL. */
bool str_is_among(const char *const *words, const char *text);

#endif
