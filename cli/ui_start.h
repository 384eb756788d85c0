/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui_start.h - how a command becomes the live view
 */
#ifndef CLI_UI_START_H
#define CLI_UI_START_H

#include "cli/cmd.h"

/** Execute the live view in place of this process, with the global options of this call. Comes back only with -1. */
int ui_start(struct cli *cli, struct err *err);

#endif
