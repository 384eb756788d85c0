/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/pattern.h - wildcards of COPY and of .dockerignore (private to engine/build)
 *
 * Go's filepath.Match with `**` on top: * and ? stop at '/', [...] is a class, \x is x, ** is anything, and "**" before a slash also
 * nothing. A pattern is compiled once; matching takes at most length x length steps, whatever the pattern is.
 */
#ifndef ENGINE_BUILD_PATTERN_H
#define ENGINE_BUILD_PATTERN_H

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

struct pattern;
/** Compile; NULL with ERR_USAGE when a class or an escape does not end. */
struct pattern *pattern_new(const char *text, struct err *err);
void pattern_free(struct pattern *pattern);
bool pattern_match(const struct pattern *pattern, const char *text);
/** True when the text has any wildcard. */
bool pattern_is_wild(const char *text);

/** The rules of an ignore file, or of --exclude. */
struct ignore {
	struct ignore_rule *rules;
	size_t count;
	bool has_exceptions;
};
void ignore_release(struct ignore *ignore);
/** One line: blank, comment, pattern, !pattern. */
int ignore_add(struct ignore *ignore, const char *line, struct err *err);
/** A whole file. */
int ignore_parse(struct ignore *ignore, const char *text, const char *name, struct err *err);
/** True when the path, or a directory above it, is ignored: the last rule that matches decides. */
bool ignore_match(const struct ignore *ignore, const char *path);

#endif
