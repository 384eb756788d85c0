/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/push_private.h - the two ways of a push (private to engine/image)
 *
 *	push.c			options; archives and directories, which are what save writes
 *	push_registry.c		registries
 */
#ifndef ENGINE_IMAGE_PUSH_PRIVATE_H
#define ENGINE_IMAGE_PUSH_PRIVATE_H

#include "engine/files.h"
#include "engine/image/layout.h"
#include "engine/image/pull_private.h"

struct push {
	struct engine *engine;
	const struct image *image;
	const struct image_push_opts *opts;
	struct layout_opts layout; /* what the options mean: push_read_form() */
	progress_function progress;
	void *progress_arg;
	struct digest *ret_digest;
};

/** Fill layout from the options. ERR_USAGE. */
int push_read_form(struct push *push, bool to_registry, struct err *err);
/** @param text  the name in the registry */
int push_to_registry(struct push *push, const char *text, struct err *err);

#endif
