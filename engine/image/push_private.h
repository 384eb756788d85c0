/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/push_private.h - the two ways of a push (private to engine/image)
 *
 *	push.c			options; archives and directories, which are what save writes
 *	push_registry.c		registries
 *	push_send.c		what lists and artifacts are made of: a manifest whose blobs are all in a layout
 *	list_push.c		manifest lists
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

/** The registry that a name is pushed to, Docker Hub for a short one. @param ret_source  new reference; the one endpoint */
int push_target(struct engine *engine, const char *text, const struct image_pull_opts *opts,
		struct image_ref *ret_target, json_t **ret_source, struct err *err);
/** The tag or digest it is put under. */
const char *push_tag(const struct image_ref *target);

/** One manifest with its blobs. */
struct push_send_request {
	const struct image_push_opts *opts;
	const struct layout *layout;
	const struct layout_image *image;
	json_t *source; /* of push_target(); borrowed */
	const char *tag;
	progress_function progress;
	void *progress_arg;
};
int push_send(struct engine *engine, const struct push_send_request *request, struct err *err);

/** A manifest list. */
struct list_push_request {
	const struct image *list;
	const struct image_push_opts *opts;
	bool all;			    /* with the images */
	const struct strv *add_compression; /* or NULL */
	progress_function progress;
	void *progress_arg;
};
int list_push(struct engine *engine, const struct list_push_request *request, const char *target,
	      struct digest *ret_digest, struct err *err);

#endif
