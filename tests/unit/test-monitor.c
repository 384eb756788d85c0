/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-monitor - the monitor's table, its log, its records, and its loop with a child that plays the container
 */
#include "engine/monitor/monitor_log.h"
#include "engine/monitor/monitor_notify.h"
#include "engine/monitor/monitor_record.h"
#include "engine/monitor/monitor_state.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/process.h"
#include "base/record.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/test-monitor-XXXXXX";
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

static void read_text(const char *name, struct strbuf *text)
{
	strbuf_clear(text);
	assert_int_equal(fd_read_file(dir_fd, name, text, 16 << 20), 0);
}

/* ---- table ---- */

static void every_cell_has_a_handler(void **state)
{
	(void)state;
	for (int row = 0; row < STATE_COUNT; row++) {
		for (int column = 0; column < EVENT_COUNT; column++)
			assert_non_null(monitor_cell(row, column));
	}
}

/* With nothing open each handler leads to a state that exists, never back to an earlier one. */
static void no_cell_leads_back(void **state)
{
	static struct monitor monitor;
	static const struct monitor_config config = { .container_id = "x", .log_name = "log" };
	static const struct monitor_fds fds = { -1, -1, -1, -1, -1, -1, -1, -1,
						-1, -1, -1, -1, -1, -1, -1 };

	(void)state;
	for (int row = 0; row < STATE_COUNT; row++) {
		for (int column = 0; column < EVENT_COUNT; column++) {
			enum monitor_state next;

			memset(&monitor, 0, sizeof(monitor));
			monitor_init(&monitor, &config, &fds);
			next = monitor_cell(row, column)(&monitor, 0);
			assert_in_range(next, row, STATE_DONE);
		}
	}
}

/* ---- log ---- */

static void open_log(struct monitor_log *log, int driver, int64_t max_bytes, uint32_t max_files)
{
	*log = (struct monitor_log){ .driver = driver,
				     .dir_fd = dir_fd,
				     .fd = -1,
				     .name = "log",
				     .max_bytes = max_bytes,
				     .max_files = max_files };
	monitor_log_open(log);
	assert_true(log->fd >= 0);
}

