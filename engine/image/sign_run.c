/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/sign_run.c - `image sign`: sign what is in a registry, without fetching it
 *
 * The registry is asked which manifest a name means. What is signed is that digest under that name; with --all also the index and every
 * image that it lists, so that any platform can be checked.
 */
#include "engine/signatures.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "engine/image/registries.h"
#include "engine/image/sign.h"
#include "engine/image/trust.h"

static int sign_one(struct engine *engine, const struct image_ref *ref,
		    const struct image_sign_run_opts *opts, const char *digest_text,
		    struct strv *ret_paths, struct err *err)
{
	cleanup_sign_made struct sign_made made = SIGN_MADE_INIT;
	struct digest digest;
	char *path = NULL;

	if (digest_parse(digest_text, &digest) < 0)
		return err_set(err, ERR_CORRUPT, "the registry names no digest");
	if (sign_make(engine, &opts->sign, ref, &digest, opts->directory, &made, err) < 0 ||
	    sign_store(&made, &path, err) < 0)
		return -1;
	if (path != NULL)
		strv_add_take(ret_paths, path);
	return 0;
}

static int sign_found(struct engine *engine, const struct image_ref *ref,
		      const struct image_sign_run_opts *opts, const struct pull_result *found,
		      struct strv *ret_paths, struct err *err)
{
	if (sign_one(engine, ref, opts, found->manifest.text, ret_paths, err) < 0)
		return -1;
	if (!opts->all || !digest_is_set(&found->index))
		return 0;
	if (sign_one(engine, ref, opts, found->index.text, ret_paths, err) < 0)
		return -1;
	for (size_t i = 0; i < found->instances.count; i++) {
		if (!str_equal(found->instances.items[i], found->manifest.text) &&
		    sign_one(engine, ref, opts, found->instances.items[i], ret_paths, err) < 0)
			return -1;
	}
	return 0;
}

int image_sign(struct engine *engine, const char *text, const struct image_sign_run_opts *opts,
	       struct strv *ret_paths, struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_json json_t *source = NULL;
	struct pull_result found = { .tags = STRV_INIT };
	const char *name = str_after(text, "docker://") ?: text;
	int status;

	if (opts->sign.by == NULL) {
		err_set(err, ERR_USAGE, "whose key signs was not said");
		return err_hint(err, "Use --sign-by FINGERPRINT.");
	}
	if (image_ref_parse(name, &ref, err) < 0)
		return -1;
	if (ref.registry == NULL) {
		err_set(err, ERR_USAGE,
			"'%s' names no registry, and a signature is for a full name", name);
		return err_hint(err, "Write the whole name: docker.io/library/%.100s.", name);
	}
	if (registries_load(engine->options.registries_conf, &registries, err) < 0 ||
	    pull_registry_itself(registries, &ref, &opts->registry, &source, err) < 0)
		return -1;
	status = trust_collect(engine, NULL, source, &opts->registry, &found, err);
	if (status == 0)
		status = sign_found(engine, &ref, opts, &found, ret_paths, err);
	pull_result_release(&found);
	return status < 0 ? err_wrap(err, "cannot sign image '%s'", name) : 0;
}
