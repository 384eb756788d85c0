/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_journal.c - a container's entries of the journal as lines (see journal.h)
 *
 * Part of libexec/dhow/host. As in host_scope.c, libsystemd is loaded on demand and its functions are declared here; they are stable since systemd 229.
 */
#include "rootless/host_ask.h"
#include "rootless/journal.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOCAL_ONLY	 1 /* SD_JOURNAL_LOCAL_ONLY */
#define FLUSH_BYTES	 (64U << 10)
#define END_TIMEOUT_MS	 2000 /* for the last entry of a container that has ended */
#define ERROR_PRIORITY	 '3'
#define WAIT_US		 500000ULL
#define FIELD_TEXT(name) name, sizeof(name) - 1

struct sd_journal;

struct journal_library {
	int (*open)(struct sd_journal **ret, int flags);
	void (*close)(struct sd_journal *journal);
	int (*add_match)(struct sd_journal *journal, const void *data, size_t size);
	int (*add_disjunction)(struct sd_journal *journal);
	int (*next)(struct sd_journal *journal);
	int (*previous)(struct sd_journal *journal);
	int (*seek_head)(struct sd_journal *journal);
	int (*seek_tail)(struct sd_journal *journal);
	int (*seek_time)(struct sd_journal *journal, uint64_t us);
	int (*get_time)(struct sd_journal *journal, uint64_t *ret_us);
	int (*get_data)(struct sd_journal *journal, const char *field, const void **ret_data,
			size_t *ret_size);
	int (*set_threshold)(struct sd_journal *journal, size_t bytes);
	int (*get_fd)(struct sd_journal *journal);
	int (*process)(struct sd_journal *journal);
	int (*has_runtime)(struct sd_journal *journal);
	int (*has_persistent)(struct sd_journal *journal);
};
struct journal_symbol {
	const char *name;
	size_t offset;
};
#define JOURNAL_SYMBOL(symbol, member)                                                             \
	{                                                                                          \
		"sd_journal_" symbol, offsetof(struct journal_library, member)                     \
	}
static const struct journal_symbol journal_symbols[] = {
	JOURNAL_SYMBOL("open", open),
	JOURNAL_SYMBOL("close", close),
	JOURNAL_SYMBOL("add_match", add_match),
	JOURNAL_SYMBOL("add_disjunction", add_disjunction),
	JOURNAL_SYMBOL("next", next),
	JOURNAL_SYMBOL("previous", previous),
	JOURNAL_SYMBOL("seek_head", seek_head),
	JOURNAL_SYMBOL("seek_tail", seek_tail),
	JOURNAL_SYMBOL("seek_realtime_usec", seek_time),
	JOURNAL_SYMBOL("get_realtime_usec", get_time),
	JOURNAL_SYMBOL("get_data", get_data),
	JOURNAL_SYMBOL("set_data_threshold", set_threshold),
	JOURNAL_SYMBOL("get_fd", get_fd),
	JOURNAL_SYMBOL("process", process),
	JOURNAL_SYMBOL("has_runtime_files", has_runtime),
	JOURNAL_SYMBOL("has_persistent_files", has_persistent),
};

struct reading {
	struct journal_library library;
	struct sd_journal *journal;
	uint64_t since_us, until_us; /* 0: unset */
	int64_t tail;
	bool follow, ended;
	bool has_end; /* the last entry was the one that says that no more comes */
	struct strbuf out;
};

static int load_library(struct journal_library *library, struct err *err)
{
	void *handle = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		err_set(err, ERR_UNAVAILABLE, "cannot read the journal: %s", dlerror());
		return err_hint(err, "Install the package libsystemd0 (or systemd-libs).");
	}
	for (size_t i = 0; i < ARRAY_SIZE(journal_symbols); i++) {
		void *symbol = dlsym(handle, journal_symbols[i].name);

		if (symbol == NULL)
			return err_set(err, ERR_UNAVAILABLE,
				       "cannot read the journal: libsystemd has no '%s'",
				       journal_symbols[i].name);
		/* copied as bytes: ISO C has no cast from an object to a function pointer */
		memcpy((char *)library + journal_symbols[i].offset, &symbol, sizeof(symbol));
	}
	return 0;
}

