/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/push_send.c - a manifest and its blobs, as they are in a layout, to a registry
 */
#include "engine/image/push_private.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

const char *push_tag(const struct image_ref *target)
{
	return digest_is_set(&target->digest) ? target->digest.text
	       : target->tag != NULL	      ? target->tag
					      : "latest";
}

int push_target(struct engine *engine, const char *text, const struct image_pull_opts *opts,
		struct image_ref *ret_target, json_t **ret_source, struct err *err)
{
	cleanup_registries struct registries *registries = NULL;

	if (image_ref_parse(text, ret_target, err) < 0 ||
	    registries_load(engine->options.registries_conf, &registries, err) < 0)
		return -1;
	if (ret_target->registry == NULL) {
		cleanup_free char *full = image_ref_full(ret_target, "docker.io");

		image_ref_release(ret_target);
		if (image_ref_parse(full, ret_target, err) < 0)
			return -1;
	}
	return pull_registry_itself(registries, ret_target, opts, ret_source, err);
}

static json_t *blobs_of(const struct layout_image *image)
{
	const json_t *config = json_at(image->json, "config", "digest", NULL);
	json_t *list = json_array();
	const json_t *layer;
	size_t i;

	json_array_foreach (json_object_get(image->json, "layers"), i, layer)
		json_array_append(list, json_object_get(layer, "digest"));
	/* a list has none */
	if (config != NULL)
		json_array_append(list, (json_t *)config);
	return list;
}

int push_send(struct engine *engine, const struct push_send_request *send, struct err *err)
{
	cleanup_free char *path =
		xasprintf("%s/tmp/%s", engine->store->root_path, send->layout->staging.name);
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_json json_t *request = NULL;
	json_t *json;
	int status;

	if (pull_request(engine, "push", json_incref(send->source), &send->opts->registry, &request,
			 err) < 0)
		return -1;
	json = json_object();
	json_put(json, "path", json_text(path));
	json_put_string(json, "manifest", send->image->manifest.text);
	json_put_string(json, "mediaType", send->image->media_type);
	json_put_string(json, "tag", send->tag);
	json_put_string(json, "mountFrom", "");
	json_put(json, "blobs", blobs_of(send->image));
	json_put(request, "push", json);
	status = pull_run(engine, request, send->progress, send->progress_arg, &result, err);
	if (status == 0 && result.missing.count > 0)
		status = err_set(err, ERR_UNAVAILABLE, "the registry has lost blob '%.19s'",
				 result.missing.items[0]);
	pull_result_release(&result);
	return status;
}
