/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image.c - find and list images
 *
 * A lookup by name reads two small records: the name's and the image's. A reader holds no lock, so a name may move to another image and the
 * old one go between the two: then the name is read again.
 */
#include "storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "storage/image_private.h"
#include "storage/store.h"

/* how often a name may move to another image while we look; each time somebody else finished a command */
#define LOOKUP_ROUNDS 100

void image_list_add(struct image_list *list, struct image *image_take)
{
	if ((list->count & (list->count - 1)) == 0)
		list->items = xreallocarray(list->items, list->count * 2 + 1, sizeof(*list->items));
	list->items[list->count++] = image_take;
}

void image_list_release(struct image_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		image_free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

/* Keep the claimed names that mean this image; a damaged name file is given the benefit of the doubt. */
static void check_names(struct strv *names, const struct image *image,
			const struct image_names *all)
{
	for (size_t i = names->count; i-- > 0;) {
		const struct image_name *name = image_names_find(all, names->items[i]);

		if (name == NULL || (digest_is_set(&name->manifest) &&
				     !digest_equal(&name->manifest, &image->manifest)))
			strv_remove(names, i);
	}
}

/* The record is not readable, but names point to it: people know the image by them. */
static void names_of_damaged(struct image *image, const struct image_names *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const char *name = all->items[i].name;

		if (digest_equal(&all->items[i].manifest, &image->manifest))
			strv_add(strstr(name, "@sha256:") != NULL ? &image->digests : &image->names,
				 name);
	}
}

static int list_one(struct store *store, int root_fd, bool read_only, struct image_list *ret_list,
		    struct err *err)
{
	cleanup_image_scan struct image_scan scan = { { NULL, 0 }, { NULL, 0 } };

	if (image_scan(store, root_fd, &scan, err) < 0)
		return -1;
	for (size_t i = 0; i < scan.images.count; i++) {
		struct image *image = TAKE_PTR(scan.images.items[i]);

		image->read_only = read_only;
		image->store_root_fd = root_fd;
		if (image->damaged) {
			names_of_damaged(image, &scan.names);
		} else {
			check_names(&image->names, image, &scan.names);
			check_names(&image->digests, image, &scan.names);
		}
		image_list_add(ret_list, image);
	}
	return 0;
}

static int compare_newest_first(const void *a, const void *b)
{
	const struct image *left = *(struct image *const *)a;
	const struct image *right = *(struct image *const *)b;

	if (left->created_ns != right->created_ns)
		return left->created_ns > right->created_ns ? -1 : 1;
	if (left->added_ns != right->added_ns)
		return left->added_ns > right->added_ns ? -1 : 1;
	return strcmp(left->manifest.text, right->manifest.text);
}

