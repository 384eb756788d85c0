/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/manual.c - `__manual`: what the tables know about every command, for docs/man/make.sh
 *
 *	noun TAB NAME TAB HELP
 *	command TAB PATH TAB SYNOPSIS TAB HELP		"-" is dhow itself, with the options that stand before commands
 *	also TAB PATH					another name of the command above
 *	example TAB LINE
 *	key TAB SECTION TAB NAME TAB OPTION TAB HOW	of Quadlet units; OPTION is "-" when no option does it alone
 *	option TAB LETTER TAB NAME TAB VALUE TAB DEFAULT TAB WORDS TAB HELP
 *
 * What is empty is "-". Hidden commands and options are not there, refused ones are in docs/options.md.
 */
#include "cli/commands.h"

#include "base/strbuf.h"
#include "units/quadlet.h"

#include <stdint.h>
#include <stdio.h>

static const char *or_dash(const char *text)
{
	return str_is_empty(text) ? "-" : text;
}

static int print_option(void *defaults, const struct opt *opt, size_t base)
{
	cleanup_strbuf struct strbuf value = STRBUF_INIT;
	cleanup_strbuf struct strbuf words = STRBUF_INIT;

	if (opt->hidden)
		return 0;
	opt_default(opt, base, defaults, &value);
	for (size_t i = 0; opt->words != NULL && opt->words[i] != NULL; i++)
		strbuf_addf(&words, "%s%s", i > 0 ? ", " : "", opt->words[i]);
	(void)printf("option\t%c\t%s\t%s\t%s\t%s\t%s\n", opt->letter != '\0' ? opt->letter : '-',
		     opt->name, or_dash(opt->value), or_dash(value.data), or_dash(words.data),
		     opt->help);
	return 0;
}

static void print_command(const struct cmd *cmd)
{
	(void)printf("command\t%s\t%s\t%s\n", cmd->paths[0], or_dash(cmd->synopsis), cmd->help);
	for (size_t i = 1; i < CMD_PATHS_MAX && cmd->paths[i] != NULL; i++)
		(void)printf("also\t%s\n", cmd->paths[i]);
	for (const char *line = cmd->examples; line != NULL && *line != '\0';) {
		size_t length = strcspn(line, "\n");

		(void)printf("example\t%.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
	(void)opts_each(cmd->opts, 0, print_option, (void *)(uintptr_t)cmd->defaults);
}

static void print_keys(const char *section, const struct quadlet_key *key)
{
	static const char *const how[] = {
		[QUADLET_SPECIAL] = "-",
		[QUADLET_ONE] = "the last line counts",
		[QUADLET_EACH] = "each line adds one",
		[QUADLET_WORDS] = "each word adds one",
		[QUADLET_FLAG] = "true or false",
		[QUADLET_FLAG_VALUE] = "true or false",
	};

	for (; key->name != NULL; key++)
		(void)printf("key\t%s\t%s\t%s%s%s\t%s\n", section, key->name, or_dash(key->option),
			     key->prefix != NULL ? " " : "", key->prefix != NULL ? key->prefix : "",
			     how[key->how]);
}

static int manual_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	(void)printf(
		"command\t-\tCOMMAND [ARG...]\tRun containers without a daemon and without root\n");
	(void)opts_each(global_rows, 0, print_option, (void *)(uintptr_t)&global_defaults);
	for (const struct noun *noun = nouns; noun->name != NULL; noun++)
		(void)printf("noun\t%s\t%s\n", noun->name, noun->help);
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (!commands[i]->hidden)
			print_command(commands[i]);
	}
	for (int type = 0; type < QUADLET_TYPE_COUNT; type++)
		print_keys(quadlet_section(type), quadlet_keys(type));
	print_keys("Quadlet", quadlet_common_keys);
	return 0;
}

const struct cmd cmd_manual = {
	.paths = { "__manual" },
	.synopsis = "",
	.help = "Tell what manual pages are made of",
	.section = SECTION_NONE,
	.hidden = true,
	.run = manual_run,
};
