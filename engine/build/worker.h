/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/worker.h - the processes that do the large steps (private to engine/build)
 *
 * A worker is a fork that does one job, in a session of its own so that Ctrl-C reaches the builder alone, and ends with the builder. Three
 * pipes lead back: output, errors, and one struct job_result. It is done when all three have ended.
 */
#ifndef ENGINE_BUILD_WORKER_H
#define ENGINE_BUILD_WORKER_H

#include "engine/build/build_private.h"

#include <signal.h>
#include <sys/types.h>

#define WORKER_FDS 3
enum { WORKER_OUT, WORKER_ERRORS, WORKER_RESULT };

struct worker {
	struct job *job;
	pid_t pid;
	int fds[WORKER_FDS]; /* -1: ended */
	struct job_result result;
	size_t received;
};

struct schedule {
	struct build *build;
	size_t running, limit;
	int signal_fd;
	sigset_t old_mask;
};

/** Start one for the stage; the job is taken, also when this fails. */
int worker_start(struct schedule *schedule, struct stage *stage, struct job *job_take,
		 struct err *err);
/** Reap the stage's worker, if it has one, and remove what it left. by_force: kill it first. */
void worker_end(struct schedule *schedule, struct stage *stage, bool by_force);
/** Free a job that has no worker, with what was fetched for it. */
void worker_drop_job(struct build *build, struct job *job);
/** One of its pipes can be read. */
void worker_read(struct build *build, struct stage *stage, size_t which);
bool worker_has_ended(const struct worker *worker);

#endif
