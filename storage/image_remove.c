/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_remove.c - remove an image and what only it needs, and what nobody needs
 *
 * The record is moved to tmp/: from then on the image is gone, and the record there is the list of what is still to do. Then layers
 * that no other record names are moved there too, blobs are unlinked, and all of it is deleted. A process that dies
 * or fails in between leaves the record, and whoever collects tmp/ goes on from it: no layer is ever forgotten.
 */
#include "storage/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "storage/image_private.h"
#include "storage/layer.h"
#include "storage/staging.h"
#include "storage/store.h"

/* The digests that an image needs, layers apart from blobs because one number can be both (an uncompressed layer). */
struct needs {
	struct strv layers;
	struct strv blobs;
};
#define NEEDS_INIT                                                                                 \
	{                                                                                          \
		STRV_INIT, STRV_INIT                                                               \
	}

static void needs_release(struct needs *needs)
{
	strv_release(&needs->layers);
	strv_release(&needs->blobs);
}
#define cleanup_needs __attribute__((cleanup(needs_release)))

static void need(struct strv *list, const struct digest *digest)
{
	if (digest_is_set(digest))
		strv_add(list, digest->text);
}

static void need_text(struct strv *list, const char *text)
{
	struct digest digest;

	if (text != NULL && digest_parse(text, &digest) == 0)
		strv_add(list, digest.text);
}

/* The record is lost: the manifest and the config tell as well, if they are there. */
static void needs_of_documents(struct store *store, const struct digest *manifest_digest,
			       bool with_layers, struct needs *needs)
{
	struct image pretended = { .manifest = *manifest_digest };
	cleanup_json json_t *manifest = NULL;
	cleanup_json json_t *config = NULL;
	struct err ignored; /* what cannot be read needs nothing */
	const json_t *item;
	size_t i;

	if (!digest_is_set(manifest_digest))
		return;
	need(&needs->blobs, manifest_digest);
	if (image_manifest(store, &pretended, &manifest, &ignored) < 0)
		return;
	need_text(&needs->blobs, json_get_string(manifest, NULL, "config", "digest", NULL));
	if (!with_layers)
		return;
	json_array_foreach (json_at(manifest, "layers", NULL), i, item)
		need_text(&needs->blobs, json_get_string(item, NULL, "digest", NULL));

	if (digest_parse(json_get_string(manifest, "", "config", "digest", NULL),
			 &pretended.config) < 0 ||
	    image_config(store, &pretended, &config, &ignored) < 0)
		return;
	json_array_foreach (json_at(config, "rootfs", "diff_ids", NULL), i, item)
		need_text(&needs->layers, json_string_value(item));
}

/*
 * A list needs its documents and its members, whole, as they were when they were added: an image that is untagged goes on being one. What a
 * registry has is not kept here: of that the layers are fetched when the list is pushed.
 */
static void needs_of_list(struct store *store, const struct image *image, struct needs *needs)
{
	struct image pretended = { .manifest = image->list, .config = image->list };
	cleanup_json json_t *list = NULL;
	struct err ignored; /* what cannot be read needs nothing */
	const json_t *item;
	size_t i;

	need(&needs->blobs, &image->list);
	if (image_manifest(store, &pretended, &list, &ignored) < 0)
		return;
	json_array_foreach (json_at(list, "manifests", NULL), i, item) {
		struct digest digest;
		bool is_remote = false;

		if (digest_parse(json_get_string(item, "", "digest", NULL), &digest) < 0)
			continue;
		for (size_t k = 0; k < image->sources.count; k++)
			is_remote |= str_after(image->sources.items[k], digest.text) != NULL;
		needs_of_documents(store, &digest, !is_remote, needs);
	}
}

static void needs_of(struct store *store, const struct image *image, struct needs *needs)
{
	if (image->damaged) {
		needs_of_documents(store, &image->manifest, true, needs);
		return;
	}
	if (digest_is_set(&image->list)) {
		needs_of_list(store, image, needs);
		return;
	}
	need(&needs->blobs, &image->manifest);
	need(&needs->blobs, &image->config);
	need(&needs->blobs, &image->index);
	for (size_t i = 0; i < image->layer_count; i++) {
		need(&needs->layers, &image->layers[i].diff_id);
		need(&needs->blobs, &image->layers[i].blob);
	}
}

