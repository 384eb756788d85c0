/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/describe.c - from a manifest in the store to the image that the store keeps a record of
 */
#include "engine/image/describe.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/image/manifest.h"
#include "storage/layer.h"

static int read_layers(struct engine *engine, const struct manifest *manifest, const json_t *config,
		       struct image *image, struct err *err)
{
	cleanup_free struct digest *diff_ids = NULL;

	if (config_diff_ids(config, manifest->item_count, "the manifest", &diff_ids, err) < 0)
		return -1;
	image->layers = xcalloc(manifest->item_count + 1, sizeof(*image->layers));
	image->layer_count = manifest->item_count;
	for (size_t i = 0; i < manifest->item_count; i++) {
		struct image_layer *layer = &image->layers[i];
		struct layer_meta meta = { 0 };
		int found = layer_find(engine->store, &diff_ids[i], &meta, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "layer '%s' is not in the store",
				       diff_ids[i].text);
		layer->diff_id = diff_ids[i];
		layer->blob = manifest->items[i].digest;
		layer->blob_bytes = manifest->items[i].bytes;
		layer->diff_bytes = meta.diff_bytes;
		image->size_bytes += meta.diff_bytes;
		layer_meta_release(&meta);
	}
	return 0;
}

static void read_config(const json_t *config, struct image *image)
{
	const char *created = json_get_string(config, "", "created", NULL);
	struct platform platform = { 0 };
	const char *name = NULL;
	json_t *value = NULL;

	config_platform(config, &platform);
	image->os = TAKE_PTR(platform.os);
	image->architecture = TAKE_PTR(platform.architecture);
	if (*platform.variant != '\0')
		image->variant = TAKE_PTR(platform.variant);
	platform_release(&platform);
	/* an image without a time is as old as time */
	if (*created == '\0' || parse_time(created, &image->created_ns) < 0)
		image->created_ns = 0;
	json_object_foreach (json_at(config, "config", "Labels", NULL), name, value) {
		if (json_is_string(value))
			strv_addf(&image->labels, "%s=%s", name, json_string_value(value));
	}
}

int image_describe(struct engine *engine, const struct digest *digest, struct image **ret_image,
		   struct err *err)
{
	cleanup_image struct image *image = xcalloc(1, sizeof(*image));
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *what = xasprintf("manifest '%s'", digest->text);
	cleanup_json json_t *config = NULL;

	image->store_root_fd = engine->store->root_fd;
	if (blob_read(engine->store, digest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, NULL, what, &manifest, err) < 0)
		return -1;
	if (blob_read(engine->store, &manifest.config.digest, &text, err) < 0)
		return -1;
	config = json_parse(text.data, text.length, "configuration of the image", err);
	if (config == NULL)
		return -1;

	image->manifest = *digest;
	image->config = manifest.config.digest;
	image->media_type = xstrdup(manifest.media_type);
	read_config(config, image);
	if (read_layers(engine, &manifest, config, image, err) < 0)
		return -1;
	*ret_image = TAKE_PTR(image);
	return 0;
}
