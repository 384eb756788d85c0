/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/events.h - what happened: an append-only journal in the store, its writers and its readers
 *
 *	events/journal		one line of JSON per event, oldest first
 *	events/journal.1	what the journal was before it had grown to EVENTS_MAX_BYTES
 *
 * A writer opens the journal, appends one line with one write and closes it: no lock, no sync, about 10 us. An event tells what has
 * happened already, so a journal that cannot be written is a warning and never fails the verb. Whoever finds it too large
 * renames it; the lock of events/lock, which nobody waits for, makes that happen once. A line that was written to the old file
 * meanwhile is still read from there.
 *
 * Each line starts with {"timeNano":DIGIT. This can be nowhere else in a line (a quote within a text is escaped, and what
 * follows the name of a label is a text), so a reader finds the next event behind a torn line, and passes over old ones without parsing.
 *
 *	{"timeNano":N,"Type":"container","Status":"died","ID":"...","Name":"web","Image":"...","ContainerExitCode":0,"Attributes":{"label":"text"}}
 *
 * Members are podman's, empty ones are left out, and readers ignore what they do not know. Attributes of a container are its labels.
 *
 * The monitor has no JSON library: it gets the end of the line of a container's death as a text, event_died_text(), and writes
 * {"timeNano":N,"ContainerExitCode":N, before it, in one write.
 */
#ifndef ENGINE_EVENTS_H
#define ENGINE_EVENTS_H

#include "base/names.h"
#include "engine/engine.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct container;

enum event_type {
	EVENT_TYPE_CONTAINER,
	EVENT_TYPE_IMAGE,
	EVENT_TYPE_NETWORK,
	EVENT_TYPE_POD,
	EVENT_TYPE_SECRET,
	EVENT_TYPE_SYSTEM,
	EVENT_TYPE_VOLUME,
	EVENT_TYPE_COUNT
};
NAME_TABLE_DECLARE(event_type)

enum event_status {
	EVENT_ATTACH,
	EVENT_BUILD,
	EVENT_CLEANUP,
	EVENT_COMMIT,
	EVENT_CONNECT,
	EVENT_CREATE,
	EVENT_DIED,
	EVENT_DISCONNECT,
	EVENT_EXEC,
	EVENT_EXEC_DIED,
	EVENT_EXPORT,
	EVENT_HEALTH_STATUS,
	EVENT_IMPORT,
	EVENT_INIT,
	EVENT_KILL,
	EVENT_LOAD,
	EVENT_MOUNT,
	EVENT_PAUSE,
	EVENT_PRUNE,
	EVENT_PULL,
	EVENT_PULL_ERROR,
	EVENT_PUSH,
	EVENT_REFRESH,
	EVENT_REMOVE,
	EVENT_RENAME,
	EVENT_RENUMBER,
	EVENT_RESTART,
	EVENT_SAVE,
	EVENT_START,
	EVENT_STOP,
	EVENT_SYNC,
	EVENT_TAG,
	EVENT_UNMOUNT,
	EVENT_UNPAUSE,
	EVENT_UNTAG,
	EVENT_UPDATE,
	EVENT_STATUS_COUNT
};
NAME_TABLE_DECLARE(event_status)

#define EVENTS_MAX_BYTES (4U << 20)
/** Longer lines lose their attributes, so that labels of megabytes do not fill the journal. */
#define EVENT_LINE_MAX (64U << 10)

/** One event to be written. What is NULL is left out. */
struct event {
	enum event_type type;
	enum event_status status;
	const char *id, *name, *image;
	const char *pod_id, *network, *health_status, *error;
	const json_t *attributes; /* an object of texts, or NULL */
	bool has_exit_code;	  /* died, exec_died */
	int32_t exit_code;
};

/** Write it down. Never fails: engine_warn() at most. */
void engine_event(struct engine *engine, const struct event *event);
/** The same for the common cases; health_status NULL unless it is that. */
void event_container(struct engine *engine, const struct container *container,
		     enum event_status status);
void event_container_exit(struct engine *engine, const struct container *container,
			  enum event_status status, int32_t exit_code);
void event_container_health(struct engine *engine, const struct container *container,
			    const char *health_status);
void event_image(struct engine *engine, enum event_status status, const char *id, const char *name);
void event_volume(struct engine *engine, enum event_status status, const char *name);
void event_system(struct engine *engine, enum event_status status);

/**
 * The line of a container's death behind its time and exit code: "Type":"container",...}\n. Yours. For a writer with bare hands: it
 * opens events/journal with O_WRONLY | O_APPEND (no file: no event), and writes {"timeNano":N,"ContainerExitCode":N, and this.
 */
char *event_died_text(const struct container *container);

struct events_opts {
	int64_t since_ns; /* 0: from the beginning */
	int64_t until_ns; /* 0: no end */
	/** NAME=VALUE: container event image label network pod type volume. Several of one name: any of them; several names: all. */
	const struct strv *filters;
	bool follow; /* wait for more until until_ns */
};
/** Gets each event as the journal has it (borrowed); less than 0 ends the reading, which is no failure. */
typedef int (*events_function)(void *arg, const json_t *event);
/**
 * Read the journal in the order it was written. Blocks with follow. ERR_USAGE for a filter that is unknown. Damaged lines are passed over.
 */
int events_read(struct engine *engine, const struct events_opts *opts, events_function function,
		void *arg, struct err *err);

#endif
