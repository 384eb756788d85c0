/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/rm.c - take names away, and images with their last name
 *
 * A name is only untagged while the image has others. What a container was made from stays unless force removes the container
 * first. Whether a text was a name or an id decides: an id with several names needs force.
 */
#include "engine/image.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/container.h"

/* The name of image that the text means, or NULL when it was found by its id or digest. */
static const char *meant_name(const struct image *image, const char *text)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_free char *local = NULL, *hub = NULL, *end = NULL;
	struct err ignored; /* then it is an id */
	const char *by_end = NULL;

	text = str_after(text, "docker://") ?: text;
	if (image_ref_parse(text, &ref, &ignored) < 0 || digest_is_set(&ref.digest))
		return NULL;
	local = image_ref_full(&ref, "localhost");
	hub = image_ref_full(&ref, "docker.io");
	end = image_ref_full(&ref, "x");
	for (size_t i = 0; i < image->names.count; i++) {
		const char *name = image->names.items[i];

		if (str_equal(name, local) || str_equal(name, hub))
			return name;
		if (ref.registry == NULL && str_ends_with(name, end + 1))
			by_end = name;
	}
	return by_end;
}

static int remove_users(struct engine *engine, const struct strv *ids, struct err *err)
{
	const struct container_rm_opts opts = { .force = true, .ignore = true, .stop.time_s = 0 };

	for (size_t i = 0; i < ids->count; i++) {
		cleanup_container struct container *container = NULL;
		int found = container_find(engine, ids->items[i], &container, err);

		if (found < 0)
			return -1;
		if (found > 0 && container_remove(engine, container, &opts, err) < 0)
			return -1;
	}
	return 0;
}

static int check_users(struct engine *engine, const struct image *image, bool force,
		       struct err *err)
{
	cleanup_strv struct strv ids = STRV_INIT;
	cleanup_free char *list = NULL;

	if (container_uses_image(engine, &image->manifest, &ids, err) < 0)
		return -1;
	if (ids.count == 0)
		return 0;
	if (force)
		return remove_users(engine, &ids, err);
	list = strv_join(&ids, "', '");
	err_set(err, ERR_IN_USE, "image is in use by container '%s'", list);
	return err_hint(err, "Remove the container first, or use --force.");
}

static int remove_image(struct engine *engine, const struct image *image, bool force,
			struct strv *ret_untagged, struct strv *ret_deleted, struct err *err)
{
	if (image->read_only)
		return err_set(err, ERR_DENIED, "it is in a read-only store");
	if (digest_is_set(&image->manifest) && check_users(engine, image, force, err) < 0)
		return -1;
	if (image_remove(engine->store, image, NULL, err) < 0)
		return -1;
	strv_add_all(ret_untagged, &image->names);
	if (digest_is_set(&image->config))
		strv_add(ret_deleted, digest_hex(&image->config));
	return 0;
}

static int remove_by_text(struct engine *engine, const char *text, const struct image *image,
			  const struct image_rm_opts *opts, struct strv *ret_untagged,
			  struct strv *ret_deleted, struct err *err)
{
	const char *name = meant_name(image, text);
	cleanup_free char *list = NULL;

	if (name != NULL && image->names.count > 1) {
		if (image_untag(engine->store, image, name, err) < 0)
			return -1;
		strv_add(ret_untagged, name);
		return 0;
	}
	if (name == NULL && image->names.count > 1 && !opts->force) {
		list = strv_join(&image->names, "', '");
		err_set(err, ERR_IN_USE, "the image has more than one name: '%s'", list);
		return err_hint(err, "Remove it by its names, or use --force.");
	}
	return remove_image(engine, image, opts->force, ret_untagged, ret_deleted, err);
}

static int remove_all(struct engine *engine, const struct image_rm_opts *opts,
		      struct strv *ret_untagged, struct strv *ret_deleted, struct err *err)
{
	cleanup_image_list struct image_list list = { NULL, 0 };
	int status = 0;

	if (image_list(engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		struct err one;

		if (list.items[i]->read_only)
			continue;
		/* one that cannot go does not keep the others; the first failure is reported */
		if (remove_image(engine, list.items[i], opts->force, ret_untagged, ret_deleted,
				 &one) < 0) {
			if (status == 0) {
				*err = one;
				err_wrap(err, "cannot remove image '%.12s'",
					 digest_is_set(&list.items[i]->config)
						 ? digest_hex(&list.items[i]->config)
						 : "damaged");
			}
			status = -1;
		}
	}
	return status;
}

int image_rm(struct engine *engine, const char *text, const struct image_rm_opts *opts,
	     struct strv *ret_untagged, struct strv *ret_deleted, struct err *err)
{
	cleanup_image struct image *image = NULL;
	int found = 0;

	if (text == NULL)
		return remove_all(engine, opts, ret_untagged, ret_deleted, err);
	found = image_resolve(engine, text, &image, err);
	if (found < 0)
		return err_wrap(err, "cannot remove image '%s'", text);
	if (found == 0) {
		/* what shall go in any case is as good as gone */
		if (opts->ignore || opts->force)
			return 0;
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", text);
	}
	if (remove_by_text(engine, text, image, opts, ret_untagged, ret_deleted, err) < 0)
		return err_wrap(err, "cannot remove image '%s'", text);
	return 0;
}

/* ---- what nobody needs ---- */

/* A container names layers of its image, and of images that are mounted in it: all lists of this name, wherever they are. */
static void add_layers(const json_t *json, struct strv *list)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_array(json)) {
		json_array_foreach (json, i, value)
			add_layers(value, list);
		return;
	}
	json_object_foreach ((json_t *)(uintptr_t)json, key, value) {
		json_t *item;

		add_layers(value, list);
		if (!str_equal(key, "layers"))
			continue;
		json_array_foreach (value, i, item) {
			if (json_is_string(item))
				strv_add(list, json_string_value(item));
		}
	}
}

int image_collect_unneeded(struct engine *engine, int64_t older_than_s, struct strv *ret_removed,
			   struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_strv struct strv keep = STRV_INIT;

	if (container_list(engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		/* what it needs cannot be known: nothing is taken away */
		if (list.items[i]->state.status == CONTAINER_DAMAGED)
			return 0;
		add_layers(list.items[i]->create, &keep);
	}
	return image_collect(engine->store, &keep, older_than_s, ret_removed, err);
}
