/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/policy.h - policy.json: which images may come in (private; R19)
 *
 * The whole file is read and checked before anything of it is used: a key that is not known, a value that makes no sense, a requirement of an
 * unknown kind, anywhere in it, and no image comes in. Without any policy file all images may come.
 *
 *	policy_load()		once per command
 *	policy_find()		the rules of the most special scope that an image is in
 *	policy_allows()		a first answer, before anything is fetched: yes, no, or only with signatures (trust.h)
 *	policy_identity_matches()	does a signature speak of this image?
 */
#ifndef ENGINE_IMAGE_POLICY_H
#define ENGINE_IMAGE_POLICY_H

#include "base/alloc.h"
#include "base/strv.h"
#include "engine/image.h"

#include <stddef.h>

struct err;

enum identity_kind {
	IDENTITY_REPO_DIGEST_OR_EXACT, /* the default */
	IDENTITY_EXACT,
	IDENTITY_REPOSITORY,
	IDENTITY_EXACT_REFERENCE,
	IDENTITY_EXACT_REPOSITORY,
	IDENTITY_REMAP,
	IDENTITY_KIND_COUNT
};
NAME_TABLE_DECLARE(identity_kind)

/** Which name a signature must bear. */
struct policy_identity {
	enum identity_kind kind;
	char *reference;     /* of IDENTITY_EXACT_*; the prefix of IDENTITY_REMAP */
	char *signed_prefix; /* of IDENTITY_REMAP */
};

enum requirement_kind {
	REQUIRE_NOTHING, /* insecureAcceptAnything */
	REQUIRE_REJECT,
	REQUIRE_GPG,	  /* signedBy */
	REQUIRE_SIGSTORE, /* sigstoreSigned */
	REQUIRE_UNKNOWN_MEANS /* sigstoreSigned by what we do not check: fulcio, pki. Holds for no image */
};

/** Keys as the policy names them: files, or the keys themselves in base64. */
struct policy_keys {
	struct strv paths, datas;
};

struct policy_requirement {
	enum requirement_kind kind;
	const char *means; /* of REQUIRE_UNKNOWN_MEANS: "fulcio" */
	struct policy_keys keys, rekor_keys;
	struct policy_identity identity;
};

/** What one scope of one transport says; all requirements must hold. */
struct policy_rules {
	char *transport, *scope; /* NULL: the default */
	struct policy_requirement *items;
	size_t count;
};

struct policy {
	char *file; /* NULL: there is no policy file */
	struct policy_rules *rules;
	size_t count;
};
void policy_free(struct policy *policy);
DEFINE_CLEANUP(policy)
#define cleanup_policy __attribute__((cleanup(policy_free_ptr)))

/** Where a policy may be: the user's file and the system's, in this order. Yours. */
char *policy_user_file(void);
#define POLICY_SYSTEM_FILE "/etc/containers/policy.json"

/** @param file  a file to read in place of the usual ones, or NULL. ERR_DENIED when it cannot be understood. */
int policy_load(const char *file, struct policy **ret_policy, struct err *err);
/** The same with the text of a policy, for tests and fuzzing. */
int policy_parse(const char *text, size_t length, const char *file, struct policy **ret_policy,
		 struct err *err);

/**
 * The rules that count for an image. NULL: there is no policy.
 * @param transport  "docker", "oci", "dir"
 * @param name       full name with tag or digest, or the path
 */
const struct policy_rules *policy_find(const struct policy *policy, const char *transport,
				       const char *name);
/** 1 yes, 0 only if signatures say so, -1 ERR_DENIED or ERR_UNSUPPORTED. */
int policy_allows(const struct policy *policy, const struct policy_rules *rules, const char *name,
		  struct err *err);

/** Names under which rules of an image may stand, the most special first: for tests. */
void policy_scopes(const char *transport, const char *name, struct strv *ret_scopes);

/**
 * True when what a signature calls the image is what the requirement asks for.
 * @param image   NULL: the image has no name that a signature could bear (dir:, oci:)
 * @param signed_reference  from the signature, not checked yet
 */
bool policy_identity_matches(const struct policy_identity *identity, const struct image_ref *image,
			     const char *signed_reference);

/* policy_parse.c */

/** One requirement object. what is wrong: ERR_DENIED, without the file's name. */
int policy_parse_requirement(const json_t *json, struct policy_requirement *ret, struct err *err);
void policy_requirement_release(struct policy_requirement *requirement);

#endif
