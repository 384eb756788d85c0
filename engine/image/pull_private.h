/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pull_private.h - the parts of a pull in the dhow process (private)
 *
 *	pull.c		policy, names, what is tried in which order, the record
 *	pull_request.c	the JSON request
 *	pull_run.c	start transfer, pass its events on, wait for its result
 */
#ifndef ENGINE_IMAGE_PULL_PRIVATE_H
#define ENGINE_IMAGE_PULL_PRIVATE_H

#include "engine/image.h"
#include "engine/image/manifest.h"
#include "engine/image/registries.h"

#include <jansson.h>

/** The platform that the options ask for, this machine's where they say nothing. */
int pull_platform(const struct image_pull_opts *opts, struct platform *ret, bool *ret_explicit,
		  struct err *err);

/** The source object for a full name. New reference. */
int pull_registry_source(const struct registries *registries, const struct image_ref *ref,
			 const struct image_pull_opts *opts, json_t **ret_source, struct err *err);
/** The same with the registry itself as the only endpoint: push, login. */
int pull_registry_itself(const struct registries *registries, const struct image_ref *ref,
			 const struct image_pull_opts *opts, json_t **ret_source, struct err *err);
/** The whole request; the source is taken. New reference. */
int pull_request(const struct engine *engine, const char *op, json_t *source_take,
		 const struct image_pull_opts *opts, json_t **ret_request, struct err *err);

/** A blob that a push has made on its way. */
struct made_blob {
	struct digest digest; /* "": not yet */
	uint64_t bytes;
	char *annotations; /* that its manifest says beside it, a JSON object; or NULL */
};

/** What transfer ends with. */
struct pull_result {
	struct digest manifest, index;
	struct strv tags;
	struct strv instances;	/* of the index: for "signatures" */
	json_t *signatures;	/* an array, or NULL */
	struct made_blob *made; /* of a push: one for each of its "make", by the caller */
	size_t made_count;
	struct strv missing; /* digests that neither the layout nor the registry has */
	json_t *found;	     /* of "search": an array that the caller made, or NULL */
};
void pull_result_release(struct pull_result *result);
/**
 * Run libexec/dhow/transfer. SIGINT, SIGTERM and SIGHUP are held back meanwhile: they end it, and this fails with ERR_INTERRUPTED.
 */
int pull_run(struct engine *engine, const json_t *request, progress_function progress,
	     void *progress_arg, struct pull_result *ret_result, struct err *err);

struct archive_item;
/**
 * Take one image of a layout into the store, with the names that it has there and that are names.
 * @param path  of the layout
 */
int pull_layout(struct engine *engine, const char *path, const struct archive_item *item,
		const struct image_pull_opts *opts, progress_function progress, void *progress_arg,
		struct image **ret_image, struct err *err);
/** The same with more descriptors, which are TRANSFER_EXTRA_FD and so on there. */
int pull_run_with(struct engine *engine, const json_t *request, const int *fds, size_t fd_count,
		  progress_function progress, void *progress_arg, struct pull_result *ret_result,
		  struct err *err);
/** The store as a request names it. New reference. */
json_t *pull_store_request(const struct engine *engine);

#endif
