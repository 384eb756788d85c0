/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/logs.c - the logs of some containers as one stream of lines in time order
 *
 * What is in the files is merged by time. With --tail only the last lines of each container are kept, in memory, before the merge. Then
 * with --follow: inotify says that something was written or rotated, the monitors say when their containers end.
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "engine/container/log_reader.h"
#include "engine/container/record.h"
#include "rootless/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A record that was read but not given yet, with its text. */
struct kept {
	struct log_record record;
	bool starts_line;
	char *text;
};

/* how often a container that is about to be restarted is looked at */
#define RESTART_LOOK_MS 200

struct source {
	struct container *container;
	struct log_reader reader;
	bool open;
	bool is_journal;
	struct journal_reader journal;
	int dir_fd;	 /* of --log-opt path, or -1 */
	bool in_line[2]; /* by stream: a piece was the last, so the next record goes on with it */
	/* with --tail: the last records, a ring of growing size */
	struct kept *tail;
	size_t tail_first, tail_count, tail_size, tail_lines;
	/* the next record of the merge */
	bool has_next;
	struct log_record next;
	/* following */
	int connection_fd; /* -1: it has ended */
	bool restarting;   /* its restart policy will start it again */
};

struct logs {
	const struct container_logs_opts *opts;
	int (*line)(void *arg, const struct log_line *line);
	void *arg;
	struct source *sources;
	size_t count;
	int watch_fd;
	bool stopped; /* line wanted no more */
	bool over;    /* until is over */
};

/* ---- sources ---- */

static int source_open_journal(struct source *source, const struct container_logs_opts *opts,
			       struct err *err)
{
	const struct journal_request request = {
		.container_id = source->container->id.text,
		.since_ns = opts->since_ns,
		.until_ns = opts->until_ns,
		.tail = opts->tail,
		.follow = opts->follow,
		.ended = !container_is_up(source->container),
	};

	if (journal_open(&request, &source->journal, err) < 0)
		return -1;
	if (fcntl(source->journal.fd, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, errno, "cannot read the journal");
	log_reader_init_pipe(&source->reader, source->journal.fd);
	source->is_journal = true;
	source->open = true;
	return 0;
}

static int source_open(struct source *source, struct container *container,
		       const struct container_logs_opts *opts, struct err *err)
{
	const json_t *log = json_object_get(container->create, KEY_LOG);
	const char *driver = json_get_string(log, "k8s-file", KEY_DRIVER, NULL);
	const char *path = json_get_string(log, NULL, KEY_PATH, NULL);
	const char *name = FILE_LOG;
	int dir_fd = container->dir_fd;

	*source = (struct source){ .container = container,
				   .journal = JOURNAL_READER_INIT,
				   .dir_fd = -1,
				   .connection_fd = -1 };
	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot read the log of container '%s': its record is damaged",
			       container->id.text);
	int number = log_driver_parse(driver);

	if (number == LOG_JOURNALD)
		return source_open_journal(source, opts, err);
	if (number != LOG_K8S_FILE && number != LOG_JSON_FILE)
		return err_set(err, ERR_UNSUPPORTED,
			       "container '%s': this container is using the '%s' log driver, "
			       "cannot read logs",
			       container->name, driver);
	if (path != NULL) {
		const char *slash = strrchr(path, '/');
		cleanup_free char *directory =
			slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));

		source->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (source->dir_fd < 0)
			return err_sys(err, errno, "cannot open the log '%s' of container '%s'",
				       path, container->name);
		dir_fd = source->dir_fd;
		name = slash + 1;
	}
	log_reader_init(&source->reader, dir_fd, name, number == LOG_JSON_FILE);
	source->open = true;
	return 0;
}

static void source_release(struct source *source)
{
	for (size_t i = 0; i < source->tail_count; i++)
		free(source->tail[(source->tail_first + i) % source->tail_size].text);
	free(source->tail);
	if (source->open)
		log_reader_release(&source->reader);
	if (source->is_journal)
		journal_release(&source->journal);
	fd_close(&source->dir_fd);
	fd_close(&source->connection_fd);
}

/* The next record within --since and --until: 1, 0, -1. */
static int source_read(struct logs *logs, struct source *source, struct log_record *record,
		       struct err *err)
{
	for (;;) {
		int status = log_reader_next(&source->reader, record, err);

		if (status == 0 && source->reader.pipe_ended)
			return journal_result(&source->journal, err);
		if (status <= 0)
			return status;
		if (logs->opts->since_ns != 0 && record->time_ns < logs->opts->since_ns)
			continue;
		if (logs->opts->until_ns != 0 && record->time_ns > logs->opts->until_ns)
			continue;
		return 1;
	}
}

/* ---- tail ---- */

static void tail_drop(struct source *source)
{
	struct kept *first = &source->tail[source->tail_first];

	source->tail_lines -= first->starts_line;
	free(first->text);
	source->tail_first = (source->tail_first + 1) % source->tail_size;
	source->tail_count--;
}

