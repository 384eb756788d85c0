/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/registries_d.h - registries.d: where the signatures of an image are (private)
 *
 * The files of ~/.config/containers/registries.d, or of /etc/containers/registries.d when the user has none. A file that cannot be
 * understood, an unknown key, a scope that two files describe: an error that names the file. What no file says is as everywhere: a
 * directory of the user, and no attachments of sigstore.
 */
#ifndef ENGINE_IMAGE_REGISTRIES_D_H
#define ENGINE_IMAGE_REGISTRIES_D_H

#include "engine/image.h"

#include <stdbool.h>

struct err;

struct signature_storage {
	char *read_url;	 /* "file:///...", "https://..."; below it is the repository */
	char *write_url; /* the staging area, or the same */
	bool attachments;
	bool configured; /* a file names a storage for reading */
};
void signature_storage_release(struct signature_storage *storage);
#define cleanup_signature_storage __attribute__((cleanup(signature_storage_release)))

/** For an image of a registry; its name must have one. */
int signature_storage_find(const struct image_ref *ref, struct signature_storage *ret,
			   struct err *err);
/** The directory of a file: URL, yours; NULL: it is another one. */
char *signature_storage_directory(const char *url);
/**
 * Have the attachments of sigstore read for a scope of policy.json. @param ret_file  that was written for it; NULL: it was so already
 */
int attachments_enable(const char *scope, char **ret_file, struct err *err);

/**
 * Read the signatures of one manifest from a local storage: objects as signature.h has them are appended to list. More than SIGNATURES_MAX
 * in all are not read.
 */
int lookaside_read(const char *directory, const struct image_ref *ref, const struct digest *digest,
		   json_t *list, struct err *err);
/** Add one, with the next free number; durable. @param ret_path  where; yours; may be NULL */
int lookaside_write(const char *directory, const char *repository, const struct digest *digest,
		    const void *data, size_t length, char **ret_path, struct err *err);

#endif