static int needs_of_all(struct store *store, struct needs *needs, struct err *err)
{
	cleanup_image_scan struct image_scan scan = { { NULL, 0 }, { NULL, 0 } };

	if (image_scan(store, store->root_fd, &scan, err) < 0)
		return -1;
	for (size_t i = 0; i < scan.images.count; i++)
		needs_of(store, scan.images.items[i], needs);
	strv_sort(&needs->layers);
	strv_sort(&needs->blobs);
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_needed(const struct strv *sorted, const char *text)
{
	return sorted->count > 0 &&
	       bsearch(&text, sorted->items, sorted->count, sizeof(char *), compare_texts) != NULL;
}

/*
 * Take away what mine has and nobody else needs. The images lock is held.
 */
static int take_unneeded(struct store *store, const struct needs *mine, struct removal *removal,
			 struct strv *ret_removed, struct err *err)
{
	cleanup_needs struct needs others = NEEDS_INIT;
	cleanup_fd int blobs_fd = -1;

	if (needs_of_all(store, &others, err) < 0)
		return -1;
	for (size_t i = mine->layers.count; i-- > 0;) {
		struct digest diff_id;

		if (is_needed(&others.layers, mine->layers.items[i]) ||
		    digest_parse(mine->layers.items[i], &diff_id) < 0)
			continue;
		if (layer_take_away(store, &diff_id, removal, err) < 0)
			return -1;
		if (ret_removed != NULL && !strv_contains(ret_removed, diff_id.text))
			strv_add(ret_removed, diff_id.text);
	}

	blobs_fd = store_open_dir(store, BLOBS_DIR, true, err);
	if (blobs_fd < 0)
		return -1;
	for (size_t i = 0; i < mine->blobs.count; i++) {
		const char *hex = str_after(mine->blobs.items[i], "sha256:");

		if (is_needed(&others.blobs, mine->blobs.items[i]))
			continue;
		if (unlinkat(blobs_fd, hex, 0) < 0 && errno != ENOENT &&
		    !image_drop_directory(store, blobs_fd, hex))
			return err_sys(err, errno, "cannot remove blob '%s' of '%s'",
				       mine->blobs.items[i], store->root_path);
	}
	return 0;
}

static bool is_old(int dir_fd, const char *name, int64_t before_s)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtim.tv_sec < before_s;
}

static int collect_layers(struct store *store, const struct strv *needed, int64_t before_s,
			  struct removal *removal, struct strv *ret_removed, struct err *err)
{
	cleanup_strv struct strv layers = STRV_INIT;
	cleanup_fd int layers_fd = store_open_dir(store, "layers/sha256", true, err);

	if (layers_fd < 0 || layer_list(store, &layers, err) < 0)
		return -1;
	for (size_t i = 0; i < layers.count; i++) {
		struct digest diff_id;

		if (digest_parse(layers.items[i], &diff_id) < 0 ||
		    is_needed(needed, layers.items[i]) ||
		    !is_old(layers_fd, digest_hex(&diff_id), before_s))
			continue;
		if (layer_take_away(store, &diff_id, removal, err) < 0)
			return -1;
		if (ret_removed != NULL)
			strv_add(ret_removed, diff_id.text);
	}
	return 0;
}

static int collect_blobs(struct store *store, const struct strv *needed, int64_t before_s,
			 struct strv *ret_removed, struct err *err)
{
	int blobs_fd = store_open_dir(store, BLOBS_DIR, true, err);
	DIR *dir = blobs_fd < 0 ? NULL : fdopendir(blobs_fd);

	if (blobs_fd < 0)
		return -1;
	if (dir == NULL) {
		err_sys(err, errno, "cannot read directory '%s/%s'", store->root_path, BLOBS_DIR);
		close(blobs_fd);
		return -1;
	}
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct digest digest;

		if (digest_from_hex(entry->d_name, &digest) < 0 || is_needed(needed, digest.text) ||
		    !is_old(blobs_fd, entry->d_name, before_s))
			continue;
		if (unlinkat(blobs_fd, entry->d_name, 0) == 0 && ret_removed != NULL)
			strv_add(ret_removed, digest.text);
	}
	closedir(dir);
	return 0;
}

int image_collect(struct store *store, const struct strv *keep, int64_t older_than_s,
		  struct strv *ret_removed, struct err *err)
{
	int64_t before_s = time_now_ns() / 1000000000 - older_than_s;
	cleanup_needs struct needs needs = NEEDS_INIT;
	struct removal removal = REMOVAL_INIT;
	cleanup_fd int lock_fd = image_lock(store, err);
	int status;

	if (lock_fd < 0 || needs_of_all(store, &needs, err) < 0 ||
	    removal_begin(store, &removal, err) < 0)
		return -1;
	strv_add_all(&needs.layers, keep);
	strv_sort(&needs.layers);
	status = collect_layers(store, &needs.layers, before_s, &removal, ret_removed, err);
	if (status == 0)
		status = collect_blobs(store, &needs.blobs, before_s, ret_removed, err);
	fd_close(&lock_fd);
	removal_finish(store, &removal);
	return status;
}

int image_drop_blobs(struct store *store, const struct strv *digests, struct err *err)
{
	cleanup_needs struct needs mine = NEEDS_INIT;
	struct removal removal = REMOVAL_INIT;
	cleanup_fd int lock_fd = image_lock(store, err);
	int status;

	if (lock_fd < 0 || removal_begin(store, &removal, err) < 0)
		return -1;
	for (size_t i = 0; i < digests->count; i++)
		need_text(&mine.blobs, digests->items[i]);
	status = take_unneeded(store, &mine, &removal, NULL, err);
	removal_finish(store, &removal);
	return status;
}

