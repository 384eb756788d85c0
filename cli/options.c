/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/options.c - `__options`: all commands and options of all tables, a line each
 *
 *	COMMAND TAB NAME TAB LETTER TAB works|refused TAB TEXT
 *
 * NAME and LETTER are "-" in the line of a command itself, COMMAND is "-" for the options that stand before commands. TEXT is the help, or
 * the reason of a refusal. docs/options.md is made of it, and a test looks for what other engines have in it.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

struct listing {
	const char *path;
	const struct opt *rows;
};

static int print_option(void *arg, const struct opt *opt, size_t base)
{
	const struct listing *listing = arg;
	const struct opt *meant =
		opt->kind == OPT_KIND_ALIAS ? opts_find(listing->rows, opt->name, NULL) : opt;

	(void)printf("%s\t%s\t%c\t%s\t", listing->path, opt->name,
		     opt->letter != '\0' ? opt->letter : '-',
		     meant->kind == OPT_KIND_REFUSED ? "refused" : "works");
	if (opt->kind == OPT_KIND_ALIAS)
		(void)printf("the same as --%s\n", opt->value);
	else
		(void)printf("%s\n", opt->help);
	return 0;
}

static int options_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	struct listing globals = { "-", global_rows };

	(void)opts_each(global_rows, 0, print_option, &globals);
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct cmd *cmd = commands[i];

		for (size_t j = 0; strncmp(cmd->paths[0], "__", 2) != 0 && j < CMD_PATHS_MAX &&
				   cmd->paths[j] != NULL;
		     j++) {
			struct listing listing = { cmd->paths[j], cmd->opts };

			(void)printf("%s\t-\t-\tworks\t%s\n", cmd->paths[j], cmd->help);
			(void)opts_each(cmd->opts, 0, print_option, &listing);
		}
	}
	for (const struct refused_command *refused = refused_commands; refused->path != NULL;
	     refused++)
		(void)printf("%s\t-\t-\trefused\t%s\n", refused->path, refused->reason);
	return 0;
}

const struct cmd cmd_options = {
	.paths = { "__options" },
	.synopsis = "",
	.help = "List all commands and options",
	.section = SECTION_NONE,
	.hidden = true,
	.run = options_run,
};
