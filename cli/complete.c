/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/complete.c - `__complete`: what can stand in the place of the last word
 *
 * The shells' files ask `dhow __complete WORD... LAST`, LAST may be empty. One candidate a line, with a tab and a few words about
 * it. Only what the position needs is looked up: names of containers are directory entries, not records. The last line is ":files" when
 * the shell shall offer files. Nothing here fails aloud: no answer is an answer.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/container.h"
#include "engine/image.h"
#include "storage/volume.h"

#include <stdio.h>

struct completion {
	struct cli *cli;
	const char *start;  /* what candidates begin with */
	const char *before; /* what stands before them in the same word: "--pull=" */
	int before_length;
};

static void offer(const struct completion *completion, const char *word, const char *about)
{
	if (str_after(word, completion->start) == NULL)
		return;
	(void)printf("%.*s%s%s%s\n", completion->before_length,
		     completion->before != NULL ? completion->before : "", word,
		     about != NULL ? "\t" : "", about != NULL ? about : "");
}

/* ---- objects -------------------------------------------------------------------------------------------------------- */

static void offer_containers(const struct completion *completion, bool running_only)
{
	struct container_list list = { NULL, 0 };
	struct err err;

	if (container_list(completion->cli->engine, &list, &err) < 0)
		return;
	for (size_t i = 0; i < list.count; i++) {
		const struct container *container = list.items[i];

		if (container->name == NULL ||
		    (running_only && container->state.status != CONTAINER_RUNNING))
			continue;
		offer(completion, container->name, container->image_name);
		/* ids only when one was begun: nobody wants to see both */
		if (completion->start[0] != '\0' &&
		    str_after(container->name, completion->start) == NULL)
			offer(completion, container->id.text, container->name);
	}
	container_list_release(&list);
}

static void offer_images(const struct completion *completion)
{
	struct image_list list = { NULL, 0 };
	struct err err;

	if (image_list(completion->cli->engine->store, &list, &err) < 0)
		return;
	for (size_t i = 0; i < list.count; i++) {
		for (size_t j = 0; j < list.items[i]->names.count; j++) {
			const char *name = list.items[i]->names.items[j];
			const char *slash = strrchr(name, '/');

			offer(completion, name, NULL);
			/* the last part is enough to name an image that is here */
			if (slash != NULL && completion->start[0] != '\0')
				offer(completion, slash + 1, NULL);
		}
	}
	image_list_release(&list);
}

static void offer_volumes(const struct completion *completion)
{
	struct volume_list list = { NULL, 0 };
	struct err err;

	if (volume_list(completion->cli->engine->store, &list, &err) < 0)
		return;
	for (size_t i = 0; i < list.count; i++)
		offer(completion, list.items[i]->name, NULL);
	volume_list_release(&list);
}

static void offer_kind(const struct completion *completion, enum cmd_complete kind)
{
	switch (kind) {
	case COMPLETE_CONTAINERS:
		offer_containers(completion, false);
		break;
	case COMPLETE_RUNNING:
		offer_containers(completion, true);
		break;
	case COMPLETE_IMAGES:
		offer_images(completion);
		break;
	case COMPLETE_VOLUMES:
		offer_volumes(completion);
		break;
	case COMPLETE_OBJECTS:
		offer_containers(completion, false);
		offer_images(completion);
		offer_volumes(completion);
		break;
	case COMPLETE_FILES:
		(void)printf(":files\n");
		break;
	case COMPLETE_NOTHING:
	case COMPLETE_COMMANDS:
		break;
	}
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

static void offer_commands(const struct completion *completion, const struct noun *noun)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		for (size_t j = 0; j < CMD_PATHS_MAX && commands[i]->paths[j] != NULL; j++) {
			const char *path = commands[i]->paths[j];
			const char *below = noun != NULL ? str_after(path, noun->name) : path;

			if (commands[i]->hidden || below == NULL ||
			    (noun != NULL ? *below != ' ' : strchr(path, ' ') != NULL))
				continue;
			offer(completion, below + (noun != NULL), commands[i]->help);
		}
	}
	for (const struct noun *other = nouns; noun == NULL && other->name != NULL; other++)
		offer(completion, other->name, other->help);
}

static int offer_option(void *arg, const struct opt *opt, size_t base)
{
	const struct completion *completion = arg;
	cleanup_free char *word = xasprintf("--%s", opt->name);

	if (!opt->hidden)
		offer(completion, word, opt->help);
	return 0;
}

