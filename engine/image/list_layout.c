/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/list_layout.c - a manifest list and its members on their way out
 *
 * A member is an image of the store, or what is left of one, or only known by digest: then the registry that it came from is asked for its
 * blobs. What must be changed on the way (compression, format) changes the digest of a member, and so the list's own document; else that is sent
 * byte by byte as it is.
 */
#include "engine/image/list.h"

#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image/pull_private.h"
#include "storage/layer.h"
#include "storage/sha256.h"

#define COMPRESSION_ANNOTATION "io.github.containers.compression."

void layout_list_release(struct layout_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		layout_image_release(&list->members[i]);
	free(list->members);
	layout_image_release(&list->self);
	*list = (struct layout_list){ 0 };
}

/* One member while it is looked at. */
struct member {
	struct digest digest;
	struct strbuf text;
	struct manifest manifest;
	bool is_image; /* not an artifact */
	struct image image;
};

static void member_release(struct member *member)
{
	strbuf_release(&member->text);
	manifest_release(&member->manifest);
	free(member->image.layers);
}
#define cleanup_member __attribute__((cleanup(member_release)))

/* What layout_add() needs to know; no layer needs to be unpacked for it. 1, 0 something is missing, -1 */
static int read_member(struct engine *engine, struct member *member, struct err *err)
{
	cleanup_strbuf struct strbuf config_text = STRBUF_INIT;
	cleanup_free struct digest *diff_ids = NULL;
	cleanup_json json_t *config = NULL;
	const char *type;
	size_t count;

	strbuf_clear(&member->text);
	manifest_release(&member->manifest);
	free(member->image.layers);
	member->image = (struct image){ 0 };
	if (!blob_exists(engine->store, &member->digest))
		return 0;
	if (blob_read(engine->store, &member->digest, &member->text, err) < 0 ||
	    manifest_parse(member->text.data, member->text.length, NULL, "member of the list",
			   &member->manifest, err) < 0)
		return -1;
	if (member->manifest.is_index)
		return err_set(err, ERR_UNSUPPORTED, "'%s' is a list in a list",
			       member->digest.text);
	if (!blob_exists(engine->store, &member->manifest.config.digest))
		return 0;
	type = member->manifest.config.media_type;
	count = member->manifest.item_count;
	member->is_image =
		str_equal(type, MEDIA_OCI_CONFIG) || str_equal(type, MEDIA_DOCKER_CONFIG);
	if (member->is_image) {
		if (blob_read(engine->store, &member->manifest.config.digest, &config_text, err) <
		    0)
			return -1;
		config = json_parse(config_text.data, config_text.length, "configuration", err);
		if (config == NULL ||
		    config_diff_ids(config, count, "member of the list", &diff_ids, err) < 0)
			return -1;
	}
	member->image.manifest = member->digest;
	member->image.config = member->manifest.config.digest;
	member->image.media_type = member->manifest.media_type;
	member->image.layers = xcalloc(count + 1, sizeof(*member->image.layers));
	member->image.layer_count = count;
	for (size_t i = 0; i < count; i++) {
		struct layer_meta meta = { 0 };
		bool here = blob_exists(engine->store, &member->manifest.items[i].digest);

		if (diff_ids != NULL)
			member->image.layers[i].diff_id = diff_ids[i];
		/* a layer that was made here has no blob */
		if (!here && diff_ids != NULL &&
		    digest_equal(&diff_ids[i], &member->manifest.items[i].digest))
			here = layer_find(engine->store, &diff_ids[i], &meta, err) > 0;
		layer_meta_release(&meta);
		if (!here)
			return 0;
	}
	return 1;
}

