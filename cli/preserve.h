/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/preserve.h - descriptors of the caller that the container's program gets
 */
#ifndef CLI_PRESERVE_H
#define CLI_PRESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strv;

struct preserved {
	int *fds;
	size_t count;
	bool numbers;
	unsigned listen_count;	  /* of these, the first, are sockets of a service manager */
	const char *listen_names; /* borrowed from the environment, or NULL */
};
void preserved_release(struct preserved *preserved);
#define cleanup_preserved __attribute__((cleanup(preserved_release)))

/**
 * LISTEN_FDS of a service manager, when they are meant for this process, then those that the options name: count from the first free
 * number on, or the numbers in list (only one of both).
 */
int preserved_find(int64_t count, const struct strv *list, struct preserved *preserved,
		   struct err *err);

#endif
