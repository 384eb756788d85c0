/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_index.c - index.json and oci-layout, so that other tools can read images/ as an OCI layout
 *
 * Derived from the records whenever they change, never read by us, so not worth a sync. It is written under the images lock, which is
 * also the moment to remove what killed writers left beside the records.
 */
#include "storage/image_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "storage/store.h"

#define INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define REF_NAME      "org.opencontainers.image.ref.name"

static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

/* One descriptor of the image, with a name if it has one. */
static json_t *descriptor(const struct image *image, int64_t size_bytes, const char *name)
{
	json_t *item = json_object();
	json_t *platform = json_object();

	json_put_string(item, "mediaType",
			str_is_empty(image->media_type) ? MANIFEST_TYPE : image->media_type);
	json_put_string(item, "digest", image_document(image)->text);
	json_put_int(item, "size", size_bytes);
	json_put_string(platform, "architecture", image->architecture);
	json_put_string(platform, "os", image->os);
	if (image->variant != NULL)
		json_put_string(platform, "variant", image->variant);
	if (digest_is_set(&image->list))
		json_decref(platform);
	else
		json_put(item, "platform", platform);
	if (name != NULL) {
		json_t *annotations = json_object();

		json_put_string(annotations, REF_NAME, name);
		json_put(item, "annotations", annotations);
	}
	return item;
}

static void add_image(json_t *manifests, const struct image *image, int blobs_fd)
{
	struct stat st;

	if (image->damaged || image->read_only ||
	    fstatat(blobs_fd, digest_hex(image_document(image)), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	for (size_t i = 0; i < image->names.count; i++)
		json_array_append_new(manifests,
				      descriptor(image, st.st_size, image->names.items[i]));
	if (image->names.count == 0)
		json_array_append_new(manifests, descriptor(image, st.st_size, NULL));
}

static int write_index(struct store *store, struct err *err)
{
	cleanup_image_list struct image_list list = { NULL, 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *index = json_object();
	cleanup_fd int images_fd = store_open_dir(store, "images", true, err);
	cleanup_fd int blobs_fd = -1;
	json_t *manifests = json_array();

	json_put_int(index, "schemaVersion", 2);
	json_put_string(index, "mediaType", INDEX_TYPE);
	json_put(index, "manifests", manifests);
	if (images_fd < 0)
		return -1;
	blobs_fd = store_open_dir(store, BLOBS_DIR, true, err);
	if (blobs_fd < 0 || image_list(store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		add_image(manifests, list.items[i], blobs_fd);

	json_print(index, 0, &text);
	strbuf_addc(&text, '\n');
	if (record_publish_raw(images_fd, "index.json", text.data, text.length, 0600, 0, err) < 0)
		return -1;
	if (faccessat(images_fd, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return record_publish_raw(images_fd, "oci-layout", layout, sizeof(layout) - 1, 0600, 0,
				  err);
}

/* We hold the lock that every writer of these holds, so what is half written was written by somebody who is dead. */
static void sweep(const struct store *store)
{
	static const char *const dirs[] = { "images", IMAGE_RECORDS_DIR, IMAGE_NAMES_DIR };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		cleanup_fd int fd =
			path_open_beneath(store->root_fd, dirs[i], O_RDONLY | O_DIRECTORY, 0);

		if (fd >= 0)
			record_sweep(fd);
	}
}

void image_index_write(struct store *store)
{
	struct err ignored; /* the next change writes it anew; the disk may be full just now */

	sweep(store);
	if (write_index(store, &ignored) < 0)
		debug("cannot write the index for other tools: %s, ignoring", ignored.msg);
}
