/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/unit.h - unit files, as systemd reads and writes them
 *
 * The folder `units` knows the syntax of unit files and turns Quadlet units into services (units/quadlet.h). It uses base only and
 * knows nothing of containers, images or the store: a generator runs before anything of them may be touched, and has
 * milliseconds.
 *
 *	struct unit unit = UNIT_INIT;
 *	unit_read(&unit, text, length, "web.container", report, arg);	again for each drop-in: lines are appended
 *	unit_last(&unit, "Container", "Image")				the line that counts
 *	unit_release(&unit);
 *
 * Every line remembers its file and number, so that whatever is wrong with it can be said with its place.
 */
#ifndef UNITS_UNIT_H
#define UNITS_UNIT_H

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct strbuf;

/** KEY=VALUE. Continued lines are joined with a blank, as systemd does; blanks at both ends are gone. */
struct unit_line {
	char *key, *value;
	const char *file; /* borrowed from the unit */
	unsigned line;
};
struct unit_section {
	char *name;
	struct unit_line *lines;
	size_t count, size;
};
struct unit {
	struct unit_section *sections; /* each name once, in the order of the files */
	size_t count, size;
	struct strv files;
};
#define UNIT_INIT                                                                                  \
	{                                                                                          \
		NULL, 0, 0, STRV_INIT                                                              \
	}
void unit_release(struct unit *unit);

enum unit_level {
	UNIT_ERROR,   /* the unit is of no use */
	UNIT_REFUSED, /* the unit is made, but dhow refuses to start it */
	UNIT_WARNING, /* it will do something, perhaps not what was meant */
};
/** What is wrong with a unit, and where. */
struct unit_problem {
	enum unit_level level;
	const char *file;
	unsigned line;	 /* 0: the whole file */
	const char *key; /* NULL: no key is to blame */
	const char *text;
};
typedef void (*unit_report)(void *arg, const struct unit_problem *problem);
/** Append "FILE:LINE: KEY: ", without what is not known, and with what somebody wrote escaped. */
void unit_problem_place(const struct unit_problem *problem, struct strbuf *out);

/** A unit is text that somebody wrote by hand; anything greater is something else. */
#define UNIT_BYTES_MAX (1U << 20)

/** Append the lines of one file. What is no line of a unit is reported (and left out): -1 if there was any. */
int unit_read(struct unit *unit, const char *text, size_t length, const char *file,
	      unit_report report, void *arg);

/** NULL when there is none. */
const struct unit_section *unit_find(const struct unit *unit, const char *section);
/** The section, made at the end when it is not there. */
struct unit_section *unit_section(struct unit *unit, const char *section);
/** The last line of a key that has a value; NULL when there is none, or an empty one came later. */
const struct unit_line *unit_last(const struct unit *unit, const char *section, const char *key);
/** Value of that, or NULL. */
const char *unit_value(const struct unit *unit, const char *section, const char *key);
/**
 * Walk the lines of a key that count: those behind the last empty one. *position is 0 at first; NULL at the end.
 */
const struct unit_line *unit_next(const struct unit *unit, const char *section, const char *key,
				  size_t *position);
/** Append a line to a section. */
void unit_add(struct unit *unit, const char *section, const char *key, const char *value);
/** Put a line at the beginning of a section. */
void unit_add_first(struct unit *unit, const char *section, const char *key, const char *value);
/** The text of the whole unit. */
void unit_print(const struct unit *unit, struct strbuf *out);

/* ---- words ---------------------------------------------------------------------------------------------------------- */

/**
 * Append the words of a value: blanks part them, quotes hold them together, backslashes are read as in C. 0, or -1 when a quote has no end (what is there counts).
 */
int unit_split_words(const char *text, struct strv *words);

/** What stays as it is in a word of a command line, instead of being doubled. */
enum unit_keep {
	UNIT_KEEP_SPECIFIERS = 1 << 0, /* % */
	UNIT_KEEP_VARIABLES = 1 << 1,  /* $ */
};
/** Append one word so that systemd reads it back: quoted when it must be. */
void unit_quote_word(struct strbuf *out, const char *word, unsigned keep);
/** "1", "yes", "true", "on" and their opposites, in any case: 1, 0, or -1. */
int unit_boolean(const char *text);

#endif
