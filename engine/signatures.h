/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/signatures.h - whom we trust, and signing what is in a registry
 *
 * What is trusted stands in policy.json, and where signatures are in registries.d: the files of the whole containers family, read and
 * written in place. They are written whole or not at all, and only when the result can be understood.
 */
#ifndef ENGINE_SIGNATURES_H
#define ENGINE_SIGNATURES_H

#include "engine/files.h"

#include <jansson.h>

/**
 * A row per requirement, the default first: objects with transport, name, repo_name, type, and where they are known gpg_id, keys and sigstore
 * (the storage of signatures). New reference.
 * @param scope  only the rows of this name; NULL: all
 */
int trust_show(struct engine *engine, const char *scope, json_t **ret_rows, struct err *err);
/** The policy file as it is. */
int trust_show_raw(struct engine *engine, struct strbuf *ret_text, struct err *err);

struct trust_set_opts {
	char *type;	  /* accept, reject, signedBy, sigstoreSigned */
	struct strv keys; /* files with public keys */
};
/**
 * Replace the rules of a registry, repository or image, or of "default". With several keys all must have signed. ERR_USAGE.
 * @param ret_file  that was written; yours
 */
int trust_set(struct engine *engine, const char *scope, const struct trust_set_opts *opts,
	      char **ret_file, struct err *err);

struct trust_add_opts {
	struct strv keys; /* one of them must have signed; all of GPG, or all of sigstore */
	char *match;	  /* which name a signature must bear; NULL: what fits the kind of key */
};
/** The same from keys alone: finds out of which kind they are, and turns the attachments of sigstore on where they are needed. */
int trust_add(struct engine *engine, const char *scope, const struct trust_add_opts *opts,
	      struct strv *ret_files, struct err *err);

struct image_sign_run_opts {
	struct image_pull_opts registry;
	struct image_sign_opts sign;
	char *directory; /* in place of the storage of registries.d */
	bool all;	 /* also the index, and all images of it */
};
/**
 * Sign an image as it is in its registry.
 * @param ret_paths  the files that were written
 */
int image_sign(struct engine *engine, const char *text, const struct image_sign_run_opts *opts,
	       struct strv *ret_paths, struct err *err);

#endif
