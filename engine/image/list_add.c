/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/list_add.c - where the members of a manifest list come from
 *
 * A name is an image of the store if there is one, else a registry's; docker:// says that it is a registry's. Of what a registry has only the
 * documents are fetched. Other transports bring the image into the store first, as pull does.
 */
#include "engine/image/list.h"

#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image/artifact.h"
#include "engine/image/pull_private.h"

#define BLOBS_DIR "images/blobs/sha256"

/* ---- asking registries ----------------------------------------------------------------------------------------------- */

static int fetch_name(struct engine *engine, const struct registries *registries, const char *name,
		      const char *depth, const struct image_pull_opts *opts,
		      progress_function progress, void *progress_arg, struct digest *ret_digest,
		      char **ret_name, struct err *err)
{
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_json json_t *request = NULL;
	json_t *source = NULL;

	if (image_ref_parse(name, &ref, err) < 0 ||
	    pull_registry_source(registries, &ref, opts, &source, err) < 0 ||
	    pull_request(engine, "fetch", source, opts, &request, err) < 0)
		return -1;
	json_put_string(request, "depth", depth);
	if (pull_run(engine, request, progress, progress_arg, &result, err) < 0)
		return err_wrap(err, "cannot read '%s'", name);
	*ret_digest = result.manifest;
	*ret_name = xasprintf("%s/%s", ref.registry, ref.path);
	return 0;
}

