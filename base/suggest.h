/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/suggest.h - "did you mean": the known word that is nearest to a mistyped one
 *
 *	struct suggest suggest = SUGGEST_INIT("stasrt");
 *	suggest_candidate(&suggest, "start");	for each word there is
 *	suggest.best				borrowed, NULL when none is near
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

struct suggest {
	const char *word;
	const char *best;
	unsigned best_distance;
};
#define SUGGEST_INIT(word)                                                                         \
	{                                                                                          \
		(word), NULL, 0                                                                    \
	}
void suggest_candidate(struct suggest *suggest, const char *candidate);

#endif
