/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/builder.h - what the commands of working containers share
 */
#ifndef CLI_BUILDER_H
#define CLI_BUILDER_H

#include "cli/cmd.h"
#include "engine/working.h"

struct builder_from_opts {
	struct container_create_opts create;
	char *format, *pull, *isolation;
};
extern const struct opt builder_from_rows[];

/** What the command line said that a working container was made with; opts_release() with builder_from_rows. */
int builder_read_from(const struct container *container, struct builder_from_opts *ret_opts,
		      struct err *err);
/** 0, or ERR_UNSUPPORTED: steps run in containers of dhow's own. */
int builder_check_isolation(const char *text, struct err *err);
/** Where a step's output goes. */
void builder_output(void *arg, const char *text, size_t length, bool is_stderr);

#define BUILDER_NO_USERNS "steps run with the map of all subordinate ids"
#define BUILDER_NO_CRYPT  "encrypted images are not supported"

#endif