int list_fetch(struct engine *engine, const char *text, const char *depth,
	       const struct image_pull_opts *opts, progress_function progress, void *progress_arg,
	       struct digest *ret_digest, char **ret_name, struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_strbuf struct strbuf failures = STRBUF_INIT;

	text = str_after(text, "docker://") ?: text;
	if (image_ref_parse(text, &ref, err) < 0 ||
	    registries_load(engine->options.registries_conf, &registries, err) < 0)
		return -1;
	if (ref.registry != NULL)
		strv_add_take(&names, image_ref_full(&ref, ref.registry));
	else if (registries_expand(registries, &ref, engine->options.as_docker, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (fetch_name(engine, registries, names.items[i], depth, opts, progress,
			       progress_arg, ret_digest, ret_name, err) == 0)
			return 0;
		if (names.count == 1 || err->kind == ERR_INTERRUPTED)
			return -1;
		strbuf_addf(&failures, "%s%s", i > 0 ? "; " : "", err->msg);
	}
	return err_set(err, err->kind, "%s", failures.data);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------------- */

static json_t *descriptor_new(const char *media_type, const struct digest *digest, size_t bytes)
{
	json_t *json = json_object();

	json_put_string(json, "mediaType", media_type);
	json_put_string(json, "digest", digest->text);
	json_put_int(json, "size", (int64_t)bytes);
	return json;
}

/* "platform", as the configuration tells. */
static void put_platform(json_t *descriptor, const json_t *config)
{
	static const char *const keys[] = { "architecture", "os", "os.version", "variant" };
	json_t *platform = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = json_get_string(config, "", keys[i], NULL);

		if (*value != '\0')
			json_put_string(platform, keys[i], value);
	}
	if (json_array_size(json_object_get(config, "os.features")) > 0)
		json_put(platform, "os.features",
			 json_deep_copy(json_object_get(config, "os.features")));
	json_put(descriptor, "platform", platform);
}

/* Of a manifest in the store, with its configuration; an artifact has no platform. */
static json_t *descriptor_of(struct engine *engine, const struct digest *digest,
			     const struct strbuf *text, const struct manifest *manifest,
			     struct err *err)
{
	cleanup_json json_t *descriptor =
		descriptor_new(manifest->media_type, digest, text->length);
	cleanup_strbuf struct strbuf config_text = STRBUF_INIT;
	const char *type = json_get_string(manifest->json, NULL, "artifactType", NULL);
	cleanup_json json_t *config = NULL;

	if (type != NULL)
		json_put(descriptor, "artifactType", json_text(type));
	if (!str_equal(manifest->config.media_type, MEDIA_OCI_CONFIG) &&
	    !str_equal(manifest->config.media_type, MEDIA_DOCKER_CONFIG))
		return TAKE_PTR(descriptor);
	if (blob_read(engine->store, &manifest->config.digest, &config_text, err) < 0)
		return NULL;
	config =
		json_parse(config_text.data, config_text.length, "configuration of the image", err);
	if (config == NULL)
		return NULL;
	put_platform(descriptor, config);
	return TAKE_PTR(descriptor);
}

json_t *list_descriptor(struct engine *engine, const struct image *image, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_manifest struct manifest manifest = { 0 };

	if (blob_read(engine->store, &image->manifest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, image->media_type, "manifest of the image",
			   &manifest, err) < 0)
		return NULL;
	return descriptor_of(engine, &image->manifest, &text, &manifest, err);
}

/* ---- members --------------------------------------------------------------------------------------------------------- */

static int put_described(struct list *list, const json_t *descriptor, const char *source,
			 const struct manifest_list_opts *opts, struct err *err)
{
	cleanup_json json_t *copy = json_deep_copy(descriptor);

	if (list_describe_member(copy, opts, err) < 0)
		return -1;
	list_put_member(list, copy, source);
	return 0;
}

/* The members of an index, or the one that is meant. @param from  the list whose members have sources, or NULL: all are at source */
static int add_index(struct list *list, const struct manifest *index, const char *what,
		     const struct image *from, const char *source,
		     const struct manifest_list_opts *opts, struct err *err)
{
	struct image_pull_opts choice = { .os = opts->os,
					  .arch = opts->arch,
					  .variant = opts->variant };
	const struct descriptor *chosen = NULL;
	struct platform platform = { 0 };
	bool explicit_platform = false;
	int status = 0;

	if (!opts->all) {
		if (pull_platform(&choice, &platform, &explicit_platform, err) < 0)
			return -1;
		status = manifest_choose(index, &platform, what, &chosen, err);
		platform_release(&platform);
	}
	for (size_t i = 0; status == 0 && i < index->item_count; i++) {
		const char *where =
			from != NULL ? list_source(from, index->items[i].digest.text) : source;

		if (chosen == NULL || chosen == &index->items[i])
			status = put_described(
				list, json_array_get(json_object_get(index->json, "manifests"), i),
				where, opts, err);
	}
	return status;
}

static int add_stored(struct engine *engine, struct list *list, const struct image *image,
		      const struct manifest_list_opts *opts, struct err *err)
{
	cleanup_manifest struct manifest index = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *descriptor = NULL;

	if (digest_is_set(&image->list)) {
		if (digest_equal(&image->manifest, &list->image->manifest))
			return err_set(err, ERR_USAGE, "a list cannot be a member of itself");
		if (blob_read(engine->store, &image->list, &text, err) < 0 ||
		    manifest_parse(text.data, text.length, MEDIA_OCI_INDEX, "list", &index, err) <
			    0)
			return -1;
		return add_index(list, &index, "the list", image, NULL, opts, err);
	}
	descriptor = list_descriptor(engine, image, err);
	return descriptor == NULL ? -1 : put_described(list, descriptor, NULL, opts, err);
}

static int add_remote(struct engine *engine, struct list *list, const char *name,
		      const struct manifest_list_opts *opts, struct err *err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *descriptor = NULL;
	cleanup_free char *where = NULL;
	cleanup_free char *source = NULL;
	struct digest digest = { "" };

	if (list_fetch(engine, name, "config", &opts->registry, NULL, NULL, &digest, &where, err) <
		    0 ||
	    blob_read(engine->store, &digest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, NULL, "manifest", &manifest, err) < 0)
		return -1;
	source = xasprintf("docker://%s", where);
	if (manifest.is_index) {
		cleanup_free char *what = xasprintf("'%s'", name);

		return add_index(list, &manifest, what, NULL, source, opts, err);
	}
	descriptor = descriptor_of(engine, &digest, &text, &manifest, err);
	return descriptor == NULL ? -1 : put_described(list, descriptor, source, opts, err);
}

static int add_one(struct engine *engine, struct list *list, const char *text,
		   const struct manifest_list_opts *opts, struct err *err)
{
	static const char *const local[] = { "oci:", "oci-archive:", "docker-archive:", "dir:" };
	cleanup_image struct image *image = NULL;
	int found;

	if (str_after(text, "docker://") != NULL)
		return add_remote(engine, list, text, opts, err);
	for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
		if (str_after(text, local[i]) == NULL)
			continue;
		if (image_pull(engine, text, &opts->registry, NULL, NULL, &image, err) < 0)
			return -1;
		return add_stored(engine, list, image, opts, err);
	}
	text = str_after(text, "containers-storage:") ?: text;
	found = image_resolve(engine, text, &image, err);
	if (found < 0)
		return -1;
	return found > 0 ? add_stored(engine, list, image, opts, err)
			 : add_remote(engine, list, text, opts, err);
}