static int failed(int r, struct err *err)
{
	return err_sys(err, -r, "cannot read the journal");
}

static int open_journal(struct reading *reading, const char *id, struct err *err)
{
	const struct journal_library *library = &reading->library;
	cleanup_free char *entries = xasprintf(JOURNAL_ID_FIELD "=%s", id);
	cleanup_free char *end = xasprintf(JOURNAL_END_FIELD "=%s", id);
	int r = library->open(&reading->journal, LOCAL_ONLY);

	if (r < 0)
		return failed(r, err);
	if (library->has_runtime(reading->journal) == 0 &&
	    library->has_persistent(reading->journal) == 0) {
		err_set(err, ERR_DENIED, "cannot read the journal: none is there for this user");
		return err_hint(err, "Make it persistent, so that each user has one of his own: "
				     "`mkdir /var/log/journal`, or add the user to the group "
				     "systemd-journal.");
	}
	r = library->add_match(reading->journal, entries, strlen(entries));
	if (r >= 0)
		r = library->add_disjunction(reading->journal);
	if (r >= 0)
		r = library->add_match(reading->journal, end, strlen(end));
	if (r >= 0)
		r = library->set_threshold(reading->journal, 0);
	return r < 0 ? failed(r, err) : 0;
}

/* Text of a field of the current entry, without "NAME=": 1, 0 there is none, -errno. */
static int field(const struct reading *reading, const char *name, size_t name_length,
		 const char **ret_text, size_t *ret_length)
{
	const void *data;
	size_t size;
	int r = reading->library.get_data(reading->journal, name, &data, &size);

	if (r == -ENOENT || r == -EADDRNOTAVAIL)
		return 0;
	if (r < 0)
		return r;
	if (size < name_length + 1)
		return 0;
	*ret_text = (const char *)data + name_length + 1;
	*ret_length = size - name_length - 1;
	return 1;
}

static bool has_field(const struct reading *reading, const char *name, size_t name_length)
{
	const char *text;
	size_t length;

	return field(reading, name, name_length, &text, &length) > 0;
}

static int flush(struct reading *reading, struct err *err)
{
	int r = fd_write_full(STDOUT_FILENO, reading->out.data, reading->out.length);

	strbuf_clear(&reading->out);
	return r < 0 ? err_sys(err, -r, "cannot pass the log on") : 0;
}

/* The current entry becomes a line: 1 it is later than wanted, 0, -1. */
static int give(struct reading *reading, struct err *err)
{
	char time[TIME_TEXT_MAX];
	const char *text, *priority;
	size_t length, priority_length;
	uint64_t us;
	int r = reading->library.get_time(reading->journal, &us);

	if (r < 0)
		return failed(r, err);
	if (reading->until_us != 0 && us > reading->until_us)
		return 1;
	reading->has_end = has_field(reading, FIELD_TEXT(JOURNAL_END_FIELD));
	if (reading->has_end)
		return 0;
	bool is_part = has_field(reading, FIELD_TEXT(JOURNAL_PART_FIELD));
	bool is_error = field(reading, FIELD_TEXT("PRIORITY"), &priority, &priority_length) > 0 &&
			priority_length == 1 && *priority == ERROR_PRIORITY;

	/* the texts of one field are there until the next is asked for */
	r = field(reading, FIELD_TEXT("MESSAGE"), &text, &length);
	if (r <= 0)
		return r < 0 ? failed(r, err) : 0;
	time_format_rfc3339((int64_t)us * 1000, time);
	strbuf_addf(&reading->out, "%s %s %c ", time, is_error ? "stderr" : "stdout",
		    is_part ? 'P' : 'F');
	for (size_t i = 0; i < length; i++) /* one entry is one line, whoever wrote it */
		strbuf_addc(&reading->out, text[i] == '\n' ? ' ' : text[i]);
	strbuf_addc(&reading->out, '\n');
	return reading->out.length >= FLUSH_BYTES ? flush(reading, err) : 0;
}

