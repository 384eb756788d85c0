/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/restart.h - the restart policy (private to engine/container)
 *
 * What the user wants is on disk, and nothing else: the policy in create.json, and a file `stopped` in the container's directory when
 * they have stopped or killed it. The monitor restarts by that, with a delay that grows; it is no process that has to be kept alive for
 * it. When the monitor itself was killed, or the machine went down, the container is exited, and `dhow start --all --filter
 * should-start=true` finds from the same two facts that it is meant to run.
 *
 * A restart by the policy is a start like any other (start.c), by one more process of the command line. Under the container's lock,
 * with its life taken, it looks at the two facts again: who stops a container writes `stopped` first and looks for a life afterwards,
 * so either the restart is not made or the one who stops sees it.
 *
 * The record `restarts` counts: {"count": restarts by the policy since the last start by a user, "delayMs": wait before the next}.
 */
#ifndef ENGINE_CONTAINER_RESTART_H
#define ENGINE_CONTAINER_RESTART_H

#include "engine/container.h"
#include "engine/monitor.h"

struct restarts {
	int64_t count, delay_ms;
};

/** What is on record; none and one that cannot be read are {0, the shortest delay}. */
void restarts_read(const struct container *container, struct restarts *ret_restarts);
/** What the monitor has to know about it. */
void restart_policy(const struct container *container, const struct restarts *restarts,
		    struct attach_policy *ret_policy);
/** The user wants it to be down; nothing is written when it has no policy. A failure is told: it would be restarted against their will. */
int restart_stop(const struct container *container, struct err *err);
bool restart_is_stopped(const struct container *container);
/** The user wants it to run: count from 0. Call it with the container's lock. */
void restart_reset(const struct container *container);
/** The policy wants it to run: count one more, with a longer delay. Call it with the lock, before the records of the last run go. */
int restart_count(const struct container *container, struct err *err);

#endif
