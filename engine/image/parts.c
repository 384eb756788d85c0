/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/parts.c - what an image in a registry says of itself, and some of its layers
 *
 * For the cache of builds: most of what a cache has is not wanted, and what is taken from it belongs to another image. The policy for
 * images that come in holds for it as for any other.
 */
#include "engine/image/pull_private.h"

#include "base/err.h"
#include "base/json.h"
#include "engine/image/trust.h"

int image_fetch_parts(struct engine *engine, const char *text, const struct image_pull_opts *opts,
		      size_t layer_count, progress_function progress, void *progress_arg,
		      struct digest *ret_manifest, struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_json json_t *request = NULL, *source = NULL;
	cleanup_trust struct trust trust = TRUST_INIT;

	if (image_ref_parse(text, &ref, err) < 0)
		return -1;
	cleanup_free char *full = image_ref_full(&ref, "docker.io");
	if (ref.registry == NULL) {
		image_ref_release(&ref);
		if (image_ref_parse(full, &ref, err) < 0)
			return -1;
	}
	if (trust_open(engine, "docker", full, &trust, err) < 0 ||
	    registries_load(engine->options.registries_conf, &registries, err) < 0 ||
	    pull_registry_source(registries, &ref, opts, &source, err) < 0)
		return -1;
	if (trust.needs_signatures && trust_check(engine, &trust, &ref, source, opts, err) < 0)
		return err_wrap(err, "cannot fetch '%s'", text);
	if (pull_request(engine, "pull", json_incref(source), opts, &request, err) < 0)
		return -1;
	json_put_int(request, "layers", (int64_t)layer_count);
	int status = pull_run(engine, request, progress, progress_arg, &result, err);

	strv_release(&result.tags);
	if (status == 0)
		status = trust_holds(&trust, &result.manifest, err);
	if (status < 0)
		return err_wrap(err, "cannot fetch '%s'", text);
	*ret_manifest = result.manifest;
	return 0;
}