static int find_member(struct engine *engine, const struct list_layout_request *request,
		       struct member *member, struct strv *fetched, struct err *err)
{
	int found = read_member(engine, member, err);
	const char *source = list_source(request->list, member->digest.text);
	cleanup_free char *name = NULL;
	cleanup_free char *full = NULL;
	struct digest digest;

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (source == NULL) {
		err_set(err, ERR_NOT_FOUND, "image '%s' of the list is not in the store",
			member->digest.text);
		return err_hint(err, "Add it again, or push the list alone: --all=false.");
	}
	full = xasprintf("%s@%s", source, member->digest.text);
	if (list_fetch(engine, full, "all", request->registry, request->progress,
		       request->progress_arg, &digest, &name, err) < 0)
		return -1;
	found = read_member(engine, member, err);
	if (found == 0)
		return err_set(err, ERR_UNAVAILABLE, "'%s' was removed while it was needed", full);
	for (size_t i = 0; found > 0 && i < member->manifest.item_count; i++)
		strv_add(fetched, member->manifest.items[i].digest.text);
	return found < 0 ? -1 : 0;
}

/* ---- into the layout ------------------------------------------------------------------------------------------------- */

static int link_stored(struct engine *engine, struct layout *layout, const struct digest *digest,
		       struct err *err)
{
	cleanup_fd int fd = blob_open(engine->store, digest, err);

	return fd < 0 ? -1 : layout_link_blob(layout, fd, digest, err);
}

/* An artifact: nothing of it is ours to change. */
static int add_artifact(struct engine *engine, struct layout *layout, const struct member *member,
			struct layout_image *ret, struct err *err)
{
	if (link_stored(engine, layout, &member->digest, err) < 0 ||
	    link_stored(engine, layout, &member->manifest.config.digest, err) < 0)
		return -1;
	for (size_t i = 0; i < member->manifest.item_count; i++) {
		if (link_stored(engine, layout, &member->manifest.items[i].digest, err) < 0)
			return -1;
	}
	ret->manifest = member->digest;
	ret->bytes = member->text.length;
	ret->json = json_incref(member->manifest.json);
	/* the text lives as long as the JSON */
	ret->media_type = json_get_string(ret->json, MEDIA_OCI_MANIFEST, "mediaType", NULL);
	return 0;
}

/* The descriptor follows what was made of the member. */
static void follow(json_t *descriptor, const struct layout_image *image, bool *changed)
{
	if (str_equal(json_get_string(descriptor, "", "digest", NULL), image->manifest.text))
		return;
	json_put_string(descriptor, "mediaType", image->media_type);
	json_put_string(descriptor, "digest", image->manifest.text);
	json_put_int(descriptor, "size", (int64_t)image->bytes);
	*changed = true;
}

static struct layout_image *next_image(struct layout_list *list)
{
	list->members = xreallocarray(list->members, list->count + 1, sizeof(*list->members));
	list->members[list->count] = (struct layout_image){ .json = NULL };
	return &list->members[list->count];
}

/* The same image once more, compressed in another way, and said so as others do. */
static int add_compressed(struct engine *engine, struct layout *layout,
			  const struct list_layout_request *request, const struct member *member,
			  const json_t *descriptor, json_t *ret_descriptors,
			  struct layout_list *ret, struct err *err)
{
	for (size_t i = 0; request->add_compression != NULL && i < request->add_compression->count;
	     i++) {
		const char *name = request->add_compression->items[i];
		cleanup_free char *key = xasprintf(COMPRESSION_ANNOTATION "%s", name);
		struct layout_opts opts = *request->opts;
		struct layout_image *image = next_image(ret);
		json_t *copy, *annotations;
		bool changed = false;

		opts.force = true;
		opts.level = -1;
		if (str_equal(name, "zstd"))
			opts.compression = LAYOUT_ZSTD;
		else if (str_equal(name, "gzip"))
			opts.compression = LAYOUT_GZIP;
		else
			return err_set(err, ERR_USAGE,
				       "invalid --add-compression '%s': it is gzip or zstd", name);
		if (layout_add(engine, layout, &member->image, &opts, image, err) < 0)
			return -1;
		ret->count++;
		copy = json_deep_copy(descriptor);
		follow(copy, image, &changed);
		if (!changed) { /* it is compressed so already */
			json_decref(copy);
			continue;
		}
		if (!json_is_object(json_object_get(copy, "annotations")))
			json_put(copy, "annotations", json_object());
		annotations = json_object_get(copy, "annotations");
		json_put_string(annotations, key, "true");
		json_array_append_new(ret_descriptors, copy);
	}
	return 0;
}

