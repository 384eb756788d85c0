/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/trust.h - may this image come in? (private; R19)
 *
 *	trust_open()	what the policy says of a name; ERR_DENIED at once when it says no
 *	trust_check()	only if it says "with signatures": asks the source which manifest the name means and what signatures there are, has them
 *			checked, and pins the source to the digest that was checked
 *	trust_holds()	after the pull: what came is what was checked
 *
 * A signature is of the image's manifest, or of the index that the image was chosen from, which names the manifest by digest.
 */
#ifndef ENGINE_IMAGE_TRUST_H
#define ENGINE_IMAGE_TRUST_H

#include "engine/image/pull_private.h"

struct policy;
struct policy_rules;

struct trust {
	struct policy *policy;
	const struct policy_rules *rules; /* borrowed from policy */
	char *name;			  /* for messages */
	bool needs_signatures;
	bool checked;
	struct digest manifest, index; /* that were checked */
};
#define TRUST_INIT                                                                                 \
	{                                                                                          \
		.policy = NULL                                                                     \
	}
void trust_release(struct trust *trust);
#define cleanup_trust __attribute__((cleanup(trust_release)))

/**
 * @param transport  "docker", "oci", "dir", ...
 * @param name       full name, or the absolute path
 */
int trust_open(const struct engine *engine, const char *transport, const char *name,
	       struct trust *ret, struct err *err);
/** Of an archive or layout, which cannot bring signatures: those that a policy demands are missing. */
int trust_open_without_signatures(const struct engine *engine, const char *transport,
				  const char *name, struct err *err);
/**
 * @param ref     its name in a registry; NULL: it has none
 * @param source  of a pull request; pinned
 */
int trust_check(struct engine *engine, struct trust *trust, const struct image_ref *ref,
		json_t *source, const struct image_pull_opts *opts, struct err *err);
/** What came is what was checked, or nothing had to be. */
int trust_holds(const struct trust *trust, const struct digest *manifest, struct err *err);

/** Which manifest the source means, and its signatures, not checked. Release it. */
int trust_collect(struct engine *engine, const struct image_ref *ref, const json_t *source,
		  const struct image_pull_opts *opts, struct pull_result *ret, struct err *err);

#endif
