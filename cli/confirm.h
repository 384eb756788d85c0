/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/confirm.h - a question before something is lost
 */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include <stdbool.h>

/** Warn with text, ask on stdout, read one line of stdin: true for y or yes. */
bool confirm(const char *text);

#endif
