/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_child.h - the command line, executed by the monitor (private to the monitor)
 *
 * What it does is in engine/monitor.h. It gets the global options that find the same store, the environment that the monitor was
 * given, /dev/null as standard streams, and no other descriptor.
 */
#ifndef ENGINE_MONITOR_CHILD_H
#define ENGINE_MONITOR_CHILD_H

#include "engine/monitor.h"

#include <stdbool.h>

struct monitor_child {
	pid_t pid;
	int pid_fd; /* -1: there is none */
};

/** Start `dhow GLOBAL... WORD... ID`; words are ended by NULL. 0 or -errno. */
int monitor_child_start(const struct monitor_config *config, const char *const *environment,
			const char *const *words, struct monitor_child *child);
/** The exit status of one that has ended, or -1; there is none afterwards. */
int monitor_child_reap(struct monitor_child *child);
/** The same program in our own place. Returns when that fails. */
void monitor_become(const struct monitor_config *config, const char *const *environment,
		    const char *const *words);

#endif