static void tail_grow(struct source *source)
{
	size_t size = source->tail_size == 0 ? 64 : source->tail_size * 2;
	struct kept *tail = xcalloc(size, sizeof(*tail));

	for (size_t i = 0; i < source->tail_count; i++)
		tail[i] = source->tail[(source->tail_first + i) % source->tail_size];
	free(source->tail);
	source->tail = tail;
	source->tail_first = 0;
	source->tail_size = size;
}

static void tail_add(struct source *source, const struct log_record *record, int64_t limit)
{
	bool starts_line = !source->in_line[record->is_stderr];
	struct kept *last;

	source->in_line[record->is_stderr] = record->partial;
	if (limit == 0)
		return;
	if (source->tail_count == source->tail_size)
		tail_grow(source);
	last = &source->tail[(source->tail_first + source->tail_count++) % source->tail_size];
	*last = (struct kept){ *record, starts_line, xmemdup(record->text, record->length + 1) };
	last->record.text = last->text;
	source->tail_lines += starts_line;
	/* a line goes with its pieces */
	while (source->tail_lines > (uint64_t)limit)
		tail_drop(source);
	while (source->tail_count > 0 && !source->tail[source->tail_first].starts_line)
		tail_drop(source);
}

static int collect_tail(struct logs *logs, struct source *source, struct err *err)
{
	struct log_record record;
	int status;

	while ((status = source_read(logs, source, &record, err)) > 0)
		tail_add(source, &record, logs->opts->tail);
	return status;
}

/* ---- merge ---- */

/* The record that a source would give next is in next: 1, 0, -1. */
static int source_peek(struct logs *logs, struct source *source, struct err *err)
{
	int status;

	if (source->has_next)
		return 1;
	if (source->tail_count > 0) {
		source->next = source->tail[source->tail_first].record;
		source->has_next = true;
		return 1;
	}
	status = source_read(logs, source, &source->next, err);
	source->has_next = status > 0;
	return status;
}

static void source_give(struct logs *logs, struct source *source)
{
	const struct log_line line = {
		.container = source->container,
		.time_ns = source->next.time_ns,
		.is_stderr = source->next.is_stderr,
		.partial = source->next.partial,
		.text = source->next.text,
		.length = source->next.length,
	};

	if (logs->line(logs->arg, &line) < 0)
		logs->stopped = true;
	source->has_next = false;
	if (source->tail_count > 0)
		tail_drop(source);
}

/* Everything that is there now, oldest first. */
static int give_all(struct logs *logs, struct err *err)
{
	while (!logs->stopped) {
		struct source *oldest = NULL;

		for (size_t i = 0; i < logs->count; i++) {
			struct source *source = &logs->sources[i];
			int status = source_peek(logs, source, err);

			if (status < 0)
				return -1;
			if (status > 0 &&
			    (oldest == NULL || source->next.time_ns < oldest->next.time_ns))
				oldest = source;
		}
		if (oldest == NULL)
			return 0;
		source_give(logs, oldest);
	}
	return 0;
}

/* ---- follow ---- */

static int watch(struct logs *logs, int dir_fd, struct err *err)
{
	char path[PROC_FD_PATH_MAX];

	fd_proc_path(dir_fd, path);
	if (inotify_add_watch(logs->watch_fd, path, IN_MODIFY | IN_MOVED_TO | IN_CREATE) < 0)
		return err_sys(err, errno, "cannot watch the log");
	return 0;
}

/* Connect to the monitor of a container that runs. When it does not, its restart policy may be about to start it. */
static int source_connect(struct engine *engine, struct source *source, struct err *err)
{
	if (container_refresh(source->container, err) < 0)
		return -1;
	source->restarting = container_should_restart(source->container);
	/* the last restart may have been counted between both looks: then its life is taken by now */
	if (!source->restarting && container_refresh(source->container, err) < 0)
		return -1;
	source->restarting |= source->container->state.status == CONTAINER_INITIALIZED;
	if (!container_is_up(source->container))
		return 0;
	source->connection_fd = container_connect(engine, source->container, err);
	if (source->connection_fd == -1)
		return -1;
	if (source->connection_fd < 0) {
		/* a start that has just begun: its records are the old ones yet */
		source->connection_fd = -1;
		source->restarting = true;
	}
	return 0;
}

/* The journal does not know that the container has ended. */
static void source_settle(struct source *source)
{
	if (source->is_journal && source->connection_fd < 0 && !source->restarting)
		journal_end(&source->journal);
}

static bool is_open_journal(const struct source *source)
{
	return source->is_journal && !source->reader.pipe_ended;
}

static int start_following(struct logs *logs, struct engine *engine, struct err *err)
{
	logs->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (logs->watch_fd < 0)
		return err_sys(err, errno, "cannot watch the log");
	for (size_t i = 0; i < logs->count; i++) {
		struct source *source = &logs->sources[i];

		if (!source->is_journal && watch(logs, source->reader.dir_fd, err) < 0)
			return -1;
		if (source_connect(engine, source, err) < 0)
			return -1;
		source_settle(source);
	}
	return 0;
}

