/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/remote.c - find steps in caches of registries, and fetch their layers when they are needed
 *
 * What a cache says is believed as an image is: whoever may write to the repository decides what steps made. The bytes of a layer are
 * checked against the diffID as always.
 */
#include "engine/build/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/image/manifest.h"
#include "storage/layer.h"

#define STEPS_MAX 20000

static void layer_release(struct image_new_layer *layer)
{
	free(layer->media_type);
	layer->media_type = NULL;
}

void remote_forget_steps(struct build *build)
{
	struct remote *remote = build->remote;

	for (size_t i = 0; i < remote->step_count; i++)
		layer_release(&remote->steps[i].layer);
	free(remote->steps);
	remote->steps = NULL;
	remote->step_count = 0;
}

void remote_close(struct build *build)
{
	struct remote *remote = build->remote;

	if (remote == NULL)
		return;
	remote_forget_steps(build);
	for (size_t i = 0; i < remote->image_count; i++) {
		for (size_t k = 0; k < remote->images[i].layer_count; k++)
			layer_release(&remote->images[i].layers[k]);
		free(remote->images[i].layers);
		free(remote->images[i].name);
	}
	free(remote->images);
	for (size_t i = 0; i < remote->target_count; i++)
		free(remote->targets[i].name);
	free(remote->targets);
	free(remote->known);
	strv_release(&remote->sources);
	strv_release(&remote->repositories);
	strv_release(&remote->forgotten);
	free(remote);
	build->remote = NULL;
}

bool remote_too_old(const struct build *build, int64_t made_ns)
{
	int64_t ttl_ns = build->remote->ttl_ns;

	return ttl_ns >= 0 && time_now_ns() - made_ns >= ttl_ns;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

static int read_layers(struct build *build, const struct manifest *manifest, const json_t *config,
		       struct remote_image *image, struct err *err)
{
	cleanup_free struct digest *diff_ids = NULL;

	(void)build;
	if (config_diff_ids(config, manifest->item_count, "the cache", &diff_ids, err) < 0)
		return -1;
	image->layers = xcalloc(manifest->item_count + 1, sizeof(*image->layers));
	for (size_t i = 0; i < manifest->item_count; i++)
		image->layers[image->layer_count++] = (struct image_new_layer){
			.diff_id = diff_ids[i],
			.blob = manifest->items[i].digest,
			.bytes = manifest->items[i].bytes,
			.media_type = xstrdup(manifest->items[i].media_type),
		};
	return 0;
}

static void add_known(struct remote *remote, const struct remote_step *step)
{
	if (remote->known_count >= STEPS_MAX)
		return;
	remote->known =
		xreallocarray(remote->known, remote->known_count + 1, sizeof(*remote->known));
	remote->known[remote->known_count++] = *step;
}

static void read_steps(struct remote *remote, const json_t *config, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(config, REMOTE_MEMBER), i, item) {
		const char *layer = json_get_string(item, "", "layer", NULL);
		cleanup_free char *key =
			xasprintf("sha256:%s", json_get_string(item, "", "key", NULL));
		struct remote_step step = {
			.from = name,
			.created_ns = json_get_int(item, 0, "createdNs", NULL),
			.made_ns = json_get_int(item, 0, "madeNs", NULL),
		};

		if (digest_parse(key, &step.key) < 0 ||
		    (*layer != '\0' && digest_parse(layer, &step.diff_id) < 0))
			continue;
		if (step.made_ns == 0)
			step.made_ns = step.created_ns;
		add_known(remote, &step);
	}
}

int remote_read_image(struct build *build, const char *name, const struct digest *digest,
		      struct err *err)
{
	struct remote *remote = build->remote;
	struct store *store = build->engine->store;
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *config = NULL;
	struct remote_image image = { .manifest = *digest };

	if (blob_read(store, digest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, NULL, name, &manifest, err) < 0 ||
	    blob_read(store, &manifest.config.digest, &text, err) < 0 ||
	    (config = json_parse(text.data, text.length, "configuration of the cache", err)) ==
		    NULL)
		return -1;
	/* an image that was built by others is no cache, and no mistake */
	if (!json_is_array(json_object_get(config, REMOTE_MEMBER)))
		return 0;
	if (read_layers(build, &manifest, config, &image, err) < 0)
		return -1;
	image.name = xstrdup(name);
	remote->images =
		xreallocarray(remote->images, remote->image_count + 1, sizeof(*remote->images));
	remote->images[remote->image_count++] = image;
	read_steps(remote, config, image.name);
	return 0;
}

