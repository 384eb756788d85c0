/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/remote_send.c - what --cache-from and --cache-to say, and sending caches to registries
 */
#include "engine/build/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/files.h"
#include "storage/layer.h"
#include "storage/layer_make.h"

/* ---- options ----------------------------------------------------------------------------------------------------------- */

struct spec {
	char *name;
	bool is_inline, all, ignore_error, is_list;
};

static int read_word(const char *word, const char *option, struct spec *spec, struct err *err)
{
	static const char *const as_it_is[] = { "image-manifest=true", "oci-mediatypes=true",
						"mode=min" };
	const char *value;

	if ((value = str_after(word, "type=")) != NULL) {
		spec->is_inline = str_equal(value, "inline");
		if (str_equal(value, "registry") || spec->is_inline)
			return 0;
		err_set(err, ERR_UNSUPPORTED, "--%s type=%s is not supported", option, value);
		return err_hint(err,
				"Caches are kept in registries: type=registry,ref=NAME:TAG, or "
				"the name of a repository.");
	}
	if ((value = str_after(word, "ref=")) != NULL) {
		free(spec->name);
		spec->name = xstrdup(value);
		return 0;
	}
	if (str_equal(word, "mode=max")) {
		spec->all = true;
		return 0;
	}
	if ((value = str_after(word, "ignore-error=")) != NULL)
		return parse_bool(value, &spec->ignore_error) == 0
			       ? 0
			       : err_set(err, ERR_USAGE, "invalid --%s '%s': true or false", option,
					 word);
	for (size_t i = 0; i < ARRAY_SIZE(as_it_is); i++)
		if (str_equal(word, as_it_is[i]))
			return 0;
	return err_set(err, ERR_UNSUPPORTED, "--%s: '%s' is not supported", option, word);
}

static int read_spec(const char *text, const char *option, struct spec *spec, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_image_ref struct image_ref ref = { 0 };

	spec->is_list = strchr(text, '=') != NULL;
	if (!spec->is_list)
		spec->name = xstrdup(text);
	else
		strv_split(&words, text, ',');
	for (size_t i = 0; i < words.count; i++)
		if (read_word(words.items[i], option, spec, err) < 0)
			return -1;
	if (spec->is_inline)
		return 0;
	if (str_is_empty(spec->name))
		return err_set(err, ERR_USAGE, "invalid --%s '%s': it has no ref=NAME", option,
			       text);
	if (image_ref_parse(spec->name, &ref, err) < 0)
		return err_wrap(err, "--%s", option);
	if (digest_is_set(&ref.digest) && str_equal(option, "cache-to"))
		return err_set(err, ERR_USAGE, "invalid --%s '%s': it has a digest", option, text);
	/* a name alone is a repository, whose images are named by keys */
	spec->is_list |= ref.tag != NULL || digest_is_set(&ref.digest);
	return 0;
}

static int read_from(struct build *build, const char *text, struct err *err)
{
	struct spec spec = { 0 };
	int status = read_spec(text, "cache-from", &spec, err);

	if (status == 0 && spec.is_inline)
		status =
			err_set(err, ERR_USAGE,
				"--cache-from type=inline: name the image, type=registry,ref=NAME");
	if (status == 0) {
		strv_add(&build->remote->sources, spec.name);
		if (!spec.is_list)
			strv_add(&build->remote->repositories, spec.name);
	}
	free(spec.name);
	return status;
}

static int read_to(struct build *build, const char *text, struct err *err)
{
	struct remote *remote = build->remote;
	struct spec spec = { 0 };
	int status = read_spec(text, "cache-to", &spec, err);

	/* inline is what every image is */
	if (status < 0 || spec.is_inline) {
		free(spec.name);
		return status;
	}
	remote->targets =
		xreallocarray(remote->targets, remote->target_count + 1, sizeof(*remote->targets));
	remote->targets[remote->target_count++] =
		(struct remote_target){ .name = spec.name,
					.by_key = !spec.is_list,
					.all = spec.all,
					.ignore_error = spec.ignore_error };
	return 0;
}

int remote_open(struct build *build, struct err *err)
{
	const struct build_opts *opts = build->opts;
	const char *ttl = opts->cache_ttl;

	build->remote = xcalloc(1, sizeof(*build->remote));
	build->remote->ttl_ns = -1;
	if (ttl != NULL &&
	    (parse_duration(ttl, &build->remote->ttl_ns) < 0 || build->remote->ttl_ns < 0))
		return err_set(err, ERR_USAGE,
			       "invalid --cache-ttl '%s': it is a duration such as 24h", ttl);
	for (size_t i = 0; i < opts->cache_from.count; i++)
		if (read_from(build, opts->cache_from.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < opts->cache_to.count; i++)
		if (read_to(build, opts->cache_to.items[i], err) < 0)
			return -1;
	return 0;
}

/* ---- steps of this build ----------------------------------------------------------------------------------------------- */

void remote_add_step(struct build *build, const struct digest *key, const struct cached *cached)
{
	struct remote *remote = build->remote;
	struct remote_step step = { .key = *key,
				    .created_ns = cached->created_ns,
				    .made_ns = cached->made_ns,
				    .config_only = cached->config_only,
				    .from = cached->remote };

	if (build->has_timestamp)
		step.created_ns = build_created_ns(build);
	if (cached->has_layer) {
		step.diff_id = cached->diff_id;
		step.layer = cached_layer(cached);
		step.layer.media_type = xstrdup(step.layer.media_type);
	}
	remote->steps =
		xreallocarray(remote->steps, remote->step_count + 1, sizeof(*remote->steps));
	remote->steps[remote->step_count++] = step;
}

static json_t *step_json(const struct remote_step *step, bool with_made)
{
	json_t *json = json_object();

	json_put_string(json, "key", digest_hex(&step->key));
	if (digest_is_set(&step->diff_id))
		json_put_string(json, "layer", step->diff_id.text);
	json_put_int(json, "createdNs", step->created_ns);
	if (with_made)
		json_put_int(json, "madeNs", step->made_ns);
	return json;
}

static int compare_steps(const void *a, const void *b)
{
	const struct remote_step *const *left = a, *const *right = b;

	return strcmp((*left)->key.text, (*right)->key.text);
}

void remote_note(struct build *build, json_t *config)
{
	const struct remote *remote = build->remote;
	size_t count = remote->step_count;
	cleanup_free const struct remote_step **sorted = xcalloc(count + 1, sizeof(*sorted));
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		sorted[i] = &remote->steps[i];
	/* stages end in any order; the same build makes the same image */
	qsort(sorted, count, sizeof(*sorted), compare_steps);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, step_json(sorted[i], false));
	json_put(config, REMOTE_MEMBER, list);
}

