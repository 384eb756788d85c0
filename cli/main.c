/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/main.c - from the words of the command line to one command, and from its failure to one message
 *
 * Order: standard descriptors, global options, command, its options, the number of arguments, then what the command needs:
 * a protected self before anything of a container is touched (R5), the engine. Nothing is opened before the words are right.
 * No locale, no name service, no constructors: the start of a process is most of what a short command costs.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/confirm.h"
#include "cli/docker.h"
#include "engine/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int print_text(const struct strbuf *text)
{
	(void)fwrite(text->data, 1, text->length, stdout);
	return 0;
}

static int check_arg_count(const struct cmd *cmd, size_t count, struct err *err)
{
	if (cmd->max_args == 0 && count > 0)
		return err_set(err, ERR_USAGE, "'%s' takes no arguments", cmd->paths[0]);
	if ((int)count < cmd->min_args)
		return err_set(err, ERR_USAGE, "'%s' requires at least %d argument%s (%s)",
			       cmd->paths[0], cmd->min_args, cmd->min_args == 1 ? "" : "s",
			       cmd->synopsis);
	if (cmd->max_args >= 0 && (int)count > cmd->max_args)
		return err_set(err, ERR_USAGE, "'%s' takes at most %d argument%s (%s), but got %zu",
			       cmd->paths[0], cmd->max_args, cmd->max_args == 1 ? "" : "s",
			       cmd->synopsis, count);
	return 0;
}

static int prepare(struct cli *cli, char **argv, struct err *err)
{
	if ((cli->cmd->needs & NEEDS_SELF) && runtime_protect_self(argv, err) < 0)
		return -1;
	if (!(cli->cmd->needs & (NEEDS_STORE | NEEDS_WRITING)))
		return 0;
	if (engine_open(&cli->options, cli->cmd->needs & NEEDS_WRITING, &cli->engine, err) < 0)
		return -1;

	/* scripts that call docker read both streams and know its messages only; people are told */
	if (!cli->as_docker || isatty(STDERR_FILENO))
		cli->engine->warn = cli_warning;
	/* under docker's name short names have one meaning */
	if (!cli->as_docker && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		cli->engine->choose = choose_one;
	return 0;
}

/* The words with the platform that the environment asks for, for commands that have the option, unless it is given. */
static void add_platform(const struct cli *cli, char *const *words, struct strv *all)
{
	const char *platform = cli->as_docker ? getenv("DOCKER_DEFAULT_PLATFORM") : NULL;
	bool given = str_is_empty(platform) ||
		     opts_find(cli->cmd->opts, "platform", &(size_t){ 0 }) == NULL;

	for (size_t i = 0; words[i] != NULL && !given; i++)
		given = str_after(words[i], "--platform") != NULL;
	if (!given) {
		cleanup_free char *option = xasprintf("--platform=%s", platform);

		strv_add(all, option);
	}
	for (; *words != NULL; words++)
		strv_add(all, *words);
}

static int run_command(struct cli *cli, struct global_opts *global, char *const *words, char **argv,
		       struct err *err)
{
	const struct cmd *cmd = cli->cmd;
	cleanup_strv struct strv args = STRV_INIT;
	cleanup_strv struct strv all = STRV_INIT;
	/* a multiple of one, because calloc may say NULL to nothing */
	cleanup_free void *opts = xcalloc(1, cmd->opts_size + 1);
	const struct opt_set sets[] = {
		{ .rows = cmd->opts, .opts = opts },
		{ .rows = global_rows_of(cli), .opts = global, .long_only = true },
	};
	struct opts_request request = {
		.sets = sets,
		.set_count = ARRAY_SIZE(sets),
		.interspersed = !cmd->options_first,
	};

	add_platform(cli, words, &all);
	/* a list without items is no words */
	request.words = all.count > 0 ? all.items : words;
	opts_init(cmd->opts, opts, cmd->opts_size, cmd->defaults);

	int status = 0;

	for (char *const *word = words; cmd->no_options && *word != NULL; word++)
		strv_add(&args, *word);
	if (!cmd->no_options)
		status = opts_parse(&request, &args, NULL, err);
	if (status == 1) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		cmd_help(cli, cmd, cli->path, &text);
		status = print_text(&text);
	} else if (status == 0) {
		status = check_arg_count(cmd, args.count, err);
		if (status == 0)
			status = global_apply(global, &cli->options, err);
		if (status == 0)
			status = prepare(cli, argv, err);
		if (status == 0)
			status = cmd->run(cli, opts, &args, err);
	}
	opts_release(cmd->opts, opts);
	return status;
}

static int dispatch(struct cli *cli, struct global_opts *global, char **argv, struct err *err)
{
	cleanup_strv struct strv rest = STRV_INIT;
	const struct opt_set set = { .rows = global_rows_of(cli), .opts = global };
	const struct opts_request request = { .sets = &set, .set_count = 1, .words = argv + 1 };
	size_t used;
	const struct noun *noun;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int help = opts_parse(&request, &rest, &used, err);

	if (help < 0)
		return -1;
	if (global->version) {
		if (cli->as_docker)
			(void)printf("Docker version %s, build dhow-%s\n", DOCKER_VERSION,
				     DHOW_VERSION);
		else
			(void)printf("%s version %s\n", cli->program, DHOW_VERSION);
		return 0;
	}

	char *const *words = argv + 1 + used;
	size_t length = commands_find(words, &cli->cmd, &cli->path, &noun);

	if (help == 1 && cli->cmd != NULL) {
		cmd_help(cli, cli->cmd, cli->path, &text);
		return print_text(&text);
	}
	if (cli->cmd != NULL)
		return run_command(cli, global, words + length, argv, err);
	if (words[0] != NULL && commands_refused(words, err) < 0)
		return -1;
	if (noun != NULL && words[1] != NULL && words[1][0] != '-')
		return commands_unknown(cli, noun, words[1], err);
	if (noun != NULL) {
		noun_help(cli, noun, &text);
		return print_text(&text);
	}
	if (words[0] != NULL)
		return commands_unknown(cli, NULL, words[0], err);
	commands_help(cli, &text);
	print_text(&text);
	/* asked for, it is an answer; else the command is missing */
	return help == 1 ? 0 : 125;
}

static const char *program_name(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : path;

	return str_is_empty(name) ? "dhow" : name;
}

/* An answer that nobody received is no success: a full disk, a closed descriptor. */
static int finish_output(const struct cli *cli, int status)
{
	struct err err = { 0 };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	/* whoever read it has seen enough */
	if (errno == EPIPE)
		return status;
	err_sys(&err, errno, "cannot write the output");
	return cli_worse(status, cli_error(cli, &err));
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct cli cli = { .program = program_name(argc > 0 ? argv[0] : NULL) };
	struct global_opts global;

	(void)fd_ensure_stdio();
	json_alloc_start();
	cli.as_docker = str_equal(cli.program, "docker");
	cli.options.as_docker = cli.as_docker;
	for (int i = 0; i < argc; i++)
		strv_add(&cli.command_line, argv[i]);
	opts_init(global_rows_of(&cli), &global, sizeof(global), &global_defaults);

	int status = argc > 0 ? dispatch(&cli, &global, argv, &err)
			      : err_set(&err, ERR_USAGE, "there is no command");

	if (status < 0)
		status = cli_error(&cli, &err);
	status = finish_output(&cli, status);

	engine_free(cli.engine);
	strv_release(&cli.options.additional_roots);
	opts_release(global_rows_of(&cli), &global);
	strv_release(&cli.command_line);
	return status;
}
