/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-logs - parse log records, and read across rotation while the monitor's writer writes
 */
#include "engine/container/log_reader.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/monitor/monitor_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/test-logs-XXXXXX";
static int dir_fd = -1;

static int setup(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	if (mkdtemp(directory) == NULL)
		return -1;
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	fd_close(&dir_fd);
	int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int status = path_remove_tree(tmp_fd, strrchr(directory, '/') + 1);
	close(tmp_fd);
	return status;
}

static void k8s_lines_are_parsed(void **state)
{
	static const struct {
		const char *line;
		bool good, is_stderr, partial;
		int64_t time_ns;
		const char *text;
	} cases[] = {
		{ "2026-11-23T23:34:06.376037480+00:00 stdout F hello you", true, false, false,
		  1795476846376037480, "hello you" },
		{ "2026-11-23T23:34:06.376037480+00:00 stderr P ", true, true, true,
		  1795476846376037480, "" },
		{ "2000-02-29T00:00:00.000000001+00:00 stdout F x", true, false, false,
		  951782400000000001, "x" },
		/* podman's, in local time */
		{ "2026-11-24T00:34:06.376037480+01:00 stdout F x", true, false, false,
		  1795476846376037480, "x" },
		{ "2026-11-23T23:34:06.376037480+00:00 stdout F", false, false, false, 0, "" },
		{ "2026-11-23T23:34:06.376037480+00:00 stdaux F x", false, false, false, 0, "" },
		{ "2026-11-23T23:34:06.376037480+00:00 stdout X x", false, false, false, 0, "" },
		{ "yesterday stdout F x", false, false, false, 0, "" },
		{ "", false, false, false, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_record record;

		assert_int_equal(log_parse_k8s(cases[i].line, strlen(cases[i].line), &record),
				 cases[i].good);
		if (!cases[i].good)
			continue;
		assert_int_equal(record.is_stderr, cases[i].is_stderr);
		assert_int_equal(record.partial, cases[i].partial);
		assert_int_equal(record.time_ns, cases[i].time_ns);
		assert_int_equal(record.length, strlen(cases[i].text));
		assert_memory_equal(record.text, cases[i].text, record.length);
	}
}

static void write_number(struct monitor_log *log, int number)
{
	char line[16];
	int length = snprintf(line, sizeof(line), "%d\n", number);

	monitor_log_write(log, number % 3 == 0, line, (size_t)length, 1000000000LL * number);
}

/* Read what is there; the numbers go on from *next. */
static void read_numbers(struct log_reader *reader, int *next)
{
	struct log_record record;
	struct err err;
	int status;

	while ((status = log_reader_next(reader, &record, &err)) > 0) {
		char text[16];

		assert_false(record.partial);
		assert_in_range(record.length, 1, sizeof(text) - 1);
		memcpy(text, record.text, record.length);
		text[record.length] = '\0';
		assert_int_equal(atoi(text), *next);
		assert_int_equal(record.is_stderr, *next % 3 == 0);
		assert_int_equal(record.time_ns, 1000000000LL * *next);
		(*next)++;
	}
	assert_int_equal(status, 0);
}

static void follow_across_rotation(int driver)
{
	struct monitor_log log = { .driver = driver,
				   .dir_fd = dir_fd,
				   .fd = -1,
				   .name = "log",
				   .max_bytes = 3000,
				   .max_files = 20 };
	struct log_reader reader;
	int written = 0;
	int next = 0;

	log_reader_init(&reader, dir_fd, "log", driver == LOG_JSON_FILE);
	read_numbers(&reader, &next); /* there is no file yet */
	monitor_log_open(&log);
	/* steps within a file, to its end, and over several files */
	for (int step = 1; step < 300; step += 7) {
		for (int i = 0; i < step; i++)
			write_number(&log, written++);
		read_numbers(&reader, &next);
		assert_int_equal(next, written);
	}
	monitor_log_close(&log);
	log_reader_release(&reader);
}

static void a_follower_loses_no_line_of_k8s_files(void **state)
{
	(void)state;
	follow_across_rotation(LOG_K8S_FILE);
}

static void a_follower_loses_no_line_of_json_files(void **state)
{
	(void)state;
	follow_across_rotation(LOG_JSON_FILE);
}

static void damaged_and_endless_lines_are_passed_over(void **state)
{
	struct monitor_log log = {
		.driver = LOG_K8S_FILE, .dir_fd = dir_fd, .fd = -1, .name = "log", .max_files = 1
	};
	struct log_reader reader;
	char junk[8192];
	int next = 0;

	(void)state;
	memset(junk, 'j', sizeof(junk));
	monitor_log_open(&log);
	write_number(&log, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(write(log.fd, junk, sizeof(junk)), sizeof(junk));
	assert_int_equal(write(log.fd, "\nnothing\n\n", 10), 10);
	write_number(&log, 1);
	monitor_log_close(&log);

	log_reader_init(&reader, dir_fd, "log", false);
	read_numbers(&reader, &next);
	log_reader_release(&reader);
	assert_int_equal(next, 2);
}

static void the_longest_json_record_is_read(void **state)
{
	static char data[ATTACH_PAYLOAD_MAX];
	struct monitor_log log = {
		.driver = LOG_JSON_FILE, .dir_fd = dir_fd, .fd = -1, .name = "log", .max_files = 1
	};
	struct log_reader reader;
	struct log_record record;
	struct err err;

	(void)state;
	memset(data, 1, sizeof(data));
	monitor_log_open(&log);
	monitor_log_write(&log, false, data, sizeof(data), 0);
	monitor_log_close(&log);
	log_reader_init(&reader, dir_fd, "log", true);
	assert_int_equal(log_reader_next(&reader, &record, &err), 1);
	assert_true(record.partial);
	assert_int_equal(record.length, sizeof(data));
	assert_memory_equal(record.text, data, sizeof(data));
	log_reader_release(&reader);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(k8s_lines_are_parsed),
		CASE(a_follower_loses_no_line_of_k8s_files),
		CASE(a_follower_loses_no_line_of_json_files),
		CASE(damaged_and_endless_lines_are_passed_over),
		CASE(the_longest_json_record_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
