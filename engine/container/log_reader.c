/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/log_reader.c - read the log of one container, across its rotated files
 */
#include "engine/container/log_reader.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* what the monitor reads at once is 32 KB, and JSON makes at most six bytes of one */
#define RECORD_MAX	    (256U << 10)
#define ROTATED_MAX	    1000
#define NAME_ROOM	    (NAME_MAX + 16)
#define RENAME_ATTEMPTS_MAX 1000
#define TIME_LENGTH	    35 /* "2026-11-23T23:34:06.376037480+00:00" */

void log_reader_init(struct log_reader *reader, int dir_fd, const char *name, bool json)
{
	*reader = (struct log_reader){ .dir_fd = dir_fd,
				       .name = xstrdup(name),
				       .json = json,
				       .fd = -1,
				       .buffer = xmalloc(RECORD_MAX),
				       .size = RECORD_MAX,
				       .text = STRBUF_INIT };
}

void log_reader_init_pipe(struct log_reader *reader, int fd)
{
	log_reader_init(reader, -1, "", false);
	reader->is_pipe = true;
	reader->fd = fd;
}

void log_reader_release(struct log_reader *reader)
{
	if (!reader->is_pipe)
		fd_close(&reader->fd);
	for (size_t i = 0; i < reader->ahead_count; i++)
		fd_close(&reader->ahead[i].fd);
	reader->ahead_count = 0;
	free(reader->name);
	free(reader->buffer);
	strbuf_release(&reader->text);
	reader->name = reader->buffer = NULL;
}

/* ---- records ---- */

