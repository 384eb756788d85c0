/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/runlabel.c - `container runlabel`: the command that a label of an image is
 *
 * A label says how its image wants to be run: "podman run -d --name NAME IMAGE". Its words are split as a shell splits them, the variables are
 * put in, and dhow executes itself with them. There is no shell, and nothing but dhow is executed: the first word must be podman, docker or dhow, and
 * what follows a command that makes or manages containers. Even so such a command has the user's rights (`run -v /:/host`), so it is
 * printed before it runs, and --display only prints it.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "cli/image_name.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "engine/container.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* a label cannot call this command again */
#define NESTED_VARIABLE "DHOW_RUNLABEL_NESTED"

struct runlabel_opts {
	struct image_pull_opts pull;
	bool display, replace;
	char *name, *opt[3];
};

/* What the words of the label may name. */
struct label_values {
	const char *image;
	char *name; /* owned */
	char directory[PATH_MAX];
	const char *opt[3]; /* "" when not given */
};

static int find_label(struct cli *cli, const struct image *image, const char *label,
		      const char *image_text, char **ret_text, struct err *err)
{
	cleanup_json json_t *config = NULL;
	const char *key;
	json_t *value;

	if (image_config(cli->engine->store, image, &config, err) < 0)
		return -1;
	json_object_foreach (json_at(config, "config", "Labels", NULL), key, value) {
		if (strcasecmp(key, label) != 0 || !json_is_string(value))
			continue;
		*ret_text = xstrdup(json_string_value(value));
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "cannot find the value of label: %s in image: %s", label,
		       image_text);
}

/* ---- words ---- */

static int split_words(const char *text, struct strv *words, struct err *err)
{
	if (image_split_words(text, words) < 0)
		return err_set(err, ERR_CORRUPT, "a quote in the label's command has no end");
	return 0;
}

static const char *variable(const struct label_values *values, const char *name, size_t length)
{
	static const char *const names[] = { "IMAGE", "NAME", "PWD", "OPT1", "OPT2", "OPT3" };
	const char *const texts[] = { values->image,  values->name,   values->directory,
				      values->opt[0], values->opt[1], values->opt[2] };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
			return texts[i];
	return ""; /* the environment of the user is none of the image's business */
}

/* $NAME and ${NAME} */
static void expand(const struct label_values *values, const char *text, struct strbuf *out)
{
	while (*text != '\0') {
		bool braces = text[0] == '$' && text[1] == '{';
		const char *name = text + 1 + braces;
		size_t length = 0;

		while (isalnum((unsigned char)name[length]) || name[length] == '_')
			length++;
		if (*text != '$' || length == 0 || (braces && name[length] != '}')) {
			strbuf_addc(out, *text++);
			continue;
		}
		strbuf_adds(out, variable(values, name, length));
		text = name + length + braces;
	}
}

/* Whole words that are names themselves: NAME, IMAGE, NAME=NAME, IMAGE=IMAGE. */
static void add_word(const struct label_values *values, const char *word, struct strbuf *out)
{
	if (str_equal(word, "IMAGE"))
		strbuf_adds(out, values->image);
	else if (str_equal(word, "NAME"))
		strbuf_adds(out, values->name);
	else if (str_equal(word, "IMAGE=IMAGE"))
		strbuf_addf(out, "IMAGE=%s", values->image);
	else if (str_equal(word, "NAME=NAME"))
		strbuf_addf(out, "NAME=%s", values->name);
	else
		expand(values, word, out);
}

/* The words of the command, without the program's name, which is ret_program. */
static int read_command(const char *label, const char *text, const struct strv *args,
			const struct label_values *values, char **ret_program, struct strv *words,
			struct err *err)
{
	cleanup_strv struct strv first = STRV_INIT;
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	if (split_words(text, &first, err) < 0)
		return err_wrap(err, "cannot use the label '%s'", label);
	strv_add_all(&first, args);
	for (size_t i = 1; i < first.count; i++) {
		strbuf_adds(&line, i > 1 ? " " : "");
		add_word(values, first.items[i], &line);
	}
	/* once more, as podman does it: a value can be several words or none */
	if (split_words(line.data != NULL ? line.data : "", words, err) < 0)
		return err_wrap(err, "cannot use the label '%s'", label);
	*ret_program = xstrdup(first.count > 0 ? first.items[0] : "");
	return 0;
}

/* dhow, by whatever name */
static bool is_own(const char *program)
{
	static const char *const programs[] = { "podman", "docker", "dhow", NULL };
	const char *slash = strrchr(program, '/');

	return str_is_among(programs, slash != NULL ? slash + 1 : program);
}

static int check_command(const char *label, const char *program, const struct strv *words,
			 struct err *err)
{
	static const char *const allowed[] = { "run", "create", "start", "stop", "restart", "kill",
					       "rm",  "exec",	"wait",	 "logs", "ps",	    NULL };
	size_t noun = words->count > 0 && str_equal(words->items[0], "container");
	const char *command = words->count > noun ? words->items[noun] : "";
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	if (!is_own(program)) {
		strbuf_add_escaped(&shown, program);
		err_set(err, ERR_DENIED, "cannot run the label '%s': its program '%s' is not dhow",
			label, shown.data);
		return err_hint(err, "See it with --display, and run it yourself if you trust it.");
	}
	if (str_is_among(allowed, command))
		return 0;
	strbuf_add_escaped(&shown, command);
	err_set(err, ERR_DENIED,
		"cannot run the label '%s': its command '%s' is none of containers", label,
		shown.data);
	return err_hint(err, "A label can run, create, start, stop, restart, kill, rm, exec, wait, "
			     "logs and ps.");
}

