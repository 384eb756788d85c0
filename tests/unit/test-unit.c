/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-unit.c - unit files: lines, words, and what is said about what is none
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "units/unit.h"

static void collect(void *arg, const struct unit_problem *problem)
{
	strbuf_addf(arg, "%s:%u:%s:%s\n", problem->file, problem->line,
		    problem->key != NULL ? problem->key : "", problem->text);
}

static void read_text(struct unit *unit, const char *text, struct strbuf *problems)
{
	(void)unit_read(unit, text, strlen(text), "f", collect, problems);
}

static void lines(void **state)
{
	struct unit unit = UNIT_INIT;
	cleanup_strbuf struct strbuf problems = STRBUF_INIT, out = STRBUF_INIT;
	size_t position = 0;

	read_text(&unit,
		  "# note\n; note\n[A]\nk = one \\\n# within\n  "
		  "two\nl=x\r\nl=\nl=y\nl=z\n[B]\n[A]\nm=%i \"q\"\n",
		  &problems);
	assert_string_equal(problems.data, "");
	/* the blank in place of the backslash and those of both lines stay: words are parted by any number */
	assert_string_equal(unit_value(&unit, "A", "k"), "one  two");
	assert_string_equal(unit_next(&unit, "A", "l", &position)->value, "y");
	assert_string_equal(unit_next(&unit, "A", "l", &position)->value, "z");
	assert_null(unit_next(&unit, "A", "l", &position));
	assert_int_equal(unit_last(&unit, "A", "m")->line, 13);
	assert_null(unit_value(&unit, "B", "k"));
	assert_null(unit_value(&unit, "C", "k"));
	unit_print(&unit, &out);
	assert_string_equal(out.data, "[A]\nk=one  two\nl=x\nl=\nl=y\nl=z\nm=%i \"q\"\n\n[B]\n");
	unit_release(&unit);
}

static void wrong_lines(void **state)
{
	struct unit unit = UNIT_INIT;
	cleanup_strbuf struct strbuf problems = STRBUF_INIT;

	read_text(&unit, "a=b\n[A\n[]\nnonsense\n[A]\na b=c\n=x\nd=e\n", &problems);
	assert_string_equal(problems.data,
			    "f:1:a:it stands in no section\n"
			    "f:2::a section is [NAME]\n"
			    "f:3::a section is [NAME]\n"
			    "f:4::this is no KEY=VALUE, no [SECTION] and no comment\n"
			    "f:6::what stands before '=' is no key\n"
			    "f:7::what stands before '=' is no key\n");
	assert_string_equal(unit_value(&unit, "A", "d"), "e");
	unit_release(&unit);
}

static void words(void **state)
{
	static const struct {
		const char *text, *words;
		int status;
	} cases[] = {
		{ "", "", 0 },
		{ "  a  b\tc ", "a|b|c", 0 },
		{ "A=b \"C=d e\" 'f \"g'", "A=b|C=d e|f \"g", 0 },
		{ "a\"b c\"d", "ab cd", 0 },
		{ "\\x41\\101\\u00e4\\n\\s\\\\ \"\\\"\"", "AA\303\244\n \\|\"", 0 },
		{ "C:\\Path \\d+ \\", "C:\\Path|\\d+|\\", 0 },
		{ "\"open", "open", -1 },
		{ "\"\" ''", "|", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv struct strv list = STRV_INIT;

		assert_int_equal(unit_split_words(cases[i].text, &list), cases[i].status);

		cleanup_free char *joined = strv_join(&list, "|");

		assert_string_equal(joined, cases[i].words);
	}
}

static void quoting(void **state)
{
	static const char *const cases[] = { "",    "a",    "a b",  "a\"b'c", "\\",
					     "a;b", "\n\t", "50%%", "$$x",    "\x01\x7f" };
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv struct strv list = STRV_INIT;

		strbuf_clear(&out);
		unit_quote_word(&out, cases[i], UNIT_KEEP_SPECIFIERS | UNIT_KEEP_VARIABLES);
		assert_int_equal(unit_split_words(out.data, &list), 0);
		assert_int_equal(list.count, 1);
		assert_string_equal(list.items[0], cases[i]);
	}
	strbuf_clear(&out);
	unit_quote_word(&out, "50% of $x", 0);
	assert_string_equal(out.data, "\"50%% of $$x\"");
}

static void booleans(void **state)
{
	assert_int_equal(unit_boolean("Yes"), 1);
	assert_int_equal(unit_boolean("0"), 0);
	assert_int_equal(unit_boolean("maybe"), -1);
	assert_int_equal(unit_boolean(""), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),   cmocka_unit_test(wrong_lines), cmocka_unit_test(words),
		cmocka_unit_test(quoting), cmocka_unit_test(booleans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