static int digits(const char *text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* The form that the monitor writes, in UTC, quickly: a log has many. */
static bool parse_own_time(const char *text, int64_t *ret_ns)
{
	int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
	int hour = digits(text + 11, 2), minute = digits(text + 14, 2),
	    second = digits(text + 17, 2);
	int nano = digits(text + 20, 9);

	if (year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || minute < 0 ||
	    second < 0 || nano < 0 || text[19] != '.' ||
	    memcmp(text + 29, "+00:00", sizeof("+00:00") - 1) != 0)
		return false;
	/* days since 1970 of a civil date, years starting in March */
	int shifted = month <= 2 ? year - 1 : year;
	int64_t era = shifted / 400;
	int64_t year_of_era = shifted - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t days = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		       day_of_year - 719468;

	*ret_ns = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000000 + nano;
	return true;
}

static bool parse_any_time(const char *text, size_t length, int64_t *ret_ns)
{
	char copy[TIME_TEXT_MAX];

	if (length == TIME_LENGTH && parse_own_time(text, ret_ns))
		return true;
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return parse_time(copy, ret_ns) == 0;
}

bool log_parse_k8s(const char *line, size_t length, struct log_record *ret_record)
{
	const char *space = memchr(line, ' ', length);
	const char *end = line + length;

	if (space == NULL || !parse_any_time(line, (size_t)(space - line), &ret_record->time_ns))
		return false;
	/* " stdout F " */
	if (end - space < (ptrdiff_t)sizeof(" stdout F ") - 1 || space[7] != ' ' ||
	    space[9] != ' ' || (space[8] != 'F' && space[8] != 'P'))
		return false;
	if (memcmp(space + 1, "stdout", 6) != 0 && memcmp(space + 1, "stderr", 6) != 0)
		return false;
	ret_record->is_stderr = space[4] == 'e';
	ret_record->partial = space[8] == 'P';
	ret_record->text = space + 10;
	ret_record->length = (size_t)(end - ret_record->text);
	return true;
}

bool log_parse_json(const char *line, size_t length, struct strbuf *text,
		    struct log_record *ret_record)
{
	json_error_t ignored;
	cleanup_json json_t *json = json_loadb(line, length, JSON_ALLOW_NUL, &ignored);
	const json_t *log = json_object_get(json, "log");
	const char *stream = json_get_string(json, "", "stream", NULL);
	const char *time = json_get_string(json, "", "time", NULL);

	if (!json_is_string(log) || !parse_any_time(time, strlen(time), &ret_record->time_ns))
		return false;
	strbuf_clear(text);
	strbuf_add(text, json_string_value(log), json_string_length(log));
	ret_record->is_stderr = str_equal(stream, "stderr");
	ret_record->partial = text->length == 0 || text->data[text->length - 1] != '\n';
	ret_record->text = text->data;
	ret_record->length = text->length - !ret_record->partial;
	return true;
}

/* ---- files ---- */

static void file_name(const struct log_reader *reader, unsigned number, char out[NAME_ROOM])
{
	if (number == 0)
		snprintf(out, NAME_ROOM, "%s", reader->name);
	else
		snprintf(out, NAME_ROOM, "%s.%u", reader->name, number);
}

/* Inode of the file with that number, 0: there is none. */
static ino_t file_inode(const struct log_reader *reader, unsigned number)
{
	char name[NAME_ROOM];
	struct stat st;

	file_name(reader, number, name);
	return fstatat(reader->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_ino;
}

/* The number of the file that follows the one with this inode: the next newer, or the oldest there is. -1: there is none. */
static int next_number(const struct log_reader *reader, ino_t after)
{
	int oldest = -1;

	for (unsigned number = 0; number <= ROTATED_MAX; number++) {
		ino_t inode = file_inode(reader, number);

		if (inode == 0 && number > 0)
			break;
		if (inode == 0)
			continue; /* between two renames of a rotation */
		if (after != 0 && inode == after)
			return (int)number - 1;
		oldest = (int)number;
	}
	return oldest;
}

/* 1 opened, 0 there is nothing newer, -1. */
static int open_after(const struct log_reader *reader, ino_t after, struct log_file *ret_file,
		      struct err *err)
{
	/* a monitor that was killed between two renames has left no file with the name: then there is nothing newer */
	for (int attempt = 0; attempt < RENAME_ATTEMPTS_MAX; attempt++) {
		char name[NAME_ROOM];
		int number = next_number(reader, after);
		struct stat st;

		if (number < 0)
			return 0;
		file_name(reader, (unsigned)number, name);
		cleanup_fd int fd = openat(reader->dir_fd, name,
					   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0 && errno == ENOENT)
			continue; /* rotated away this moment */
		if (fd < 0 || fstat(fd, &st) < 0)
			return err_sys(err, errno, "cannot open log '%s'", name);
		if (!S_ISREG(st.st_mode))
			return err_set(err, ERR_CORRUPT, "log '%s' is no regular file", name);
		/* the number may have moved between the look and the opening: then look again from the file that we have read */
		if (after != 0 && next_number(reader, after) != number &&
		    file_inode(reader, (unsigned)number) != st.st_ino)
			continue;
		*ret_file = (struct log_file){ TAKE_FD(fd), st.st_ino };
		return 1;
	}
	return 0;
}

/*
 * Open what has been made since, while it is there: who writes faster than we read may have removed it when its turn comes. What is
 * kept so needs room on the disk, so there is a limit.
 */
static int look_ahead(struct log_reader *reader, struct err *err)
{
	while (reader->ahead_count < LOG_AHEAD_MAX) {
		ino_t last = reader->ahead_count > 0 ? reader->ahead[reader->ahead_count - 1].inode
						     : reader->inode;
		struct log_file *file = &reader->ahead[reader->ahead_count];
		int opened;

		if (file_inode(reader, 0) == last)
			return 0;
		opened = open_after(reader, last, file, err);
		if (opened <= 0)
			return opened;
		reader->ahead_count++;
	}
	return 0;
}

/* 1 opened, 0 there is nothing newer, -1. */
static int open_next(struct log_reader *reader, struct err *err)
{
	if (look_ahead(reader, err) < 0)
		return -1;
	if (reader->ahead_count == 0)
		return 0;
	fd_close(&reader->fd);
	reader->fd = reader->ahead[0].fd;
	reader->inode = reader->ahead[0].inode;
	reader->rotated = false;
	reader->ahead_count--;
	memmove(reader->ahead, reader->ahead + 1, reader->ahead_count * sizeof(*reader->ahead));
	return 1;
}

/* As fill. */
static int fill_from_pipe(struct log_reader *reader, struct err *err)
{
	struct pollfd poll_fd = { .fd = reader->fd, .events = POLLIN };

	while (!reader->pipe_ended) {
		ssize_t got =
			read(reader->fd, reader->buffer + reader->end, reader->size - reader->end);

		if (got > 0) {
			reader->end += (size_t)got;
			return 1;
		}
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(err, errno, "cannot read the log");
		reader->pipe_ended = got == 0;
		if (got < 0 && errno == EAGAIN && reader->caught_up)
			return 0;
		if (got < 0)
			(void)poll(&poll_fd, 1, -1);
	}
	return 0;
}

/* More bytes into the buffer: 1 there are some, 0 not now, -1. */
static int fill(struct log_reader *reader, struct err *err)
{
	if (reader->start > 0) {
		memmove(reader->buffer, reader->buffer + reader->start,
			reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	if (reader->end == reader->size) {
		/* no record of ours is so long: pass over it */
		reader->skipping = true;
		reader->end = 0;
	}
	if (reader->is_pipe)
		return fill_from_pipe(reader, err);
	if (reader->fd >= 0 && look_ahead(reader, err) < 0)
		return -1;
	for (;;) {
		ssize_t got = 0;
		int opened;

		if (reader->fd >= 0)
			got = read(reader->fd, reader->buffer + reader->end,
				   reader->size - reader->end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "cannot read log '%s'", reader->name);
		if (got > 0) {
			reader->end += (size_t)got;
			return 1;
		}
		/* at the end: when the file was rotated, what came before that has to be read first */
		if (reader->fd >= 0 && !reader->rotated) {
			if (file_inode(reader, 0) == reader->inode)
				return 0;
			reader->rotated = true;
			continue;
		}
		opened = open_next(reader, err);
		if (opened <= 0)
			return opened;
	}
}

int log_reader_next(struct log_reader *reader, struct log_record *ret_record, struct err *err)
{
	size_t looked_at = 0;

	for (;;) {
		char *line = reader->buffer + reader->start;
		size_t have = reader->end - reader->start;
		char *newline = memchr(line + looked_at, '\n', have - looked_at);
		bool good;

		if (newline == NULL) {
			int more;

			looked_at = have;
			more = fill(reader, err);
			if (more <= 0)
				return more;
			if (reader->skipping && reader->end < looked_at)
				looked_at = 0;
			continue;
		}
		size_t length = (size_t)(newline - line);

		reader->start += length + 1;
		looked_at = 0;
		if (reader->skipping) {
			reader->skipping = false;
			continue;
		}
		reader->caught_up |= length == 0;
		good = reader->json ? log_parse_json(line, length, &reader->text, ret_record)
				    : log_parse_k8s(line, length, ret_record);
		if (good)
			return 1;
	}
}
