/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/sign.h - make signatures (private)
 *
 *	sign_make()	before an image is sent: a wrong key, or nowhere to put the signature, is known before anything has happened
 *	sign_store()	after it was sent: what goes into a directory
 */
#ifndef ENGINE_IMAGE_SIGN_H
#define ENGINE_IMAGE_SIGN_H

#include "base/strbuf.h"
#include "engine/files.h"

#include <jansson.h>

struct sign_made {
	struct strbuf gpg; /* empty: none */
	char *directory;   /* where that goes */
	char *repository;  /* below it */
	struct digest manifest;
	json_t *attachments; /* of sigstore, as transfer.h has them; NULL: none */
};
#define SIGN_MADE_INIT                                                                             \
	{                                                                                          \
		.gpg = STRBUF_INIT                                                                 \
	}
void sign_made_release(struct sign_made *made);
#define cleanup_sign_made __attribute__((cleanup(sign_made_release)))

/** True when the options ask for a signature. */
bool sign_wanted(const struct image_sign_opts *opts);
/**
 * Sign as the options say, or make nothing.
 * @param target     the name that the signature is for
 * @param directory  in place of what registries.d says, or NULL
 */
int sign_make(struct engine *engine, const struct image_sign_opts *opts,
	      const struct image_ref *target, const struct digest *manifest, const char *directory,
	      struct sign_made *ret, struct err *err);
int sign_store(const struct sign_made *made, char **ret_path, struct err *err);

#endif
