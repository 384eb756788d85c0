/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_record.c - one image as one record
 */
#include "storage/image_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/record.h"
#include "storage/store.h"

#define RECORD_KIND    "image"
#define RECORD_VERSION 1

void image_free(struct image *image)
{
	if (image == NULL)
		return;
	strv_release(&image->names);
	strv_release(&image->digests);
	strv_release(&image->labels);
	strv_release(&image->sources);
	free(image->media_type);
	free(image->os);
	free(image->architecture);
	free(image->variant);
	free(image->layers);
	free(image);
}

static void put_digest(json_t *object, const char *key, const struct digest *digest)
{
	if (digest_is_set(digest))
		json_put_string(object, key, digest->text);
}

json_t *image_to_json(const struct image *image)
{
	json_t *body = json_object();
	json_t *layers = json_array();

	put_digest(body, "manifest", &image->manifest);
	put_digest(body, "config", &image->config);
	put_digest(body, "index", &image->index);
	put_digest(body, "list", &image->list);
	if (image->sources.count > 0)
		json_put_strv(body, "sources", &image->sources);
	json_put_strv(body, "names", &image->names);
	json_put_strv(body, "digests", &image->digests);
	json_put(body, "media_type", json_text(image->media_type ?: ""));
	json_put(body, "os", json_text(image->os ?: ""));
	json_put(body, "architecture", json_text(image->architecture ?: ""));
	if (image->variant != NULL)
		json_put(body, "variant", json_text(image->variant));
	json_put_int(body, "created_ns", image->created_ns);
	json_put_int(body, "added_ns", image->added_ns);
	json_put_int(body, "size_bytes", (int64_t)image->size_bytes);
	json_put_strv(body, "labels", &image->labels);
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_layer *layer = &image->layers[i];
		json_t *item = json_object();

		put_digest(item, "diff_id", &layer->diff_id);
		put_digest(item, "blob", &layer->blob);
		json_put_int(item, "blob_bytes", (int64_t)layer->blob_bytes);
		json_put_int(item, "diff_bytes", (int64_t)layer->diff_bytes);
		json_array_append_new(layers, item);
	}
	json_put(body, "layers", layers);
	return body;
}

/* 0 also when it is missing: some are optional. */
static int get_digest(const json_t *object, const char *key, struct digest *ret)
{
	const char *text = json_get_string(object, "", key, NULL);

	return *text == '\0' ? 0 : digest_parse(text, ret);
}

static int read_layers(struct image *image, const json_t *layers)
{
	size_t count = json_array_size(layers);

	image->layers = xcalloc(count + 1, sizeof(*image->layers));
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(layers, i);
		struct image_layer *layer = &image->layers[i];

		if (get_digest(item, "diff_id", &layer->diff_id) < 0 ||
		    get_digest(item, "blob", &layer->blob) < 0 || !digest_is_set(&layer->diff_id))
			return -EINVAL;
		layer->blob_bytes = (uint64_t)json_get_int(item, 0, "blob_bytes", NULL);
		layer->diff_bytes = (uint64_t)json_get_int(item, 0, "diff_bytes", NULL);
	}
	image->layer_count = count;
	return 0;
}

struct image *image_from_json(const json_t *body, const char *hex, struct err *err)
{
	cleanup_image struct image *image = xcalloc(1, sizeof(*image));
	const char *variant = json_get_string(body, NULL, "variant", NULL);

	image->store_root_fd = -1;
	if (get_digest(body, "manifest", &image->manifest) < 0 ||
	    get_digest(body, "config", &image->config) < 0 ||
	    get_digest(body, "index", &image->index) < 0 ||
	    get_digest(body, "list", &image->list) < 0 || !digest_is_set(&image->config) ||
	    !digest_is_set(&image->manifest) || !str_equal(digest_hex(&image->manifest), hex) ||
	    json_get_strv(body, "names", &image->names) < 0 ||
	    json_get_strv(body, "digests", &image->digests) < 0 ||
	    json_get_strv(body, "labels", &image->labels) < 0 ||
	    json_get_strv(body, "sources", &image->sources) < 0 ||
	    read_layers(image, json_at(body, "layers", NULL)) < 0) {
		err_set(err, ERR_CORRUPT, "record of image '%.12s' is damaged", hex);
		return NULL;
	}
	image->media_type = xstrdup(json_get_string(body, "", "media_type", NULL));
	image->os = xstrdup(json_get_string(body, "", "os", NULL));
	image->architecture = xstrdup(json_get_string(body, "", "architecture", NULL));
	image->variant = xstrdup_null(variant);
	image->created_ns = json_get_int(body, 0, "created_ns", NULL);
	image->added_ns = json_get_int(body, 0, "added_ns", NULL);
	image->size_bytes = (uint64_t)json_get_int(body, 0, "size_bytes", NULL);
	return TAKE_PTR(image);
}

int image_record_read(int records_fd, const char *hex, struct image **ret_image, struct err *err)
{
	cleanup_json json_t *body = NULL;
	int found = record_read_json(records_fd, hex, RECORD_KIND, RECORD_VERSION, &body, err);
	struct image *image;

	if (found < 0)
		return err_wrap(err, "image '%.12s'", hex);
	if (found == 0)
		return 0;
	image = image_from_json(body, hex, err);
	if (image == NULL)
		return -1;
	*ret_image = image;
	return 1;
}

struct image *image_removed_record(int dir_fd, const char *file, struct err *err)
{
	cleanup_json json_t *body = NULL;
	struct digest manifest;

	if (record_read_json(dir_fd, file, RECORD_KIND, RECORD_VERSION, &body, err) <= 0)
		return NULL;
	if (digest_parse(json_get_string(body, "", "manifest", NULL), &manifest) < 0)
		return NULL;
	return image_from_json(body, digest_hex(&manifest), err);
}

bool image_drop_directory(struct store *store, int dir_fd, const char *name)
{
	struct err ignored; /* the caller reports why its rename failed */
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return false;
	return store_remove_tree(store, dir_fd, name, &ignored) == 0;
}

int image_record_write(struct store *store, const struct image *image, struct err *err)
{
	cleanup_fd int dir_fd = store_open_dir(store, IMAGE_RECORDS_DIR, true, err);
	const char *hex = digest_hex(&image->manifest);
	cleanup_json json_t *body = NULL;
	struct err first;

	if (dir_fd < 0)
		return -1;
	body = image_to_json(image);
	if (record_write_json(dir_fd, hex, RECORD_KIND, RECORD_VERSION, body, RECORD_DURABLE,
			      &first) == 0)
		return 0;

	if (image_drop_directory(store, dir_fd, hex) &&
	    record_write_json(dir_fd, hex, RECORD_KIND, RECORD_VERSION, body, RECORD_DURABLE,
			      &first) == 0)
		return 0;
	*err = first;
	return err_wrap(err, "cannot write the record of image '%.12s' in '%s/%s'", hex,
			store->root_path, IMAGE_RECORDS_DIR);
}

struct image *image_damaged(const char *hex)
{
	struct image *image = xcalloc(1, sizeof(*image));

	image->store_root_fd = -1;
	image->damaged = true;
	/* what is no digest stays unset: the file is a stranger in the directory */
	digest_from_hex(hex, &image->manifest);
	image->media_type = xstrdup("");
	image->os = xstrdup("");
	image->architecture = xstrdup("");
	return image;
}
