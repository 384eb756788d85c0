/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/cache.c - what each step made, by its key
 *
 * cache/build/steps/KEY is a record: the diffID of the layer, or that there is none. Nothing keeps the layer: it goes with the images
 * that have it, or with `builder prune`, and the record is a miss from then on. A record may also come from a cache in a registry, whose layer
 * was never wanted here ("elsewhere"): that is a hit until somebody wants it.
 */
#include "engine/build/remote.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "storage/layer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STEPS_DIR      "cache/build/steps"
#define RECORD_KIND    "build-step"
#define RECORD_VERSION 1
/* changes when the same instruction would make another layer than before */
#define KEY_SALT "dhow build 1"

void cache_key_start(const char *text, struct digest *ret_key)
{
	cleanup_free char *whole = xasprintf("%s\n%s", KEY_SALT, text);

	sha256_of(whole, strlen(whole), ret_key);
}

void cache_key_next(const struct digest *before, const char *const *texts, size_t count,
		    struct digest *ret_key)
{
	cleanup_strbuf struct strbuf whole = STRBUF_INIT;

	strbuf_addf(&whole, "%s\n", before->text);
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&whole, "%zu:%s\n", strlen(texts[i]), texts[i]);
	sha256_of(whole.data, whole.length, ret_key);
}

static int open_steps(struct build *build, bool make)
{
	struct err ignored = { 0 }; /* no cache: everything is done */

	return store_open_dir(build->engine->store, STEPS_DIR, make, &ignored);
}

/* A layer that came from a registry is named by the blob that it came as. False: that is gone. */
static bool find_blob(struct build *build, const json_t *record, struct cached *cached)
{
	const char *blob = json_get_string(record, NULL, "blob", NULL);

	if (blob == NULL)
		return true;
	(void)snprintf(cached->media_type, sizeof(cached->media_type), "%s",
		       json_get_string(record, "", "mediaType", NULL));
	cached->blob_bytes = (uint64_t)json_get_int(record, 0, "blobBytes", NULL);
	return digest_parse(blob, &cached->blob) == 0 &&
	       blob_exists(build->engine->store, &cached->blob);
}

struct image_new_layer cached_layer(const struct cached *cached)
{
	bool has_blob = digest_is_set(&cached->blob);

	return (struct image_new_layer){
		.diff_id = cached->diff_id,
		.blob = has_blob ? cached->blob : cached->diff_id,
		.bytes = has_blob ? cached->blob_bytes : cached->tar_bytes,
		.media_type = has_blob ? (char *)cached->media_type : (char *)"tar",
	};
}

int cache_find(struct build *build, const struct digest *key, struct cached *ret_cached)
{
	struct err ignored = { 0 }; /* a record that is damaged is no hit */
	cleanup_json json_t *record = NULL;
	struct cached cached = { 0 };
	cleanup_fd int dir_fd = open_steps(build, false);

	if (dir_fd < 0 || record_read_json(dir_fd, digest_hex(key), RECORD_KIND, RECORD_VERSION,
					   &record, &ignored) <= 0)
		return 0;
	const char *layer = json_get_string(record, NULL, "layer", NULL);
	cached.created_ns = json_get_int(record, 0, "createdNs", NULL);
	cached.tar_bytes = (uint64_t)json_get_int(record, 0, "tarBytes", NULL);
	cached.made_ns = json_get_int(record, cached.created_ns, "madeNs", NULL);
	if (remote_too_old(build, cached.made_ns))
		return 0;
	if (layer != NULL) {
		struct layer_meta meta = { 0 };

		if (digest_parse(layer, &cached.diff_id) < 0)
			return 0;
		int found = layer_find(build->engine->store, &cached.diff_id, &meta, &ignored);

		cached.has_layer = true;
		if (found <= 0)
			return json_get_bool(record, false, "elsewhere", NULL) &&
			       remote_expect(build, key, &cached, ret_cached);
		layer_meta_release(&meta);
		if (!find_blob(build, record, &cached))
			return 0;
	}
	*ret_cached = cached;
	return 1;
}

void cache_put(struct build *build, const struct digest *key, const struct cached *cached)
{
	struct err err = { 0 };
	cleanup_json json_t *record = json_object();
	cleanup_fd int dir_fd = open_steps(build, true);

	json_put_int(record, "createdNs", cached->created_ns);
	json_put_int(record, "madeNs", cached->made_ns);
	if (digest_is_set(&cached->blob)) {
		json_put_string(record, "blob", cached->blob.text);
		json_put_int(record, "blobBytes", (int64_t)cached->blob_bytes);
		json_put_string(record, "mediaType", cached->media_type);
	}
	if (cached->remote != NULL)
		json_put_bool(record, "elsewhere", true);
	if (cached->has_layer) {
		json_put_string(record, "layer", cached->diff_id.text);
		json_put_int(record, "tarBytes", (int64_t)cached->tar_bytes);
	}
	if (dir_fd < 0 || record_write_json(dir_fd, digest_hex(key), RECORD_KIND, RECORD_VERSION,
					    record, 0, &err) < 0)
		debug("cannot remember a step of the build: %s", err.msg);
}
