/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/signature_policy.c - another policy.json for one command
 */
#include "cli/signature_policy.h"

#include "cli/cmd.h"

#include <stdlib.h>

void use_signature_policy(struct cli *cli, const char *file)
{
	if (file == NULL)
		return;
	free(cli->engine->options.policy_file);
	cli->engine->options.policy_file = xstrdup(file);
}
