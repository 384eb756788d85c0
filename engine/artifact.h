/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/artifact.h - artifacts: files that a registry keeps like an image, and that are none
 *
 * They are in artifacts/ of the store, which is an OCI layout of its own with its index as the list of them: nothing of an artifact is ever
 * unpacked, run, or listed among images. A name means one artifact; blobs that none of them needs any more go with the last.
 */
#ifndef ENGINE_ARTIFACT_H
#define ENGINE_ARTIFACT_H

#include "base/digest.h"
#include "engine/files.h"
#include "engine/image.h"

/** What an artifact that is made of files says about them (OCI image specification, "guidelines for artifact usage"). */
struct artifact_form {
	char *type;		       /* artifactType; NULL: a default */
	char *config, *config_type;    /* file with the configuration; NULL: the empty one */
	char *layer_type;	       /* media type of the files; NULL: found by looking at each */
	bool exclude_titles;	       /* the files' names are not written */
	bool dated;		       /* the manifest says when it was made */
	struct strv layer_annotations; /* NAME=VALUE, of each file */
};

struct artifact_add_opts {
	struct artifact_form form;
	bool append;  /* to the artifact of this name */
	bool replace; /* it */
};
/** ERR_EXISTS: the name is in use. */
int artifact_add(struct engine *engine, const char *name, const struct strv *files,
		 const struct artifact_add_opts *opts, struct digest *ret_digest, struct err *err);
/** All, as objects with Name, Digest, Size, Created (seconds or 0), Manifest. New reference. */
json_t *artifact_list(struct engine *engine, struct err *err);
/** One, by name, digest or the beginning of a digest: Manifest, Name, Digest. New reference; NULL with err. */
json_t *artifact_inspect(struct engine *engine, const char *text, struct err *err);

struct artifact_extract_opts {
	char *digest, *title; /* only this file */
};
/** Write the files into a directory, by their titles, or a single one to a path. */
int artifact_extract(struct engine *engine, const char *text, const char *path,
		     const struct artifact_extract_opts *opts, struct err *err);
int artifact_pull(struct engine *engine, const char *name, const struct image_pull_opts *opts,
		  progress_function progress, void *progress_arg, struct digest *ret_digest,
		  struct err *err);
int artifact_push(struct engine *engine, const char *text, const struct image_push_opts *opts,
		  progress_function progress, void *progress_arg, struct digest *ret_digest,
		  struct err *err);
/** @param text  NULL: all; @param ret_digests  of what went */
int artifact_rm(struct engine *engine, const char *text, struct strv *ret_digests, struct err *err);

#endif