/* A cache that is not there is none; one that cannot be asked costs time, not the build. */
static int ask(struct build *build, const char *name, bool quiet, struct err *ret_err)
{
	struct err err = { 0 };
	struct digest manifest;

	if (image_fetch_parts(build->engine, name, &build->opts->run.pull, 0, NULL, NULL, &manifest,
			      &err) == 0 &&
	    remote_read_image(build, name, &manifest, &err) == 0)
		return 0;
	if (err.kind == ERR_INTERRUPTED) {
		*ret_err = err;
		return -1;
	}
	if (err.kind != ERR_NOT_FOUND)
		build_warn(build, "cannot use the cache '%s': %s", name, err.msg);
	else if (!quiet)
		build_emit(build, NULL, BUILD_NOTE, err.msg, NULL);
	return 0;
}

static int load(struct build *build, struct err *err)
{
	struct remote *remote = build->remote;

	remote->loaded = true;
	for (size_t i = 0; i < remote->sources.count; i++) {
		const char *name = remote->sources.items[i];
		cleanup_image struct image *local = NULL;
		struct err ignored; /* then the registry is asked */

		if (image_resolve(build->engine, name, &local, &ignored) > 0)
			(void)remote_read_image(build, name, &local->manifest, &ignored);
		if (build->pull != PULL_NEVER &&
		    ask(build, name, strv_contains(&remote->repositories, name), err) < 0)
			return -1;
	}
	return 0;
}

/* An image without it, a layer in the store: it is named as one that was made here. */
static void take_layer(const struct image_new_layer *layer, struct cached *cached)
{
	if (layer == NULL)
		return;
	cached->blob = layer->blob;
	cached->blob_bytes = cached->tar_bytes = layer->bytes;
	(void)snprintf(cached->media_type, sizeof(cached->media_type), "%s", layer->media_type);
}

/* ---- finding ----------------------------------------------------------------------------------------------------------- */

static const struct remote_step *find_known(const struct build *build, const struct digest *key)
{
	const struct remote *remote = build->remote;

	for (size_t i = 0; i < remote->known_count; i++)
		if (digest_equal(&remote->known[i].key, key) &&
		    !remote_too_old(build, remote->known[i].made_ns))
			return &remote->known[i];
	return NULL;
}

static const struct image_new_layer *find_layer(const struct remote *remote,
						const struct digest *diff_id,
						const struct remote_image **ret_image,
						size_t *ret_index)
{
	for (size_t i = 0; i < remote->image_count; i++)
		for (size_t k = 0; k < remote->images[i].layer_count; k++)
			if (digest_equal(&remote->images[i].layers[k].diff_id, diff_id)) {
				*ret_image = &remote->images[i];
				*ret_index = k;
				return &remote->images[i].layers[k];
			}
	return NULL;
}

static bool is_here(struct build *build, const struct digest *diff_id,
		    const struct image_new_layer *layer)
{
	struct layer_meta meta = { 0 };
	struct err ignored; /* then it is fetched */

	if (layer_find(build->engine->store, diff_id, &meta, &ignored) <= 0)
		return false;
	layer_meta_release(&meta);
	return layer == NULL || blob_exists(build->engine->store, &layer->blob);
}

int remote_find(struct build *build, struct stage *stage, const struct digest *key,
		struct cached *ret_cached, struct err *err)
{
	struct remote *remote = build->remote;
	const struct remote_image *image;
	const struct remote_step *step;
	size_t index;

