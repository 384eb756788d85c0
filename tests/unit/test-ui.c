/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ui.h"

#include "unit.h"

static void test_rows(void **state)
{
	struct ui_table table = { 0 };

	(void)state;
	ui_table_set(&table, "aaa\tweb\trunning\tUp 3 minutes (healthy)\t8080->80/tcp\tnginx\n"
			     "Warning: something else\n"
			     "\tno id\trunning\t\t\t\n"
			     "bbb\tjob\texited\tExited (1) 2 hours ago\t\tbusybox\n");
	assert_int_equal(table.count, 2);
	assert_string_equal(table.rows[0].status, "Up 3 minutes");
	assert_string_equal(table.rows[0].health, "healthy");
	assert_string_equal(table.rows[0].ports, "8080->80/tcp");
	assert_string_equal(table.rows[1].status, "Exited (1) 2 hours ago");
	assert_string_equal(table.rows[1].health, "");
	assert_int_equal(ui_table_find(&table, "bbb"), 1);
	assert_int_equal(ui_table_find(&table, "bb"), -1);
	ui_table_release(&table);
}

/* numbers stay through the next list while a container runs, and not longer */
static void test_numbers(void **state)
{
	struct ui_table table = { 0 };

	(void)state;
	ui_table_set(&table, "aaa\tweb\trunning\tUp\t\tnginx\n");
	ui_table_number(&table, "aaa\t1.50%\t12MB / 8GB\t3");
	ui_table_number(&table, "zzz\t1.50%\t12MB / 8GB\t3");
	ui_table_number(&table, "aaa\tcut");
	assert_string_equal(table.rows[0].memory, "12MB");
	ui_table_set(&table, "bbb\tdb\trunning\tUp\t\tdb\naaa\tweb\trunning\tUp\t\tnginx\n");
	assert_string_equal(table.rows[0].cpu, "");
	assert_string_equal(table.rows[1].cpu, "1.50%");
	ui_table_set(&table, "aaa\tweb\texited\tExited (0)\t\tnginx\n");
	assert_string_equal(table.rows[0].cpu, "");
	ui_table_set(&table, "");
	assert_int_equal(table.count, 0);
	ui_table_release(&table);
}

/* what a container prints must not reach the terminal as it is */
static void test_log(void **state)
{
	struct ui_log log = { STRV_INIT, 0 };

	(void)state;
	ui_log_add(&log, "\033[1;31mred\033[0m\r\a\033]x");
	assert_string_equal(log.lines.items[0], "redx");
	ui_log_add(&log, "a\tb\033[");
	assert_string_equal(log.lines.items[1], "a       b");
	ui_log_add(&log, "\033");
	assert_string_equal(log.lines.items[2], "");
	for (size_t i = 0; i < UI_LOG_LINES + 10; i++)
		ui_log_add(&log, "x");
	assert_int_equal(log.lines.count, UI_LOG_LINES);
	log.above = 5;
	ui_log_add(&log, "y");
	assert_int_equal(log.above, 6);
	strv_release(&log.lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