static void times_are_written_as_podman_writes_them(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000+00:00" },
		{ 1795476846376037480, "2026-11-23T23:34:06.376037480+00:00" },
		{ 951782400000000001, "2000-02-29T00:00:00.000000001+00:00" },
		{ 1704067199999999999, "2023-12-31T23:59:59.999999999+00:00" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[MONITOR_TIME_LENGTH + 1] = "";

		monitor_time_format(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void lines_and_pieces_become_records(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct monitor_log log;

	(void)state;
	open_log(&log, LOG_K8S_FILE, 0, 1);
	monitor_log_write(&log, false, "one\n\ntw", 7, 0);
	monitor_log_write(&log, true, "o\n", 2, 1000000000);
	monitor_log_close(&log);
	read_text("log", &text);
	assert_string_equal(text.data, "1970-01-01T00:00:00.000000000+00:00 stdout F one\n"
				       "1970-01-01T00:00:00.000000000+00:00 stdout F \n"
				       "1970-01-01T00:00:00.000000000+00:00 stdout P tw\n"
				       "1970-01-01T00:00:01.000000000+00:00 stderr F o\n");
}

static void json_lines_are_objects(void **state)
{
	static const char data[] = "q\"\\\x01\t\xff\xc3\xa4\n\xed\xa0\x80";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct monitor_log log;

	(void)state;
	open_log(&log, LOG_JSON_FILE, 0, 1);
	monitor_log_write(&log, true, data, sizeof(data) - 1, 0);
	monitor_log_close(&log);
	read_text("log", &text);
	assert_string_equal(
		text.data,
		"{\"log\":\"q\\\"\\\\\\u0001\\t\\ufffd\xc3\xa4\\n\",\"stream\":\"stderr\","
		"\"time\":\"1970-01-01T00:00:00.000000000+00:00\"}\n"
		"{\"log\":\"\\ufffd\\ufffd\\ufffd\",\"stream\":\"stderr\","
		"\"time\":\"1970-01-01T00:00:00.000000000+00:00\"}\n");
}

static void long_json_lines_stay_whole(void **state)
{
	static char data[ATTACH_PAYLOAD_MAX];
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct monitor_log log;
	struct err err;

	(void)state;
	memset(data, '\x02', sizeof(data));
	open_log(&log, LOG_JSON_FILE, 0, 1);
	monitor_log_write(&log, false, data, sizeof(data), 0);
	monitor_log_close(&log);
	read_text("log", &text);
	cleanup_json json_t *json = json_parse(text.data, text.length, "log", &err);
	assert_non_null(json);
	assert_int_equal(strlen(json_get_string(json, "", "log", NULL)), sizeof(data));
}

static void receive_text(int fd, char *text, size_t size)
{
	ssize_t got = recv(fd, text, size - 1, MSG_DONTWAIT);

	assert_true(got >= 0);
	text[got] = '\0';
}

static void journal_entries_have_the_fields_of_podman(void **state)
{
	struct monitor_log log = { .driver = LOG_JOURNALD,
				   .fd = -1,
				   .name = "log",
				   .journal_fields = "CONTAINER_NAME=web\n" };
	char text[256];
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	log.dir_fd = fds[0];
	monitor_log_open(&log);
	monitor_log_write(&log, false, "one\n\ntw", 7, 0);
	monitor_log_write(&log, true, "o\n", 2, 0);
	receive_text(fds[1], text, sizeof(text));
	assert_string_equal(text, "MESSAGE=one\nPRIORITY=6\nCONTAINER_NAME=web\n");
	receive_text(fds[1], text, sizeof(text));
	assert_string_equal(text, "MESSAGE=\nPRIORITY=6\nCONTAINER_NAME=web\n");
	receive_text(fds[1], text, sizeof(text));
	assert_string_equal(text, "MESSAGE=tw\nPRIORITY=6\nCONTAINER_NAME=web\n"
				  "CONTAINER_PARTIAL_MESSAGE=true\n");
	receive_text(fds[1], text, sizeof(text));
	assert_string_equal(text, "MESSAGE=o\nPRIORITY=3\nCONTAINER_NAME=web\n");

	/* a journal that does not read costs entries, and no more time than one wait for each read's worth */
	struct timespec start;
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 2000 && log.dropped_bytes == 0; i++)
		monitor_log_write(&log, false, "x\n", 2, 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(log.dropped_bytes, 1);
	assert_in_range(end.tv_sec - start.tv_sec, 0, 5);
	close(fds[0]);
	close(fds[1]);
}

static void a_container_says_how_it_is_and_not_who(void **state)
{
	static const struct {
		const char *said, *passed;
	} cases[] = {
		{ "READY=1", "READY=1" },
		{ "MAINPID=7\nREADY=1\nFDSTORE=1\nSTATUS=fine\n", "READY=1\nSTATUS=fine" },
		{ "READY=", NULL },
		{ "MAINPID=1", NULL },
		{ "\n\n=", NULL },
		{ "WATCHDOG=1\nBARRIER=1", "WATCHDOG=1" },
	};
	static char large[8192] = "READY=1\n";
	char text[64];
	int inside[2];
	int outside[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, inside), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, outside), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(send(inside[0], cases[i].said, strlen(cases[i].said), 0) > 0);
		monitor_notify_pass(outside[0], inside[1]);
		if (cases[i].passed == NULL) {
			assert_int_equal(recv(outside[1], text, sizeof(text), MSG_DONTWAIT), -1);
			continue;
		}
		receive_text(outside[1], text, sizeof(text));
		assert_string_equal(text, cases[i].passed);
	}
	assert_true(send(inside[0], large, sizeof(large), 0) > 0);
	monitor_notify_pass(outside[0], inside[1]);
	assert_int_equal(recv(outside[1], text, sizeof(text), MSG_DONTWAIT), -1);
	monitor_notify_main(outside[0], 1234567, true);
	receive_text(outside[1], text, sizeof(text));
	assert_string_equal(text, "MAINPID=1234567\nREADY=1");
	for (int i = 0; i < 2; i++) {
		close(inside[i]);
		close(outside[i]);
	}
}

static void rotation_keeps_the_newest_files(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct monitor_log log;
	char line[32];

	(void)state;
	/* a record has 45 + 4 bytes, so two fit into 100 */
	open_log(&log, LOG_K8S_FILE, 100, 3);
	for (int i = 0; i < 10; i++) {
		snprintf(line, sizeof(line), "%03d\n", i);
		monitor_log_write(&log, false, line, 4, 0);
	}
	monitor_log_close(&log);
	read_text("log", &text);
	assert_non_null(strstr(text.data, "F 008\n"));
	assert_non_null(strstr(text.data, "F 009\n"));
	read_text("log.1", &text);
	assert_non_null(strstr(text.data, "F 006\n"));
	read_text("log.2", &text);
	assert_non_null(strstr(text.data, "F 004\n"));
	assert_int_equal(faccessat(dir_fd, "log.3", F_OK, 0), -1);
}

static void rotation_within_one_write_loses_no_line(void **state)
{
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct monitor_log log;
	int count = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&data, "%d\n", i);
	open_log(&log, LOG_K8S_FILE, 5000, 50);
	int old_fd = fd_dup(log.fd);
	monitor_log_write(&log, false, data.data, data.length, 0);
	monitor_log_close(&log);

	/* the file that a reader has open is whole */
	assert_int_equal(lseek(old_fd, 0, SEEK_SET), 0);
	close(old_fd);
	for (int number = 49; number >= 0; number--) {
		char name[16] = "log";

		if (number > 0)
			snprintf(name, sizeof(name), "log.%d", number);
		if (faccessat(dir_fd, name, F_OK, 0) < 0)
			continue;
		read_text(name, &text);
		assert_true(text.length <= 5000);
		for (char *line = text.data; *line != '\0'; line = strchr(line, '\n') + 1)
			assert_int_equal(atoi(line + 45), count++);
	}
	assert_int_equal(count, 1000);
}

