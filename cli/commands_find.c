/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands_find.c - from words to a command, and the texts of --help
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/suggest.h"

static const struct noun *noun_find(const char *word)
{
	for (const struct noun *noun = nouns; noun->name != NULL; noun++) {
		if (str_equal(noun->name, word))
			return noun;
	}
	return NULL;
}

/* How many words the path has when words begin with all of them, else 0. */
static size_t path_match(const char *path, char *const *words)
{
	size_t used = 0;

	while (words[used] != NULL) {
		const char *rest = str_after(path, words[used]);

		if (rest == NULL || (*rest != ' ' && *rest != '\0'))
			return 0;
		used++;
		if (*rest == '\0')
			return used;
		path = rest + 1;
	}
	return 0;
}

size_t commands_find(char *const *words, const struct cmd **ret_cmd, const char **ret_path,
		     const struct noun **ret_noun)
{
	*ret_cmd = NULL;
	*ret_noun = NULL;
	if (words[0] == NULL)
		return 0;
	for (size_t i = 0; commands[i] != NULL; i++) {
		for (size_t j = 0; j < CMD_PATHS_MAX && commands[i]->paths[j] != NULL; j++) {
			size_t used = path_match(commands[i]->paths[j], words);

			if (used == 0)
				continue;
			*ret_cmd = commands[i];
			*ret_path = commands[i]->paths[j];
			return used;
		}
	}
	*ret_noun = noun_find(words[0]);
	return 0;
}

/* The part of a path behind the noun, the whole path without one; NULL when it does not belong to it. */
static const char *path_below(const char *path, const struct noun *noun)
{
	if (noun == NULL)
		return strchr(path, ' ') == NULL ? path : NULL;

	const char *rest = str_after(path, noun->name);

	return rest != NULL && *rest == ' ' ? rest + 1 : NULL;
}

int commands_unknown(const struct cli *cli, const struct noun *noun, const char *word,
		     struct err *err)
{
	struct suggest suggest = SUGGEST_INIT(word);
	const char *space = noun != NULL ? " " : "";
	const char *name = noun != NULL ? noun->name : "";

	for (size_t i = 0; commands[i] != NULL; i++) {
		for (size_t j = 0; j < CMD_PATHS_MAX && commands[i]->paths[j] != NULL; j++) {
			const char *below = path_below(commands[i]->paths[j], noun);

			if (below != NULL && !commands[i]->hidden)
				suggest_candidate(&suggest, below);
		}
	}
	for (const struct noun *other = nouns; noun == NULL && other->name != NULL; other++)
		suggest_candidate(&suggest, other->name);

	err_set(err, ERR_USAGE, "unrecognized command '%s%s%s %s'", cli->program, space, name,
		word);
	if (suggest.best != NULL)
		err_hint(err, "Did you mean '%s%s%s %s'?", cli->program, space, name, suggest.best);
	else
		err_hint(err, "'%s%s%s --help' lists the commands.", cli->program, space, name);
	return -1;
}

/* ---- help ----------------------------------------------------------------------------------------------------------- */

static const char *const section_titles[] = {
	[SECTION_RUN] = "Run",	  [SECTION_LOOK] = "Look", [SECTION_IMAGES] = "Images",
	[SECTION_OTHER] = "More", [SECTION_NONE] = NULL,
};
_Static_assert(sizeof(section_titles) / sizeof(section_titles[0]) == SECTION_COUNT, "titles");

/* A word and a blank, on the next line when this one is full. */
static void help_word(const char *word, size_t *column, struct strbuf *out)
{
	if (*column + strlen(word) > 68) {
		strbuf_truncate(out, out->length - 1);
		strbuf_adds(out, "\n        ");
		*column = 0;
	}
	strbuf_addf(out, "%s ", word);
	*column += strlen(word) + 1;
}

void commands_help(const struct cli *cli, struct strbuf *out)
{
	strbuf_addf(out,
		    "Run containers without a daemon and without root\n\n"
		    "Usage:\n  %s [options] COMMAND\n",
		    cli->program);
	for (int section = 0; section < SECTION_NONE; section++) {
		/* a screen has 24 lines: commands stand side by side, their help is one question away */
		size_t column = 0;

		strbuf_addf(out, "\n%-8s", section_titles[section]);
		for (size_t i = 0; commands[i] != NULL; i++) {
			const struct cmd *cmd = commands[i];

			if ((int)cmd->section != section || cmd->hidden)
				continue;
			help_word(cmd->paths[0], &column, out);
		}
		strbuf_truncate(out, out->length - 1);
	}
	size_t column = 0;
	strbuf_adds(out, "\nNouns   ");
	for (const struct noun *noun = nouns; noun->name != NULL; noun++)
		help_word(noun->name, &column, out);
	strbuf_truncate(out, out->length - 1);
	strbuf_adds(out, "\n\nOptions:\n");
	opts_help(global_rows, &global_defaults, out);
	strbuf_addf(out, "\n'%s COMMAND --help' and '%s NOUN --help' tell more.\n", cli->program,
		    cli->program);
}

void noun_help(const struct cli *cli, const struct noun *noun, struct strbuf *out)
{
	strbuf_addf(out, "%s\n\nUsage:\n  %s %s COMMAND\n\nCommands:\n", noun->help, cli->program,
		    noun->name);
	for (size_t i = 0; commands[i] != NULL; i++) {
		for (size_t j = 0; j < CMD_PATHS_MAX && commands[i]->paths[j] != NULL; j++) {
			const char *below = path_below(commands[i]->paths[j], noun);

			if (below == NULL || commands[i]->hidden)
				continue;
			strbuf_addf(out, "  %-12s  %s\n", below, commands[i]->help);
			break;
		}
	}
}

void cmd_help(const struct cli *cli, const struct cmd *cmd, const char *path, struct strbuf *out)
{
	bool has_options = cmd->opts != NULL && cmd->opts->kind != OPT_KIND_END;

	strbuf_addf(out, "%s\n\nUsage:\n  %s %s%s%s%s\n", cmd->help, cli->program, path,
		    has_options ? " [options]" : "", *cmd->synopsis != '\0' ? " " : "",
		    cmd->synopsis);
	if (cmd->paths[1] != NULL) {
		strbuf_adds(out, "\nAlso:\n  ");
		for (size_t i = 0, shown = 0; i < CMD_PATHS_MAX && cmd->paths[i] != NULL; i++) {
			if (str_equal(cmd->paths[i], path))
				continue;
			/* a few in a line, so that it fits */
			strbuf_addf(out, "%s%s %s",
				    shown == 0	     ? ""
				    : shown % 3 == 0 ? ",\n  "
						     : ", ",
				    cli->program, cmd->paths[i]);
			shown++;
		}
		strbuf_addc(out, '\n');
	}
	if (cmd->examples != NULL)
		strbuf_addf(out, "\nExamples:\n%s", cmd->examples);
	if (has_options) {
		strbuf_adds(out, "\nOptions:\n");
		opts_help(cmd->opts, cmd->defaults, out);
	}
}