static int add_member(struct engine *engine, struct layout *layout,
		      const struct list_layout_request *request, json_t *descriptor,
		      json_t *descriptors, struct layout_list *ret, bool *changed,
		      struct strv *fetched, struct err *err)
{
	cleanup_member struct member member = { .text = STRBUF_INIT };
	struct layout_image *image;
	bool as_is = request->opts->format == LAYOUT_KEEP && !request->opts->force &&
		     (request->add_compression == NULL || request->add_compression->count == 0);
	int status;

	if (digest_parse(json_get_string(descriptor, "", "digest", NULL), &member.digest) < 0)
		return err_set(err, ERR_CORRUPT, "the list has a member without a digest");
	if (as_is && request->is_there != NULL && request->is_there(request->arg, &member.digest))
		return 0;
	if (find_member(engine, request, &member, fetched, err) < 0)
		return -1;
	image = next_image(ret);
	status = member.is_image
			 ? layout_add(engine, layout, &member.image, request->opts, image, err)
			 : add_artifact(engine, layout, &member, image, err);
	if (status < 0)
		return -1;
	ret->count++;
	follow(descriptor, image, changed);
	return member.is_image ? add_compressed(engine, layout, request, &member, descriptor,
						descriptors, ret, err)
			       : 0;
}

/* Docker's lists have no annotations, and members of docker's kind only. */
static void make_docker(json_t *list)
{
	json_t *item;
	size_t i;

	json_put_string(list, "mediaType", MEDIA_DOCKER_LIST);
	json_object_del(list, "annotations");
	json_object_del(list, "subject");
	json_object_del(list, "artifactType");
	json_array_foreach (json_object_get(list, "manifests"), i, item)
		json_object_del(item, "annotations");
}

static int add_document(struct engine *engine, struct layout *layout,
			const struct list_layout_request *request, json_t *json, bool changed,
			struct layout_image *self, struct err *err)
{
	bool docker = request->opts->format == LAYOUT_DOCKER;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (docker)
		make_docker(json);
	if (!changed && !docker) {
		if (blob_read(engine->store, &request->list->list, &text, err) < 0)
			return -1;
	} else {
		json_print(json, 0, &text);
	}
	self->json = json_incref(json);
	self->bytes = text.length;
	self->media_type = docker ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX;
	return layout_put_blob(layout, &text, &self->manifest, err);
}

int layout_add_list(struct engine *engine, struct layout *layout,
		    const struct list_layout_request *request, struct layout_list *ret,
		    struct err *err)
{
	cleanup_strv struct strv fetched = STRV_INIT;
	cleanup_json json_t *json = NULL;
	json_t *descriptors = json_array();
	json_t *item;
	bool changed = false;
	int status = image_manifest(engine->store, request->list, &json, err);
	size_t i;

	json_array_foreach (json_object_get(json, "manifests"), i, item) {
		json_array_append(descriptors, item);
		if (status == 0 && request->all)
			status = add_member(engine, layout, request, item, descriptors, ret,
					    &changed, &fetched, err);
	}
	if (json_array_size(descriptors) != json_array_size(json_object_get(json, "manifests")))
		changed = true;
	if (status == 0) {
		json_object_set(json, "manifests", descriptors);
		status = add_document(engine, layout, request, json, changed, &ret->self, err);
	}
	json_decref(descriptors);
	if (fetched.count > 0) {
		struct err ignored; /* collected later; the layout has its own names of them */

		image_drop_blobs(engine->store, &fetched, &ignored);
	}
	return status;
}