static void one_file_is_replaced(void **state)
{
	struct monitor_log log;

	(void)state;
	open_log(&log, LOG_K8S_FILE, 60, 1);
	int old_fd = fd_dup(log.fd);
	monitor_log_write(&log, false, "a\nb\n", 4, 0);
	monitor_log_close(&log);
	assert_int_equal(lseek(old_fd, 0, SEEK_END), 47);
	close(old_fd);
	assert_int_equal(faccessat(dir_fd, "log.1", F_OK, 0), -1);
}

/* ---- records ---- */

static void records_are_those_of_base(void **state)
{
	struct monitor_run run = { .pid = 12,
				   .start_ticks = 34,
				   .monitor_pid = 56,
				   .started_ns = 78,
				   .cgroup_path = "/a\\x2d\"b" };
	struct monitor_exit exit = {
		.exit_code = 137, .signal = 9, .started_ns = 1, .finished_ns = 2
	};
	struct err err;
	json_t *body = NULL;

	(void)state;
	assert_int_equal(monitor_record_run(dir_fd, &run), 0);
	assert_int_equal(record_read_json(dir_fd, "run", "container-run", 1, &body, &err), 1);
	assert_int_equal(json_get_int(body, 0, "pid", NULL), 12);
	assert_int_equal(json_get_int(body, 0, "startTicks", NULL), 34);
	assert_string_equal(json_get_string(body, "", "cgroup", NULL), "/a\\x2d\"b");
	json_decref(body);

	int reserved_fd = monitor_record_reserve(dir_fd);
	assert_true(reserved_fd >= 0);
	assert_int_equal(monitor_record_exit(dir_fd, reserved_fd, &exit), 0);
	close(reserved_fd);
	assert_int_equal(record_read_json(dir_fd, "exit", "container-exit", 1, &body, &err), 1);
	assert_int_equal(json_get_int(body, 0, "exitCode", NULL), 137);
	assert_false(json_get_bool(body, true, "oomKilled", NULL));
	json_decref(body);
}