/* Before the first entry that is wanted. */
static int seek(struct reading *reading, struct err *err)
{
	const struct journal_library *library = &reading->library;
	int r;

	if (reading->tail < 0) {
		r = reading->since_us != 0 ? library->seek_time(reading->journal, reading->since_us)
					   : library->seek_head(reading->journal);
		return r < 0 ? failed(r, err) : 0;
	}
	r = reading->until_us != 0 ? library->seek_time(reading->journal, reading->until_us + 1)
				   : library->seek_tail(reading->journal);
	/* back over the ends of so many lines, and of the one before them */
	for (int64_t left = reading->tail + 2; r >= 0 && left > 0;) {
		r = library->previous(reading->journal);
		if (r == 0)
			r = library->seek_head(reading->journal);
		else if (r > 0 && !has_field(reading, FIELD_TEXT(JOURNAL_PART_FIELD)) &&
			 !has_field(reading, FIELD_TEXT(JOURNAL_END_FIELD)))
			left--;
		if (r == 0)
			break;
	}
	return r < 0 ? failed(r, err) : 0;
}

/* All that is there: 1 what comes now is too late, 0, -1. */
static int give_all(struct reading *reading, struct err *err)
{
	for (;;) {
		int r = reading->library.next(reading->journal);

		if (r < 0)
			return failed(r, err);
		if (r == 0)
			return 0;
		r = give(reading, err);
		if (r != 0)
			return r;
	}
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For more of the journal, or for the end of standard input, which says that the container has ended. */
static void wait_for_more(struct reading *reading, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = reading->library.get_fd(reading->journal), .events = POLLIN },
		{ .fd = reading->follow ? STDIN_FILENO : -1, .events = POLLIN },
	};

	if (poll(fds, 2, timeout_ms) < 0)
		return;
	reading->library.process(reading->journal);
	if (fds[1].revents != 0) {
		reading->follow = false;
		reading->ended = true;
	}
}

static int read_on(struct reading *reading, struct err *err)
{
	int64_t deadline = 0;
	int status;

	/* it makes the watches, so that nothing is missed between a look and a wait */
	reading->library.get_fd(reading->journal);
	status = give_all(reading, err);
	if (status < 0)
		return -1;
	strbuf_addc(&reading->out, '\n');
	for (;;) {
		if (flush(reading, err) < 0)
			return -1;
		if (status > 0 || (!reading->follow && (!reading->ended || reading->has_end)))
			return 0;
		if (!reading->follow && deadline == 0)
			deadline = now_ms() + END_TIMEOUT_MS;
		if (!reading->follow && now_ms() >= deadline)
			return 0;
		/* watches of the journal do not see everything: look now and then */
		wait_for_more(reading, reading->follow ? (int)(WAIT_US / 1000) : 50);
		status = give_all(reading, err);
		if (status < 0)
			return -1;
	}
}

int host_journal(char *const *words, struct err *err)
{
	struct reading reading = { .out = STRBUF_INIT };
	int64_t since, until;
	int status = -1;

	if (parse_i64(words[1], &since) < 0 || parse_i64(words[2], &until) < 0 ||
	    parse_i64(words[3], &reading.tail) < 0 || since < 0 || until < 0 ||
	    reading.tail > INT32_MAX)
		return err_set(err, ERR_USAGE, "invalid bounds of a log");
	reading.since_us = (uint64_t)since;
	reading.until_us = (uint64_t)until;
	reading.follow = str_equal(words[4], "follow");
	reading.ended = str_equal(words[4], "ended");
	if (load_library(&reading.library, err) == 0 &&
	    open_journal(&reading, words[0], err) == 0 && seek(&reading, err) == 0)
		status = read_on(&reading, err);
	if (reading.journal != NULL)
		reading.library.close(reading.journal);
	strbuf_release(&reading.out);
	return status;
}
