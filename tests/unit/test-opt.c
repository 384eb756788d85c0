/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-opt.c - the parser of options, and the tables of all commands
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "cli/commands.h"
#include "base/suggest.h"

struct sample {
	bool all, force, given;
	int tri, color;
	char *name, *entry;
	struct strv env, caps;
	int64_t number, count, time_s;
	struct {
		char *policy;
	} inner;
};
#define T struct sample

static const char *const colors[] = { "red", "green", NULL };
static const struct opt inner_rows[] = {
	OPT_STRING(0, "policy", __typeof__(((T *)0)->inner), policy, "POLICY", "inner"), OPT_END
};
static const struct opt rows[] = { OPT_FLAG('a', "all", T, all, "all"),
				   OPT_FLAG('f', "force", T, force, "force"),
				   OPT_TRI(0, "tri", T, tri, "tri"),
				   OPT_CHOICE('C', "color", T, color, "COLOR", colors, "color"),
				   OPT_STRING('n', "name", T, name, "NAME", "name"),
				   OPT_STRING_GIVEN(0, "entry", T, entry, given, "ENTRY", "entry"),
				   OPT_LIST('e', "env", T, env, "ENV", "env"),
				   OPT_WORDS('c', "caps", T, caps, "CAPS", "caps"),
				   OPT_INT(0, "number", T, number, "N", "number"),
				   OPT_UINT(0, "count", T, count, "N", "count"),
				   OPT_SECONDS('t', "time", T, time_s, "SECONDS", "time"),
				   OPT_ALIAS("timeout", "time"),
				   OPT_REFUSED(0, "remote", "there is no server"),
				   OPT_REFUSED_VALUE('u', "url", "there is no server"),
				   OPT_INCLUDE(T, inner, __typeof__(((T *)0)->inner), inner_rows),
				   OPT_END };
static const struct sample defaults = { .tri = -1, .color = -1, .name = (char *)"dflt" };

struct result {
	struct sample sample;
	struct strv args;
	struct err err;
	int status;
};

#define WORDS_MAX 12

static void parse(struct result *result, bool interspersed, const char *line)
{
	cleanup_strv struct strv words = STRV_INIT;
	const struct opt_set set = { .rows = rows, .opts = &result->sample };

	memset(result, 0, sizeof(*result));
	opts_init(rows, &result->sample, sizeof(result->sample), &defaults);
	if (*line != '\0')
		strv_split(&words, line, ' ');

	const struct opts_request request = {
		.sets = &set,
		.set_count = 1,
		.words = strv_argv(&words),
		.interspersed = interspersed,
	};

	result->status = opts_parse(&request, &result->args, NULL, &result->err);
}

static void release(struct result *result)
{
	opts_release(rows, &result->sample);
	strv_release(&result->args);
}

static void assert_list(const struct strv *list, const char *expected)
{
	cleanup_free char *joined = strv_join(list, "|");

	assert_string_equal(joined, expected);
}

static void test_defaults(void **state)
{
	struct result result;

	parse(&result, true, "");
	assert_int_equal(result.status, 0);
	assert_false(result.sample.all);
	assert_int_equal(result.sample.tri, -1);
	assert_string_equal(result.sample.name, "dflt");
	assert_false(result.sample.given);
	release(&result);
}

