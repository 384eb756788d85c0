/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/manifest_list.h - manifest lists: one name for the images of several platforms
 *
 * A list is made here, filled with images of the store and of registries, and pushed. In the store it is an image among the others, with names
 * and an id (storage/image.h): tag, rmi, images, inspect, save and push take it, and `run` takes its image for this machine. Its document is an
 * OCI index; what a registry has is named by digest and only fetched when the list is pushed somewhere else.
 *
 *	manifest_list_create(), manifest_list_add() for each image, manifest_list_annotate(), then image_push() of its name
 *
 * Two commands that change one list wait for each other: none of the changes is lost.
 */
#ifndef ENGINE_MANIFEST_LIST_H
#define ENGINE_MANIFEST_LIST_H

#include "engine/artifact.h"
#include "engine/files.h"
#include "engine/image.h"

/** What is known about members, or about the list with index. */
struct manifest_list_opts {
	struct image_pull_opts registry; /* authfile, creds, cert_dir, tls_verify */
	bool all; /* of an index all its images; else the one for os, arch and variant, or this machine */
	bool amend;    /* create: a list that is there is added to */
	bool index;    /* annotate: the list itself */
	bool artifact; /* add: the arguments are files, of which an artifact is made */
	char *arch, *os, *os_version, *variant;
	char *subject; /* annotate with index */
	struct strv features, os_features;
	struct strv annotations; /* NAME=VALUE */
	struct artifact_form form;
};

/** A new list of this name, with these images. ERR_EXISTS: the name is in use, unless it is a list's and amend is set. */
int manifest_list_create(struct engine *engine, const char *name, const struct strv *images,
			 const struct manifest_list_opts *opts, struct image **ret_list,
			 struct err *err);
/**
 * Add images: of the store by name or id, else of a registry; with a transport (docker:// and those of image_pull()) from there. One that is in
 * the list already is put in anew. With opts->artifact one artifact of all the files.
 */
int manifest_list_add(struct engine *engine, const char *text, const struct strv *images,
		      const struct manifest_list_opts *opts, struct image **ret_list,
		      struct err *err);
/** Change what the list says about a member (by digest, or by the name of an image), or about itself. */
int manifest_list_annotate(struct engine *engine, const char *text, const char *member,
			   const struct manifest_list_opts *opts, struct image **ret_list,
			   struct err *err);
int manifest_list_remove(struct engine *engine, const char *text, const char *digest,
			 struct image **ret_list, struct err *err);
/** The list of this name in the store: 1, 0 (also when it is an image), -1. */
int manifest_list_find(struct engine *engine, const char *text, struct image **ret_list,
		       struct err *err);
/** The document of a list: of the store, else of a registry; of a single image its manifest. New reference. */
json_t *manifest_list_inspect(struct engine *engine, const char *text,
			      const struct image_pull_opts *opts, struct err *err);

struct manifest_list_push_opts {
	struct image_push_opts push;
	int all;		     /* 0: only the list, its images are there already */
	struct strv add_compression; /* of each image also one that is compressed so */
	bool remove;		     /* --rm: the list goes when it was pushed */
};
/** Push to a registry, or to oci:, oci-archive: or dir:. @param destination  NULL: its own name */
int manifest_list_push(struct engine *engine, const char *text, const char *destination,
		       const struct manifest_list_push_opts *opts, progress_function progress,
		       void *progress_arg, struct digest *ret_digest, struct err *err);

#endif
