/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/policy.h - policy.json: which images may come in (private; R19)
 *
 * Asked before anything is fetched. Everything that cannot be understood says no: a broken file, an unknown kind of
 * requirement, a signature that is demanded where none can be checked. Without any policy file all images may come.
 */
#ifndef ENGINE_IMAGE_POLICY_H
#define ENGINE_IMAGE_POLICY_H

#include <stddef.h>

struct err;
struct strv;

/**
 * May the image be used? 0, or -1: ERR_DENIED when it is rejected, ERR_UNSUPPORTED when a signature is demanded.
 * @param file       a file to read in place of the usual ones, or NULL
 * @param transport  "docker", "oci", "dir"
 * @param name       full name, or the path
 */
int policy_check(const char *file, const char *transport, const char *name, struct err *err);

/** The same with the text of a policy, for tests and fuzzing. */
int policy_check_text(const char *text, size_t length, const char *file, const char *transport,
		      const char *name, struct err *err);

/** The scopes that a name falls in, the most special first: host/path:tag, host/path, host, *.domain, "". */
void policy_scopes(const char *transport, const char *name, struct strv *ret_scopes);

#endif
