/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/complete.c - `__complete`, `__completeNoDesc`: what can stand in the place of the last word
 *
 * The protocol is the one that shells' files of other Go programs speak, so those that people have go on to work: `dhow __complete WORD... LAST`,
 * LAST may be empty; one candidate a line, with a tab and a few words about it; the last line is ":N", a sum of what the shell shall do:
 *
 *	1	nothing, it was an error	2	put no blank behind the candidate
 *	4	offer no files			16	offer directories only
 *
 * Of "--name=value" the value is completed alone. Only what the position needs is looked up: names of images and volumes are directory
 * entries, not records. The store is the one of the command line that is being written. Nothing here fails aloud: no answer is an answer.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/container.h"
#include "engine/image.h"
#include "storage/secret.h"
#include "storage/volume.h"

#include <stdio.h>

#define DIRECTIVE_NO_SPACE    2
#define DIRECTIVE_NO_FILES    4
#define DIRECTIVE_DIRECTORIES 16

extern char **environ;

struct completion {
	struct cli *cli;
	char *const *globals; /* the words before the command */
	size_t global_count;
	const char *start; /* what candidates begin with */
	const char *after; /* what is put behind candidates: ":" */
	bool no_descriptions;
	int directive;
};

static void offer(const struct completion *completion, const char *word, const char *about)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (str_after(word, completion->start) == NULL)
		return;
	strbuf_add_escaped(&out, word);
	strbuf_adds(&out, completion->after != NULL ? completion->after : "");
	if (!str_is_empty(about) && !completion->no_descriptions) {
		strbuf_addc(&out, '\t');
		strbuf_add_escaped(&out, about);
	}
	(void)printf("%s\n", out.data);
}

/* ---- objects -------------------------------------------------------------------------------------------------------- */

/* The engine for the options that stand before the command; NULL when there is none. Opened when it is needed first. */
static struct engine *engine_of(struct completion *completion)
{
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_strv struct strv rest = STRV_INIT;
	struct cli *cli = completion->cli;
	struct global_opts global;
	struct err err; /* without a store there is nothing to offer */

	if (cli->engine != NULL)
		return cli->engine;

	const struct opt *rows = global_rows_of(cli);
	const struct opt_set set = { .rows = rows, .opts = &global };

	for (size_t i = 0; i < completion->global_count; i++)
		strv_add(&words, completion->globals[i]);
	opts_init(rows, &global, sizeof(global), &global_defaults);

	const struct opts_request request = { .sets = &set, .set_count = 1, .words = words.items };

	/* of the options only where the store is: --out and the like are for the run of the line, not for its completion */
	if (words.count > 0 && opts_parse(&request, &rest, NULL, &err) == 0) {
		if (global.root != NULL)
			cli->options.root = global.root;
		if (global.run_root != NULL)
			cli->options.run_root = global.run_root;
	}
	if (engine_open(&cli->options, false, &cli->engine, &err) < 0)
		cli->engine = NULL;
	opts_release(rows, &global);
	cli->options.root = cli->options.run_root = NULL;
	return cli->engine;
}

static bool is_wanted(const struct container_brief *container, enum cmd_complete kind)
{
	enum container_status status = container->state.status;

	switch (kind) {
	case COMPLETE_RUNNING:
		return status == CONTAINER_RUNNING;
	case COMPLETE_PAUSED:
		return status == CONTAINER_PAUSED;
	case COMPLETE_STOPPED:
		return status != CONTAINER_RUNNING && status != CONTAINER_PAUSED;
	default:
		return true;
	}
}

static void offer_containers(struct completion *completion, enum cmd_complete kind)
{
	cleanup_container_brief_list struct container_brief_list list = { NULL, 0, NULL };
	struct engine *engine = engine_of(completion);
	struct err err;

	if (engine == NULL || container_list_brief(engine, &list, &err) < 0)
		return;
	for (size_t i = 0; i < list.count; i++) {
		const struct container_brief *container = &list.items[i];

		if (!is_wanted(container, kind))
			continue;
		if (*container->name != '\0')
			offer(completion, container->name, container->image_name);
		/* ids only when one was begun: nobody wants to see both */
		if (completion->start[0] != '\0' &&
		    str_after(container->name, completion->start) == NULL)
			offer(completion, container->id.text, container->name);
	}
}

