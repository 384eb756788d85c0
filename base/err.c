/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err.c - a failure is a kind, a sentence and a hint
 *
 * One table gives each kind its word, its exit status and its HTTP status. Text that is too long loses its middle: the
 * start says what was tried and the end says why it failed.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"

static const struct {
	const char *name;
	int exit_status;
	int http_status;
} kinds[] = {
	[ERR_FAILED] = { "failed", 125, 500 },
	[ERR_USAGE] = { "usage", 125, 400 },
	[ERR_NOT_FOUND] = { "not-found", 125, 404 },
	[ERR_EXISTS] = { "exists", 125, 409 },
	[ERR_IN_USE] = { "in-use", 125, 409 },
	[ERR_STATE] = { "state", 125, 409 },
	[ERR_AMBIGUOUS] = { "ambiguous", 125, 400 },
	[ERR_DENIED] = { "denied", 125, 403 },
	[ERR_NO_SPACE] = { "no-space", 125, 500 },
	[ERR_CORRUPT] = { "corrupt", 125, 500 },
	[ERR_UNSUPPORTED] = { "unsupported", 125, 501 },
	[ERR_LIMIT] = { "limit", 125, 400 },
	[ERR_TIMEOUT] = { "timeout", 125, 504 },
	[ERR_UNAVAILABLE] = { "unavailable", 125, 503 },
	[ERR_AUTH] = { "auth", 125, 401 },
	[ERR_INTERRUPTED] = { "interrupted", 125, 500 },
	[ERR_CANNOT_RUN] = { "cannot-run", 126, 400 },
	[ERR_NO_COMMAND] = { "no-command", 127, 400 },
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == ERR_KIND_COUNT, "every kind has its row");

/*
 * The level is the property of a process like its stderr, and debug() is called where no context is at hand: one of the
 * few mutable variables at file scope.
 */
static enum debug_level current_level = DEBUG_WARN;

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Copy text into out, without its middle if it is too long, and without control bytes. */
static void set_text(char *out, size_t size, const char *text, size_t length)
{
	size_t head = length;
	size_t tail = 0;
	size_t out_length;

	if (length >= size) {
		head = (size - 1 - 3) / 2;
		tail = size - 1 - 3 - head;
		while (head > 0 && is_continuation(text[head]))
			head--;
		while (tail > 0 && is_continuation(text[length - tail]))
			tail--;
	}
	memmove(out, text, head);
	out_length = head;
	if (length >= size) {
		memcpy(out + out_length, "...", 3);
		memcpy(out + out_length + 3, text + length - tail, tail);
		out_length += 3 + tail;
	}
	out[out_length] = '\0';

	for (size_t i = 0; i < out_length; i++) {
		if (out[i] == '\n' || out[i] == '\t' || out[i] == '\r')
			out[i] = ' ';
		else if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			out[i] = '?';
	}
}

int err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);

	err->kind = kind;
	err->hint[0] = '\0';
	set_text(err->msg, sizeof(err->msg), text.data, text.length);
	return -1;
}

static enum err_kind kind_of_errno(int errno_value)
{
	switch (errno_value) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case EPERM:
	case EACCES:
	case EROFS:
		return ERR_DENIED;
	case EINTR:
		return ERR_INTERRUPTED;
	default:
		return ERR_FAILED;
	}
}

int err_sys(struct err *err, int errno_value, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *reason;
	va_list args;

	/* quiet helpers return -errno, and some caller passes that on */
	if (errno_value < 0)
		errno_value = -errno_value;
	reason = strerrordesc_np(errno_value);

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);

	strbuf_adds(&text, ": ");
	if (reason == NULL) {
		strbuf_addf(&text, "error %d", errno_value);
	} else if (reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a' && reason[1] <= 'z') {
		/* "No such file" in the middle of a sentence; "RPC ..." stays */
		strbuf_addc(&text, (char)(reason[0] - 'A' + 'a'));
		strbuf_adds(&text, reason + 1);
	} else {
		strbuf_adds(&text, reason);
	}

	err->kind = kind_of_errno(errno_value);
	err->hint[0] = '\0';
	set_text(err->msg, sizeof(err->msg), text.data, text.length);
	return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);

	strbuf_adds(&text, ": ");
	strbuf_adds(&text, err->msg);
	set_text(err->msg, sizeof(err->msg), text.data, text.length);
	return -1;
}

int err_hint(struct err *err, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	if (err->hint[0] != '\0')
		return -1;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	set_text(err->hint, sizeof(err->hint), text.data, text.length);
	return -1;
}

static bool kind_is_known(enum err_kind kind)
{
	return (unsigned)kind < ERR_KIND_COUNT;
}

const char *err_kind_name(enum err_kind kind)
{
	return kinds[kind_is_known(kind) ? kind : ERR_FAILED].name;
}

int err_exit_status(enum err_kind kind)
{
	return kinds[kind_is_known(kind) ? kind : ERR_FAILED].exit_status;
}

int err_http_status(enum err_kind kind)
{
	return kinds[kind_is_known(kind) ? kind : ERR_FAILED].http_status;
}

int err_send(int fd, const struct err *err)
{
	ssize_t done;

	do
		done = write(fd, err, sizeof(*err));
	while (done < 0 && errno == EINTR);

	if (done < 0)
		return -errno;
	return done == (ssize_t)sizeof(*err) ? 0 : -EIO;
}

int err_receive(int fd, struct err *ret_err)
{
	struct err err;
	size_t have = 0;

	while (have < sizeof(err)) {
		ssize_t got = read(fd, (char *)&err + have, sizeof(err) - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	if (have == 0)
		return 0;
	if (have < sizeof(err))
		return -EPROTO;

	/* the sender may be anybody: a container's init has run foreign code in its process */
	err.msg[sizeof(err.msg) - 1] = '\0';
	err.hint[sizeof(err.hint) - 1] = '\0';
	if (!kind_is_known(err.kind))
		err.kind = ERR_FAILED;
	set_text(err.msg, sizeof(err.msg), err.msg, strlen(err.msg));
	set_text(err.hint, sizeof(err.hint), err.hint, strlen(err.hint));
	*ret_err = err;
	return 1;
}

/* One write per line, so that the lines of several processes do not mix. */
static void __attribute__((format(printf, 1, 0)))
print_line(const char *format, va_list args, const char *prefix)
{
	char line[1200];
	size_t length = strlen(prefix);
	int added;
	ssize_t ignored;

	memcpy(line, prefix, length);
	added = vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	if (added < 0)
		added = 0;
	length += (size_t)added;
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* there is no other place to tell that stderr is gone */
	ignored = write(STDERR_FILENO, line, length);
	(void)ignored;
}

void bug_at(const char *file, int line, const char *format, ...)
{
	char prefix[256];
	va_list args;

	snprintf(prefix, sizeof(prefix), "dhow: bug at %s:%d: ", file, line);
	va_start(args, format);
	print_line(format, args, prefix);
	va_end(args);
	abort();
}

void debug(const char *format, ...)
{
	va_list args;

	if (current_level < DEBUG_DEBUG)
		return;
	va_start(args, format);
	print_line(format, args, "dhow: debug: ");
	va_end(args);
}

void debug_set_level(enum debug_level level)
{
	current_level = level;
}

enum debug_level debug_get_level(void)
{
	return current_level;
}
