/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/select.h - which containers a command means: names, --latest, --all, --filter, --cidfile
 */
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include "cli/cmd.h"
#include "engine/container.h"

/** Exactly one: the only argument, or the latest. ERR_USAGE when both or none are given. */
int select_one(struct cli *cli, const struct strv *args, bool latest,
	       struct container **ret_container, struct err *err);

struct select_request {
	const struct strv *args;
	bool all, latest;
	const struct strv *filters;  /* NULL: none; with arguments both must hold */
	const struct strv *cidfiles; /* NULL: none; files that hold an id */
	bool ignore;		     /* unknown ones and missing files are passed over */
	bool working;		     /* with all: working containers, and no others */
	unsigned states;	     /* with all or filters: bits 1 << CONTAINER_..., 0: any */
};
/** One selected container, and the text that it was asked for by (what podman prints back): its id with --all. */
struct selected {
	struct container *container; /* NULL: was not found, and the failure was printed */
	char *text;
};
struct selection {
	struct selected *items;
	size_t count;
	int status;  /* exit status so far: that of unknown ones */
	int missing; /* how many were not found */
};
void selection_release(struct selection *selection);
#define cleanup_selection __attribute__((cleanup(selection_release)))
/**
 * All that are meant, in the order of the arguments. One that is not found is printed as an error and counted; the others stay. -1 when
 * the request itself is wrong (nothing asked for, --all with arguments, an unknown filter).
 */
int select_containers(struct cli *cli, const struct select_request *request,
		      struct selection *ret_selection, struct err *err);

/**
 * Select and do one thing with each: prints what was asked for when it worked, the error when it did not. The exit status is the
 * worst of them.
 */
typedef int (*select_function)(struct cli *cli, struct container *container, void *arg,
			       struct err *err);
int select_each(struct cli *cli, const struct select_request *request, select_function function,
		void *arg, struct err *err);

/** Rows that stop, kill, restart, pause ... share, for a struct select_opts. */
struct select_opts {
	bool all, latest, ignore;
	struct strv filters, cidfiles;
};
extern const struct opt select_rows[];
/** The same where -f is --force. */
extern const struct opt select_rows_without_f[];

#endif
