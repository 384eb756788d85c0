/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/journal.c - run libexec/dhow/host to read the journal
 */
#include "rootless/journal.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

static int64_t micro(int64_t ns)
{
	return ns / 1000;
}

static void make_words(const struct journal_request *request, struct strv *words)
{
	strv_add(words, "dhow-host");
	strv_add(words, "journal");
	strv_add(words, request->container_id);
	strv_addf(words, "%" PRId64, micro(request->since_ns));
	strv_addf(words, "%" PRId64, micro(request->until_ns));
	strv_addf(words, "%" PRId64, request->tail);
	strv_add(words, request->follow ? "follow" : request->ended ? "ended" : "now");
}

int journal_open(const struct journal_request *request, struct journal_reader *ret_reader,
		 struct err *err)
{
	cleanup_free char *program = xasprintf("%s/host", process_libexec_dir());
	cleanup_strv struct strv words = STRV_INIT;
	int lines[2], go_on[2], failure[2];

	if (pipe2(lines, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	cleanup_fd int lines_fd = lines[0], lines_in_fd = lines[1];

	if (pipe2(go_on, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	cleanup_fd int go_on_out_fd = go_on[0], go_on_fd = go_on[1];

	if (pipe2(failure, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	cleanup_fd int failure_fd = failure[0], failure_in_fd = failure[1];

	make_words(request, &words);
	struct spawn spawn = SPAWN_INIT;
	spawn.path = program;
	spawn.argv = &words;
	spawn.stdin_fd = go_on_out_fd;
	spawn.stdout_fd = lines_in_fd;
	spawn.stderr_fd = STDERR_FILENO;
	spawn.keep_fds = &failure_in_fd;
	spawn.keep_fd_count = 1;
	spawn.death_signal = SIGKILL;
	struct journal_reader reader = JOURNAL_READER_INIT;
	if (process_spawn(&spawn, &reader.child, err) < 0)
		return -1;
	reader.fd = TAKE_FD(lines_fd);
	reader.go_on_fd = TAKE_FD(go_on_fd);
	reader.failure_fd = TAKE_FD(failure_fd);
	*ret_reader = reader;
	return 0;
}

void journal_end(struct journal_reader *reader)
{
	fd_close(&reader->go_on_fd);
}

int journal_result(struct journal_reader *reader, struct err *err)
{
	struct err told;
	int status = 0;

	if (err_receive(reader->failure_fd, &told) == 1) {
		*err = told;
		return -1;
	}
	if (child_wait(&reader->child, &status) < 0 || status == 0)
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "the program that reads the journal ended early");
}

void journal_release(struct journal_reader *reader)
{
	fd_close(&reader->fd);
	fd_close(&reader->go_on_fd);
	fd_close(&reader->failure_fd);
	child_release(&reader->child);
}