static void start_time_is_that_of_base(void **state)
{
	(void)state;
	assert_int_equal(monitor_start_ticks(getpid()), process_start_time(getpid()));
}

/* ---- the loop, with a child as the container ---- */

struct stage {
	struct monitor_config config;
	struct monitor_fds fds;
	int client_fd; /* our end */
	pid_t container, monitor;
};

/* Fork the container, then the monitor as its "parent": here the test's process is, so the container is forked by the monitor's process. */
static void play(struct stage *stage, int (*container)(void))
{
	static struct monitor monitor;
	int client[2];
	int in[2];
	int out[2];
	int errors[2];
	int started[2];
	struct err err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	assert_int_equal(pipe2(started, O_CLOEXEC), 0);
	stage->fds = (struct monitor_fds){
		.alive_fd = alive_take(dir_fd, "alive", &err),
		.container_dir_fd = dir_fd,
		.started_fd = started[0],
		.listen_fd = -1,
		.client_fd = client[1],
		.stdin_fd = in[1],
		.stdout_fd = out[0],
		.stderr_fd = errors[0],
		.exit_pipe_fd = -1,
		.log_dir_fd = dir_fd,
		.cgroup_fd = -1,
		.events_fd = -1,
		.notify_fd = -1,
		.notify_listen_fd = -1,
	};
	assert_true(stage->fds.alive_fd >= 0);
	stage->client_fd = client[0];
	stage->config.container_id = "test";
	stage->config.log_name = "log";

	stage->monitor = fork();
	if (stage->monitor == 0) {
		close(client[0]);
		pid_t pid = fork();
		if (pid == 0) {
			dup2(in[0], 0);
			dup2(out[1], 1);
			dup2(errors[1], 2);
			close_range(3, ~0U, 0);
			_exit(container());
		}
		close(in[0]);
		close(out[1]);
		close(errors[1]);
		close(started[1]);
		stage->config.init_pid = pid;
		stage->fds.init_pid_fd = sys_pidfd_open(pid, 0);
		monitor_init(&monitor, &stage->config, &stage->fds);
		_exit(monitor_loop(&monitor));
	}
	close(client[1]);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	close(errors[0]);
	close(errors[1]);
	close(started[0]);
	close(started[1]);
	close(stage->fds.alive_fd);
}

static void send_packet(int fd, char type, const void *data, size_t length)
{
	struct iovec iov[] = { { &type, 1 }, { (void *)data, length } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), (ssize_t)length + 1);
}

static void say_hello(struct stage *stage)
{
	struct attach_hello hello = { 1, 1, 1, 0 };

	send_packet(stage->client_fd, ATTACH_HELLO, &hello, sizeof(hello));
}

/* Collect until the exit; output and errors in their order. *ret_after is what the monitor's loop said. */
static struct attach_exit collect_status(struct stage *stage, struct strbuf *out,
					 struct strbuf *errors, int *ret_after)
{
	static char packet[ATTACH_PAYLOAD_MAX + 1];
	struct attach_exit exit = { -1, -1 };

