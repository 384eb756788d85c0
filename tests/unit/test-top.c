/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container/top.h"

#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "engine/processes.h"

static void test_stat(void **state)
{
	struct proc proc = { 0 };
	char text[] =
		"77 (a) b( c) S 1 77 77 34816 80 4194304 1 2 3 4 150 50 7 8 20 -5 3 0 12345 8192 2 "
		"18446744073709551615 1";
	char short_text[] = "77 (x) S 1 2";
	char no_command[] = "77 x S 1 2";
	char cut[] = "77 (x)";

	(void)state;
	assert_true(proc_parse_stat(text, &proc));
	assert_string_equal(proc.command, "a) b( c");
	assert_int_equal(proc.state, 'S');
	assert_int_equal(proc.parent_pid, 1);
	assert_int_equal(proc.terminal, 34816);
	assert_int_equal(proc.user_ticks, 150);
	assert_int_equal(proc.system_ticks, 50);
	assert_int_equal(proc.nice, -5);
	assert_int_equal(proc.threads, 3);
	assert_int_equal(proc.start_ticks, 12345);
	assert_int_equal(proc.virtual_bytes, 8192);
	assert_int_equal(proc.resident_bytes, 2 * sysconf(_SC_PAGESIZE));
	assert_false(proc_parse_stat(short_text, &proc));
	assert_false(proc_parse_stat(no_command, &proc));
	assert_false(proc_parse_stat(cut, &proc));
	proc_release(&proc);
}

static void test_status(void **state)
{
	static const char lines[] =
		"Name:\tsh\nUid:\t100000\t100001\t0\t0\nGid:\t5\t6\t6\t6\nGroups:\t7 8 "
		"\nNSpid:\t900\t12\t1\n"
		"NSpgid:\t900\t12\t1\nNSsid:\t900\t0\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n";
	struct proc proc = { 0 };
	cleanup_free char *text = xstrdup(lines);
	char nothing[] = "garbage\n\nmore";

	(void)state;
	assert_true(proc_parse_status(text, 2, &proc));
	assert_int_equal(proc.uids[PROC_ID_REAL], 100000);
	assert_int_equal(proc.uids[PROC_ID_EFFECTIVE], 100001);
	assert_int_equal(proc.gids[PROC_ID_EFFECTIVE], 6);
	assert_int_equal(proc.group_count, 2);
	assert_int_equal(proc.groups[1], 8);
	assert_int_equal(proc.inner_pid, 12);
	assert_int_equal(proc.inner_session, 0);
	assert_true(proc.capabilities[PROC_CAP_EFFECTIVE] == 0xa80425fb);
	assert_int_equal(proc.seccomp, 2);
	free(text);
	text = xstrdup(lines);
	assert_true(proc_parse_status(text, 3, &proc));
	assert_int_equal(proc.inner_pid, 1);
	free(text);
	text = xstrdup(lines);
	assert_true(proc_parse_status(text, 4, &proc));
	assert_int_equal(proc.inner_pid, 0);
	assert_false(proc_parse_status(nothing, 1, &proc));
	proc_release(&proc);
}

static int choose(const char *words, char **ret_titles, bool *ret_like_ps, struct err *err)
{
	cleanup_strv struct strv asked = STRV_INIT, titles = STRV_INIT;
	cleanup_free const struct top_column **columns = NULL;
	size_t count;

	if (*words != '\0')
		strv_split(&asked, words, ' ');
	if (top_choose(&asked, &columns, &count, ret_like_ps, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		strv_add(&titles, columns[i]->title);
	*ret_titles = strv_join(&titles, " ");
	return 0;
}

static void test_choose(void **state)
{
	static const struct {
		const char *words, *titles;
		bool like_ps;
	} good[] = {
		{ "", "USER PID PPID %CPU ELAPSED TTY TIME COMMAND", false },
		{ "pid user args", "PID USER COMMAND", false },
		{ "pid,hpid", "PID HPID", false },
		{ "%p %C", "PID %CPU", false },
		{ "user", "USER", false },
		{ "-eo pid,comm", "PID COMMAND", true },
		{ "-e -o pid", "PID", true },
		{ "-opid,ppid", "PID PPID", true },
		{ "-ef", "USER PID PPID %CPU STIME TTY TIME COMMAND", true },
		{ "aux", "USER PID %CPU %MEM VSZ RSS TTY STATE STIME TIME COMMAND", true },
		{ "axo pid", "PID", true },
		{ "-e", "PID TTY TIME COMMAND", true },
	};
	static const char *const bad[] = { "nonsense", "pid nonsense", "-eo nonsense", "-eo",
					   "-Z",       "-e pid",       "pid -e",       "-p 1" };
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cleanup_free char *titles = NULL;
		bool like_ps;

		assert_int_equal(choose(good[i].words, &titles, &like_ps, &err), 0);
		assert_string_equal(titles, good[i].titles);
		assert_int_equal(like_ps, good[i].like_ps);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_free char *titles = NULL;
		bool like_ps;

		if (choose(bad[i], &titles, &like_ps, &err) == 0)
			fail_msg("'%s' was not refused", bad[i]);
	}
}

static void test_columns(void **state)
{
	cleanup_strv struct strv names = STRV_INIT;

	(void)state;
	container_top_columns(&names);
	for (size_t i = 1; i < names.count; i++)
		assert_true(strcmp(names.items[i - 1], names.items[i]) < 0);
	for (const struct top_column *column = top_columns; column->name != NULL; column++)
		assert_non_null(column->text);
}

static void test_duration(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },	    { 2.5, "2.5s" },	    { 0.25, "250ms" },	    { 61, "1m1s" },
		{ 3600, "1h0m0s" }, { 3725.5, "1h2m5.5s" }, { 0.005928, "5.928ms" }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = top_duration(cases[i].seconds);

		assert_string_equal(text, cases[i].text);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_stat),	 cmocka_unit_test(test_status),
	cmocka_unit_test(test_choose),	 cmocka_unit_test(test_columns),
	cmocka_unit_test(test_duration),
};

UNIT_MAIN(tests)