static void test_forms(void **state)
{
	struct result result;

	parse(&result, true,
	      "-af --name=x -e A=1 -eB=2 --env=C --caps a,b -c=c --tri=false x --time 5 y");
	assert_int_equal(result.status, 0);
	assert_true(result.sample.all);
	assert_true(result.sample.force);
	assert_string_equal(result.sample.name, "x");
	assert_list(&result.sample.env, "A=1|B=2|C");
	assert_list(&result.sample.caps, "a|b|c");
	assert_int_equal(result.sample.tri, 0);
	assert_int_equal(result.sample.time_s, 5);
	assert_list(&result.args, "x|y");
	release(&result);

	parse(&result, true, "--force=false -a=true --color green --number -3 --count 4 -an z");
	assert_int_equal(result.status, 0);
	assert_false(result.sample.force);
	assert_true(result.sample.all);
	assert_int_equal(result.sample.color, 1);
	assert_int_equal(result.sample.number, -3);
	assert_int_equal(result.sample.count, 4);
	assert_string_equal(result.sample.name, "z");
	release(&result);

	parse(&result, true, "--timeout 1m30s --policy never --entry=");
	assert_int_equal(result.status, 0);
	assert_int_equal(result.sample.time_s, 90);
	assert_string_equal(result.sample.inner.policy, "never");
	assert_true(result.sample.given);
	assert_string_equal(result.sample.entry, "");
	release(&result);

	parse(&result, true, "-t -1 - -- -a --x");
	assert_int_equal(result.status, 0);
	assert_true(result.sample.time_s == OPT_FOREVER_S);
	assert_false(result.sample.all);
	assert_list(&result.args, "-|-a|--x");
	release(&result);
}

static void test_options_first(void **state)
{
	struct result result;

	parse(&result, false, "-a image cmd -f --nonsense");
	assert_int_equal(result.status, 0);
	assert_true(result.sample.all);
	assert_false(result.sample.force);
	assert_list(&result.args, "image|cmd|-f|--nonsense");
	release(&result);

	parse(&result, false, "-a -- -f x");
	assert_list(&result.args, "-f|x");
	release(&result);
}

static void test_quoted_words(void **state)
{
	struct result result;

	parse(&result, true, "--caps a,\"b,c\",\"d\"\"e\" --caps=");
	assert_int_equal(result.status, 0);
	assert_list(&result.sample.caps, "a|b,c|d\"e");
	release(&result);
}

static void test_help(void **state)
{
	struct result result;

	parse(&result, true, "x --help");
	assert_int_equal(result.status, 1);
	release(&result);
	parse(&result, true, "-h");
	assert_int_equal(result.status, 1);
	release(&result);
	parse(&result, true, "--name --help");
	assert_int_equal(result.status, 0);
	release(&result);
}

