/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/confirm.c - a question before something is lost
 */
#include "cli/confirm.h"

#include <stdio.h>

bool confirm(const char *text)
{
	char answer[16];

	(void)printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", text);
	(void)fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}
