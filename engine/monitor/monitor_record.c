/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_record.c - write the records `run` and `exit`
 *
 * A text is built in a buffer of fixed size and written at once. Neither record is synced: after a power cut no container runs, and one
 * whose records are lost is `created` or `exited (255)`, both of which are true.
 */
#include "engine/monitor/monitor_record.h"

#include "base/record.h"
#include "engine/monitor/monitor_sys.h"

#include <fcntl.h>
#include <string.h>

#define RECORD_MODE   0600
#define RECORD_ROOM   1024
#define RESERVED_NAME ".exit"
#define RUN_NEW_NAME  ".run"

struct text {
	char data[RECORD_ROOM];
	size_t length;
};

static void add(struct text *text, const char *more)
{
	size_t length = strlen(more);

	if (length > sizeof(text->data) - text->length)
		length = sizeof(text->data) - text->length;
	memcpy(text->data + text->length, more, length);
	text->length += length;
}

static void add_number(struct text *text, uint64_t value)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	add(text, digits + at);
}

static void add_member(struct text *text, const char *name, int64_t value)
{
	add(text, text->length == 0 ? "{\"" : ",\"");
	add(text, name);
	add(text, value < 0 ? "\":-" : "\":");
	add_number(text, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void add_text_member(struct text *text, const char *name, const char *value)
{
	add(text, ",\"");
	add(text, name);
	add(text, "\":\"");
	for (; *value != '\0'; value++) {
		char piece[3] = { '\\', *value, '\0' };

		/* the kernel gives a path without control bytes here, and systemd's unit names have backslashes */
		add(text, *value == '"' || *value == '\\' ? piece : piece + 1);
	}
	add(text, "\"");
}

/* Header and body into one text. */
static void add_record(struct text *out, const char *kind, const struct text *body)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t crc = crc32_ieee(body->data, body->length);
	char crc_text[9];

	for (int i = 0; i < 8; i++)
		crc_text[i] = hex[crc >> (28 - 4 * i) & 15];
	crc_text[8] = '\0';

	out->length = 0;
	add(out, "dhow-record ");
	add(out, kind);
	add(out, " 1 ");
	add_number(out, body->length);
	add(out, " ");
	add(out, crc_text);
	add(out, "\n");
	memcpy(out->data + out->length, body->data, body->length);
	out->length += body->length;
}

static int write_all(int fd, const char *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t put = mon_pwrite(fd, data + done, length - done, (int64_t)done);

		if (put == -EINTR)
			continue;
		if (put <= 0)
			return put == 0 ? -EIO : (int)put;
		done += (size_t)put;
	}
	return 0;
}

static int create(int dir_fd, const char *name)
{
	return mon_openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			  RECORD_MODE);
}

int monitor_record_run(int dir_fd, const struct monitor_run *run)
{
	struct text body = { .length = 0 };
	struct text record;
	int fd = create(dir_fd, RUN_NEW_NAME);
	int status;

	if (fd < 0)
		return fd;

	add_member(&body, "pid", run->pid);
	add_member(&body, "startTicks", (int64_t)run->start_ticks);
	add_member(&body, "monitorPid", run->monitor_pid);
	add_member(&body, "startedNs", run->started_ns);
	if (run->cgroup_path != NULL && strlen(run->cgroup_path) * 2 < 600)
		add_text_member(&body, "cgroup", run->cgroup_path);
	add(&body, "}");
	add_record(&record, "container-run", &body);

	status = write_all(fd, record.data, record.length);
	mon_close(&fd);
	if (status == 0)
		status = mon_rename(dir_fd, RUN_NEW_NAME, "run");
	if (status < 0)
		mon_unlink(dir_fd, RUN_NEW_NAME);
	return status;
}

int monitor_record_reserve(int dir_fd)
{
	int fd = create(dir_fd, RESERVED_NAME);
	char blanks[512];

	if (fd < 0)
		return fd;
	/* a file system without fallocate gets its blocks by a write */
	if (mon_fallocate(fd, sizeof(blanks)) < 0) {
		memset(blanks, ' ', sizeof(blanks));
		write_all(fd, blanks, sizeof(blanks));
	}
	return fd;
}

