/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/confirm.c - a question before something is lost
 */
#include "cli/confirm.h"

#include "base/parse.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <stdio.h>
#include <string.h>

#define CHOICE_TRIES 3

bool confirm(const char *text)
{
	char answer[16];

	(void)printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", text);
	(void)fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

bool confirm_list(const char *text, const char *heading, const struct strv *names)
{
	cleanup_strbuf struct strbuf all = STRBUF_INIT;

	if (names->count == 0)
		return true;
	strbuf_addf(&all, "%s %s\n", text, heading);
	for (size_t i = 0; i < names->count; i++)
		strbuf_addf(&all, "%s\n", names->items[i]);
	/* the question stands on a line of its own */
	all.data[all.length - 1] = '\0';
	return confirm(all.data);
}

int choose_one(const char *question, const struct strv *names)
{
	char answer[16];
	uint64_t number;

	(void)fprintf(stderr, "%s\n", question);
	for (size_t i = 0; i < names->count; i++)
		(void)fprintf(stderr, "%4zu  %s\n", i + 1, names->items[i]);
	for (int try = 0; try < CHOICE_TRIES; try++) {
		(void)fprintf(stderr, "Which one is meant? [1-%zu] ", names->count);
		if (fgets(answer, sizeof(answer), stdin) == NULL)
			break;
		answer[strcspn(answer, "\n")] = '\0';
		if (parse_u64(answer, &number) == 0 && number >= 1 && number <= names->count)
			return (int)number - 1;
	}
	return -1;
}
