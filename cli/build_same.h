/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_same.h - options of other builders that may say what this one does in any case
 */
#ifndef CLI_BUILD_SAME_H
#define CLI_BUILD_SAME_H

#include "engine/build.h"

/** Refuse, by name and with the reason, what asks for something else. --call check becomes --check, --pull-never a policy. */
int build_check_same(struct build_opts *opts, struct err *err);

#endif