/* ---- sending ----------------------------------------------------------------------------------------------------------- */

static bool layer_is_here(struct build *build, const struct digest *diff_id)
{
	struct layer_meta meta = { 0 };
	struct err ignored; /* then it is not sent */

	if (layer_find(build->engine->store, diff_id, &meta, &ignored) <= 0)
		return false;
	layer_meta_release(&meta);
	return true;
}

static void add_layer(struct image_new *image, const struct image_new_layer *layer)
{
	for (size_t i = 0; i < image->layer_count; i++)
		if (digest_equal(&image->layers[i].diff_id, &layer->diff_id))
			return;
	image_new_append_layer(image, layer);
}

static int push(struct build *build, const char *name, const struct image_new *image,
		struct err *err)
{
	struct image_push_opts opts = { .registry = build->opts->run.pull,
					.compression_level = -1,
					.quiet = true };
	cleanup_free char *text = xasprintf("--> Pushing cache [%s]", name);

	build_emit(build, NULL, BUILD_NOTE, text, NULL);
	return image_push_new(build->engine, image, name, &opts, NULL, NULL, err);
}

/* One step, one image. What is there already was made by the same step. */
static int send_step(struct build *build, const struct remote_target *target,
		     const struct remote_step *step, struct err *err)
{
	cleanup_free char *name = xasprintf("%s:%s", target->name, digest_hex(&step->key));
	cleanup_image_new struct image_new image = { 0 };
	struct err ignored; /* then it is sent */
	struct digest manifest;
	json_t *list = json_array();

	if (step->from != NULL && str_equal(step->from, name))
		goto out;
	if (image_fetch_parts(build->engine, name, &build->opts->run.pull, 0, NULL, NULL, &manifest,
			      &ignored) == 0)
		goto out;
	if (image_new_from(build->engine, NULL, &image, err) < 0) {
		json_decref(list);
		return -1;
	}
	json_array_append_new(list, step_json(step, true));
	json_put(image.config, REMOTE_MEMBER, list);
	if (digest_is_set(&step->diff_id))
		add_layer(&image, &step->layer);
	return push(build, name, &image, err);
out:
	json_decref(list);
	return 0;
}

/* One image for all: the target's layers, or those of all stages. */
static int send_all(struct build *build, const struct remote_target *target, struct err *err)
{
	const struct remote *remote = build->remote;
	const struct image_new *result = &build->stages[build->target].state.image;
	cleanup_image_new struct image_new image = { 0 };
	json_t *list = json_array();

	if (image_new_from(build->engine, NULL, &image, err) < 0) {
		json_decref(list);
		return -1;
	}
	for (size_t i = 0; i < remote->step_count; i++) {
		const struct remote_step *step = &remote->steps[i];
		bool wanted = target->all;

		json_array_append_new(list, step_json(step, true));
		for (size_t k = 0; k < result->layer_count; k++)
			wanted |= digest_equal(&result->layers[k].diff_id, &step->diff_id);
		if (wanted && digest_is_set(&step->diff_id) && layer_is_here(build, &step->diff_id))
			add_layer(&image, &step->layer);
	}
	json_put(image.config, REMOTE_MEMBER, list);
	return push(build, target->name, &image, err);
}

static int send_to(struct build *build, const struct remote_target *target, struct err *err)
{
	const struct remote *remote = build->remote;

	if (!target->by_key)
		return send_all(build, target, err);
	for (size_t i = 0; i < remote->step_count; i++)
		if (!remote->steps[i].config_only &&
		    (!digest_is_set(&remote->steps[i].diff_id) ||
		     layer_is_here(build, &remote->steps[i].diff_id)) &&
		    send_step(build, target, &remote->steps[i], err) < 0)
			return -1;
	return 0;
}

int remote_send(struct build *build, struct err *err)
{
	const struct remote *remote = build->remote;

	for (size_t i = 0; i < remote->target_count; i++) {
		const struct remote_target *target = &remote->targets[i];

		if (send_to(build, target, err) == 0)
			continue;
		if (!target->ignore_error || err->kind == ERR_INTERRUPTED)
			return err_wrap(err, "cannot send the cache");
		build_warn(build, "cannot send the cache to '%s': %s", target->name, err->msg);
	}
	return 0;
}