/* Until --until, or until those that are about to be restarted have to be looked at again, which nothing tells. */
static int wait_ms(const struct logs *logs)
{
	int64_t left_ms = INT64_MAX;

	if (logs->opts->until_ns != 0)
		left_ms = (logs->opts->until_ns - time_now_ns()) / 1000000 + 1;
	for (size_t i = 0; i < logs->count; i++) {
		if (logs->sources[i].restarting && logs->sources[i].connection_fd < 0 &&
		    left_ms > RESTART_LOOK_MS)
			left_ms = RESTART_LOOK_MS;
	}
	if (left_ms == INT64_MAX)
		return -1;
	return left_ms <= 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* Wait for a write or an end; returns how many containers still run, or -1. */
static int wait_for_more(struct logs *logs, struct engine *engine, struct pollfd *fds,
			 struct err *err)
{
	char events[4096] __attribute__((aligned(8)));
	int running = 0;

	fds[0] = (struct pollfd){ .fd = logs->watch_fd, .events = POLLIN };
	for (size_t i = 0; i < logs->count; i++) {
		const struct source *source = &logs->sources[i];

		fds[i + 1] = (struct pollfd){ .fd = source->connection_fd, .events = POLLIN };
		fds[logs->count + i + 1] = (struct pollfd){
			.fd = is_open_journal(source) ? source->journal.fd : -1,
			.events = POLLIN,
		};
	}
	if (poll(fds, 2 * logs->count + 1, wait_ms(logs)) < 0 && errno != EINTR)
		return err_sys(err, errno, "cannot wait for the log");
	while (read(logs->watch_fd, events, sizeof(events)) > 0)
		;
	for (size_t i = 0; i < logs->count; i++) {
		struct source *source = &logs->sources[i];
		struct attach_exit exit;
		bool was_up = source->connection_fd >= 0;

		if (was_up && fds[i + 1].revents != 0 &&
		    container_wait_end(source->connection_fd, 0, &exit) != END_TIMEOUT)
			fd_close(&source->connection_fd);
		if (source->connection_fd < 0 && (was_up || source->restarting) &&
		    source_connect(engine, source, err) < 0)
			return -1;
		source_settle(source);
		running += source->connection_fd >= 0 || source->restarting;
	}
	logs->over = logs->opts->until_ns != 0 && time_now_ns() >= logs->opts->until_ns;
	return logs->over ? 0 : running;
}

static bool any_running(const struct logs *logs)
{
	for (size_t i = 0; i < logs->count; i++) {
		if (logs->sources[i].connection_fd >= 0 || logs->sources[i].restarting)
			return true;
	}
	return false;
}

static bool any_journal(const struct logs *logs)
{
	for (size_t i = 0; i < logs->count && !logs->over; i++) {
		if (is_open_journal(&logs->sources[i]))
			return true;
	}
	return false;
}

static int follow(struct logs *logs, struct engine *engine, struct err *err)
{
	cleanup_free struct pollfd *fds = xcalloc(2 * logs->count + 1, sizeof(*fds));
	bool running = any_running(logs);

	/* what was written since the connections were made, and what comes before the ends */
	while (!logs->stopped) {
		int left;

		if (give_all(logs, err) < 0)
			return -1;
		if (!running && !any_journal(logs))
			return 0;
		if (logs->line(logs->arg, NULL) < 0)
			return 0;
		left = wait_for_more(logs, engine, fds, err);
		if (left < 0)
			return -1;
		running = left > 0;
	}
	return 0;
}

static int logs_run(struct logs *logs, struct engine *engine, struct container *const *containers,
		    struct err *err)
{
	for (size_t i = 0; i < logs->count; i++) {
		if (source_open(&logs->sources[i], containers[i], logs->opts, err) < 0)
			return -1;
	}
	/* before the files are read, so that nothing is missed in between */
	if (logs->opts->follow && start_following(logs, engine, err) < 0)
		return -1;
	for (size_t i = 0; i < logs->count && logs->opts->tail >= 0; i++) {
		if (collect_tail(logs, &logs->sources[i], err) < 0)
			return -1;
	}
	if (give_all(logs, err) < 0)
		return -1;
	return logs->opts->follow ? follow(logs, engine, err) : 0;
}

int container_logs(struct engine *engine, struct container *const *containers, size_t count,
		   const struct container_logs_opts *opts,
		   int (*line)(void *arg, const struct log_line *line), void *arg, struct err *err)
{
	struct logs logs = {
		.opts = opts,
		.line = line,
		.arg = arg,
		.sources = xcalloc(count + 1, sizeof(*logs.sources)),
		.count = count,
		.watch_fd = -1,
	};
	int status;

	for (size_t i = 0; i < count; i++)
		logs.sources[i].dir_fd = logs.sources[i].connection_fd = -1;
	status = logs_run(&logs, engine, containers, err);
	for (size_t i = 0; i < count; i++)
		source_release(&logs.sources[i]);
	free(logs.sources);
	fd_close(&logs.watch_fd);
	return status;
}
