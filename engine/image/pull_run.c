/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pull_run.c - run libexec/dhow/transfer and listen to it
 *
 * Its events are read as carefully as if a stranger had sent them: it has talked to one. While it works, the signals that ask
 * this process to end are read from a descriptor and passed on, so that it can clean up before both end.
 */
#include "engine/image/pull_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "engine/image/signature.h"
#include "engine/image/transfer.h"

struct run {
	struct engine *engine;
	progress_function progress;
	void *progress_arg;
	struct pull_result *result;
	struct strbuf buffer;
	bool ended; /* a result or an error came */
	bool ok;
	struct err *err;
};

static const struct {
	const char *event;
	enum progress_kind kind;
} progress_events[] = {
	{ "start", PROGRESS_LAYER_START }, { "bytes", PROGRESS_LAYER_BYTES },
	{ "done", PROGRESS_LAYER_DONE },   { "skipped", PROGRESS_LAYER_SKIPPED },
	{ "text", PROGRESS_TEXT },
};

void pull_result_release(struct pull_result *result)
{
	strv_release(&result->tags);
	strv_release(&result->instances);
	strv_release(&result->missing);
	for (size_t i = 0; i < result->made_count; i++)
		free(result->made[i].annotations);
	free(result->made);
	json_decref(result->signatures);
}

static enum err_kind kind_of_name(const char *name)
{
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		if (str_equal(err_kind_name((enum err_kind)kind), name))
			return (enum err_kind)kind;
	}
	return ERR_FAILED;
}

static bool handle_progress(struct run *run, const char *event, const json_t *json)
{
	for (size_t i = 0; i < ARRAY_SIZE(progress_events); i++) {
		struct progress progress = {
			.kind = progress_events[i].kind,
			.id = json_get_string(json, "", "id", NULL),
			.done_bytes = (uint64_t)json_get_int(json, 0, "done", NULL),
			.total_bytes = (uint64_t)json_get_int(json, 0, "total", NULL),
			.text = json_get_string(json, "", "text", NULL),
		};
		struct digest digest;

		if (!str_equal(event, progress_events[i].event))
			continue;
		if (progress.kind != PROGRESS_TEXT && digest_parse(progress.id, &digest) < 0)
			return false;
		if (run->progress != NULL)
			run->progress(run->progress_arg, &progress);
		return true;
	}
	return false;
}

static void handle_warning(struct run *run, const json_t *json)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_add_escaped(&text, json_get_string(json, "", "text", NULL));
	engine_warn(run->engine, "%s", text.data);
}

static bool handle_made(struct run *run, const json_t *json)
{
	int64_t number = json_get_int(json, -1, "number", NULL);
	struct made_blob *made;

	if (number < 0 || number >= (int64_t)run->result->made_count)
		return false;
	made = &run->result->made[number];
	made->bytes = (uint64_t)json_get_int(json, 0, "bytes", NULL);
	free(made->annotations);
	made->annotations = xstrdup_null(json_get_string(json, NULL, "annotations", NULL));
	return digest_parse(json_get_string(json, "", "id", NULL), &made->digest) == 0;
}

static bool handle_missing(struct run *run, const json_t *json)
{
	struct digest digest;

	if (digest_parse(json_get_string(json, "", "id", NULL), &digest) < 0)
		return false;
	strv_add(&run->result->missing, digest.text);
	return true;
}

static bool handle_result(struct run *run, const json_t *json)
{
	const char *manifest = json_get_string(json, "", "manifest", NULL);
	const char *index = json_get_string(json, "", "index", NULL);

	if (*manifest != '\0' && digest_parse(manifest, &run->result->manifest) < 0)
		return false;
	if (*index != '\0' && digest_parse(index, &run->result->index) < 0)
		return false;
	run->ended = run->ok = true;
	return true;
}

static bool handle_subject(struct run *run, const json_t *json)
{
	strv_clear(&run->result->instances);
	return digest_parse(json_get_string(json, "", "manifest", NULL), &run->result->manifest) ==
		       0 &&
	       (*json_get_string(json, "", "index", NULL) == '\0' ||
		digest_parse(json_get_string(json, "", "index", NULL), &run->result->index) == 0) &&
	       json_get_strv(json, "instances", &run->result->instances) == 0;
}

static bool handle_signature(struct run *run, const json_t *json)
{
	if (run->result->signatures == NULL)
		run->result->signatures = json_array();
	/* more come only when a mirror failed after it had told of some */
	if (json_array_size(run->result->signatures) < SIGNATURES_MAX)
		json_array_append(run->result->signatures, (json_t *)json);
	return true;
}

static void handle_error(struct run *run, const json_t *json)
{
	const char *hint = json_get_string(json, "", "hint", NULL);

	run->ended = true;
	err_set(run->err, kind_of_name(json_get_string(json, "", "kind", NULL)), "%s",
		json_get_string(json, "no reason was given", "message", NULL));
	if (*hint != '\0')
		err_hint(run->err, "%s", hint);
}

static bool handle_line(struct run *run, const char *line, size_t length)
{
	struct err ignored; /* the caller says that the line makes no sense */
	cleanup_json json_t *json = json_parse(line, length, "event", &ignored);
	const char *event = json_get_string(json, "", "event", NULL);

	if (json == NULL || run->ended)
		return false;
	if (str_equal(event, "warning")) {
		handle_warning(run, json);
		return true;
	}
	if (str_equal(event, "found") && run->result->found != NULL) {
		json_array_append(run->result->found, json_object_get(json, "row"));
		return true;
	}
	if (str_equal(event, "tags"))
		return json_get_strv(json, "tags", &run->result->tags) == 0;
	if (str_equal(event, "subject"))
		return handle_subject(run, json);
	if (str_equal(event, "signature"))
		return handle_signature(run, json);
	if (str_equal(event, "made"))
		return handle_made(run, json);
	if (str_equal(event, "missing"))
		return handle_missing(run, json);
	if (str_equal(event, "result"))
		return handle_result(run, json);
	if (str_equal(event, "error")) {
		handle_error(run, json);
		return true;
	}
	return handle_progress(run, event, json);
}

