/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/strbuf.c - a string that grows
 *
 * An empty buffer points to strbuf_empty, one byte that all of them share and nobody writes: size 0 tells that the data is
 * not ours.
 */
#include "base/strbuf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"

char strbuf_empty[1] = "";

void strbuf_init(struct strbuf *buf)
{
	*buf = (struct strbuf)STRBUF_INIT;
}

void strbuf_release(struct strbuf *buf)
{
	if (buf->size > 0)
		free(buf->data);
	strbuf_init(buf);
}

void strbuf_clear(struct strbuf *buf)
{
	strbuf_truncate(buf, 0);
}

void strbuf_grow(struct strbuf *buf, size_t more)
{
	size_t need;
	size_t size = buf->size;

	if (__builtin_add_overflow(buf->length, more, &need) || need >= SIZE_MAX / 2)
		BUG("a string of %zu bytes grows by %zu", buf->length, more);
	need++; /* the terminator */
	if (need <= size)
		return;

	if (size < 48)
		size = 48;
	while (size < need)
		size += size / 2;

	buf->data = xreallocarray(buf->size > 0 ? buf->data : NULL, size, 1);
	if (buf->size == 0)
		buf->data[0] = '\0';
	buf->size = size;
}

void strbuf_add(struct strbuf *buf, const void *data, size_t length)
{
	if (length == 0)
		return;
	strbuf_grow(buf, length);
	memcpy(buf->data + buf->length, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void strbuf_adds(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_addc(struct strbuf *buf, char c)
{
	strbuf_add(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_vaddf(buf, format, args);
	va_end(args);
}

void strbuf_vaddf(struct strbuf *buf, const char *format, va_list args)
{
	va_list again;
	size_t room;
	int length;

	strbuf_grow(buf, 64);
	room = buf->size - buf->length;
	va_copy(again, args);
	length = vsnprintf(buf->data + buf->length, room, format, args);
	if (length < 0)
		BUG("the format '%s' is wrong", format);

	if ((size_t)length >= room) {
		strbuf_grow(buf, (size_t)length);
		vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
	}
	va_end(again);
	buf->length += (size_t)length;
}

void strbuf_truncate(struct strbuf *buf, size_t length)
{
	if (length > buf->length)
		BUG("a string of %zu bytes is cut to %zu", buf->length, length);
	buf->length = length;
	if (buf->size > 0)
		buf->data[length] = '\0';
}

char *strbuf_take(struct strbuf *buf)
{
	char *text = buf->size > 0 ? buf->data : xstrdup("");

	strbuf_init(buf);
	return text;
}

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t utf8_sequence(const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;

	if (byte[0] == '\0')
		return 0;
	if (byte[0] < 0x80)
		return 1;
	if (byte[0] < 0xc2 || byte[0] > 0xf4 || !is_continuation(byte[1]))
		return 0;
	if (byte[0] < 0xe0)
		return 2;

	/* too long forms, surrogates, and what is above U+10FFFF */
	if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
	    (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f))
		return 0;
	if (!is_continuation(byte[2]))
		return 0;
	if (byte[0] < 0xf0)
		return 3;
	return is_continuation(byte[3]) ? 4 : 0;
}

void strbuf_add_escaped(struct strbuf *buf, const char *text)
{
	while (*text != '\0') {
		unsigned char byte = (unsigned char)*text;
		size_t length = utf8_sequence(text);
		/* U+0080..U+009F are control characters too, for some terminals */
		bool control = byte < 0x20 || byte == 0x7f ||
			       (byte == 0xc2 && (unsigned char)text[1] < 0xa0);

		if (length == 0 || control) {
			strbuf_addf(buf, "\\x%02x", byte);
			text++;
			/* the second byte of a control character cannot stand alone: it is escaped next */
			continue;
		}
		strbuf_add(buf, text, length);
		text += length;
	}
}

const char *str_after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

bool str_is_among(const char *const *words, const char *text)
{
	while (*words != NULL && !str_equal(*words, text))
		words++;
	return *words != NULL;
}

bool str_ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text);
	size_t suffix_length = strlen(suffix);

	return length >= suffix_length &&
	       memcmp(text + length - suffix_length, suffix, suffix_length) == 0;
}