/* The value of an option: its words, objects that its value is named after, else files. */
static void offer_value(const struct completion *completion, const struct opt *opt)
{
	static const struct {
		const char *value;
		enum cmd_complete kind;
	} kinds[] = { { "CONTAINER", COMPLETE_CONTAINERS },
		      { "CONTAINER[:OPTIONS]", COMPLETE_CONTAINERS },
		      { "FILE", COMPLETE_FILES },
		      { "DIR", COMPLETE_FILES },
		      { "PATH", COMPLETE_FILES },
		      { "PROGRAM", COMPLETE_FILES },
		      { "[SOURCE:]TARGET[:OPTIONS]", COMPLETE_FILES } };

	for (size_t i = 0; opt->words != NULL && opt->words[i] != NULL; i++)
		offer(completion, opt->words[i], NULL);
	for (size_t i = 0; opt->value != NULL && i < ARRAY_SIZE(kinds); i++) {
		if (str_equal(opt->value, kinds[i].value))
			offer_kind(completion, kinds[i].kind);
	}
}

/* The option whose value the word behind `word` is, or NULL. */
static const struct opt *option_before(const struct opt *rows, const char *word)
{
	const struct opt *opt = NULL;

	if (word[0] != '-' || word[1] == '\0' || strchr(word, '=') != NULL)
		return NULL;
	if (word[1] == '-')
		opt = opts_find(rows, word + 2, NULL);
	else
		opt = opts_find_letter(rows, word[strlen(word) - 1], NULL);
	return opt != NULL && opt_takes_value(opt) ? opt : NULL;
}

/* Skip the options that stand before the command. */
static char *const *skip_global(char *const *words, char *const *last)
{
	while (words < last && (*words)[0] == '-') {
		const struct opt *opt = option_before(global_rows, *words);

		words += opt != NULL && words + 1 < last ? 2 : 1;
	}
	return words;
}

static void offer_in_command(struct completion *completion, const struct cmd *cmd,
			     char *const *words, char *const *last)
{
	size_t args = 0;
	const struct opt *value_of = NULL;
	const char *equal = strchr(*last, '=');

	for (; words < last; words++) {
		const struct opt *opt = option_before(cmd->opts, *words);

		if (opt == NULL)
			opt = option_before(global_rows, *words);
		if (opt != NULL && words + 1 == last)
			value_of = opt;
		else if (opt != NULL)
			words++;
		else if ((*words)[0] != '-')
			args++;
	}
	/* what follows belongs to another program */
	if (cmd->options_first && args > 0) {
		(void)printf(":files\n");
		return;
	}
	if (value_of != NULL) {
		offer_value(completion, value_of);
	} else if ((*last)[0] == '-' && equal != NULL) {
		cleanup_free char *name = xstrndup(*last, (size_t)(equal - *last));
		const struct opt *opt = option_before(cmd->opts, name);

		completion->before = *last;
		completion->before_length = (int)(equal + 1 - *last);
		completion->start = equal + 1;
		if (opt != NULL)
			offer_value(completion, opt);
	} else if ((*last)[0] == '-') {
		opts_each(cmd->opts, 0, offer_option, completion);
		offer(completion, "--help", "explain this command");
	} else if (cmd->complete == COMPLETE_COMMANDS) {
		offer_commands(completion, NULL);
	} else if (args == 0 || !cmd->complete_first_only) {
		offer_kind(completion, cmd->complete);
	}
}

static int complete_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	struct completion completion = { .cli = cli };
	const struct cmd *cmd;
	const struct noun *noun;
	const char *path;

	if (args->count == 0)
		return 0;

	char *const *last = args->items + args->count - 1;
	char *const *words = skip_global(args->items, last);
	size_t used = words < last ? commands_find(words, &cmd, &path, &noun) : 0;

	completion.start = *last;
	/* the last word itself is no part of a command's name: it is being written */
	if (used > 0 && words + used <= last)
		offer_in_command(&completion, cmd, words + used, last);
	else if (words == last && (*last)[0] == '-')
		opts_each(global_rows, 0, offer_option, &completion);
	else if (words == last)
		offer_commands(&completion, NULL);
	else if (words + 1 == last)
		offer_commands(&completion, noun);
	return 0;
}

const struct cmd cmd_complete = {
	.paths = { "__complete" },
	.synopsis = "WORD...",
	.help = "Tell a shell how a command line can go on",
	.section = SECTION_NONE,
	.max_args = -1,
	.needs = NEEDS_STORE,
	.options_first = true,
	.hidden = true,
	.run = complete_run,
};