static void print_command(const struct cli *cli, const char *program, const struct strv *words)
{
	cleanup_free char *line = strv_join(words, " ");
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, line);
	(void)printf("command: %s %s\n", is_own(program) ? cli->command_line.items[0] : program,
		     shown.data);
	(void)fflush(stdout);
}

/* ---- running it ---- */

static int remove_named(struct cli *cli, const struct strv *words, struct err *err)
{
	static const struct container_rm_opts rm = { .force = true, .stop.time_s = -1 };

	for (size_t i = 0; i < words->count; i++) {
		cleanup_container struct container *container = NULL;
		const char *name = str_after(words->items[i], "--name=");
		int found;

		if (str_equal(words->items[i], "--name") && i + 1 < words->count)
			name = words->items[i + 1];
		if (name == NULL)
			continue;
		found = container_find(cli->engine, name, &container, err);
		if (found < 0 ||
		    (found > 0 && container_remove(cli->engine, container, &rm, err) < 0))
			return -1;
	}
	return 0;
}

/* This program, with the global options that it was called with. */
static int execute(struct cli *cli, const struct strv *words, struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strv struct strv rest = STRV_INIT;
	struct global_opts global = global_defaults;
	const struct opt_set set = { global_rows_of(cli), &global, false };
	const struct opts_request request = {
		.sets = &set,
		.set_count = 1,
		.words = strv_argv(&cli->command_line) + 1,
	};
	size_t used = 0;
	int status;

	opts_init(global_rows_of(cli), &global, sizeof(global), &global_defaults);
	status = opts_parse(&request, &rest, &used, err);
	opts_release(global_rows_of(cli), &global);
	if (status < 0)
		return -1;
	for (size_t i = 0; i <= used; i++)
		strv_add(&argv, cli->command_line.items[i]);
	strv_add_all(&argv, words);
	if (setenv(NESTED_VARIABLE, "1", 1) < 0)
		return err_sys(err, errno, "cannot set a variable");
	(void)execv("/proc/self/exe", strv_argv(&argv));
	return err_sys(err, errno, "cannot execute dhow");
}

/* "fedora" for registry/fedora:40 */
static char *base_name(const char *image_text)
{
	const char *slash = strrchr(image_text, '/');
	const char *base = slash != NULL ? slash + 1 : image_text;

	return xstrndup(base, strcspn(base, ":@"));
}

static int runlabel_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct runlabel_opts *opts = opts_;
	const char *label = args->items[0], *image_text = args->items[1];
	cleanup_image struct image *image = NULL;
	cleanup_free char *text = NULL;
	cleanup_free char *program = NULL;
	cleanup_strv struct strv more = STRV_INIT;
	cleanup_strv struct strv words = STRV_INIT;

	if (getenv(NESTED_VARIABLE) != NULL)
		return err_set(err, ERR_DENIED, "a label cannot run another label");
	if (image_pull(cli->engine, image_text, &opts->pull, NULL, NULL, &image, err) < 0 ||
	    find_label(cli, image, label, image_text, &text, err) < 0)
		return -1;
	for (size_t i = 2; i < args->count; i++)
		strv_add(&more, args->items[i]);

	cleanup_free char *meant = image_name_meant(image, image_text);
	cleanup_free char *name = opts->name != NULL ? xstrdup(opts->name) : base_name(image_text);
	struct label_values values = {
		.image = meant != NULL ? meant : image_text,
		.name = name,
	};
	for (size_t i = 0; i < ARRAY_SIZE(values.opt); i++)
		values.opt[i] = opts->opt[i] != NULL ? opts->opt[i] : "";
	if (getcwd(values.directory, sizeof(values.directory)) == NULL)
		values.directory[0] = '\0';
	if (read_command(label, text, &more, &values, &program, &words, err) < 0)
		return -1;
	if (opts->display) {
		print_command(cli, program, &words);
		return 0;
	}
	if (check_command(label, program, &words, err) < 0)
		return -1;
	if (!opts->pull.quiet)
		print_command(cli, program, &words);
	if (opts->replace && remove_named(cli, &words, err) < 0)
		return -1;
	return execute(cli, &words, err);
}

static const struct opt runlabel_opts[] = {
	OPT_INCLUDE(struct runlabel_opts, pull, struct image_pull_opts, pull_rows),
	OPT_FLAG(0, "display", struct runlabel_opts, display, "print the command, run nothing"),
	OPT_STRING('n', "name", struct runlabel_opts, name, "NAME",
		   "what NAME in the label stands for; else the image's name"),
	OPT_FLAG(0, "replace", struct runlabel_opts, replace,
		 "remove a container of the name that the command has"),
	OPT_STRING(0, "opt1", struct runlabel_opts, opt[0], "WORDS", "what OPT1 stands for"),
	OPT_STRING(0, "opt2", struct runlabel_opts, opt[1], "WORDS", "what OPT2 stands for"),
	OPT_STRING(0, "opt3", struct runlabel_opts, opt[2], "WORDS", "what OPT3 stands for"),
	OPT_END
};

const struct cmd cmd_container_runlabel = {
	.paths = { "container runlabel" },
	.synopsis = "LABEL IMAGE [ARG...]",
	.help = "Run the dhow command that a label of an image is",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = -1,
	.options_first = true,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = runlabel_opts,
	.opts_size = sizeof(struct runlabel_opts),
	.defaults = &(const struct runlabel_opts){ .pull.retry = 3, .pull.tls_verify = TRI_UNSET },
	.run = runlabel_run,
};
