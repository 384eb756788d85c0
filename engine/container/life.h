/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/life.h - the processes of a running container, for stop, kill, wait, exec, attach (private to engine/container)
 *
 * The init is known by its pidfd, opened by pid and start time (R25). Its end is told by the monitor over a connection: nothing is
 * polled for. A connection that nobody accepts means that the container does not run.
 */
#ifndef ENGINE_CONTAINER_LIFE_H
#define ENGINE_CONTAINER_LIFE_H

#include "engine/container.h"
#include "engine/monitor.h"

/** True when the state has a process. */
bool container_is_up(const struct container *container);
/** pidfd of the init; -1 when it is gone (no failure: an end is under way). */
int container_open_init(const struct container *container);
/** Connection to the monitor: fd, -2 when there is none, -1 failed. */
int container_connect(struct engine *engine, const struct container *container, struct err *err);
/** Say what a connection is for. 0 or -errno. */
int container_hello(int connection_fd, const struct attach_hello *hello);

enum end_result { END_TIMEOUT, END_TOLD, END_GONE };
/** Wait for the end: told with its exit, or the monitor has gone without a word. timeout_ms -1: for ever. Other packets are skipped. */
enum end_result container_wait_end(int connection_fd, int64_t timeout_ms,
				   struct attach_exit *ret_exit);
/** The `run` record's cgroup, yours, or NULL. */
char *container_cgroup_path(const struct container *container);
/** ERR_STATE in podman's words: "can only WHAT running containers. ID is in state STATE: container state improper". */
int container_state_improper(const struct container *container, const char *what, struct err *err);
/** container_kill(), but the restart policy holds afterwards. */
int container_send_signal(struct engine *engine, struct container *container, int signal_number,
			  struct err *err);
/** End a container that `init` has prepared and that was not started: it is `created` again. Call it with the lock. */
int container_end_prepared(struct engine *engine, struct container *container, struct err *err);
/** End an init whose monitor was killed and that still runs, whatever became of its death signal. */
void container_kill_orphan(const struct container *container);

#endif
