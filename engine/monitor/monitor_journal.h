/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_journal.h - lines for the journal of systemd (private to the monitor)
 */
#ifndef ENGINE_MONITOR_JOURNAL_H
#define ENGINE_MONITOR_JOURNAL_H

#include "engine/monitor/monitor_log.h"

/** Write one read's worth of output as entries: one per line, and one marked as a part for what has no newline. */
void monitor_journal_write(struct monitor_log *log, bool is_stderr, const char *data,
			   size_t length);

/** One last entry, which has the container's id in JOURNAL_END_FIELD: `logs` knows by it that nothing is on its way any more. */
void monitor_journal_end(struct monitor_log *log, const char *container_id);

#endif
