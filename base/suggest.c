/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/suggest.c - the distance of two words: insertions, deletions, replacements and swaps of neighbours
 *
 * Words are short and only one question is asked per command line, so the plain matrix is good enough.
 */
#include "base/suggest.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX 40

static unsigned minimum(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned word_distance(const char *a, const char *b)
{
	size_t a_length = strlen(a);
	size_t b_length = strlen(b);
	unsigned rows[WORD_MAX + 1][WORD_MAX + 1];

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= a_length; i++) {
		for (size_t j = 0; j <= b_length; j++) {
			if (i == 0 || j == 0) {
				rows[i][j] = (unsigned)(i + j);
				continue;
			}
			unsigned replaced = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			unsigned best =
				minimum(replaced, minimum(rows[i - 1][j], rows[i][j - 1]) + 1);

			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = minimum(best, rows[i - 2][j - 2] + 1);
			rows[i][j] = best;
		}
	}
	return rows[a_length][b_length];
}

void suggest_candidate(struct suggest *suggest, const char *candidate)
{
	size_t length = strlen(suggest->word);
	unsigned distance = word_distance(suggest->word, candidate);
	/* a third of the letters may be wrong: more is another word */
	unsigned limit = length <= 3 ? 1 : (unsigned)(length + 1) / 3;

	/* a longer name that begins so is what was meant, too */
	if (length >= 3 && strncmp(suggest->word, candidate, length) == 0)
		distance = minimum(distance, 1);
	if (distance <= limit && (suggest->best == NULL || distance < suggest->best_distance)) {
		suggest->best = candidate;
		suggest->best_distance = distance;
	}
}
