/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/list_edit.c - what a manifest list says about its members, and about itself
 */
#include "engine/image/list.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

/* The object at key, made if it is not there. */
static json_t *object_at(json_t *object, const char *key)
{
	if (!json_is_object(json_object_get(object, key)))
		json_put(object, key, json_object());
	return json_object_get(object, key);
}

int list_annotate(json_t *object, const struct strv *annotations, struct err *err)
{
	for (size_t i = 0; i < annotations->count; i++) {
		const char *item = annotations->items[i];
		const char *equals = strchr(item, '=');

		if (equals == NULL || equals == item)
			return err_set(err, ERR_USAGE,
				       "invalid --annotation '%s': it has the form NAME=VALUE",
				       item);
		cleanup_free char *name = xstrndup(item, (size_t)(equals - item));

		json_put(object_at(object, "annotations"), name, json_text(equals + 1));
	}
	return 0;
}

int list_describe_member(json_t *descriptor, const struct manifest_list_opts *opts, struct err *err)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "architecture", opts->arch },
		{ "os", opts->os },
		{ "os.version", opts->os_version },
		{ "variant", opts->variant },
	};
	const struct {
		const char *key;
		const struct strv *list;
	} lists[] = {
		{ "features", &opts->features },
		{ "os.features", &opts->os_features },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].value != NULL)
			json_put(object_at(descriptor, "platform"), texts[i].key,
				 json_text(texts[i].value));
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i].list->count > 0)
			json_put(object_at(descriptor, "platform"), lists[i].key,
				 json_from_strv(lists[i].list));
	}
	return list_annotate(descriptor, &opts->annotations, err);
}

/* The digest of a member that is called by its digest or by the name of an image. */
static int member_digest(struct engine *engine, const struct list *list, const char *text,
			 const char *member, struct digest *ret, struct err *err)
{
	cleanup_image struct image *image = NULL;
	int found;

	if (digest_parse(member, ret) < 0) {
		found = image_resolve(engine, member, &image, err);
		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND,
				       "'%s' is neither a digest nor an image of the store",
				       member);
		*ret = image->manifest;
	}
	if (list_member(list, ret->text) == NULL)
		return err_set(err, ERR_NOT_FOUND, "list '%s' has no image '%s'", text, member);
	return 0;
}

/* What the list, or an artifact, is about. */
static int put_subject(struct engine *engine, json_t *object, const char *text,
		       const struct image_pull_opts *opts, struct err *err)
{
	cleanup_strbuf struct strbuf document = STRBUF_INIT;
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_image struct image *image = NULL;
	cleanup_free char *name = NULL;
	struct digest digest = { "" };
	json_t *subject;
	int found =
		str_after(text, "docker://") != NULL ? 0 : image_resolve(engine, text, &image, err);

	if (found < 0)
		return -1;
	if (found > 0)
		digest = *image_document(image);
	else if (list_fetch(engine, text, "top", opts, NULL, NULL, &digest, &name, err) < 0)
		return -1;
	if (blob_read(engine->store, &digest, &document, err) < 0 ||
	    manifest_parse(document.data, document.length, NULL, "subject", &manifest, err) < 0)
		return -1;
	subject = json_object();
	json_put_string(subject, "mediaType", manifest.media_type);
	json_put_string(subject, "digest", digest.text);
	json_put_int(subject, "size", (int64_t)document.length);
	json_put(object, "subject", subject);
	return 0;
}

int list_put_subject(struct engine *engine, json_t *object, const char *text,
		     const struct image_pull_opts *opts, struct err *err)
{
	return put_subject(engine, object, text, opts, err) < 0
		       ? err_wrap(err, "cannot use '%s' as the subject", text)
		       : 0;
}

static int annotate(struct engine *engine, struct list *list, const char *text, const char *member,
		    const struct manifest_list_opts *opts, struct err *err)
{
	struct digest digest;

	if (opts->index) {
		if (opts->arch != NULL || opts->os != NULL || opts->os_version != NULL ||
		    opts->variant != NULL || opts->features.count > 0 ||
		    opts->os_features.count > 0)
			return err_set(
				err, ERR_USAGE,
				"a list has no platform: with --index there are --annotation "
				"and --subject");
		if (opts->subject != NULL &&
		    list_put_subject(engine, list->json, opts->subject, &opts->registry, err) < 0)
			return -1;
		return list_annotate(list->json, &opts->annotations, err);
	}
	if (opts->subject != NULL)
		return err_set(err, ERR_USAGE,
			       "--subject is for the list itself: say --index, too");
	if (member == NULL)
		return err_set(err, ERR_USAGE, "say which image of the list, or --index");
	if (member_digest(engine, list, text, member, &digest, err) < 0)
		return -1;
	return list_describe_member(list_member(list, digest.text), opts, err);
}

int manifest_list_annotate(struct engine *engine, const char *text, const char *member,
			   const struct manifest_list_opts *opts, struct image **ret_list,
			   struct err *err)
{
	cleanup_list struct list list = LIST_INIT;

	if (list_open(engine, text, true, &list, err) < 0 ||
	    annotate(engine, &list, text, member, opts, err) < 0 ||
	    list_save(engine, &list, err) < 0)
		return err_wrap(err, "cannot annotate list '%s'", text);
	*ret_list = TAKE_PTR(list.image);
	return 0;
}