int image_list(struct store *store, struct image_list *ret_list, struct err *err)
{
	cleanup_image_list struct image_list list = { NULL, 0 };

	if (list_one(store, store->root_fd, false, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < store->additional_roots.count; i++) {
		struct err ignored; /* one broken store stops nothing in the others (P7) */

		if (list_one(store, store->additional_fds[i], true, &list, &ignored) < 0)
			debug("additional store '%s': %s, ignoring",
			      store->additional_roots.items[i], ignored.msg);
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof(*list.items), compare_newest_first);
	*ret_list = list;
	list.items = NULL;
	list.count = 0;
	return 0;
}

/* Read the names that the record claims; few, so that no directory is read. */
static void verify_names(int names_fd, struct strv *names, const struct image *image,
			 const char *known)
{
	for (size_t i = names->count; i-- > 0;) {
		struct digest manifest;
		struct err damage; /* the benefit of the doubt */
		int found;

		if (known != NULL && str_equal(names->items[i], known))
			continue;
		found = image_name_read(names_fd, names->items[i], &manifest, &damage);
		if (found == 0 || (found > 0 && !digest_equal(&manifest, &image->manifest)))
			strv_remove(names, i);
	}
}

/* The image of a manifest digest in one store: 1, 0, -1. known: a name that certainly means it, or NULL. */
static int read_image(int root_fd, const char *hex, const char *known, struct image **ret_image,
		      struct err *err)
{
	cleanup_fd int records_fd = -1;
	cleanup_fd int names_fd = -1;
	struct image *image;
	int found;

	records_fd = path_open_beneath(root_fd, IMAGE_RECORDS_DIR, O_PATH | O_DIRECTORY, 0);
	if (records_fd == -ENOENT)
		return 0;
	if (records_fd < 0)
		return err_sys(err, -records_fd, "cannot open directory '%s' of the store",
			       IMAGE_RECORDS_DIR);
	found = image_record_read(records_fd, hex, &image, err);
	if (found <= 0)
		return found;

	names_fd = path_open_beneath(root_fd, IMAGE_NAMES_DIR, O_PATH | O_DIRECTORY, 0);
	if (names_fd >= 0) {
		verify_names(names_fd, &image->names, image, known);
		verify_names(names_fd, &image->digests, image, known);
	}
	image->store_root_fd = root_fd;
	*ret_image = image;
	return 1;
}

/* The file of a name is damaged: the one image that claims it is meant. 1, 0, -1 with err as it was. */
static int find_claimed(struct store *store, int root_fd, const char *name,
			struct image **ret_image)
{
	cleanup_image_list struct image_list list = { NULL, 0 };
	struct image **found = NULL;
	struct err ignored; /* the damage of the name's file is what the user should read */

	if (list_one(store, root_fd, false, &list, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < list.count; i++) {
		if (!strv_contains(&list.items[i]->names, name) &&
		    !strv_contains(&list.items[i]->digests, name))
			continue;
		if (found != NULL)
			return 0;
		found = &list.items[i];
	}
	if (found == NULL)
		return 0;
	*ret_image = TAKE_PTR(*found);
	return 1;
}

static int find_name_in(struct store *store, int root_fd, const char *full_name,
			struct image **ret_image, struct err *err)
{
	cleanup_fd int names_fd = -1;
	struct digest before = { "" };

	if (root_fd < 0)
		return 0;
	names_fd = path_open_beneath(root_fd, IMAGE_NAMES_DIR, O_PATH | O_DIRECTORY, 0);
	if (names_fd == -ENOENT)
		return 0;
	if (names_fd < 0)
		return err_sys(err, -names_fd, "cannot open directory '%s' of the store",
			       IMAGE_NAMES_DIR);

	for (unsigned round = 0; round < LOOKUP_ROUNDS; round++) {
		struct digest manifest;
		int found = image_name_read(names_fd, full_name, &manifest, err);

		if (found < 0 && err->kind == ERR_CORRUPT &&
		    find_claimed(store, root_fd, full_name, ret_image) > 0)
			return 1;
		if (found <= 0)
			return found;
		found = read_image(root_fd, digest_hex(&manifest), full_name, ret_image, err);
		if (found != 0)
			return found < 0 ? err_wrap(err, "cannot use image '%s'", full_name) : 1;
		/* the record is gone: removed as a whole, or the name has moved */
		if (digest_equal(&before, &manifest))
			return 0;
		before = manifest;
	}
	return 0;
}

static void add_name(struct image *image, const char *full_name)
{
	struct strv *names =
		strstr(full_name, "@sha256:") != NULL ? &image->digests : &image->names;

	if (!strv_contains(names, full_name))
		strv_add(names, full_name);
}

int image_find_name(struct store *store, const char *full_name, struct image **ret_image,
		    struct err *err)
{
	int found = find_name_in(store, store->root_fd, full_name, ret_image, err);

	for (size_t i = 0; found == 0 && i < store->additional_roots.count; i++) {
		struct err ignored; /* what another store has damaged is not there */

		found = find_name_in(store, store->additional_fds[i], full_name, ret_image,
				     &ignored);
		if (found < 0)
			found = 0;
		if (found > 0)
			(*ret_image)->read_only = true;
	}
	if (found > 0)
		add_name(*ret_image, full_name);
	return found;
}

const struct digest *image_document(const struct image *image)
{
	return digest_is_set(&image->list) ? &image->list : &image->manifest;
}

static bool matches_id(const struct image *image, const char *hex, size_t length)
{
	/* a damaged image has no id but its manifest's */
	if (digest_is_set(&image->config) && strncmp(digest_hex(&image->config), hex, length) == 0)
		return true;
	return (image->damaged || length == DIGEST_HEX) && digest_is_set(&image->manifest) &&
	       strncmp(digest_hex(image_document(image)), hex, length) == 0;
}

int image_find_id(struct store *store, const char *id, struct image **ret_image, struct err *err)
{
	cleanup_image_list struct image_list list = { NULL, 0 };
	const char *hex = str_after(id, "sha256:") ?: id;
	size_t length = strlen(hex);
	struct image **best = NULL;

	if (!object_id_is_prefix(hex))
		return 0;
	if (length == DIGEST_HEX && store->root_fd >= 0) {
		struct err damage; /* then it is in the list, marked */
		int found = read_image(store->root_fd, hex, NULL, ret_image, &damage);

		if (found > 0)
			return 1;
	}
	if (image_list(store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		if (!matches_id(list.items[i], hex, length))
			continue;
		/* the same config below two manifests is one image for people; the newest is first */
		if (best != NULL && !digest_equal(&(*best)->config, &list.items[i]->config)) {
			err_set(err, ERR_AMBIGUOUS, "image id '%s' is the beginning of several ids",
				id);
			return err_hint(err, "Give more digits.");
		}
		if (best == NULL)
			best = &list.items[i];
	}
	if (best == NULL)
		return 0;
	*ret_image = TAKE_PTR(*best);
	return 1;
}

static int read_document(struct store *store, const struct image *image,
			 const struct digest *digest, const char *kind, json_t **ret_json,
			 struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *what = xasprintf("%s '%s'", kind, digest->text);
	json_t *json;

	if (image->damaged || !digest_is_set(digest)) {
		err_set(err, ERR_CORRUPT, "image '%.19s' is damaged", image->manifest.text);
		return err_hint(err, "Remove it with `dhow rmi %.12s` and pull it again.",
				digest_is_set(&image->manifest) ? digest_hex(&image->manifest)
								: "");
	}
	if (blob_read(store, digest, &text, err) < 0)
		return err_wrap(err, "cannot read the %s of image '%.19s'", kind,
				image->config.text);
	json = json_parse(text.data, text.length, what, err);
	if (json == NULL)
		return -1;
	*ret_json = json;
	return 0;
}

int image_config(struct store *store, const struct image *image, json_t **ret_config,
		 struct err *err)
{
	if (digest_is_set(&image->list)) {
		err_set(err, ERR_USAGE, "'%s' is a manifest list, no image",
			image->names.count > 0 ? image->names.items[0] : image->config.text);
		return err_hint(err, "Name one of its images: `manifest inspect` shows them.");
	}
	return read_document(store, image, &image->config, "config", ret_config, err);
}

int image_manifest(struct store *store, const struct image *image, json_t **ret_manifest,
		   struct err *err)
{
	return read_document(store, image, image_document(image), "manifest", ret_manifest, err);
}

bool image_refers(struct store *store, const struct digest *digest)
{
	cleanup_image_scan struct image_scan scan = { { NULL, 0 }, { NULL, 0 } };
	struct err ignored; /* not readable: nobody can use it */

	if (image_scan(store, store->root_fd, &scan, &ignored) < 0)
		return false;
	for (size_t i = 0; i < scan.images.count; i++) {
		const struct image *image = scan.images.items[i];

		if (digest_equal(&image->manifest, digest) || digest_equal(&image->list, digest) ||
		    digest_equal(&image->config, digest) || digest_equal(&image->index, digest))
			return true;
		for (size_t k = 0; k < image->layer_count; k++) {
			if (digest_equal(&image->layers[k].diff_id, digest) ||
			    digest_equal(&image->layers[k].blob, digest))
				return true;
		}
	}
	return false;
}
