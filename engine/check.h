/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/check.h - is all that the store promises there, and is it what its digests say?
 *
 * Manifests, configurations and blobs are hashed. A layer that was made here is written as tar again, whose digest must be the diffID. One
 * that was unpacked from somebody else's tar cannot be written as that tar again: its blob is unpacked once more, by the sandbox that pulls
 * use, beside the store's tree, and the two must be the same to the last attribute. So what is needed to heal it is at hand.
 *
 * Healing goes from near to far: a layer from its blob, then blobs and layers from the registry by the digest that the image was pulled as.
 * Nothing that is good is touched, and a failed attempt leaves what was there. An image that cannot be healed is removed by repair unless a
 * container uses it; with force, together with its containers.
 */
#ifndef ENGINE_CHECK_H
#define ENGINE_CHECK_H

#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct check_opts {
	bool quick;  /* only what is there, not whether its content is right */
	bool repair; /* heal */
	bool force;  /* with repair: also remove containers of images that cannot be healed */
	int64_t max_age_s; /* repair removes layers and blobs that nobody needs and that are older; -1: no */
};

struct check_result {
	size_t problems; /* found */
	size_t left;	 /* of them, not healed */
};

/** One sentence about one object, as it is found or healed. */
typedef void (*check_function)(void *arg, const char *text);

/** 0 also when there are problems. Blocks; locks only for the moment of an exchange, so that other commands go on. */
int store_check(struct engine *engine, const struct check_opts *opts, check_function report,
		void *arg, struct check_result *ret_result, struct err *err);

#endif
