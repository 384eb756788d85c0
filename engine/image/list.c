/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/list.c - read a manifest list, change it, write it
 *
 * The record of a list has an id that stays and the digest of the document that it is now. Documents are blobs and never changed: a change is a
 * new blob, then a new record in the place of the old one. A list that is written is locked from before it was read.
 */
#include "engine/image/list.h"

#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/image/describe.h"
#include "engine/image/pull_private.h"
#include "storage/sha256.h"

void list_release(struct list *list)
{
	image_free(list->image);
	json_decref(list->json);
	fd_close(&list->lock_fd);
	*list = (struct list)LIST_INIT;
}

int manifest_list_find(struct engine *engine, const char *text, struct image **ret_list,
		       struct err *err)
{
	cleanup_image struct image *image = NULL;
	int found = image_resolve(engine, text, &image, err);

	if (found <= 0 || !digest_is_set(&image->list))
		return found < 0 ? -1 : 0;
	*ret_list = TAKE_PTR(image);
	return 1;
}

int list_open(struct engine *engine, const char *text, bool for_writing, struct list *ret,
	      struct err *err)
{
	cleanup_list struct list list = LIST_INIT;

	if (for_writing) {
		list.lock_fd = image_lists_lock(engine->store, err);
		if (list.lock_fd < 0)
			return -1;
	}
	if (image_get(engine, text, &list.image, err) < 0)
		return -1;
	if (!digest_is_set(&list.image->list))
		return err_set(err, ERR_USAGE, "'%s' is an image, no manifest list", text);
	if (image_manifest(engine->store, list.image, &list.json, err) < 0)
		return -1;
	*ret = list;
	list = (struct list)LIST_INIT;
	return 0;
}

int list_new(struct engine *engine, const char *full_name, struct list *ret, struct err *err)
{
	cleanup_list struct list list = LIST_INIT;
	struct object_id id;

	list.lock_fd = image_lists_lock(engine->store, err);
	if (list.lock_fd < 0)
		return -1;
	object_id_new(&id);
	list.image = xcalloc(1, sizeof(*list.image));
	digest_from_hex(id.text, &list.image->config);
	list.image->manifest = list.image->config;
	list.image->media_type = xstrdup(MEDIA_OCI_INDEX);
	list.image->os = xstrdup("");
	list.image->architecture = xstrdup("");
	list.image->created_ns = time_now_ns();
	strv_add(&list.image->names, full_name);
	list.json = json_object();
	json_put_int(list.json, "schemaVersion", 2);
	json_put_string(list.json, "mediaType", MEDIA_OCI_INDEX);
	json_put(list.json, "manifests", json_array());
	*ret = list;
	list = (struct list)LIST_INIT;
	return 0;
}

/* Sources of what is no member any more. */
static void drop_sources(struct list *list)
{
	for (size_t i = list->image->sources.count; i-- > 0;) {
		const char *source = list->image->sources.items[i];
		cleanup_free char *digest = xstrndup(source, strcspn(source, " "));

		if (list_member(list, digest) == NULL)
			strv_remove(&list->image->sources, i);
	}
}

int list_save(struct engine *engine, struct list *list, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct digest before = list->image->list;
	struct image record;

	json_print(list->json, 0, &text);
	if (text.length > JSON_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "the list has more than %u bytes", JSON_LIMIT_BYTES);
	drop_sources(list);
	sha256_of(text.data, text.length, &list->image->list);
	list->image->size_bytes = text.length;
	record = *list->image;
	if (digest_is_set(&before)) {
		/* it keeps those that it has by then: somebody may be moving one to another image */
		strv_init(&record.names);
		strv_init(&record.digests);
	}
	if (blob_put(engine->store, &list->image->list, text.data, text.length, err) < 0 ||
	    image_put(engine->store, &record, err) < 0)
		return -1;
	if (digest_is_set(&before) && !digest_equal(&before, &list->image->list)) {
		cleanup_strv struct strv old = STRV_INIT;
		struct err ignored; /* a document that nobody needs is collected later */

		strv_add(&old, before.text);
		image_drop_blobs(engine->store, &old, &ignored);
	}
	return 0;
}

/* ---- members --------------------------------------------------------------------------------------------------------- */

