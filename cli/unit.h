/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/unit.h - writing units of systemd
 *
 * A unit names this program and the words of its command line. systemd reads the words with rules of its own, so each goes through
 * unit_add_word().
 */
#ifndef CLI_UNIT_H
#define CLI_UNIT_H

#include "base/strv.h"

#include <stdbool.h>

struct err;
struct strbuf;
struct opt;

/** Append one word as systemd reads it back: quoted when it must be, '%' and '$' doubled. */
void unit_add_word(struct strbuf *out, const char *word);
/** The same for a word that may hold specifiers: '%' stays. */
void unit_add_raw_word(struct strbuf *out, const char *word);
/** Path of this program, for Exec lines. */
int unit_program(char **ret_path, struct err *err);

/** One option of a command line that was right once: its name in the table and the words that say it. */
struct unit_option {
	const char *name;  /* the long one */
	const char *value; /* within words; NULL: none */
	struct strv words;
};
/**
 * Take the next option off words (ended by NULL) by the table; clusters of letters come one letter at a time: *cluster is 0 at first.
 * 1 taken, 0 there are no more options (words stands at the first argument), -1 a word that is no option of the table.
 */
int unit_next_option(const struct opt *rows, char *const **words, size_t *cluster,
		     struct unit_option *ret_option);

#endif
