/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/alloc.c - memory that is there or the process ends
 *
 * The last words go out with write(2): the monitor uses this file and must not pull in stdio.
 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

void alloc_failed(void)
{
	static const char text[] = "Error: out of memory\n";
	/* nothing can be done when stderr is gone too */
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	_exit(err_exit_status(ERR_FAILED));
}

void *xmalloc(size_t size)
{
	void *data = malloc(size > 0 ? size : 1);

	if (data == NULL)
		alloc_failed();
	return data;
}

void *xcalloc(size_t count, size_t size)
{
	void *data = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (data == NULL)
		alloc_failed();
	return data;
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	void *data = reallocarray(old, count > 0 ? count : 1, size > 0 ? size : 1);

	if (data == NULL)
		alloc_failed();
	return data;
}

char *xstrdup(const char *text)
{
	return xmemdup(text, strlen(text) + 1);
}

char *xstrdup_null(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

char *xstrndup(const char *text, size_t length)
{
	size_t actual = strnlen(text, length);
	char *copy = xmalloc(actual + 1);

	memcpy(copy, text, actual);
	copy[actual] = '\0';
	return copy;
}

void *xmemdup(const void *data, size_t size)
{
	void *copy = xmalloc(size);

	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		alloc_failed();
	return text;
}