int image_names_remove_all(struct store *store, int names_fd, const struct digest *manifest,
			   bool digests_too, struct err *err)
{
	cleanup_image_scan struct image_scan scan = { { NULL, 0 }, { NULL, 0 } };

	if (image_scan(store, store->root_fd, &scan, err) < 0)
		return -1;
	for (size_t i = 0; i < scan.names.count; i++) {
		const struct image_name *name = &scan.names.items[i];

		if (!digest_equal(&name->manifest, manifest) ||
		    (!digests_too && strstr(name->name, "@sha256:") != NULL))
			continue;
		if (image_name_remove(store, names_fd, name->name, err) < 0)
			return -1;
	}
	return 0;
}

void image_drop_parts(struct store *store, const struct image *image)
{
	cleanup_needs struct needs mine = NEEDS_INIT;
	struct removal removal = REMOVAL_INIT;
	struct err ignored; /* the caller has a failure to report already */

	needs_of(store, image, &mine);
	if (removal_begin(store, &removal, &ignored) < 0)
		return;
	take_unneeded(store, &mine, &removal, NULL, &ignored);
	removal_finish(store, &removal);
}

/* Move the record to tmp/ and make that durable: now the image is gone. */
static int take_record(struct store *store, const struct image *image, struct removal *removal,
		       struct err *err)
{
	cleanup_fd int records_fd = store_open_dir(store, IMAGE_RECORDS_DIR, true, err);
	int taken;

	if (records_fd < 0)
		return -1;
	taken = removal_take(removal, IMAGE_REMOVAL_KIND, records_fd, digest_hex(&image->manifest),
			     err);
	if (taken < 0)
		return err_wrap(err, "cannot remove the record of image '%.19s' in '%s'",
				image->manifest.text, store->root_path);
	if (taken == 0)
		return err_set(err, ERR_NOT_FOUND, "image '%.19s' is gone already",
			       image->manifest.text);
	if (fsync(records_fd) < 0)
		return err_sys(err, errno, "cannot sync directory '%s/%s'", store->root_path,
			       IMAGE_RECORDS_DIR);
	return 0;
}

static int take_image(struct store *store, const struct image *image, struct removal *removal,
		      struct strv *ret_removed, struct err *err)
{
	cleanup_fd int names_fd = store_open_dir(store, IMAGE_NAMES_DIR, true, err);
	cleanup_needs struct needs mine = NEEDS_INIT;

	if (names_fd < 0)
		return -1;
	needs_of(store, image, &mine);
	/* names first: a name never means an image that is not there */
	if (image_names_remove_all(store, names_fd, &image->manifest, true, err) < 0)
		return -1;
	if (fsync(names_fd) < 0)
		return err_sys(err, errno, "cannot sync directory '%s/%s'", store->root_path,
			       IMAGE_NAMES_DIR);
	if (take_record(store, image, removal, err) < 0)
		return -1;
	if (ret_removed != NULL)
		strv_add(ret_removed,
			 digest_is_set(&image->config) ? image->config.text : image->manifest.text);
	if (take_unneeded(store, &mine, removal, ret_removed, err) < 0)
		return -1;
	image_index_write(store);
	return 0;
}

int image_remove(struct store *store, const struct image *image, struct strv *ret_removed,
		 struct err *err)
{
	struct removal removal = REMOVAL_INIT;
	cleanup_fd int lock_fd = -1;
	int status;

	if (image->read_only)
		return err_set(err, ERR_DENIED,
			       "cannot remove image '%.19s': it is in a read-only store",
			       image->config.text);
	lock_fd = image_lock(store, err);
	if (lock_fd < 0)
		return -1;
	if (removal_begin(store, &removal, err) < 0)
		return err_wrap(err, "cannot remove image '%.19s'", image->config.text);
	status = take_image(store, image, &removal, ret_removed, err);
	fd_close(&lock_fd);
	/* the record was taken first; with it the next command finishes what failed */
	if (status < 0 && removal.names.count > 0)
		strv_remove(&removal.names, 0);
	/* the trees go without the lock: others need not wait for that */
	removal_finish(store, &removal);
	return status;
}

void image_finish_removal(struct store *store, int tmp_fd, const char *name)
{
	cleanup_needs struct needs mine = NEEDS_INIT;
	struct removal removal = REMOVAL_INIT;
	cleanup_fd int lock_fd = -1;
	cleanup_image struct image *image = NULL;
	struct err ignored; /* this runs beside a command that asked for something else */

	image = image_removed_record(tmp_fd, name, &ignored);
	if (image == NULL)
		return;
	lock_fd = image_lock(store, &ignored);
	if (lock_fd < 0 || removal_begin(store, &removal, &ignored) < 0)
		return;
	needs_of(store, image, &mine);
	take_unneeded(store, &mine, &removal, NULL, &ignored);
	image_index_write(store);
	removal_finish(store, &removal);
}
