/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/engine.h - the context that every verb gets
 *
 * The engine's doors: engine.h (this), image.h, container.h, files.h, signatures.h, runtime.h, monitor.h, processes.h (top, stats), health.h, events.h,
 * disk.h, check.h. Verbs take structs, return structs, never print, never exit and never assume a terminal: the command line is one caller, an API server will be another. Uses base, rootless,
 * storage, network.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/alloc.h"
#include "base/strv.h"
#include "rootless/cgroup.h"
#include "storage/store.h"

#include <stdbool.h>

struct err;

/** What the global options say. */
struct engine_options {
	char *root, *run_root; /* NULL: the defaults of storage/store.h */
	int storage_driver;    /* enum storage_driver */
	struct strv additional_roots;
	struct strv cdi_spec_dirs; /* empty: the usual ones */
	int cgroup_manager;	   /* enum cgroup_manager */
	char *runtime;	/* NULL or "dhow": our own; else the path of another OCI runtime */
	bool as_docker; /* called by the name docker: follow docker where the two differ */
	char *registries_conf, *policy_file; /* NULL: the usual places */
};

struct engine {
	struct engine_options options;
	struct store *store;
	/** A sentence for the user that is no failure; printed on stderr as "Warning: ...". Never NULL. */
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
	/** Ask the user which of several names is meant: its place, or -1. NULL: there is nobody to ask. */
	int (*choose)(const char *question, const struct strv *names);
	struct runtime_userns *ahead; /* of container_start_ahead(), owned; or NULL */
	struct idmaps ahead_maps;     /* its maps where they are not the store's */
};

/** Open the store as asked. The callback is set by the caller before verbs are called; default: nothing is said. */
int engine_open(const struct engine_options *options, bool for_writing, struct engine **ret_engine,
		struct err *err);
void engine_free(struct engine *engine);
DEFINE_CLEANUP(engine)
#define cleanup_engine __attribute__((cleanup(engine_free_ptr)))

void engine_warn(struct engine *engine, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
