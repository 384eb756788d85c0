/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/output.c - results that are no image: --squash and --output
 */
#include "engine/build/publish.h"

int publish_squash(struct build *build, struct state *state, struct err *err)
{
	(void)build;
	(void)state;
	return err_set(err, ERR_UNSUPPORTED, "--squash");
}

int publish_outputs(struct build *build, struct state *state, struct build_result *result,
		    struct err *err)
{
	(void)state;
	(void)result;
	return err_set(err, ERR_UNSUPPORTED, "--output %s", build->opts->outputs.items[0]);
}