/* 1 more may come, 0 end of file, -1 */
static int read_events(struct run *run, int fd, struct err *err)
{
	char data[65536];
	ssize_t got = read(fd, data, sizeof(data));
	char *line = NULL, *newline = NULL;

	if (got < 0)
		return errno == EINTR ? 1 : err_sys(err, errno, "cannot read from 'transfer'");
	if (got == 0)
		return 0;
	strbuf_add(&run->buffer, data, (size_t)got);
	line = run->buffer.data;
	while ((newline = memchr(line, '\n',
				 run->buffer.length - (size_t)(line - run->buffer.data))) != NULL) {
		if (!handle_line(run, line, (size_t)(newline - line)))
			return err_set(err, ERR_FAILED,
				       "'transfer' says something that makes no sense");
		line = newline + 1;
	}
	size_t rest = run->buffer.length - (size_t)(line - run->buffer.data);
	memmove(run->buffer.data, line, rest);
	strbuf_truncate(&run->buffer, rest);
	if (rest > TRANSFER_LINE_MAX)
		return err_set(err, ERR_FAILED, "'transfer' says something that has no end");
	return 1;
}

/* Read events until the end, passing signals on. */
static int listen_to(struct run *run, int event_fd, int signal_fd, const struct child *child,
		     struct err *err)
{
	bool interrupted = false;

	for (;;) {
		struct pollfd polls[] = {
			{ .fd = event_fd, .events = POLLIN },
			{ .fd = interrupted ? -1 : signal_fd, .events = POLLIN },
		};
		int status = 0;

		if (poll(polls, ARRAY_SIZE(polls), -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "cannot wait for 'transfer'");
		if (polls[1].revents != 0) {
			interrupted = true;
			kill(child->pid, SIGTERM);
		}
		if (polls[0].revents == 0)
			continue;
		status = read_events(run, event_fd, err);
		if (status < 0)
			return -1;
		if (status > 0)
			continue;
		if (interrupted)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (!run->ended)
			return err_set(err, ERR_FAILED, "'transfer' ended unexpectedly");
		return run->ok ? 0 : -1;
	}
}

#define EXTRA_FDS_MAX 4

static int start(const json_t *request, const int *fds, size_t fd_count, int *ret_event_fd,
		 struct child *ret_child, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *program = xasprintf("%s/transfer", process_libexec_dir());
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_fd int request_fd = -1, event_read = -1, event_write = -1;
	struct spawn spawn = SPAWN_INIT;
	int keep[2 + EXTRA_FDS_MAX];
	int pair[2];
	int status = 0;

	/* a sealed memory file: passwords are in no argument, no environment and no file (R18) */
	json_print(request, 0, &text);
	request_fd = fd_sealed("request", text.data, text.length);
	explicit_bzero(text.data, text.length);
	if (request_fd < 0)
		return err_sys(err, -request_fd, "cannot start 'transfer'");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot start 'transfer'");
	event_read = pair[0];
	event_write = pair[1];

	strv_add(&argv, "transfer");
	spawn.path = program;
	spawn.argv = &argv;
	spawn.stderr_fd = STDERR_FILENO;
	keep[0] = request_fd;
	keep[1] = event_write;
	for (size_t i = 0; i < fd_count && i < EXTRA_FDS_MAX; i++)
		keep[2 + i] = fds[i];
	spawn.keep_fds = keep;
	spawn.keep_fd_count = 2 + fd_count;
	spawn.death_signal = SIGTERM;
	status = process_spawn(&spawn, ret_child, err);
	if (status == 0)
		*ret_event_fd = TAKE_FD(event_read);
	return status;
}

int pull_run(struct engine *engine, const json_t *request, progress_function progress,
	     void *progress_arg, struct pull_result *ret_result, struct err *err)
{
	return pull_run_with(engine, request, NULL, 0, progress, progress_arg, ret_result, err);
}

int pull_run_with(struct engine *engine, const json_t *request, const int *fds, size_t fd_count,
		  progress_function progress, void *progress_arg, struct pull_result *ret_result,
		  struct err *err)
{
	struct run run = {
		.engine = engine,
		.progress = progress,
		.progress_arg = progress_arg,
		.result = ret_result,
		.buffer = STRBUF_INIT,
		.err = err,
	};
	cleanup_child struct child child = CHILD_INIT;
	cleanup_fd int event_fd = -1, signal_fd = -1;
	sigset_t set, before;
	int status = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		err_sys(err, errno, "cannot wait for signals");
	else if (start(request, fds, fd_count, &event_fd, &child, err) == 0)
		status = listen_to(&run, event_fd, signal_fd, &child, err);
	if (status == 0)
		child_wait(&child, NULL);
	if (status < 0 && err->kind == ERR_INTERRUPTED) {
		struct signalfd_siginfo info;

		/* it was heard, and is the caller's error now: it must not strike when the mask is lifted */
		while (read(signal_fd, &info, sizeof(info)) > 0)
			;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	strbuf_release(&run.buffer);
	return status;
}
