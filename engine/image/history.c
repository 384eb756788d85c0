/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/history.c - the steps that made an image, newest first
 *
 * The configuration lists them oldest first; those that are no `empty_layer` have the layers, in their order. An image without a
 * history has one unknown step per layer.
 */
#include "engine/image.h"

#include "base/err.h"
#include "base/json.h"

#define MISSING "<missing>"

static json_t *step(const json_t *entry, uint64_t bytes, const struct strv *tags)
{
	json_t *object = json_object();

	json_put_string(object, "Id", MISSING);
	json_put_string(object, "Created",
			json_get_string(entry, "0001-01-01T00:00:00Z", "created", NULL));
	json_put_string(object, "CreatedBy", json_get_string(entry, "", "created_by", NULL));
	json_put_int(object, "Size", (int64_t)bytes);
	json_put_string(object, "Comment", json_get_string(entry, "", "comment", NULL));
	if (tags != NULL && tags->count > 0)
		json_put_strv(object, "Tags", tags);
	else
		json_put(object, "Tags", json_null());
	return object;
}

json_t *image_history(struct engine *engine, const struct image *image, struct err *err)
{
	cleanup_json json_t *config = NULL;
	json_t *out = json_array();
	const json_t *entries = NULL;
	size_t layer = image->layer_count;
	const struct strv *tags = &image->names; /* down to the topmost layer */

	if (image_config(engine->store, image, &config, err) < 0) {
		json_decref(out);
		return NULL;
	}
	entries = json_object_get(config, "history");
	for (size_t i = json_array_size(entries); i-- > 0;) {
		const json_t *entry = json_array_get(entries, i);
		bool empty = json_get_bool(entry, false, "empty_layer", NULL);
		uint64_t bytes = !empty && layer > 0 ? image->layers[--layer].diff_bytes : 0;

		json_array_append_new(out, step(entry, bytes, tags));
		if (!empty)
			tags = NULL;
	}
	for (; layer > 0 && json_array_size(entries) == 0; layer--) {
		json_array_append_new(out, step(NULL, image->layers[layer - 1].diff_bytes, tags));
		tags = NULL;
	}
	if (json_array_size(out) > 0)
		json_put_string(json_array_get(out, 0), "Id", digest_hex(&image->config));
	return out;
}
