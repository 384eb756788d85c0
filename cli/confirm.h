/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/confirm.h - a question before something is lost
 */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include <stdbool.h>

struct strv;

/** Warn with text, ask on stdout, read one line of stdin: true for y or yes. */
bool confirm(const char *text);
/** The same, and names below it, each on its line; heading comes before them. True without a question when there are none. */
bool confirm_list(const char *text, const char *heading, const struct strv *names);
/** Ask on stderr which of names is meant, and read its number from stdin: its place, or -1 when none is chosen. */
int choose_one(const char *question, const struct strv *names);

#endif