	for (;;) {
		ssize_t got = recv(stage->client_fd, packet, sizeof(packet), 0);

		if (got < 0 && errno == ECONNRESET)
			continue;
		if (got <= 0)
			break;
		if (packet[0] == ATTACH_STDOUT)
			strbuf_add(out, packet + 1, (size_t)got - 1);
		else if (packet[0] == ATTACH_STDERR)
			strbuf_add(errors, packet + 1, (size_t)got - 1);
		else if (packet[0] == ATTACH_EXIT)
			memcpy(&exit, packet + 1, sizeof(exit));
	}
	close(stage->client_fd);
	int status;
	assert_int_equal(waitpid(stage->monitor, &status, 0), stage->monitor);
	assert_true(WIFEXITED(status));
	*ret_after = WEXITSTATUS(status);
	return exit;
}

static struct attach_exit collect(struct stage *stage, struct strbuf *out, struct strbuf *errors)
{
	int ignored;

	return collect_status(stage, out, errors, &ignored);
}

static int hello_world(void)
{
	if (write(1, "out\n", 4) != 4 || write(2, "err", 3) != 3)
		return 1;
	return 42;
}

static void output_and_exit_code_arrive(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strbuf struct strbuf errors = STRBUF_INIT;
	struct stage stage = { 0 };
	struct err err;
	json_t *body = NULL;

	(void)state;
	play(&stage, hello_world);
	say_hello(&stage);
	struct attach_exit exit = collect(&stage, &out, &errors);
	assert_string_equal(out.data, "out\n");
	assert_string_equal(errors.data, "err");
	assert_int_equal(exit.exit_code, 42);
	assert_false(alive_is_held(dir_fd, "alive"));
	assert_int_equal(record_read_json(dir_fd, "exit", "container-exit", 1, &body, &err), 1);
	assert_int_equal(json_get_int(body, 0, "exitCode", NULL), 42);
	json_decref(body);
}

static int die_by_signal(void)
{
	kill(getpid(), SIGKILL);
	return 0;
}

static void a_signal_is_told(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct stage stage = { 0 };

	(void)state;
	play(&stage, die_by_signal);
	say_hello(&stage);
	struct attach_exit exit = collect(&stage, &out, &out);
	assert_int_equal(exit.exit_code, 137);
	assert_int_equal(exit.signal, SIGKILL);
}

static int cat(void)
{
	static char buffer[65536];
	ssize_t got;

	while ((got = read(0, buffer, sizeof(buffer))) > 0) {
		if (fd_write_full(1, buffer, (size_t)got) < 0)
			return 1;
	}
	return 7;
}

static void input_goes_through_and_ends(void **state)
{
	static char chunk[ATTACH_PAYLOAD_MAX];
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct stage stage = { 0 };

	(void)state;
	play(&stage, cat);
	say_hello(&stage);
	pid_t writer = fork();
	if (writer == 0) {
		for (int i = 0; i < 100; i++) {
			memset(chunk, 'a' + i % 26, sizeof(chunk));
			send_packet(stage.client_fd, ATTACH_STDIN, chunk, sizeof(chunk));
		}
		send_packet(stage.client_fd, ATTACH_STDIN_EOF, "", 0);
		_exit(0);
	}
	struct attach_exit exit = collect(&stage, &out, &out);
	waitpid(writer, NULL, 0);
	assert_int_equal(exit.exit_code, 7);
	assert_int_equal(out.length, 100 * sizeof(chunk));
	for (size_t i = 0; i < out.length; i++)
		assert_int_equal(out.data[i], 'a' + (char)(i / sizeof(chunk) % 26));
}

static int flood(void)
{
	for (int i = 0; i < 100000; i++) {
		char line[16];
		int length = snprintf(line, sizeof(line), "%d\n", i);

		if (fd_write_full(1, line, (size_t)length) < 0)
			return 1;
	}
	return 0;
}

static void a_slow_client_loses_nothing(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strbuf struct strbuf want = STRBUF_INIT;
	struct stage stage = { .config.log_driver = LOG_NONE };

	(void)state;
	play(&stage, flood);
	say_hello(&stage);
	/* longer than the end is kept back for it */
	usleep(1200000);
	struct attach_exit exit = collect(&stage, &out, &out);
	assert_int_equal(exit.exit_code, 0);
	for (int i = 0; i < 100000; i++)
		strbuf_addf(&want, "%d\n", i);
	assert_int_equal(out.length, want.length);
	assert_memory_equal(out.data, want.data, want.length);
}

