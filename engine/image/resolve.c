/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/resolve.c - which local image a text means
 *
 * Full names are one look-up. A short name is tried as localhost/NAME and as Docker Hub's, then as the end of the name of any
 * image, then as an id, at last as an alias of registries.conf. What looks like the id that we print is tried as an id first.
 */
#include "engine/image.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/image/registries.h"

/* "docker://" in front is how scripts write a name that is surely a registry's */
static const char *without_transport(const char *text)
{
	const char *rest = str_after(text, "docker://");

	return rest != NULL ? rest : text;
}

static int find_as(struct engine *engine, const struct image_ref *ref, const char *registry,
		   struct image **ret_image, struct err *err)
{
	cleanup_free char *name = image_ref_full(ref, registry);

	return image_find_name(engine->store, name, ret_image, err);
}

/* The image one of whose names ends in "/PATH:TAG" (or "/PATH@DIGEST"). */
static int find_by_end(struct engine *engine, const struct image_ref *ref, struct image **ret_image,
		       struct err *err)
{
	cleanup_image_list struct image_list list = { NULL, 0 };
	cleanup_free char *full = image_ref_full(ref, "x");
	const char *end = full + 1; /* "/path:tag" */
	size_t found = SIZE_MAX;
	cleanup_free char *first = NULL;

	if (image_list(engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct image *image = list.items[i];
		const struct strv *names =
			digest_is_set(&ref->digest) ? &image->digests : &image->names;

		for (size_t k = 0; k < names->count; k++) {
			if (!str_ends_with(names->items[k], end) || found == i)
				continue;
			if (found != SIZE_MAX) {
				err_set(err, ERR_AMBIGUOUS, "image '%s' may be '%s' or '%s'",
					ref->path, first, names->items[k]);
				return err_hint(err, "Use the full name.");
			}
			found = i;
			first = xstrdup(names->items[k]);
		}
	}
	if (found == SIZE_MAX)
		return 0;
	*ret_image = list.items[found];
	list.items[found] = NULL;
	return 1;
}

static int find_by_alias(struct engine *engine, const struct image_ref *ref,
			 struct image **ret_image, struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_strv struct strv names = STRV_INIT;
	struct err ignored; /* a broken configuration is reported by those who need it to pull */

	if (registries_load(engine->options.registries_conf, &registries, &ignored) < 0 ||
	    registries_candidates(registries, ref, false, &names, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		int found = image_find_name(engine->store, names.items[i], ret_image, err);

		if (found != 0)
			return found;
	}
	return 0;
}

static bool is_id_like(const char *text)
{
	return str_after(text, "sha256:") != NULL ||
	       (object_id_is_prefix(text) && strlen(text) >= OBJECT_ID_SHORT);
}

static int find_id(struct engine *engine, const char *text, struct image **ret_image,
		   struct err *err)
{
	const char *hex = str_after(text, "sha256:");

	if (!object_id_is_prefix(hex != NULL ? hex : text))
		return 0;
	return image_find_id(engine->store, text, ret_image, err);
}

int image_resolve(struct engine *engine, const char *text, struct image **ret_image,
		  struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	struct err ref_err;
	int found = 0;

	text = without_transport(text);
	if (is_id_like(text)) {
		found = find_id(engine, text, ret_image, err);
		if (found != 0)
			return found;
	}
	if (image_ref_parse(text, &ref, &ref_err) < 0) {
		if (is_id_like(text))
			return 0;
		*err = ref_err;
		return -1;
	}
	if (ref.registry != NULL)
		return find_as(engine, &ref, ref.registry, ret_image, err);

	found = find_as(engine, &ref, "localhost", ret_image, err);
	if (found == 0)
		found = find_as(engine, &ref, "docker.io", ret_image, err);
	if (found == 0)
		found = find_by_end(engine, &ref, ret_image, err);
	if (found == 0)
		found = find_id(engine, text, ret_image, err);
	if (found == 0)
		found = find_by_alias(engine, &ref, ret_image, err);
	return found;
}

int image_get(struct engine *engine, const char *text, struct image **ret_image, struct err *err)
{
	int found = image_resolve(engine, text, ret_image, err);

	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", text);
	return found < 0 ? -1 : 0;
}