json_t *list_member(const struct list *list, const char *digest)
{
	json_t *item;
	size_t i;

	json_array_foreach (json_object_get(list->json, "manifests"), i, item) {
		if (str_equal(json_get_string(item, "", "digest", NULL), digest))
			return item;
	}
	return NULL;
}

void list_remove_member(struct list *list, const char *digest)
{
	json_t *members = json_object_get(list->json, "manifests");

	for (size_t i = json_array_size(members); i-- > 0;) {
		if (str_equal(json_get_string(json_array_get(members, i), "", "digest", NULL),
			      digest))
			json_array_remove(members, i);
	}
	for (size_t i = list->image->sources.count; i-- > 0;) {
		if (str_after(list->image->sources.items[i], digest) != NULL)
			strv_remove(&list->image->sources, i);
	}
}

void list_put_member(struct list *list, const json_t *descriptor, const char *source)
{
	cleanup_free char *digest = xstrdup(json_get_string(descriptor, "", "digest", NULL));

	list_remove_member(list, digest);
	json_array_append_new(json_object_get(list->json, "manifests"), json_deep_copy(descriptor));
	if (source != NULL)
		strv_addf(&list->image->sources, "%s %s", digest, source);
}

const char *list_source(const struct image *list, const char *digest)
{
	for (size_t i = 0; i < list->sources.count; i++) {
		const char *rest = str_after(list->sources.items[i], digest);

		if (rest != NULL && *rest == ' ')
			return rest + 1;
	}
	return NULL;
}

int manifest_list_remove(struct engine *engine, const char *text, const char *digest,
			 struct image **ret_list, struct err *err)
{
	cleanup_list struct list list = LIST_INIT;
	struct digest parsed;

	if (digest_parse(digest, &parsed) < 0)
		return err_set(err, ERR_USAGE, "'%s' is no digest", digest);
	if (list_open(engine, text, true, &list, err) < 0)
		return -1;
	if (list_member(&list, digest) == NULL)
		return err_set(err, ERR_NOT_FOUND, "list '%s' has no image '%s'", text, digest);
	list_remove_member(&list, digest);
	if (list_save(engine, &list, err) < 0)
		return err_wrap(err, "cannot change list '%s'", text);
	*ret_list = TAKE_PTR(list.image);
	return 0;
}

/* ---- one platform ---------------------------------------------------------------------------------------------------- */

int list_choose(struct engine *engine, const struct image *image,
		const struct image_pull_opts *opts, progress_function progress, void *progress_arg,
		struct image **ret_image, struct err *err)
{
	const char *name = image->names.count > 0 ? image->names.items[0] : image->config.text;
	cleanup_free char *what = xasprintf("list '%s'", name);
	cleanup_manifest struct manifest index = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *source = NULL;
	const struct descriptor *item = NULL;
	struct platform platform = { 0 };
	bool explicit_platform = false;
	int status;

	if (blob_read(engine->store, &image->list, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, MEDIA_OCI_INDEX, what, &index, err) < 0 ||
	    pull_platform(opts, &platform, &explicit_platform, err) < 0)
		return -1;
	status = manifest_choose(&index, &platform, what, &item, err);
	platform_release(&platform);
	if (status < 0)
		return -1;
	status = image_find_id(engine->store, item->digest.text, ret_image, err);
	if (status != 0)
		return status < 0 ? -1 : 0;
	source = xstrdup_null(list_source(image, item->digest.text));
	if (source != NULL) {
		struct image_pull_opts by_digest = *opts;
		cleanup_free char *full = xasprintf("%s@%s", source, item->digest.text);

		/* it is this very manifest, whatever platform it says it is of */
		by_digest.policy = NULL;
		by_digest.os = by_digest.arch = by_digest.variant = by_digest.platform = NULL;
		return image_pull(engine, full, &by_digest, progress, progress_arg, ret_image, err);
	}
	/* it had a name once, and is here still: as a member of the list */
	cleanup_image struct image *member = NULL;
	if (image_describe(engine, &item->digest, &member, err) < 0 ||
	    image_put(engine->store, member, err) < 0)
		return err_wrap(err, "cannot use an image of %s", what);
	*ret_image = TAKE_PTR(member);
	return 0;
}
