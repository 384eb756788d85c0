/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_log.h - what a container writes becomes lines of a file (private to the monitor)
 *
 * k8s-file: `TIME STREAM TAG TEXT`, TAG is F for a line that ends here and P for a piece of one that goes on. json-file: one
 * object {"log","stream","time"} per line or piece; the text of a whole line ends in \n. journald: one entry per line or piece, in the
 * journal's native protocol, with podman's fields.
 *
 * Nothing is held back: what was read is written at once, with pieces where a line was cut by the read. The file never has half
 * a record: what a full disk cut off is cut off whole, counted, and the container goes on. Rotation renames (log -> log.1 -> ...) and never
 * truncates, so a reader that has the old file open gets all of it.
 */
#ifndef ENGINE_MONITOR_LOG_H
#define ENGINE_MONITOR_LOG_H

#include "engine/monitor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct monitor_log {
	int driver; /* enum log_driver; only the two file drivers and journald write */
	int dir_fd; /* borrowed; with journald the socket */
	const char *journal_fields; /* of each entry; may be NULL */
	int fd;			    /* -1: not open */
	const char *name;
	int64_t size;	    /* of the open file */
	int64_t max_bytes;  /* 0: no limit */
	uint32_t max_files; /* the current one included, at least 1 */
	uint64_t dropped_bytes;
};

/** Open or make the file. A failure is no failure of the container: what cannot be written is counted, and opening is tried again with each write. */
void monitor_log_open(struct monitor_log *log);
/** Write one read's worth of output. */
void monitor_log_write(struct monitor_log *log, bool is_stderr, const char *data, size_t length,
		       int64_t now_ns);
void monitor_log_close(struct monitor_log *log);

/* "2026-11-23T23:34:06.376037480+00:00" */
#define MONITOR_TIME_LENGTH 35
/** Without a terminating NUL. */
void monitor_time_format(int64_t ns, char text[MONITOR_TIME_LENGTH]);

#endif
