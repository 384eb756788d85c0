/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/info.h - the parts of `info`
 */
#ifndef CLI_INFO_H
#define CLI_INFO_H

#include "cli/cmd.h"

#include <jansson.h>

/** Add a line to problems: the sentence and its cure. */
void info_problem(json_t *problems, const struct err *err);
/** The "host" object. problems (owned from now on) is filled, and becomes a member. New reference. */
json_t *info_host(struct cli *cli, json_t *problems_take);
/** Name of the storage driver that this machine can use; a problem when none works. */
const char *info_driver(struct cli *cli, json_t *problems);

#endif
