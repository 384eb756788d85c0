/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/confirm.c - a question before something is lost
 */
#include "cli/confirm.h"

#include "base/strbuf.h"
#include "base/strv.h"

#include <stdio.h>

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
