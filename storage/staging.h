/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/staging.h - collection of what was abandoned, and removal (private; the rest of staging is in store.h)
 *
 * Whatever is removed is first moved to tmp/ with one rename, where it is gone for everybody, and then deleted: a crash leaves it
 * to the next collection. Nothing is made for that, so it works on a full disk too.
 *
 *	struct removal removal = REMOVAL_INIT;
 *	removal_begin(), removal_take() for each, removal_finish() also after a failure
 */
#ifndef STORAGE_STAGING_H
#define STORAGE_STAGING_H

#include "base/strv.h"

struct err;
struct store;

struct removal {
	int tmp_fd;
	int lock_fd; /* holds the slots of all names */
	struct strv names;
};
#define REMOVAL_INIT                                                                               \
	{                                                                                          \
		-1, -1, STRV_INIT                                                                  \
	}
int removal_begin(struct store *store, struct removal *ret_removal, struct err *err);
/** Move an entry away, file or directory: 1, 0 there is none, -1 with err. kind is the beginning of its name in tmp/. */
int removal_take(struct removal *removal, const char *kind, int dir_fd, const char *name,
		 struct err *err);
/** Delete what was taken. What cannot be deleted now is collected later. */
void removal_finish(struct store *store, struct removal *removal);

/** How long a broken download waits for a retry. */
#define PARTIAL_KEEP_S (7 * 24 * 3600)

/**
 * Look into tmp/ and remove what was abandoned. Blocks for at most 20 ms: larger trees are removed by a child that outlives
 * the command. 0, or -ENOENT: there is no tmp/, the store is new.
 */
int staging_collect(struct store *store);

#endif
