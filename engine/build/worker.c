/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/worker.c - start, read and end workers
 */
#include "engine/build/worker.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "engine/build/run_mount.h"
#include "engine/container/step.h"
#include "engine/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_CHUNK  65536
#define STATUS_FAILED 125

static void work(struct build *build, struct worker *worker, int out_fd, int error_fd,
		 int result_fd) __attribute__((noreturn));
static void work(struct build *build, struct worker *worker, int out_fd, int error_fd,
		 int result_fd)
{
	struct job_result result = { 0 };
	struct job *job = worker->job;

	switch (job->kind) {
	case JOB_RUN:
		result.status = job_work_run(build, job, out_fd, error_fd, &result, &result.err);
		break;
	case JOB_COPY:
		result.status = job_work_copy(build, job, &result, &result.err);
		break;
	case JOB_WORKDIR:
		result.status = job_work_workdir(build, job, &result, &result.err);
		break;
	}
	if (fd_write_full(result_fd, &result, sizeof(result)) < 0)
		_exit(STATUS_FAILED);
	_exit(0);
}

static void become_worker(const struct schedule *schedule, pid_t builder)
{
	/* a terminal that a step has is raw: Ctrl-C is a byte, and changes of its size are told to its own session only */
	if (!schedule->build->terminal)
		setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != builder)
		_exit(STATUS_FAILED);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &schedule->old_mask, NULL);
}

/* Made with the first worker: a build that finds all in the cache needs none. */
static int make_namespace(struct build *build, struct err *err)
{
	struct runtime_userns userns = RUNTIME_USERNS_INIT;
	const struct idmaps *maps;
	int status;

	if (build->userns_fd >= 0)
		return 0;
	if (store_idmaps(build->engine->store, &maps, err) < 0 ||
	    runtime_userns_start(maps, false, &userns, err) < 0)
		return -1;
	status = runtime_userns_finish(&userns, NULL, err);
	if (status == 0)
		build->userns_fd = TAKE_FD(userns.userns_fd);
	runtime_userns_release(&userns);
	return status;
}

int worker_start(struct schedule *schedule, struct stage *stage, struct job *job_take,
		 struct err *err)
{
	struct build *build = schedule->build;
	struct worker *worker = xcalloc(1, sizeof(*worker));
	int write_fds[WORKER_FDS] = { -1, -1, -1 };
	pid_t builder = getpid();
	int status = 0;

	worker->job = job_take;
	stage->worker = worker;
	for (size_t i = 0; i < WORKER_FDS; i++)
		worker->fds[i] = -1;
	if (make_namespace(build, err) < 0 ||
	    staging_new(build->engine->store, "build", &job_take->staging, err) < 0)
		return -1;
	for (size_t i = 0; status == 0 && i < WORKER_FDS; i++) {
		int fds[2];

		status = pipe2(fds, O_CLOEXEC) < 0 ? err_sys(err, errno, "cannot make a pipe") : 0;
		if (status == 0) {
			worker->fds[i] = fds[0];
			write_fds[i] = fds[1];
		}
	}
	if (status == 0) {
		fflush(NULL); /* what is buffered is not written twice */
		worker->pid = fork();
		if (worker->pid < 0)
			status = err_sys(err, errno, "cannot make a process");
		if (worker->pid == 0) {
			become_worker(schedule, builder);
			work(build, worker, write_fds[WORKER_OUT], write_fds[WORKER_ERRORS],
			     write_fds[WORKER_RESULT]);
		}
	}
	for (size_t i = 0; i < WORKER_FDS; i++)
		fd_close(&write_fds[i]);
	if (status == 0)
		schedule->running++;
	return status;
}

void worker_drop_job(struct build *build, struct job *job)
{
	if (job->fetched.name[0] != '\0')
		staging_discard(build->engine->store, &job->fetched);
	job_free(job);
}

void worker_end(struct schedule *schedule, struct stage *stage, bool by_force)
{
	struct build *build = schedule->build;
	struct worker *worker = stage->worker;

	if (worker == NULL)
		return;
	if (worker->pid > 0) {
		if (by_force)
			kill(worker->pid, SIGKILL);
		while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
			;
		schedule->running--;
		if (by_force && worker->job->kind == JOB_RUN)
			container_step_cleanup(build->engine, &worker->job->id);
	}
	for (size_t i = 0; i < WORKER_FDS; i++)
		fd_close(&worker->fds[i]);
	if (worker->job->kind == JOB_RUN)
		run_mounts_cleanup(build, worker->job);
	staging_discard(build->engine->store, &worker->job->staging);
	worker_drop_job(build, worker->job);
	free(worker);
	stage->worker = NULL;
}

void worker_read(struct build *build, struct stage *stage, size_t which)
{
	struct worker *worker = stage->worker;
	char chunk[OUTPUT_CHUNK];
	ssize_t got;

	if (which == WORKER_RESULT) {
		got = read(worker->fds[which], (char *)&worker->result + worker->received,
			   sizeof(worker->result) - worker->received);
		if (got > 0) {
			worker->received += (size_t)got;
			return;
		}
	} else {
		got = read(worker->fds[which], chunk, sizeof(chunk));
		if (got > 0) {
			const struct build_event event = {
				.kind = BUILD_OUTPUT,
				.stage = stage->number,
				.stage_count = build->needed_count,
				.step = stage->step,
				.text = chunk,
				.length = (size_t)got,
				.is_stderr = which == WORKER_ERRORS,
			};

			build->event(build->event_arg, &event);
			return;
		}
	}
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	fd_close(&worker->fds[which]);
}

bool worker_has_ended(const struct worker *worker)
{
	for (size_t i = 0; i < WORKER_FDS; i++)
		if (worker->fds[i] >= 0)
			return false;
	return true;
}
