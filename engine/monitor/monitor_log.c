/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_log.c - write and rotate the log
 *
 * The lines of one read are written with as few writev() as possible, straight from the buffer they were read into. Batches are
 * cut where the file is full, so a file exceeds its limit only by a single record that is larger than the limit.
 */
#include "engine/monitor/monitor_log.h"

#include "engine/monitor/monitor_journal.h"
#include "engine/monitor/monitor_sys.h"

#include <fcntl.h>
#include <string.h>

#define LOG_MODE      0600
#define LOG_FLAGS     (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define LOG_NEW_NAME  ".log.new"
#define BATCH_IOV_MAX 192
#define NAME_ROOM     280

static void put_digits(char *text, unsigned value, int count)
{
	while (count-- > 0) {
		text[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

void monitor_time_format(int64_t ns, char text[MONITOR_TIME_LENGTH])
{
	int64_t seconds = ns / 1000000000;
	int64_t days = seconds / 86400;
	unsigned second = (unsigned)(seconds % 86400);
	/* civil date from days since 1970, in eras of 400 years that start on 1 March of year 0 */
	int64_t shifted = days + 719468;
	int64_t era = shifted / 146097;
	unsigned day_of_era = (unsigned)(shifted - era * 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month_index = (5 * day_of_year + 2) / 153;
	unsigned month = month_index < 10 ? month_index + 3 : month_index - 9;
	unsigned year = year_of_era + (unsigned)era * 400 + (month <= 2);

	memcpy(text, "0000-00-00T00:00:00.000000000+00:00", MONITOR_TIME_LENGTH);
	put_digits(text, year, 4);
	put_digits(text + 5, month, 2);
	put_digits(text + 8, day_of_year - (153 * month_index + 2) / 5 + 1, 2);
	put_digits(text + 11, second / 3600, 2);
	put_digits(text + 14, second / 60 % 60, 2);
	put_digits(text + 17, second % 60, 2);
	put_digits(text + 20, (unsigned)(ns % 1000000000), 9);
}

void monitor_log_open(struct monitor_log *log)
{
	if (log->driver != LOG_K8S_FILE && log->driver != LOG_JSON_FILE)
		return;
	log->fd = mon_openat(log->dir_fd, log->name, LOG_FLAGS, LOG_MODE);
	if (log->fd < 0) {
		log->fd = -1;
		return;
	}
	log->size = mon_lseek(log->fd, 0, SEEK_END);
	if (log->size < 0)
		log->size = 0;
}

void monitor_log_close(struct monitor_log *log)
{
	mon_close(&log->fd);
}

/* "log" and a number: "log.1". false when the name has no room. */
static bool numbered_name(char out[NAME_ROOM], const char *name, uint32_t number)
{
	size_t length = strlen(name);
	int digits = 1;

	if (length + 12 > NAME_ROOM)
		return false;
	for (uint32_t rest = number; rest >= 10; rest /= 10)
		digits++;
	memcpy(out, name, length);
	out[length] = '.';
	put_digits(out + length + 1, number, digits);
	out[length + 1 + (size_t)digits] = '\0';
	return true;
}

/*
 * A new file takes the name; the old ones move up and the oldest goes. The new file is made first under another name, so that a disk
 * without room for it leaves the old one in use.
 */
static void rotate(struct monitor_log *log)
{
	char from[NAME_ROOM];
	char to[NAME_ROOM];
	int new_fd;

	mon_unlink(log->dir_fd, LOG_NEW_NAME);
	new_fd = mon_openat(log->dir_fd, LOG_NEW_NAME, LOG_FLAGS | O_EXCL, LOG_MODE);
	if (new_fd < 0)
		return;

	for (uint32_t number = log->max_files - 1; number >= 1; number--) {
		if (!numbered_name(to, log->name, number))
			break;
		if (number == 1)
			mon_rename(log->dir_fd, log->name, to);
		else if (numbered_name(from, log->name, number - 1))
			mon_rename(log->dir_fd, from, to);
	}
	if (mon_rename(log->dir_fd, LOG_NEW_NAME, log->name) < 0) {
		mon_unlink(log->dir_fd, LOG_NEW_NAME);
		mon_close(&new_fd);
		return;
	}
	mon_close(&log->fd);
	log->fd = new_fd;
	log->size = 0;
}

/* Whether a record has to go into another file, when pending bytes are still to be written into this one. */
static bool is_full(const struct monitor_log *log, size_t pending, size_t record)
{
	int64_t size = log->size + (int64_t)pending;

	return log->max_bytes > 0 && size > 0 && size + (int64_t)record > log->max_bytes;
}

/* Write all of iov, or nothing: what a full disk let through is taken back. */
static void write_whole(struct monitor_log *log, struct iovec *iov, int count, size_t total)
{
	size_t done = 0;

	if (log->fd < 0)
		monitor_log_open(log);
	if (log->fd < 0) {
		log->dropped_bytes += total;
		return;
	}

	while (count > 0) {
		ssize_t put = mon_writev(log->fd, iov, count);

		if (put == -EINTR)
			continue;
		if (put <= 0) {
			if (done > 0)
				mon_ftruncate(log->fd, log->size);
			log->dropped_bytes += total;
			return;
		}
		done += (size_t)put;
		while (count > 0 && (size_t)put >= iov->iov_len) {
			put -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + put;
			iov->iov_len -= (size_t)put;
		}
	}
	log->size += (int64_t)total;
}

/* Length of the line that data starts with, its newline included, or all of it when there is none. */
static size_t line_length(const char *data, size_t length)
{
	const char *end = memchr(data, '\n', length);

	return end == NULL ? length : (size_t)(end - data) + 1;
}

#define K8S_HEADER_LENGTH (MONITOR_TIME_LENGTH + sizeof(" stdout F ") - 1)

static void write_k8s(struct monitor_log *log, bool is_stderr, const char *data, size_t length,
		      const char *time_text)
{
	struct iovec iov[BATCH_IOV_MAX];
	char full[K8S_HEADER_LENGTH];
	char partial[K8S_HEADER_LENGTH];
	size_t total = 0;
	int count = 0;

	memcpy(full, time_text, MONITOR_TIME_LENGTH);
	memcpy(full + MONITOR_TIME_LENGTH, is_stderr ? " stderr F " : " stdout F ",
	       sizeof(" stdout F ") - 1);
	memcpy(partial, full, sizeof(partial));
	partial[K8S_HEADER_LENGTH - 2] = 'P';

	while (length > 0) {
		size_t line = line_length(data, length);
		bool whole = data[line - 1] == '\n';
		size_t record = K8S_HEADER_LENGTH + line + !whole;

		if (count + 3 > BATCH_IOV_MAX || is_full(log, total, record)) {
			if (count > 0)
				write_whole(log, iov, count, total);
			count = 0;
			total = 0;
			if (is_full(log, 0, record))
				rotate(log);
		}
		iov[count++] = (struct iovec){ whole ? full : partial, K8S_HEADER_LENGTH };
		iov[count++] = (struct iovec){ (char *)data, line };
		if (!whole)
			iov[count++] = (struct iovec){ (char *)"\n", 1 };
		total += record;
		data += line;
		length -= line;
	}
	write_whole(log, iov, count, total);
}

/* Bytes of the well-formed UTF-8 sequence at data, or 0. */
static size_t utf8_length(const unsigned char *data, size_t length)
{
	size_t need = data[0] < 0x80   ? 1
		      : data[0] < 0xc2 ? 0
		      : data[0] < 0xe0 ? 2
		      : data[0] < 0xf0 ? 3
		      : data[0] < 0xf5 ? 4
				       : 0;

	if (need == 0 || need > length)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	}
	/* overlong forms, surrogates, beyond U+10FFFF */
	if ((data[0] == 0xe0 && data[1] < 0xa0) || (data[0] == 0xed && data[1] > 0x9f) ||
	    (data[0] == 0xf0 && data[1] < 0x90) || (data[0] == 0xf4 && data[1] > 0x8f))
		return 0;
	return need;
}

/* Append the JSON form of one character to out (room for 6); sets *used to the bytes it took. */
static size_t json_escape(const unsigned char *data, size_t length, size_t *used, char *out)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "\b\f\n\r\t\"\\";
	static const char escapes[] = "bfnrt\"\\";
	const char *letter = data[0] == 0 ? NULL : strchr(letters, data[0]);

	*used = 1;
	if (letter != NULL) {
		out[0] = '\\';
		out[1] = escapes[letter - letters];
		return 2;
	}
	if (data[0] < 0x20) {
		memcpy(out, "\\u00", 4);
		out[4] = hex[data[0] >> 4];
		out[5] = hex[data[0] & 15];
		return 6;
	}
	*used = utf8_length(data, length);
	if (*used == 0) {
		*used = 1;
		memcpy(out, "\\ufffd", 6);
		return 6;
	}
	memcpy(out, data, *used);
	return *used;
}

static size_t json_length(const char *data, size_t length)
{
	size_t total = 0;
	char out[8];

	while (length > 0) {
		size_t used;

		total += json_escape((const unsigned char *)data, length, &used, out);
		data += used;
		length -= used;
	}
	return total;
}

/* The escaped text of one line goes through a buffer; a record that failed half way is taken back. */
static void write_json_line(struct monitor_log *log, bool is_stderr, const char *data,
			    size_t length, const char *time_text, size_t record)
{
	static const char head[] = "{\"log\":\"";
	char tail[] =
		"\",\"stream\":\"stdout\",\"time\":\"0000-00-00T00:00:00.000000000+00:00\"}\n";
	char buffer[2048];
	size_t fill = sizeof(head) - 1;
	int64_t start = log->size;
	uint64_t dropped = log->dropped_bytes;

	memcpy(buffer, head, fill);
	if (is_stderr)
		memcpy(tail + sizeof("\",\"stream\":\"") - 1, "stderr", 6);
	memcpy(tail + sizeof(tail) - 1 - MONITOR_TIME_LENGTH - 3, time_text, MONITOR_TIME_LENGTH);

	for (;;) {
		if (length > 0 && fill + 8 < sizeof(buffer)) {
			size_t used;

			fill += json_escape((const unsigned char *)data, length, &used,
					    buffer + fill);
			data += used;
			length -= used;
			continue;
		}
		struct iovec iov[] = { { buffer, fill }, { tail, sizeof(tail) - 1 } };

		write_whole(log, iov, length == 0 ? 2 : 1,
			    fill + (length == 0 ? sizeof(tail) - 1 : 0));
		if (log->dropped_bytes != dropped) {
			if (log->size > start)
				mon_ftruncate(log->fd, start);
			log->size = start;
			log->dropped_bytes = dropped + record;
			return;
		}
		if (length == 0)
			return;
		fill = 0;
	}
}

static void write_json(struct monitor_log *log, bool is_stderr, const char *data, size_t length,
		       const char *time_text)
{
	static const char frame[] = "{\"log\":\"\",\"stream\":\"stdout\",\"time\":\"0000-00-00T00:"
				    "00:00.000000000+00:00\"}\n";

	while (length > 0) {
		size_t line = line_length(data, length);
		size_t record = json_length(data, line) + sizeof(frame) - 1;

		if (is_full(log, 0, record))
			rotate(log);
		write_json_line(log, is_stderr, data, line, time_text, record);
		data += line;
		length -= line;
	}
}

void monitor_log_write(struct monitor_log *log, bool is_stderr, const char *data, size_t length,
		       int64_t now_ns)
{
	char time_text[MONITOR_TIME_LENGTH];

	if (length == 0)
		return;
	monitor_time_format(now_ns, time_text);
	if (log->driver == LOG_K8S_FILE)
		write_k8s(log, is_stderr, data, length, time_text);
	else if (log->driver == LOG_JSON_FILE)
		write_json(log, is_stderr, data, length, time_text);
	else if (log->driver == LOG_JOURNALD)
		monitor_journal_write(log, is_stderr, data, length);
}
