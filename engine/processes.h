/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/processes.h - look at the processes of a running container, from outside
 *
 * Everything is read from the host's /proc and from the cgroup; nothing of the container runs and no namespace is entered (R3, R6). Which
 * processes belong to it: those of its cgroup; where it has none, those in the pid namespace of its init and their descendants. Ids are
 * shown as the container sees them, through the maps of its user namespace, with the names of its own passwd and group. A process that
 * ends meanwhile is passed over.
 */
#ifndef ENGINE_PROCESSES_H
#define ENGINE_PROCESSES_H

#include "base/strv.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct container;
struct err;

/** A table of texts as they are: whoever prints it escapes them (R11). */
struct top_table {
	struct strv titles;
	struct strv *rows; /* each has as many items as titles */
	size_t count;
};
void top_table_release(struct top_table *table);
#define cleanup_top_table __attribute__((cleanup(top_table_release)))

/**
 * The processes, oldest first.
 * @param columns  what to show: podman's names ("pid,user", "hpid") or codes ("%C"), or the options of ps that say the same ("-eo pid,comm",
 *                 "aux", "-ef"). Empty: user pid ppid pcpu etime tty time args
 * ERR_STATE when it does not run, ERR_USAGE names the unknown column.
 */
int container_top(struct engine *engine, const struct container *container,
		  const struct strv *columns, struct top_table *ret_table, struct err *err);
/** Names of all columns, in alphabetic order, for completion and help. */
void container_top_columns(struct strv *ret_names);

/** Numbers of a container at one moment. Counters only grow. */
struct container_stats {
	int64_t time_ns; /* CLOCK_BOOTTIME of this sample */
	int64_t up_ns;	 /* since the container started */
	uint64_t cpu_ns, cpu_system_ns;
	uint64_t memory_bytes; /* without the page cache that can be dropped, as docker counts */
	uint64_t memory_limit_bytes; /* its own, or the machine's memory */
	uint64_t network_in_bytes, network_out_bytes;
	uint64_t block_in_bytes, block_out_bytes;
	uint64_t pids;
	/* percent since the sample before, or since the start */
	double cpu_percent, cpu_average_percent;
	/** These numbers were added up from the living processes, because the cgroup does not count them: what has ended is missing. */
	bool cpu_of_processes, memory_of_processes, block_of_processes;
};
/**
 * Take a sample.
 * @param before  an earlier one of the same container, or NULL
 * ERR_STATE when it does not run.
 */
int container_stats(struct engine *engine, const struct container *container,
		    const struct container_stats *before, struct container_stats *ret_stats,
		    struct err *err);

#endif
