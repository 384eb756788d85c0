/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/staging.h - what store_open() needs of staging (private; the rest is in store.h)
 */
#ifndef STORAGE_STAGING_H
#define STORAGE_STAGING_H

#include <stddef.h>

struct store;

/** How long a broken download waits for a retry. */
#define PARTIAL_KEEP_S (7 * 24 * 3600)

/**
 * Look into tmp/ and remove what was abandoned. Blocks for at most 20 ms: larger trees are removed by a child that outlives
 * the command. 0, or -ENOENT: there is no tmp/, the store is new.
 */
int staging_collect(struct store *store);

#endif
