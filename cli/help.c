/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/help.c - `help COMMAND`
 */
#include "cli/commands.h"

#include "base/strbuf.h"

#include <stdio.h>

static int help_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const struct cmd *cmd;
	const struct noun *noun;
	const char *path;

	if (args->count == 0) {
		commands_help(cli, &text);
	} else if (commands_find(args->items, &cmd, &path, &noun) > 0) {
		cmd_help(cli, cmd, path, &text);
	} else if (noun != NULL && args->count == 1) {
		noun_help(cli, noun, &text);
	} else {
		return commands_unknown(cli, noun, args->items[noun != NULL ? 1 : 0], err);
	}
	(void)fwrite(text.data, 1, text.length, stdout);
	return 0;
}

const struct cmd cmd_help_cmd = {
	.paths = { "help" },
	.synopsis = "[COMMAND]",
	.help = "Explain a command",
	.section = SECTION_OTHER,
	.max_args = 2,
	.complete = COMPLETE_COMMANDS,
	.run = help_run,
};