int monitor_record_exit(int dir_fd, int reserved_fd, const struct monitor_exit *exit)
{
	struct text body = { .length = 0 };
	struct text record;
	int fd = reserved_fd >= 0 ? reserved_fd : create(dir_fd, RESERVED_NAME);
	int status;

	if (fd < 0)
		return fd;

	add_member(&body, "exitCode", exit->exit_code);
	add_member(&body, "signal", exit->signal);
	add(&body, ",\"oomKilled\":");
	add(&body, exit->oom_killed ? "true" : "false");
	add_member(&body, "startedNs", exit->started_ns);
	add_member(&body, "finishedNs", exit->finished_ns);
	if (exit->dropped_bytes > 0)
		add_member(&body, "logDroppedBytes", (int64_t)exit->dropped_bytes);
	add(&body, "}");
	add_record(&record, "container-exit", &body);

	status = write_all(fd, record.data, record.length);
	if (status == 0)
		status = mon_ftruncate(fd, (int64_t)record.length);
	if (status == 0)
		status = mon_rename(dir_fd, RESERVED_NAME, "exit");
	if (fd != reserved_fd)
		mon_close(&fd);
	return status;
}

void monitor_event_died(int events_fd, const char *rest, int64_t time_ns, int32_t exit_code)
{
	struct text head = { .length = 0 };
	int fd = mon_openat(events_fd, "journal", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0);

	if (fd < 0)
		return;
	add_member(&head, "timeNano", time_ns);
	add_member(&head, "ContainerExitCode", exit_code);
	add(&head, ",");
	const struct iovec iov[] = { { head.data, head.length }, { (char *)rest, strlen(rest) } };

	/* what a full disk cuts off is passed over by readers */
	mon_writev(fd, iov, 2);
	mon_close(&fd);
}

int monitor_write_pid_file(const char *path, pid_t pid)
{
	struct text text = { .length = 0 };
	int fd = mon_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int status;

	if (fd < 0)
		return fd;
	add_number(&text, (uint64_t)pid);
	status = write_all(fd, text.data, text.length);
	mon_close(&fd);
	return status;
}

/* The whole of a small file, terminated; its length or -errno. */
static ssize_t read_small(int dir_fd, const char *name, char *buffer, size_t size)
{
	int fd = mon_openat(dir_fd, name, O_RDONLY | O_CLOEXEC, 0);
	ssize_t got;

	if (fd < 0)
		return fd;
	got = mon_read(fd, buffer, size - 1);
	mon_close(&fd);
	if (got >= 0)
		buffer[got] = '\0';
	return got;
}

static uint64_t number_at(const char *text)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return value;
}

uint64_t monitor_start_ticks(pid_t pid)
{
	struct text path = { .length = 0 };
	char stat[512];
	const char *at = NULL;

	add(&path, "/proc/");
	add_number(&path, (uint64_t)pid);
	add(&path, "/stat");
	path.data[path.length] = '\0';
	if (read_small(AT_FDCWD, path.data, stat, sizeof(stat)) < 0)
		return 0;

	/* the program's name may hold anything, so count from the last parenthesis: field 3 follows it */
	for (const char *c = stat; *c != '\0'; c++) {
		if (*c == ')')
			at = c + 1;
	}
	for (int field = 2; at != NULL && field < 22; field++) {
		at = strchr(at, ' ');
		if (at != NULL)
			at++;
	}
	return at == NULL ? 0 : number_at(at);
}

uint64_t monitor_read_key(int dir_fd, const char *file, const char *key)
{
	char buffer[512];
	size_t length = strlen(key);

	if (dir_fd < 0 || read_small(dir_fd, file, buffer, sizeof(buffer)) < 0)
		return 0;
	for (const char *line = buffer; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return number_at(line + length + 1);
		line = end == NULL ? NULL : end + 1;
	}
	return 0;
}