static void offer_images(struct completion *completion)
{
	cleanup_strv struct strv names = STRV_INIT;
	struct engine *engine = engine_of(completion);
	struct err err;

	if (engine == NULL || image_all_names(engine->store, &names, &err) < 0)
		return;
	strv_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		const char *slash = strrchr(names.items[i], '/');

		offer(completion, names.items[i], NULL);
		/* the last part is enough to name an image that is here */
		if (slash != NULL && completion->start[0] != '\0')
			offer(completion, slash + 1, NULL);
	}
}

static void offer_volumes(struct completion *completion)
{
	cleanup_strv struct strv names = STRV_INIT;
	struct engine *engine = engine_of(completion);
	struct err err;

	if (engine == NULL || volume_all_names(engine->store, &names, &err) < 0)
		return;
	strv_sort(&names);
	for (size_t i = 0; i < names.count; i++)
		offer(completion, names.items[i], NULL);
}

static void offer_secrets(struct completion *completion)
{
	cleanup_secret_list struct secret_list list = { NULL, 0 };
	struct engine *engine = engine_of(completion);
	struct err err;

	if (engine == NULL || secret_list(engine->store, &list, &err) < 0)
		return;
	for (size_t i = 0; i < list.count; i++)
		offer(completion, list.items[i]->name, NULL);
}

static void offer_files(struct completion *completion, int directive)
{
	completion->directive &= ~DIRECTIVE_NO_FILES;
	completion->directive |= directive;
}

/* The same with something behind each: another part follows. */
static void offer_with(struct completion *completion, const char *after,
		       void (*offer_them)(struct completion *completion))
{
	completion->after = after;
	offer_them(completion);
	completion->after = NULL;
	completion->directive |= DIRECTIVE_NO_SPACE;
}

static void offer_any_container(struct completion *completion)
{
	offer_containers(completion, COMPLETE_CONTAINERS);
}

static void offer_kind(struct completion *completion, enum cmd_complete kind)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };

	switch (kind) {
	case COMPLETE_CONTAINERS:
	case COMPLETE_RUNNING:
	case COMPLETE_STOPPED:
	case COMPLETE_PAUSED:
		offer_containers(completion, kind);
		break;
	case COMPLETE_IMAGES:
		offer_images(completion);
		break;
	case COMPLETE_VOLUMES:
		offer_volumes(completion);
		break;
	case COMPLETE_SECRETS:
		offer_secrets(completion);
		break;
	case COMPLETE_OBJECTS:
		offer_containers(completion, COMPLETE_CONTAINERS);
		offer_images(completion);
		offer_volumes(completion);
		break;
	case COMPLETE_COPY:
		/* what begins like a path is one */
		if (strchr("./~", *completion->start) == NULL || *completion->start == '\0')
			offer_with(completion, ":", offer_any_container);
		offer_files(completion, 0);
		break;
	case COMPLETE_SHELLS:
		for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
			offer(completion, shells[i], NULL);
		break;
	case COMPLETE_FILES:
		offer_files(completion, 0);
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
	struct completion *completion = arg;
	cleanup_free char *word = xasprintf("--%s", opt->name);

	if (!opt->hidden)
		offer(completion, word, opt->help);
	return 0;
}

static void offer_variables(struct completion *completion)
{
	for (char **item = environ; *item != NULL; item++) {
		cleanup_free char *name = xstrndup(*item, strcspn(*item, "="));

		offer(completion, name, NULL);
	}
}

/* "container:" and what follows it, for options that join another container. */
static bool offer_joined(struct completion *completion)
{
	static const char prefix[] = "container:";
	cleanup_container_brief_list struct container_brief_list list = { NULL, 0, NULL };
	struct engine *engine;
	struct err err;

	if (str_after(completion->start, prefix) == NULL) {
		completion->directive |= DIRECTIVE_NO_SPACE;
		offer(completion, prefix, "the namespace of another container");
		return false;
	}
	engine = engine_of(completion);
	if (engine == NULL || container_list_brief(engine, &list, &err) < 0)
		return true;
	for (size_t i = 0; i < list.count; i++) {
		cleanup_free char *word = xasprintf("%s%s", prefix, list.items[i].name);

		offer(completion, word, list.items[i].image_name);
	}
	return true;
}

