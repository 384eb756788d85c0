/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-dockerfile.c - the language of Dockerfiles: lines, instructions, here-documents, variables
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/build/dockerfile.h"

static void parse(const char *text, struct dockerfile *file)
{
	struct err err = { 0 };

	if (dockerfile_parse("Dockerfile", text, strlen(text), file, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
}

static void test_lines(void **state)
{
	cleanup_dockerfile struct dockerfile file = DOCKERFILE_INIT;

	parse("# syntax=docker/dockerfile:1\n# comment\n\nfrom base as Name\n"
	      "RUN one \\\n  # inner comment\n\n  two \\  \n three\r\n\tENV a=b\n",
	      &file);
	assert_int_equal(file.count, 3);
	assert_int_equal(file.items[0].kind, DF_FROM);
	assert_int_equal(file.items[0].first_line, 4);
	assert_string_equal(file.items[0].words.items[2], "name");
	assert_string_equal(file.items[1].rest, "one   two  three");
	assert_string_equal(file.items[1].text, "RUN one   two  three");
	assert_int_equal(file.items[1].first_line, 5);
	assert_int_equal(file.items[1].last_line, 9);
	assert_int_equal(file.items[2].kind, DF_ENV);
}

static void test_escape_directive(void **state)
{
	cleanup_dockerfile struct dockerfile file = DOCKERFILE_INIT;

	parse("# escape=`\nFROM a\nRUN one `\n two c:\\dir\\\nRUN x\n", &file);
	assert_int_equal(file.escape, '`');
	assert_int_equal(file.count, 3);
	assert_string_equal(file.items[1].rest, "one  two c:\\dir\\");
}

static void test_forms(void **state)
{
	cleanup_dockerfile struct dockerfile file = DOCKERFILE_INIT;

	parse("FROM a\nCMD [\"x\", \"y z\"]\nCMD [broken\nENV a=1 b=\"two words\" c=x\\ y\nENV old "
	      "the rest\n"
	      "COPY --from=x --chown=1:2 a b /c/\nRUN --mount=type=cache,target=/x --network=none "
	      "go\n"
	      "HEALTHCHECK --interval=5s CMD test -e /x\nHEALTHCHECK NONE\nEXPOSE 80 53/udp\nARG a "
	      "b=c\n"
	      "ADD [\"with space\", \"/d/\"]\n",
	      &file);
	assert_true(file.items[1].is_json);
	assert_string_equal(file.items[1].words.items[1], "y z");
	assert_false(file.items[2].is_json);
	assert_int_equal(file.items[3].words.count, 3);
	assert_string_equal(file.items[3].words.items[1], "b=\"two words\"");
	assert_true(file.items[4].old_form);
	assert_string_equal(file.items[4].words.items[0], "old=the rest");
	assert_string_equal(df_flag(&file.items[5], "from"), "x");
	assert_string_equal(df_flag(&file.items[5], "chown"), "1:2");
	assert_int_equal(file.items[5].words.count, 3);
	assert_string_equal(file.items[6].rest, "go");
	assert_string_equal(file.items[7].words.items[0], "CMD-SHELL");
	assert_string_equal(file.items[8].words.items[0], "NONE");
	assert_int_equal(file.items[9].words.count, 2);
	assert_int_equal(file.items[10].words.count, 2);
	assert_true(file.items[11].is_json);
}

static void test_heredocs(void **state)
{
	cleanup_dockerfile struct dockerfile file = DOCKERFILE_INIT;

	parse("FROM a\nRUN <<EOF\nFROM inside\nEOF\nCOPY <<one <<-'two' "
	      "/d/\n$x\none\n\ttabs\n\ttwo\n"
	      "RUN cat <<A >/x; echo '<<B' <<<C\n1\nA\nUSER x\n",
	      &file);
	assert_int_equal(file.count, 5);
	assert_int_equal(file.items[1].heredoc_count, 1);
	assert_string_equal(file.items[1].heredocs[0].text, "FROM inside\n");
	assert_true(file.items[1].heredocs[0].expand);
	assert_int_equal(file.items[1].last_line, 4);
	assert_int_equal(file.items[2].heredoc_count, 2);
	assert_string_equal(file.items[2].heredocs[0].text, "$x\n");
	assert_string_equal(file.items[2].heredocs[1].name, "two");
	assert_string_equal(file.items[2].heredocs[1].text, "tabs\n");
	assert_false(file.items[2].heredocs[1].expand);
	assert_int_equal(file.items[3].heredoc_count, 1);
	assert_int_equal(file.items[4].kind, DF_USER);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *message, *hint;
	} rows[] = {
		{ "FROM a\n\n# c\nRUNN \\\n x\n", "Dockerfile:4: unknown instruction 'RUNN'",
		  "RUN" },
		{ "FROM\n", "Dockerfile:1: FROM requires", "" },
		{ "FROM a b\n", "FROM requires", "" },
		{ "FROM a AS 1x\n", "invalid name", "" },
		{ "FROM a\nCOPY a\n", "Dockerfile:2: COPY requires at least two", "" },
		{ "FROM a\nCOPY --form=x a b\n", "has no flag '--form'", "--from" },
		{ "FROM a\nCOPY --from= a b\n", "--from requires a value", "" },
		{ "FROM a\nENV a\n", "ENV requires NAME=VALUE", "" },
		{ "FROM a\nENV a=1 b\n", "'b' has no value", "" },
		{ "FROM a\nENV a=\"x\n", "a quote that is not closed", "" },
		{ "FROM a\nLABEL =x\n", "LABEL", "" },
		{ "FROM a\nUSER\n", "USER requires", "" },
		{ "FROM a\nWORKDIR  \n", "WORKDIR requires", "" },
		{ "FROM a\nRUN\n", "RUN requires", "" },
		{ "FROM a\nRUN []\n", "the list is empty", "" },
		{ "FROM a\nSHELL /bin/sh\n", "JSON form", "" },
		{ "FROM a\nHEALTHCHECK --interval=1 CMD x\n", "missing unit", "" },
		{ "FROM a\nHEALTHCHECK x\n", "requires CMD", "" },
		{ "FROM a\nSTOPSIGNAL NONSENSE\n", "no signal 'NONSENSE'", "" },
		{ "FROM a\nONBUILD FROM x\n", "FROM is not allowed", "" },
		{ "FROM a\nONBUILD ONBUILD RUN x\n", "ONBUILD is not allowed", "" },
		{ "FROM a\nARG 1=x\n", "invalid name", "" },
		{ "FROM a\nRUN <<E\necho\n", "unterminated heredoc 'E'", "E" },
		{ "# escape=x\nFROM a\n", "invalid escape character", "" },
		{ "# escape=`\n# escape=`\nFROM a\n", "only one 'escape'", "" },
		{ "\n# nothing\n", "has no instructions", "FROM" },
		{ "FROM a\nRUNN \x1b[31m\n", "unknown instruction", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_dockerfile struct dockerfile file = DOCKERFILE_INIT;
		struct err err = { 0 };

		if (dockerfile_parse("Dockerfile", rows[i].text, strlen(rows[i].text), &file,
				     &err) == 0)
			fail_msg("accepted: '%s'", rows[i].text);
		if (strstr(err.msg, rows[i].message) == NULL ||
		    strstr(err.hint, rows[i].hint) == NULL)
			fail_msg("'%s': '%s' (%s), wanted '%s'", rows[i].text, err.msg, err.hint,
				 rows[i].message);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_null(strchr(err.msg, '\x1b'));
	}
}

/* ---- variables ---- */

static const char *lookup(void *arg, const char *name)
{
	static const struct {
		const char *name, *value;
	} rows[] = { { "str", "foobarbaz" }, { "A", "one" }, { "EMPTY", "" }, { "TWO", "a b" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].value;
	return NULL;
}

static void test_expand(void **state)
{
	static const struct {
		const char *text, *wanted; /* NULL: refused */
	} rows[] = {
		{ "plain", "plain" },
		{ "$A", "one" },
		{ "${A}_x", "one_x" },
		{ "$Ab", "" },
		{ "\\$A", "$A" },
		{ "'$A'", "$A" },
		{ "\"$A b\"", "one b" },
		{ "\"\\$A \\\" \\x\"", "$A \" \\x" },
		{ "a\\ b", "a b" },
		{ "$", "$" },
		{ "$$", "" },
		{ "${NONE:-d}", "d" },
		{ "${EMPTY:-d}", "d" },
		{ "${EMPTY-d}", "" },
		{ "${NONE-d}", "d" },
		{ "${A:-d}", "one" },
		{ "${A:+s}", "s" },
		{ "${EMPTY:+s}", "" },
		{ "${EMPTY+s}", "s" },
		{ "${NONE+s}", "" },
		{ "${NONE:-${A}x}", "onex" },
		{ "${NONE:-\"a b\"}", "a b" },
		{ "${NONE:?gone}", NULL },
		{ "${NONE?}", NULL },
		{ "${A:?gone}", "one" },
		{ "${str#f*b}", "arbaz" },
		{ "${str##f*b}", "az" },
		{ "${str%b*}", "foobar" },
		{ "${str%%b*}", "foo" },
		{ "${str/ba/fo}", "fooforbaz" },
		{ "${str//ba/fo}", "fooforfoz" },
		{ "${str//o}", "fbarbaz" },
		{ "${str#nothing}", "foobarbaz" },
		{ "${str%\\*}", "foobarbaz" },
		{ "${str#${A}}", "foobarbaz" },
		{ "${", NULL },
		{ "${A", NULL },
		{ "${A:x}", NULL },
		{ "${}", NULL },
		{ "'open", NULL },
		{ "\"open", NULL },
	};
	const struct df_scope scope = { .escape = '\\', .lookup = lookup };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		cleanup_free char *got = df_expand(&scope, rows[i].text, &err);

		if (rows[i].wanted == NULL && got != NULL)
			fail_msg("'%s' gave '%s'", rows[i].text, got);
		if (rows[i].wanted != NULL && (got == NULL || strcmp(got, rows[i].wanted) != 0))
			fail_msg("'%s' gave '%s' (%s), wanted '%s'", rows[i].text,
				 got ? got : "nothing", err.msg, rows[i].wanted);
	}
}

static void test_expand_words(void **state)
{
	const struct df_scope scope = { .escape = '\\', .lookup = lookup };
	cleanup_strv struct strv words = STRV_INIT;
	struct err err = { 0 };

	assert_int_equal(df_expand_words(&scope, "$TWO \"$TWO\" x$EMPTY ''", &words, &err), 0);
	cleanup_free char *joined = strv_join(&words, "|");
	assert_string_equal(joined, "a|b|a b|x|");
}

static void test_expand_is_bounded(void **state)
{
	const struct df_scope scope = { .escape = '\\', .lookup = lookup };
	cleanup_strbuf struct strbuf deep = STRBUF_INIT;
	struct err err = { 0 };

	for (size_t i = 0; i < 10000; i++)
		strbuf_adds(&deep, "${NONE:-");
	assert_null(df_expand(&scope, deep.data, &err));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_lines),	     cmocka_unit_test(test_escape_directive),
	cmocka_unit_test(test_forms),	     cmocka_unit_test(test_heredocs),
	cmocka_unit_test(test_errors),	     cmocka_unit_test(test_expand),
	cmocka_unit_test(test_expand_words), cmocka_unit_test(test_expand_is_bounded),
};
UNIT_MAIN(tests)