static void test_errors(void **state)
{
	static const struct {
		const char *line;
		const char *message;
		const char *hint;
	} cases[] = {
		{ "--nam x", "unknown flag: --nam", "Did you mean '--name'?" },
		{ "--nonsense", "unknown flag: --nonsense", "" },
		{ "-xyz", "unknown shorthand flag: 'x' in -xyz", "" },
		{ "-axz", "unknown shorthand flag: 'x' in -axz", "" },
		{ "--name", "flag needs an argument: --name", "" },
		{ "-an", "flag needs an argument: 'n' in -an", "" },
		{ "--=x", "bad flag syntax: --=x", "" },
		{ "--all=maybe",
		  "invalid argument 'maybe' for '-a, --all': true or false is wanted", "" },
		{ "--number 1x", "invalid argument '1x' for '--number': a whole number is wanted",
		  "" },
		{ "--count -1", "invalid argument '-1' for '--count': a number is wanted", "" },
		{ "--count 99999999999999999999",
		  "invalid argument '99999999999999999999' for '--count': the number is too large",
		  "" },
		{ "--time soon",
		  "invalid argument 'soon' for '-t, --time': a number of seconds is wanted", "" },
		{ "--color blue", "invalid argument 'blue' for '-C, --color': it can be red, green",
		  "" },
		{ "--caps \"a", "invalid argument '\"a' for '-c, --caps': a quote is not closed",
		  "" },
		{ "--remote", "--remote is not supported: there is no server", "" },
		{ "--url", "--url is not supported: there is no server", "" },
		{ "-u x", "--url is not supported: there is no server", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct result result;

		parse(&result, true, cases[i].line);
		assert_int_equal(result.status, -1);
		assert_string_equal(result.err.msg, cases[i].message);
		assert_string_equal(result.err.hint, cases[i].hint);
		release(&result);
	}
}

static void test_suggest(void **state)
{
	static const char *const words[] = { "run", "rm", "restart", "start", "stop", "images" };
	static const char *const cases[][2] = {
		{ "rnu", "run" },	  { "strat", "start" }, { "imagse", "images" },
		{ "restrat", "restart" }, { "xyzzy", NULL },	{ "stopp", "stop" },
		{ "xx", NULL },		  { "ima", "images" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct suggest suggest = SUGGEST_INIT(cases[i][0]);

		for (size_t j = 0; j < ARRAY_SIZE(words); j++)
			suggest_candidate(&suggest, words[j]);
		if (cases[i][1] == NULL)
			assert_null(suggest.best);
		else
			assert_string_equal(suggest.best, cases[i][1]);
	}
}

/* ---- the tables ------------------------------------------------------------------------------------------------------ */

static void test_all_commands(void **state)
{
	const struct cli cli = { .program = "dhow" };
	struct err err = { 0 };

	if (opts_check(global_rows, &global_defaults, &err) < 0)
		fail_msg("global options: %s", err.msg);
	if (opts_check(docker_global_rows, &global_defaults, &err) < 0)
		fail_msg("docker's global options: %s", err.msg);
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct cmd *cmd = commands[i];
		cleanup_strbuf struct strbuf help = STRBUF_INIT;

		assert_non_null(cmd->paths[0]);
		assert_null(cmd->paths[CMD_PATHS_MAX - 1]);
		if (cmd->opts != NULL && opts_check(cmd->opts, cmd->defaults, &err) < 0)
			fail_msg("%s: %s", cmd->paths[0], err.msg);
		if (cmd->synopsis == NULL || str_is_empty(cmd->help) || cmd->run == NULL)
			fail_msg("%s: no synopsis, help or function", cmd->paths[0]);
		if (str_ends_with(cmd->help, "."))
			fail_msg("%s: the help ends in a full stop", cmd->paths[0]);
		if (cmd->max_args >= 0 && cmd->max_args < cmd->min_args)
			fail_msg("%s: more arguments are needed than allowed", cmd->paths[0]);
		if (cmd->opts != NULL && cmd->opts_size == 0 && cmd->opts->kind != OPT_KIND_REFUSED)
			fail_msg("%s: options without a struct", cmd->paths[0]);
		cmd_help(&cli, cmd, cmd->paths[0], &help);
		assert_true(help.length > 0);
	}
}

static void test_paths(void **state)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		for (size_t j = 0; j < CMD_PATHS_MAX && commands[i]->paths[j] != NULL; j++) {
			cleanup_strv struct strv words = STRV_INIT;
			const struct cmd *cmd;
			const struct noun *noun;
			const char *path;

			strv_split(&words, commands[i]->paths[j], ' ');
			/* found, and not another one of the same name */
			assert_int_equal(commands_find(strv_argv(&words), &cmd, &path, &noun),
					 words.count);
			if (cmd != commands[i])
				fail_msg("two commands are called '%s'", commands[i]->paths[j]);
		}
	}
}

static void test_help_fits_a_screen(void **state)
{
	const struct cli cli = { .program = "dhow" };
	cleanup_strbuf struct strbuf help = STRBUF_INIT;
	size_t lines = 0;
	size_t column = 0;

	commands_help(&cli, &help);
	for (const char *p = help.data; *p != '\0'; p++) {
		column = *p == '\n' ? 0 : column + 1;
		lines += *p == '\n';
		assert_true(column <= 100);
	}
	assert_true(lines <= 40);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_defaults),      cmocka_unit_test(test_forms),
	cmocka_unit_test(test_options_first), cmocka_unit_test(test_quoted_words),
	cmocka_unit_test(test_help),	      cmocka_unit_test(test_errors),
	cmocka_unit_test(test_suggest),	      cmocka_unit_test(test_all_commands),
	cmocka_unit_test(test_paths),	      cmocka_unit_test(test_help_fits_a_screen),
};
UNIT_MAIN(tests)