	if (remote->sources.count == 0)
		return 0;
	if (!remote->loaded && load(build, err) < 0)
		return -1;
	step = find_known(build, key);
	/* what comes after a step that nobody had was never done by anybody */
	for (size_t i = 0; step == NULL && stage != NULL && !stage->remote_missed &&
			   build->pull != PULL_NEVER && i < remote->repositories.count;
	     i++) {
		cleanup_free char *name =
			xasprintf("%s:%s", remote->repositories.items[i], digest_hex(key));

		if (ask(build, name, true, err) < 0)
			return -1;
		step = find_known(build, key);
	}
	if (step == NULL) {
		if (stage != NULL)
			stage->remote_missed = true;
		return 0;
	}
	*ret_cached = (struct cached){
		.has_layer = digest_is_set(&step->diff_id),
		.diff_id = step->diff_id,
		.created_ns = step->created_ns,
		.made_ns = step->made_ns,
		.remote = step->from,
	};
	if (ret_cached->has_layer)
		take_layer(find_layer(remote, &step->diff_id, &image, &index), ret_cached);
	return 1;
}

int remote_expect(struct build *build, const struct digest *key, const struct cached *cached,
		  struct cached *ret_cached)
{
	struct remote *remote = build->remote;

	if (remote->known_count >= STEPS_MAX ||
	    strv_contains(&remote->forgotten, cached->diff_id.text))
		return 0;
	*ret_cached = *cached;
	add_known(remote, &(const struct remote_step){ .key = *key,
						       .diff_id = cached->diff_id,
						       .created_ns = cached->created_ns,
						       .made_ns = cached->made_ns });
	return 1;
}

/* ---- fetching ---------------------------------------------------------------------------------------------------------- */

static void forget_layer(struct remote *remote, const struct digest *diff_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < remote->known_count; i++)
		if (!digest_equal(&remote->known[i].diff_id, diff_id))
			remote->known[kept++] = remote->known[i];
	remote->known_count = kept;
	strv_add(&remote->forgotten, diff_id->text);
}

/* From now on the steps that made it are in the local cache. */
static void remember(struct build *build, const struct image_new_layer *layer)
{
	const struct remote *remote = build->remote;

	for (size_t i = 0; i < remote->known_count; i++) {
		const struct remote_step *step = &remote->known[i];
		struct cached cached = { .has_layer = true,
					 .diff_id = step->diff_id,
					 .created_ns = step->created_ns,
					 .made_ns = step->made_ns };

		take_layer(layer, &cached);
		if (digest_equal(&step->diff_id, &layer->diff_id))
			cache_put(build, &step->key, &cached);
	}
}

/* All layers up to the topmost that is wanted: what lies between them is the base, or wanted too. */
static int fetch(struct build *build, const struct remote_image *image, size_t count,
		 struct err *err)
{
	struct digest manifest;

	if (image_fetch_parts(build->engine, image->name, &build->opts->run.pull, count,
			      build->progress, build->progress_arg, &manifest, err) < 0)
		return -1;
	if (!digest_equal(&manifest, &image->manifest))
		return err_set(err, ERR_NOT_FOUND, "'%s' has changed meanwhile", image->name);
	for (size_t i = 0; i < count; i++)
		remember(build, &image->layers[i]);
	return 0;
}

static bool is_known(const struct remote *remote, const struct digest *diff_id)
{
	for (size_t i = 0; i < remote->known_count; i++)
		if (digest_equal(&remote->known[i].diff_id, diff_id))
			return true;
	return false;
}

int remote_need(struct build *build, const struct digest *layers, size_t count, struct err *err)
{
	struct remote *remote = build->remote;
	bool forgot = false;

	/* topmost first: one request brings those below, too */
	for (size_t i = count; i-- > 0;) {
		const struct remote_image *image = NULL;
		size_t index = 0;

		if (remote->known_count == 0 || !is_known(remote, &layers[i]))
			continue;
		const struct image_new_layer *layer =
			find_layer(remote, &layers[i], &image, &index);

		if (is_here(build, &layers[i], layer)) {
			if (layer != NULL)
				remember(build, layer);
			continue;
		}
		if (layer != NULL && fetch(build, image, index + 1, err) == 0)
			continue;
		if (layer != NULL && err->kind == ERR_INTERRUPTED)
			return -1;
		if (layer != NULL)
			build_warn(build, "cannot take a layer from the cache: %s", err->msg);
		forget_layer(remote, &layers[i]);
		forgot = true;
	}
	return forgot ? 1 : 0;
}
