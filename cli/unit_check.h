/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/unit_check.h - what is wrong with Quadlet units, found without starting anything
 */
#ifndef CLI_UNIT_CHECK_H
#define CLI_UNIT_CHECK_H

#include "cli/cmd.h"

#include <stdbool.h>

struct strbuf;
struct strv;

/**
 * Check units by their files, with all installed ones to refer to. Each finding is a line of out: FILE:LINE: KEY: what is wrong.
 * @param with_siblings  they may also refer to what stands beside them
 * @return  number of findings that keep a unit from working
 */
size_t unit_check_files(struct cli *cli, const struct strv *paths, bool with_siblings,
			struct strbuf *out);

#endif
