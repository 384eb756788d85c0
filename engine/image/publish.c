/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/publish.c - images that are made here: configuration, manifest, record
 *
 * The manifest names a layer that has no compressed blob by its diffID, as an uncompressed tar: whoever needs the blob makes it
 * (storage/layer_make.h). Layers of the base keep the descriptors that they were pulled with, so a push finds them on the server.
 */
#include "engine/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/image/describe.h"
#include "engine/image/manifest.h"
#include "storage/layer_make.h"
#include "storage/sha256.h"

void image_new_release(struct image_new *image)
{
	for (size_t i = 0; i < image->layer_count; i++)
		free(image->layers[i].media_type);
	free(image->layers);
	json_decref(image->config);
	json_decref(image->annotations);
	strv_release(&image->names);
	*image = (struct image_new){ 0 };
}

/* ---- the beginning --------------------------------------------------------------------------------------------------- */

static json_t *empty_config(void)
{
	struct platform platform = { 0 };
	json_t *config = json_object();
	json_t *rootfs = json_object();

	platform_here(&platform);
	json_put_string(config, "architecture", platform.architecture);
	if (*platform.variant != '\0')
		json_put_string(config, "variant", platform.variant);
	json_put_string(config, "os", platform.os);
	json_put(config, "config", json_object());
	json_put_string(rootfs, "type", "layers");
	json_put(rootfs, "diff_ids", json_array());
	json_put(config, "rootfs", rootfs);
	json_put(config, "history", json_array());
	platform_release(&platform);
	return config;
}

void image_new_append_layer(struct image_new *image, const struct image_new_layer *layer)
{
	image->layers =
		xreallocarray(image->layers, image->layer_count + 1, sizeof(*image->layers));
	image->layers[image->layer_count] = *layer;
	image->layers[image->layer_count++].media_type = xstrdup(layer->media_type);
}

static int read_base(struct engine *engine, const struct image *base, struct image_new *image,
		     struct err *err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (image_config(engine->store, base, &image->config, err) < 0 ||
	    blob_read(engine->store, &base->manifest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, base->media_type, "the manifest", &manifest,
			   err) < 0)
		return -1;
	if (manifest.item_count != base->layer_count)
		return err_set(err, ERR_CORRUPT, "image '%.19s' does not fit its record",
			       base->config.text);
	image->docker = str_equal(manifest.media_type, MEDIA_DOCKER_MANIFEST);
	for (size_t i = 0; i < base->layer_count; i++) {
		const struct image_new_layer layer = {
			.diff_id = base->layers[i].diff_id,
			.blob = manifest.items[i].digest,
			.bytes = manifest.items[i].bytes,
			.media_type = manifest.items[i].media_type,
		};

		image_new_append_layer(image, &layer);
	}
	return 0;
}

int image_new_from(struct engine *engine, const struct image *base, struct image_new *ret_image,
		   struct err *err)
{
	cleanup_image_new struct image_new image = { 0 };

	if (base == NULL)
		image.config = empty_config();
	else if (read_base(engine, base, &image, err) < 0)
		return -1;
	*ret_image = image;
	image = (struct image_new){ 0 };
	return 0;
}

void image_new_add_layer(struct image_new *image, const struct layer_made *made)
{
	const struct image_new_layer layer = {
		.diff_id = made->meta.diff_id,
		.blob = made->meta.diff_id,
		.bytes = made->tar_bytes,
		.media_type = (char *)MEDIA_OCI_LAYER,
	};

	image_new_append_layer(image, &layer);
}

void image_new_clear_layers(struct image_new *image)
{
	for (size_t i = 0; i < image->layer_count; i++)
		free(image->layers[i].media_type);
	image->layer_count = 0;
	json_put(image->config, "history", json_array());
}

void image_new_add_history(struct image_new *image, int64_t created_ns, const char *created_by,
			   const char *comment, const char *author, bool empty_layer)
{
	json_t *history = json_object_get(image->config, "history");
	json_t *entry = json_object();
	char when[TIME_TEXT_MAX];

	if (!json_is_array(history)) {
		json_put(image->config, "history", json_array());
		history = json_object_get(image->config, "history");
	}
	time_format_rfc3339(created_ns, when);
	json_put_string(entry, "created", when);
	if (created_by != NULL)
		json_put(entry, "created_by", json_text(created_by));
	if (!str_is_empty(author))
		json_put(entry, "author", json_text(author));
	if (!str_is_empty(comment))
		json_put(entry, "comment", json_text(comment));
	if (empty_layer)
		json_put_bool(entry, "empty_layer", true);
	json_array_append_new(history, entry);
}

