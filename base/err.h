/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err.h - a failure is a kind, a sentence and a hint
 *
 * A function whose last parameter is `struct err *err` returns 0 or more on success, and -1 (or NULL) with err filled
 * exactly once. A function without it is quiet and returns -errno. All err_*() return -1, so that a failure is one line:
 *
 *	if (fstat(fd, &st) < 0)
 *		return err_sys(err, errno, "cannot inspect layer '%s'", id->text);
 *
 * The message is built where the failure is known, wrapped on the way up (outermost context first) and printed once, by
 * cli/. Lower case, no full stop, names in single quotes with their type. Kinds are about the user's objects.
 * err is never NULL: to ignore a failure pass a local one and write why.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <limits.h>
#include <stdarg.h>

enum err_kind {
	ERR_FAILED,	 /* no better word */
	ERR_USAGE,	 /* the caller's words are wrong */
	ERR_NOT_FOUND,	 /* the named object does not exist */
	ERR_EXISTS,	 /* the name is taken */
	ERR_IN_USE,	 /* something depends on the object */
	ERR_STATE,	 /* the object is in a state that does not allow this */
	ERR_AMBIGUOUS,	 /* several objects match */
	ERR_DENIED,	 /* EACCES, EPERM, or a policy says no */
	ERR_NO_SPACE,	 /* ENOSPC, EDQUOT */
	ERR_CORRUPT,	 /* a record, digest or archive is not what it must be */
	ERR_UNSUPPORTED, /* this machine or this build cannot do it */
	ERR_LIMIT,	 /* a limit of ours was met (R13) */
	ERR_TIMEOUT,	 /* it took too long; it may still go on */
	ERR_UNAVAILABLE, /* a server cannot be reached or is failing; may work later */
	ERR_AUTH,	 /* a server wants other credentials */
	ERR_INTERRUPTED, /* the user asked to stop */
	ERR_CANNOT_RUN,	 /* the container's command cannot be executed: exit 126 */
	ERR_NO_COMMAND,	 /* the container's command does not exist: exit 127 */
	ERR_KIND_COUNT
};

#define ERR_MSG_MAX  1024
#define ERR_HINT_MAX 256

struct err {
	enum err_kind kind;
	char msg[ERR_MSG_MAX];	 /* no newline; longer text is shortened in the middle */
	char hint[ERR_HINT_MAX]; /* what the user can do, a sentence, or "" */
};
_Static_assert(sizeof(struct err) < PIPE_BUF, "a child sends it to its parent in one write");

/** Fill err with a kind and a message. */
int err_set(struct err *err, enum err_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Fill err with a message and ": " and the text of an errno value. Maps only ENOSPC and EDQUOT to ERR_NO_SPACE, EPERM,
 * EACCES and EROFS to ERR_DENIED, EINTR to ERR_INTERRUPTED; all else is ERR_FAILED.
 */
int err_sys(struct err *err, int errno_value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Put context and ": " before the message that err has; the kind and the hint stay. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Set the hint of err, unless it has one: the innermost knows best. */
int err_hint(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Name of a kind as it is used in JSON and debug lines: "not-found". */
const char *err_kind_name(enum err_kind kind);

/** Exit status of a command that failed so: 125, 126 or 127. */
int err_exit_status(enum err_kind kind);

/** HTTP status of an API call that failed so. */
int err_http_status(enum err_kind kind);

/** One write of the whole struct to a pipe; 0 or -errno. */
int err_send(int fd, const struct err *err);

/** Read one struct err from a pipe: 1 received (strings are terminated and kind is in range), 0 end of file, -errno. */
int err_receive(int fd, struct err *ret_err);

/** A bug of ours, never outside input: prints one line and aborts. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

enum debug_level {
	DEBUG_ERROR,
	DEBUG_WARN,
	DEBUG_INFO,
	DEBUG_DEBUG,
	DEBUG_TRACE,
	DEBUG_LEVEL_COUNT
};

/** Print a line on stderr when the level set by debug_set_level() (--log-level; default DEBUG_WARN) is at least DEBUG_DEBUG. */
void debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void debug_set_level(enum debug_level level);
enum debug_level debug_get_level(void);

#endif