/* The value of an option: its words, objects that its value is named after, else files. */
static void offer_value(struct completion *completion, const struct opt *opt)
{
	static const struct {
		const char *value;
		enum cmd_complete kind;
	} kinds[] = { { "CONTAINER", COMPLETE_CONTAINERS },
		      { "CONTAINER[:OPTIONS]", COMPLETE_CONTAINERS },
		      { "IMAGE", COMPLETE_IMAGES },
		      { "VOLUME", COMPLETE_VOLUMES },
		      { "FILE", COMPLETE_FILES },
		      { "PATH", COMPLETE_FILES },
		      { "PROGRAM", COMPLETE_FILES } };
	static const char *const joining[] = { "network", "net", "pid", "ipc", "uts", "userns" };
	static const char volume[] = "[SOURCE:]TARGET[:OPTIONS]";

	for (size_t i = 0; i < ARRAY_SIZE(joining); i++) {
		if (str_equal(opt->name, joining[i]) && offer_joined(completion))
			return;
	}
	for (size_t i = 0; opt->words != NULL && opt->words[i] != NULL; i++)
		offer(completion, opt->words[i], NULL);
	for (size_t i = 0; opt->value != NULL && i < ARRAY_SIZE(kinds); i++) {
		if (str_equal(opt->value, kinds[i].value))
			offer_kind(completion, kinds[i].kind);
	}
	if (str_equal(opt->value, "DIR"))
		offer_files(completion, DIRECTIVE_DIRECTORIES);
	if (str_equal(opt->value, volume)) {
		offer_with(completion, ":", offer_volumes);
		offer_files(completion, 0);
	}
	if (str_equal(opt->name, "secret"))
		offer_secrets(completion);
	if (str_after(opt->value != NULL ? opt->value : "", "NAME[=VALUE]") != NULL &&
	    str_equal(opt->name, "env"))
		offer_variables(completion);
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
		offer_files(completion, 0);
		return;
	}
	if (value_of != NULL) {
		offer_value(completion, value_of);
	} else if ((*last)[0] == '-' && equal != NULL) {
		cleanup_free char *name = xstrndup(*last, (size_t)(equal - *last));
		const struct opt *opt = option_before(cmd->opts, name);

		completion->start = equal + 1;
		if (opt == NULL)
			opt = option_before(global_rows, name);
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

static void complete_words(struct completion *completion, const struct strv *args)
{
	const struct cmd *cmd;
	const struct noun *noun;
	const char *path;
	char *const *last = args->items + args->count - 1;
	char *const *words = skip_global(args->items, last);
	size_t used = words < last ? commands_find(words, &cmd, &path, &noun) : 0;

	completion->globals = args->items;
	completion->global_count = (size_t)(words - args->items);
	completion->start = *last;

	const struct opt *value_of =
		words == last && last > args->items ? option_before(global_rows, last[-1]) : NULL;

	/* the last word itself is no part of a command's name: it is being written */
	if (used > 0 && words + used <= last)
		offer_in_command(completion, cmd, words + used, last);
	else if (value_of != NULL)
		offer_value(completion, value_of);
	else if (words == last && (*last)[0] == '-')
		opts_each(global_rows, 0, offer_option, completion);
	else if (words == last)
		offer_commands(completion, NULL);
	else if (words + 1 == last)
		offer_commands(completion, noun);
}

static int complete_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	struct completion completion = {
		.cli = cli,
		.no_descriptions = str_equal(cli->path, "__completeNoDesc"),
		.directive = DIRECTIVE_NO_FILES,
	};

	if (args->count > 0)
		complete_words(&completion, args);
	(void)printf(":%d\n", completion.directive);
	return 0;
}

const struct cmd cmd_complete = {
	.paths = { "__complete", "__completeNoDesc" },
	.synopsis = "WORD...",
	.help = "Tell a shell how a command line can go on",
	.section = SECTION_NONE,
	.max_args = -1,
	.no_options = true,
	.hidden = true,
	.run = complete_run,
};