static int add_artifact(struct engine *engine, struct list *list, const struct strv *files,
			const struct manifest_list_opts *opts, struct err *err)
{
	cleanup_fd int blobs_fd = store_open_dir(engine->store, BLOBS_DIR, true, err);
	cleanup_json json_t *descriptor = NULL;
	cleanup_json json_t *subject = json_object();

	if (blobs_fd < 0 ||
	    (opts->subject != NULL &&
	     list_put_subject(engine, subject, opts->subject, &opts->registry, err) < 0))
		return -1;
	descriptor = artifact_make(blobs_fd, files, &opts->form, NULL,
				   json_object_get(subject, "subject"), err);
	return descriptor == NULL ? -1 : put_described(list, descriptor, NULL, opts, err);
}

static int add_all(struct engine *engine, struct list *list, const struct strv *images,
		   const struct manifest_list_opts *opts, struct err *err)
{
	if (opts->artifact)
		return add_artifact(engine, list, images, opts, err);
	for (size_t i = 0; i < images->count; i++) {
		if (add_one(engine, list, images->items[i], opts, err) < 0)
			return err_wrap(err, "cannot add '%s'", images->items[i]);
	}
	return 0;
}

int manifest_list_add(struct engine *engine, const char *text, const struct strv *images,
		      const struct manifest_list_opts *opts, struct image **ret_list,
		      struct err *err)
{
	cleanup_list struct list list = LIST_INIT;

	if (list_open(engine, text, true, &list, err) < 0 ||
	    add_all(engine, &list, images, opts, err) < 0 || list_save(engine, &list, err) < 0)
		return err_wrap(err, "cannot add to list '%s'", text);
	*ret_list = TAKE_PTR(list.image);
	return 0;
}

int manifest_list_create(struct engine *engine, const char *text, const struct strv *images,
			 const struct manifest_list_opts *opts, struct image **ret_list,
			 struct err *err)
{
	cleanup_free char *name = image_name_complete(engine, text, err);
	cleanup_image struct image *present = NULL;
	cleanup_list struct list list = LIST_INIT;
	int found = name == NULL ? -1 : image_find_name(engine->store, name, &present, err);

	if (found < 0)
		return -1;
	if (found > 0 && !(opts->amend && digest_is_set(&present->list)))
		return err_set(err, ERR_EXISTS,
			       "image name '%s' is already associated with image '%.12s': that "
			       "name is already in use",
			       name, digest_hex(&present->config));
	if ((found > 0 ? list_open(engine, name, true, &list, err)
		       : list_new(engine, name, &list, err)) < 0 ||
	    list_annotate(list.json, &opts->annotations, err) < 0 ||
	    add_all(engine, &list, images, opts, err) < 0 || list_save(engine, &list, err) < 0)
		return err_wrap(err, "cannot make list '%s'", name);
	*ret_list = TAKE_PTR(list.image);
	return 0;
}

json_t *manifest_list_inspect(struct engine *engine, const char *text,
			      const struct image_pull_opts *opts, struct err *err)
{
	cleanup_image struct image *image = NULL;
	cleanup_strbuf struct strbuf document = STRBUF_INIT;
	cleanup_free char *name = NULL;
	struct digest digest = { "" };
	int found =
		str_after(text, "docker://") != NULL ? 0 : image_resolve(engine, text, &image, err);

	if (found < 0)
		return NULL;
	if (found > 0 && digest_is_set(&image->list))
		digest = image->list;
	else if (list_fetch(engine, text, "top", opts, NULL, NULL, &digest, &name, err) < 0) {
		if (found == 0 || err->kind == ERR_INTERRUPTED) {
			err_wrap(err, "cannot inspect '%s'", text);
			return NULL;
		}
		/* nobody answers: what it was when it was pulled */
		digest = digest_is_set(&image->index) ? image->index : image->manifest;
	}
	if (blob_read(engine->store, &digest, &document, err) < 0)
		return NULL;
	if (name != NULL) {
		cleanup_strv struct strv fetched = STRV_INIT;
		struct err ignored; /* it is collected later */

		strv_add(&fetched, digest.text);
		image_drop_blobs(engine->store, &fetched, &ignored);
	}
	return json_parse(document.data, document.length, "manifest", err);
}