static void a_client_that_dies_harms_nobody(void **state)
{
	struct stage stage = { .config.log_max_bytes = 100000 };
	int status;

	(void)state;
	play(&stage, flood);
	say_hello(&stage);
	close(stage.client_fd);
	assert_int_equal(waitpid(stage.monitor, &status, 0), stage.monitor);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_false(alive_is_held(dir_fd, "alive"));
	assert_int_equal(faccessat(dir_fd, "exit", F_OK, 0), 0);
}

static int fork_a_child_that_stays(void)
{
	if (fork() == 0) {
		sleep(3);
		_exit(0);
	}
	return write(1, "x", 1) == 1 ? 0 : 1;
}

static void a_grandchild_with_the_pipe_does_not_hold_the_end(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct stage stage = { 0 };

	(void)state;
	int64_t start = time(NULL);
	play(&stage, fork_a_child_that_stays);
	say_hello(&stage);
	struct attach_exit exit = collect(&stage, &out, &out);
	assert_int_equal(exit.exit_code, 0);
	assert_string_equal(out.data, "x");
	assert_true(time(NULL) - start < 3);
}

static void a_client_that_promised_to_clean_up_is_waited_for(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct stage stage = { .config.remove = true };
	int status;
	char packet[64];

	(void)state;
	play(&stage, hello_world);
	say_hello(&stage);
	send_packet(stage.client_fd, ATTACH_CLEANUP, "", 0);
	do
		assert_true(recv(stage.client_fd, packet, sizeof(packet), 0) > 0);
	while (packet[0] != ATTACH_EXIT);
	assert_false(alive_is_held(dir_fd, "alive"));
	assert_int_equal(waitpid(stage.monitor, &status, WNOHANG), 0);
	/* it goes without having removed anything: the monitor has to do it, and records the end first */
	close(stage.client_fd);
	assert_int_equal(waitpid(stage.monitor, &status, 0), stage.monitor);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(faccessat(dir_fd, "exit", F_OK, 0), 0);
}

static int sleep_long(void)
{
	sleep(100);
	return 0;
}

static void the_time_limit_kills(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct stage stage = { .config.timeout_s = 1 };

	(void)state;
	play(&stage, sleep_long);
	say_hello(&stage);
	struct attach_exit exit = collect(&stage, &out, &out);
	assert_int_equal(exit.exit_code, 255);
}

static int write_for_ever(void)
{
	static char data[4096];

	while (write(1, data, sizeof(data)) > 0)
		;
	return 1;
}

static void the_time_limit_kills_a_program_that_never_stops_writing(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct stage stage = { .config.timeout_s = 1 };
	struct attach_hello hello = { 0 };

	(void)state;
	play(&stage, write_for_ever);
	send_packet(stage.client_fd, ATTACH_HELLO, &hello, sizeof(hello));
	struct attach_exit exit = collect(&stage, &out, &out);
	assert_int_equal(exit.exit_code, 255);
}

/* ---- what is done by the command line ---- */

static int fail_at_once(void)
{
	return 3;
}

