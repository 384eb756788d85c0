/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/inspect.c - podman's `image inspect` object
 */
#include "engine/image.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

/* Members of Config in podman's order; those that the image does not have are left out. */
static const char *const config_keys[] = {
	"User",	   "ExposedPorts", "Env",    "Entrypoint", "Cmd",
	"Volumes", "WorkingDir",   "Labels", "StopSignal", "ArgsEscaped",
};

static bool is_empty(const json_t *value)
{
	if (json_is_string(value))
		return *json_string_value(value) == '\0';
	if (json_is_array(value))
		return json_array_size(value) == 0;
	if (json_is_object(value))
		return json_object_size(value) == 0;
	return value == NULL || json_is_null(value) || json_is_false(value);
}

static void copy(json_t *to, const char *to_key, const json_t *from, const char *from_key)
{
	json_t *value = json_object_get(from, from_key);

	json_put(to, to_key, value != NULL ? json_deep_copy(value) : json_null());
}

static json_t *config_object(const json_t *config)
{
	json_t *object = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(config_keys); i++) {
		if (!is_empty(json_object_get(config, config_keys[i])))
			copy(object, config_keys[i], config, config_keys[i]);
	}
	return object;
}

static json_t *graph_driver(const struct engine *engine, const struct image *image)
{
	json_t *driver = json_object();
	json_t *data = json_object();
	cleanup_strbuf struct strbuf lower = STRBUF_INIT;
	const char *root = engine->store->root_path;
	const char *name = storage_driver_name(engine->store->driver);

	json_put_string(driver, "Name",
			engine->store->driver == STORAGE_DRIVER_AUTO ? "overlay" : name);
	for (size_t i = image->layer_count; i-- > 0;) {
		cleanup_free char *path = xasprintf("%s/layers/sha256/%s/diff", root,
						    digest_hex(&image->layers[i].diff_id));

		if (i + 1 == image->layer_count)
			json_put(data, "UpperDir", json_text(path));
		else
			strbuf_addf(&lower, "%s%s", lower.length > 0 ? ":" : "", path);
	}
	if (lower.length > 0)
		json_put(data, "LowerDir", json_text(lower.data));
	json_put(driver, "Data", data);
	return driver;
}

static json_t *root_fs(const struct image *image)
{
	json_t *object = json_object();
	json_t *layers = json_array();

	json_put_string(object, "Type", "layers");
	for (size_t i = 0; i < image->layer_count; i++)
		json_array_append_new(layers, json_text(image->layers[i].diff_id.text));
	json_put(object, "Layers", layers);
	return object;
}

/* The comment of the newest step of the history. */
static const char *last_comment(const json_t *config)
{
	const json_t *history = json_object_get(config, "history");
	const json_t *last = json_array_get(history, json_array_size(history) - 1);

	return json_get_string(last, json_get_string(config, "", "comment", NULL), "comment", NULL);
}

/* True when image was built on parent: its lower layers are the parent's, and there are more steps. */
static bool is_parent(const struct image *parent, const struct image *image)
{
	if (parent->damaged || parent->layer_count == 0 ||
	    parent->layer_count >= image->layer_count)
		return false;
	for (size_t i = 0; i < parent->layer_count; i++)
		if (!digest_equal(&parent->layers[i].diff_id, &image->layers[i].diff_id))
			return false;
	return true;
}

/* The nearest image in the store that this one was built on: steps of a build are no images. "" when there is none. */
static void put_parent(struct engine *engine, const struct image *image, json_t *out)
{
	cleanup_image_list struct image_list list = { NULL, 0 };
	struct err ignored = { 0 }; /* an image without a known parent is whole */
	const struct image *best = NULL;

	if (image_list(engine->store, &list, &ignored) == 0)
		for (size_t i = 0; i < list.count; i++)
			if (is_parent(list.items[i], image) &&
			    (best == NULL || list.items[i]->layer_count > best->layer_count))
				best = list.items[i];
	json_put_string(out, "Parent", best != NULL ? digest_hex(&best->config) : "");
}

json_t *image_inspect(struct engine *engine, const struct image *image, struct err *err)
{
	cleanup_json json_t *document = NULL, *manifest = NULL;
	cleanup_json json_t *out = json_object();
	char created[TIME_TEXT_MAX];
	const json_t *config = NULL;

	/* a list has no configuration */
	if (digest_is_set(&image->list))
		document = json_object();
	else if (image_config(engine->store, image, &document, err) < 0)
		return NULL;
	if (image_manifest(engine->store, image, &manifest, err) < 0)
		return NULL;
	config = json_object_get(document, "config");
	time_format_rfc3339(image->created_ns, created);

	json_put_string(out, "Id", digest_hex(&image->config));
	json_put_string(out, "Digest", image_document(image)->text);
	json_put_strv(out, "RepoTags", &image->names);
	json_put_strv(out, "RepoDigests", &image->digests);
	put_parent(engine, image, out);
	json_put_string(out, "Comment", last_comment(document));
	json_put_string(out, "Created", created);
	json_put(out, "Config", config_object(config));
	json_put_string(out, "Version", json_get_string(document, "", "docker_version", NULL));
	json_put_string(out, "Author", json_get_string(document, "", "author", NULL));
	json_put_string(out, "Architecture", image->architecture);
	json_put_string(out, "Os", image->os);
	if (image->variant != NULL)
		json_put_string(out, "Variant", image->variant);
	json_put_int(out, "Size", (int64_t)image->size_bytes);
	json_put_int(out, "VirtualSize", (int64_t)image->size_bytes);
	json_put(out, "GraphDriver", graph_driver(engine, image));
	json_put(out, "RootFS", root_fs(image));
	copy(out, "Labels", config, "Labels");
	copy(out, "Annotations", manifest, "annotations");
	json_put_string(out, "ManifestType", image->media_type);
	json_put_string(out, "User", json_get_string(config, "", "User", NULL));
	copy(out, "History", document, "history");
	json_put_strv(out, "NamesHistory", &image->names);
	if (!is_empty(json_object_get(config, "Healthcheck")))
		copy(out, "Healthcheck", config, "Healthcheck");
	return TAKE_PTR(out);
}
