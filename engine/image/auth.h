/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/auth.h - credentials of registries, from files that people have (private)
 *
 * In this order: --creds; --authfile or $REGISTRY_AUTH_FILE, and no other file then; $XDG_RUNTIME_DIR/containers/auth.json,
 * ~/.config/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json. Within a file the longest key that the repository
 * starts with wins, then the credential helper of its registry (R17).
 */
#ifndef ENGINE_IMAGE_AUTH_H
#define ENGINE_IMAGE_AUTH_H

#include <jansson.h>

struct err;
struct image_pull_opts;

struct credentials {
	char *username, *password; /* NULL: none */
	char *identity_token;
};
/** Overwrites the secrets before it frees them. */
void credentials_release(struct credentials *credentials);

/** For the repository path at registry. No credentials anywhere is success. */
int credentials_find(const struct image_pull_opts *opts, const char *registry, const char *path,
		     struct credentials *ret, struct err *err);

/** In the text of one auth file: 1 found, 0 nothing for it, -1. For tests and fuzzing too. */
int credentials_in_file(const char *text, unsigned long length, const char *file,
			const char *registry, const char *path, struct credentials *ret,
			struct err *err);

/** One entry of "auths": 1 filled, 0 it says nothing, -1 it cannot be decoded. */
int credentials_check_entry(const json_t *entry, const char *file, struct credentials *ret,
			    struct err *err);

#endif
