/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_record.h - the records `run` and `exit`, written without an allocator (private to the monitor)
 *
 * The form is base/record.h's. The exit record must not fail on a full disk: its room is reserved when the container starts, in a file
 * of another name that is filled and renamed at the end.
 */
#ifndef ENGINE_MONITOR_RECORD_H
#define ENGINE_MONITOR_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct monitor_run {
	pid_t pid;
	uint64_t start_ticks;
	pid_t monitor_pid;
	int64_t started_ns;
	const char *cgroup_path; /* NULL: none */
};
struct monitor_exit {
	int32_t exit_code;
	int32_t signal;
	bool oom_killed;
	int64_t started_ns, finished_ns;
	uint64_t dropped_bytes; /* of the log; in the record when not 0 */
};

/** 0 or -errno. */
int monitor_record_run(int dir_fd, const struct monitor_run *run);
/** Make the room for the exit record; fd, or -errno. */
int monitor_record_reserve(int dir_fd);
/** Publish it, in the reserved file if there is one (reserved_fd -1: there is none). 0 or -errno. */
int monitor_record_exit(int dir_fd, int reserved_fd, const struct monitor_exit *exit);
/** Append the event of the death to the journal in events_fd, if there is one: `{"timeNano":N,"ContainerExitCode":N,` and rest, in one write. */
void monitor_event_died(int events_fd, const char *rest, int64_t time_ns, int32_t exit_code);
/** A pid and a newline into the file at an absolute path. 0 or -errno. */
int monitor_write_pid_file(const char *path, pid_t pid);
/** Start time of a process in ticks since boot, 0 when it cannot be read. */
uint64_t monitor_start_ticks(pid_t pid);
/** The number after `key ` in a flat-keyed file such as memory.events, or 0. */
uint64_t monitor_read_key(int dir_fd, const char *file, const char *key);

#endif
