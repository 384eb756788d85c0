/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/events/parts.h - what the files of engine/events share
 */
#ifndef ENGINE_EVENTS_PARTS_H
#define ENGINE_EVENTS_PARTS_H

#include "base/alloc.h"
#include "engine/events.h"

struct strbuf;

#define EVENTS_DIR	   "events"
#define EVENTS_JOURNAL	   "journal"
#define EVENTS_JOURNAL_OLD "journal.1"
#define EVENTS_LOCK	   "lock"

/** What each line starts with; a digit follows. */
#define EVENT_LINE_START "{\"timeNano\":"

/** Append the line of an event, newline included. */
void event_line(const struct event *event, int64_t time_ns, struct strbuf *out);

/**
 * Find the event in a line without its newline: what is behind the last start in it, because a torn line has no newline. 1 and its
 * time, or 0 when there is none.
 */
int event_line_find(const char *line, size_t length, size_t *ret_start, int64_t *ret_time_ns);

/** --filter, parsed. */
struct event_filters;
int event_filters_new(const struct strv *filters, struct event_filters **ret_filters,
		      struct err *err);
bool event_filters_match(const struct event_filters *filters, const json_t *event);
void event_filters_free(struct event_filters *filters);
DEFINE_CLEANUP(event_filters)
#define cleanup_event_filters __attribute__((cleanup(event_filters_free_ptr)))

#endif