static int after(enum monitor_restart restart, const char *stopped)
{
	struct stage stage = { .config.policy.restart = restart };
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	int status;

	unlinkat(dir_fd, MONITOR_STOPPED_NAME, 0);
	if (stopped != NULL)
		close(openat(dir_fd, stopped, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	play(&stage, restart == RESTART_NEVER ? hello_world : fail_at_once);
	say_hello(&stage);
	collect_status(&stage, &out, &out, &status);
	return status;
}

static void the_policy_and_the_user_decide_about_a_restart(void **state)
{
	(void)state;
	assert_int_equal(after(RESTART_NEVER, NULL), AFTER_NOTHING);
	assert_int_equal(after(RESTART_ALWAYS, NULL), AFTER_RESTART);
	assert_int_equal(after(RESTART_ON_FAILURE, NULL), AFTER_RESTART);
	assert_int_equal(after(RESTART_ALWAYS, MONITOR_STOPPED_NAME), AFTER_NOTHING);
}

static void a_restart_that_is_not_wanted_any_more_is_not_waited_for(void **state)
{
	static struct monitor monitor;
	static const struct monitor_config config = {
		.container_id = "x",
		.log_name = "log",
		.policy = { .restart = RESTART_ALWAYS, .restart_delay_ms = 60000 },
	};
	struct monitor_fds fds = { -1, dir_fd, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };

	(void)state;
	monitor_init(&monitor, &config, &fds);
	/* it was well for long: the long delay does not hold */
	monitor.finished_ns = MONITOR_RESTART_LONG_S * 1000000000LL;
	assert_true(monitor_wait_restart(&monitor));
	monitor.finished_ns = 1;
	close(openat(dir_fd, MONITOR_STOPPED_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_false(monitor_wait_restart(&monitor));
}

/* The program that plays the command line leaves a mark for each check, with its words. */
static void checks_come_again_and_do_not_pile_up(void **state)
{
	cleanup_strbuf struct strbuf script = STRBUF_INIT;
	cleanup_strbuf struct strbuf marks = STRBUF_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	static const char *const no_args[] = { NULL };
	char path[64];
	struct stage stage = { .config = { .timeout_s = 2,
					   .dhow_args = no_args,
					   .policy.check_interval_ns = 100000000 } };

	(void)state;
	snprintf(path, sizeof(path), "%s/check", directory);
	strbuf_addf(&script,
		    "#!/bin/sh\n[ -e '%s/busy' ] && echo piled >>'%s/marks'\n: >'%s/busy'\n"
		    "echo \"$@\" >>'%s/marks'\nsleep 0.3\nrm -f '%s/busy'\n",
		    directory, directory, directory, directory, directory);
	int fd = openat(dir_fd, "check", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(fd_write_full(fd, script.data, script.length), 0);
	close(fd);
	stage.config.dhow_path = path;
	play(&stage, sleep_long);
	say_hello(&stage);
	collect(&stage, &out, &out);
	read_text("marks", &marks);
	assert_null(strstr(marks.data, "piled"));
	assert_ptr_equal(
		strstr(marks.data, "healthcheck run --auto test\nhealthcheck run --auto test\n"),
		marks.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_has_a_handler),
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(no_cell_leads_back),
		cmocka_unit_test(times_are_written_as_podman_writes_them),
		CASE(lines_and_pieces_become_records),
		CASE(json_lines_are_objects),
		CASE(long_json_lines_stay_whole),
		CASE(journal_entries_have_the_fields_of_podman),
		cmocka_unit_test(a_container_says_how_it_is_and_not_who),
		CASE(rotation_keeps_the_newest_files),
		CASE(rotation_within_one_write_loses_no_line),
		CASE(one_file_is_replaced),
		CASE(records_are_those_of_base),
		cmocka_unit_test(start_time_is_that_of_base),
		CASE(output_and_exit_code_arrive),
		CASE(a_signal_is_told),
		CASE(input_goes_through_and_ends),
		CASE(a_slow_client_loses_nothing),
		CASE(a_client_that_dies_harms_nobody),
		CASE(a_grandchild_with_the_pipe_does_not_hold_the_end),
		CASE(a_client_that_promised_to_clean_up_is_waited_for),
		CASE(the_time_limit_kills),
		CASE(the_time_limit_kills_a_program_that_never_stops_writing),
		CASE(the_policy_and_the_user_decide_about_a_restart),
		CASE(a_restart_that_is_not_wanted_any_more_is_not_waited_for),
		CASE(checks_come_again_and_do_not_pile_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
