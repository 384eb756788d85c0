/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_write.c - add images, give and take names
 *
 * All under the images lock. The order makes every step whole (image_private.h): sync what the record will name, write the record,
 * then its names. Success is said after the last of them is on the disk.
 */
#include "storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/path.h"
#include "storage/image_private.h"
#include "storage/layer.h"
#include "storage/store.h"

int image_lock(struct store *store, struct err *err)
{
	cleanup_fd int images_fd = -1;
	int fd;

	if (store->read_only)
		return err_set(err, ERR_DENIED,
			       "cannot change images in '%s': read-only file system",
			       store->root_path);
	images_fd = store_open_dir(store, "images", true, err);
	if (images_fd < 0)
		return -1;
	fd = lock_take(images_fd, "lock", true, err);
	return fd < 0 ? err_wrap(err, "cannot change images in '%s'", store->root_path) : fd;
}

int image_lists_lock(struct store *store, struct err *err)
{
	cleanup_fd int images_fd = store_open_dir(store, "images", true, err);

	return images_fd < 0 ? -1 : lock_take(images_fd, "lists.lock", true, err);
}

static int check_parts(struct store *store, const struct image *image, struct err *err)
{
	if (digest_is_set(&image->list))
		return blob_exists(store, &image->list)
			       ? 0
			       : err_set(err, ERR_NOT_FOUND, "list '%s' is not in the store",
					 image->list.text);
	if (!blob_exists(store, &image->manifest))
		return err_set(err, ERR_NOT_FOUND, "manifest '%s' is not in the store",
			       image->manifest.text);
	if (!blob_exists(store, &image->config))
		return err_set(err, ERR_NOT_FOUND, "config '%s' is not in the store",
			       image->config.text);
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct digest *diff_id = &image->layers[i].diff_id;
		struct layer_meta meta = { .form = LAYER_MAPPED };
		int found = layer_find(store, diff_id, &meta, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "layer '%s' is not in the store",
				       diff_id->text);
		layer_meta_release(&meta);
	}
	return 0;
}

/* Everything is on the disk: what a record names needs no marks. */
static void clear_marks(struct store *store, const struct image *image)
{
	blob_set_synced(store, image_document(image));
	blob_set_synced(store, &image->config);
	if (digest_is_set(&image->index))
		blob_set_synced(store, &image->index);
	for (size_t i = 0; i < image->layer_count; i++) {
		layer_set_synced(store, &image->layers[i].diff_id);
		if (digest_is_set(&image->layers[i].blob))
			blob_set_synced(store, &image->layers[i].blob);
	}
}

static void add_missing(struct strv *list, const struct strv *more)
{
	for (size_t i = 0; i < more->count; i++) {
		if (!strv_contains(list, more->items[i]))
			strv_add(list, more->items[i]);
	}
}

/* What the record says now, with names that count. 1, 0 (also when it is damaged: it is written anew). */
static int read_present(struct store *store, const struct digest *manifest,
			struct image **ret_image)
{
	struct err damage; /* the new record replaces it */

	return image_find_id(store, manifest->text, ret_image, &damage) > 0 &&
	       !(*ret_image)->damaged && !(*ret_image)->read_only &&
	       digest_equal(&(*ret_image)->manifest, manifest);
}

static int write_names(struct store *store, const struct image *image, const struct strv *names,
		       struct err *err)
{
	for (size_t i = 0; i < names->count; i++) {
		if (image_name_write(store, names->items[i], &image->manifest, err) < 0)
			return -1;
	}
	return 0;
}

/* The fields of a copy that shares everything but its lists of names. */
static void copy_with_names(struct image *copy, const struct image *image)
{
	*copy = *image;
	strv_init(&copy->names);
	strv_init(&copy->digests);
	strv_copy(&copy->names, &image->names);
	strv_copy(&copy->digests, &image->digests);
}

int image_put(struct store *store, const struct image *image, struct err *err)
{
	cleanup_fd int lock_fd = image_lock(store, err);
	struct image *present = NULL;
	struct image record;
	int status;

	if (lock_fd < 0)
		return -1;
	if (check_parts(store, image, err) < 0)
		return -1;
	if (store_sync(store, err) < 0) {
		/* what the disk refused must not pass for good later */
		image_drop_parts(store, image);
		return -1;
	}
	clear_marks(store, image);

	copy_with_names(&record, image);
	if (read_present(store, &image->manifest, &present) > 0) {
		add_missing(&record.names, &present->names);
		add_missing(&record.digests, &present->digests);
		if (record.added_ns == 0)
			record.added_ns = present->added_ns;
	}
	image_free(present);
	if (record.added_ns == 0)
		record.added_ns = time_now_ns();

	status = image_record_write(store, &record, err);
	if (status == 0)
		status = write_names(store, image, &image->names, err);
	if (status == 0)
		status = write_names(store, image, &image->digests, err);
	if (status == 0)
		image_index_write(store);
	strv_release(&record.names);
	strv_release(&record.digests);
	return status;
}

static int refuse_read_only(const struct image *image, const char *what, struct err *err)
{
	if (!image->read_only)
		return 0;
	return err_set(err, ERR_DENIED, "cannot %s image '%.19s': it is in a read-only store", what,
		       image->config.text);
}

int image_tag(struct store *store, const struct image *image, const char *full_name,
	      struct err *err)
{
	cleanup_fd int lock_fd = -1;
	cleanup_image struct image *present = NULL;

	if (refuse_read_only(image, "tag", err) < 0)
		return -1;
	lock_fd = image_lock(store, err);
	if (lock_fd < 0)
		return -1;
	if (read_present(store, &image->manifest, &present) <= 0) {
		err_set(err, ERR_NOT_FOUND,
			"cannot tag image '%.19s': it is not in the store, or damaged",
			image->manifest.text);
		return err_hint(err, "Pull it again.");
	}
	if (!strv_contains(&present->names, full_name)) {
		strv_add(&present->names, full_name);
		if (image_record_write(store, present, err) < 0)
			return -1;
	}
	if (image_name_write(store, full_name, &present->manifest, err) < 0)
		return -1;
	image_index_write(store);
	return 0;
}

static int sync_names(struct store *store, int names_fd, struct err *err)
{
	if (fsync(names_fd) < 0)
		return err_sys(err, errno, "cannot sync directory '%s/%s'", store->root_path,
			       IMAGE_NAMES_DIR);
	return 0;
}

int image_untag(struct store *store, const struct image *image, const char *full_name,
		struct err *err)
{
	cleanup_fd int lock_fd = -1;
	cleanup_fd int names_fd = -1;
	struct digest manifest;
	struct err damage; /* a damaged name is taken away too */
	int found;

	if (refuse_read_only(image, "untag", err) < 0)
		return -1;
	lock_fd = image_lock(store, err);
	if (lock_fd < 0)
		return -1;
	names_fd = store_open_dir(store, IMAGE_NAMES_DIR, true, err);
	if (names_fd < 0)
		return -1;

	if (full_name == NULL) {
		if (image_names_remove_all(store, names_fd, &image->manifest, false, err) < 0)
			return -1;
	} else {
		found = image_name_read(names_fd, full_name, &manifest, &damage);
		if (found == 0 || (found > 0 && !digest_equal(&manifest, &image->manifest)))
			return err_set(err, ERR_NOT_FOUND, "%s: tag not known", full_name);
		if (image_name_remove(store, names_fd, full_name, err) < 0)
			return -1;
	}
	if (sync_names(store, names_fd, err) < 0)
		return -1;
	image_index_write(store);
	return 0;
}