/* ---- the end --------------------------------------------------------------------------------------------------------- */

/* "...tar", "...tar+gzip", "...tar.gzip", "...tar+zstd" in the words of the other format. */
static char *layer_media_type(const char *given, bool docker)
{
	bool is_gzip = str_ends_with(given, "gzip");
	bool is_zstd = str_ends_with(given, "zstd");

	return xasprintf("%s%s%s", docker ? MEDIA_DOCKER_LAYER : MEDIA_OCI_LAYER,
			 !is_gzip && !is_zstd ? ""
			 : docker && is_gzip  ? "."
					      : "+",
			 is_gzip   ? "gzip"
			 : is_zstd ? "zstd"
				   : "");
}

static json_t *descriptor(const char *media_type, const struct digest *digest, uint64_t bytes)
{
	json_t *json = json_object();

	json_put_string(json, "mediaType", media_type);
	json_put_string(json, "digest", digest->text);
	json_put_int(json, "size", (int64_t)bytes);
	return json;
}

static int put_document(struct store *store, const json_t *json, struct digest *ret_digest,
			uint64_t *ret_bytes, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(json, 0, &text);
	sha256_of(text.data, text.length, ret_digest);
	*ret_bytes = text.length;
	return blob_put(store, ret_digest, text.data, text.length, err);
}

static json_t *make_manifest(const struct image_new *image, const struct digest *config,
			     uint64_t config_bytes)
{
	json_t *manifest = json_object();
	json_t *layers = json_array();

	json_put_int(manifest, "schemaVersion", 2);
	json_put_string(manifest, "mediaType",
			image->docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST);
	json_put(manifest, "config",
		 descriptor(image->docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG, config,
			    config_bytes));
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_new_layer *layer = &image->layers[i];
		cleanup_free char *media_type = layer_media_type(layer->media_type, image->docker);

		json_array_append_new(layers, descriptor(media_type, &layer->blob, layer->bytes));
	}
	json_put(manifest, "layers", layers);
	if (image->annotations != NULL && !image->docker)
		json_object_set(manifest, "annotations", image->annotations);
	return manifest;
}

static void set_diff_ids(const struct image_new *image)
{
	json_t *rootfs = json_object();
	json_t *ids = json_array();

	for (size_t i = 0; i < image->layer_count; i++)
		json_array_append_new(ids, json_string(image->layers[i].diff_id.text));
	json_put_string(rootfs, "type", "layers");
	json_put(rootfs, "diff_ids", ids);
	json_put(image->config, "rootfs", rootfs);
}

int image_write(struct engine *engine, const struct image_new *new_image, struct image **ret_image,
		struct err *err)
{
	cleanup_json json_t *manifest_json = NULL;
	struct digest config, manifest;
	uint64_t bytes = 0;

	if (new_image->layer_count > MANIFEST_LAYERS_MAX)
		return err_set(err, ERR_LIMIT,
			       "cannot make an image with %zu layers: %d is the most",
			       new_image->layer_count, MANIFEST_LAYERS_MAX);
	set_diff_ids(new_image);
	if (put_document(engine->store, new_image->config, &config, &bytes, err) < 0)
		return -1;
	manifest_json = make_manifest(new_image, &config, bytes);
	if (put_document(engine->store, manifest_json, &manifest, &bytes, err) < 0 ||
	    image_describe(engine, &manifest, ret_image, err) < 0)
		return err_wrap(err, "cannot make the image");
	return 0;
}

int image_publish(struct engine *engine, const struct image_new *new_image,
		  struct image **ret_image, struct err *err)
{
	cleanup_image struct image *image = NULL;

	if (image_write(engine, new_image, &image, err) < 0)
		return -1;
	strv_copy(&image->names, &new_image->names);
	if (image_put(engine->store, image, err) < 0)
		return err_wrap(err, "cannot make the image");
	/* read back: it may have been there, with names */
	if (image_find_id(engine->store, image->manifest.text, ret_image, err) > 0)
		return 0;
	*ret_image = TAKE_PTR(image);
	return 0;
}

char *image_name_complete(const struct engine *engine, const char *text, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };

	if (image_ref_parse(text, &ref, err) < 0)
		return NULL;
	if (digest_is_set(&ref.digest)) {
		err_set(err, ERR_USAGE, "'%s' has a digest: a name of an image has none", text);
		return NULL;
	}
	return image_ref_full(&ref, engine->options.as_docker ? "docker.io" : "localhost");
}
