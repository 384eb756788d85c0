/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/policy_identity.c - does a signature speak of this image?
 *
 * Both names are compared in their full form, docker.io and library written out. A name without a tag and a digest means no certain image:
 * it equals nothing where an exact name is wanted.
 */
#include "engine/image/policy.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"

/* A full name taken apart: what stands before the tag or digest, and these. */
struct name {
	char *repository;
	char *tag; /* NULL: none */
	struct digest digest;
};

static void name_release(struct name *name)
{
	free(name->repository);
	free(name->tag);
	*name = (struct name){ 0 };
}
#define cleanup_name __attribute__((cleanup(name_release)))

static void name_of_ref(const struct image_ref *ref, struct name *ret)
{
	struct image_ref bare = { .registry = ref->registry, .path = ref->path };
	char *full = image_ref_full(&bare, "docker.io");

	/* it ends with ":latest", because bare has no tag */
	full[strlen(full) - strlen(":latest")] = '\0';
	*ret = (struct name){
		.repository = full,
		.tag = xstrdup_null(ref->tag),
		.digest = ref->digest,
	};
}

static bool name_parse(const char *text, struct name *ret)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	struct err ignored; /* a name that is none equals no image's */

	if (image_ref_parse(text, &ref, &ignored) < 0)
		return false;
	name_of_ref(&ref, ret);
	return true;
}

static bool same_repository(const struct name *a, const struct name *b)
{
	return str_equal(a->repository, b->repository);
}

static bool is_exact(const struct name *name)
{
	return name->tag != NULL || digest_is_set(&name->digest);
}

static bool same_name(const struct name *a, const struct name *b)
{
	return is_exact(a) && same_repository(a, b) && str_equal_null(a->tag, b->tag) &&
	       digest_equal(&a->digest, &b->digest);
}

static bool same_name_or_by_digest(const struct name *image, const struct name *claimed)
{
	/* asked for by digest, which has been compared with the manifest: a signature for any tag will do, one for nothing certain will not */
	if (digest_is_set(&image->digest) && claimed->tag != NULL)
		return same_repository(image, claimed);
	return same_name(image, claimed);
}

/* The image's name as it is called where it was signed. */
static bool remap(const struct policy_identity *identity, const struct name *image,
		  struct name *ret)
{
	const char *rest = str_after(image->repository, identity->reference);
	cleanup_free char *text = NULL;

	if (rest == NULL || (*rest != '\0' && *rest != '/'))
		text = xstrdup(image->repository);
	else
		text = xasprintf("%s%s", identity->signed_prefix, rest);
	if (!name_parse(text, ret))
		return false;
	ret->tag = xstrdup_null(image->tag);
	ret->digest = image->digest;
	return true;
}

static bool remapped_matches(const struct policy_identity *identity, const struct name *image,
			     const struct name *claimed)
{
	cleanup_name struct name mapped = { 0 };

	return remap(identity, image, &mapped) && same_name_or_by_digest(&mapped, claimed);
}

static bool configured_matches(const struct policy_identity *identity, const struct name *claimed)
{
	cleanup_name struct name wanted = { 0 };

	if (!name_parse(identity->reference, &wanted))
		return false;
	return identity->kind == IDENTITY_EXACT_REFERENCE ? same_name(&wanted, claimed)
							  : same_repository(&wanted, claimed);
}

bool policy_identity_matches(const struct policy_identity *identity, const struct image_ref *image,
			     const char *signed_reference)
{
	cleanup_name struct name claimed = { 0 }, own = { 0 };

	if (!name_parse(signed_reference, &claimed))
		return false;
	if (identity->kind == IDENTITY_EXACT_REFERENCE ||
	    identity->kind == IDENTITY_EXACT_REPOSITORY)
		return configured_matches(identity, &claimed);
	/* the others are about the name that the image was asked for by */
	if (image == NULL)
		return false;
	name_of_ref(image, &own);
	if (own.tag == NULL && !digest_is_set(&own.digest))
		own.tag = xstrdup("latest");
	switch (identity->kind) {
	case IDENTITY_EXACT:
		return same_name(&own, &claimed);
	case IDENTITY_REPO_DIGEST_OR_EXACT:
		return same_name_or_by_digest(&own, &claimed);
	case IDENTITY_REPOSITORY:
		return same_repository(&own, &claimed);
	case IDENTITY_REMAP:
		return remapped_matches(identity, &own, &claimed);
	default:
		return false;
	}
}
