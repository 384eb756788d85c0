/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_scan.c - all records and names of one store
 *
 * Two directories are read, and each file in them is looked at; it is opened only when the cache does not know it. Files that go
 * away meanwhile are skipped: the reader holds no lock.
 */
#include "storage/image_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "storage/image_cache.h"
#include "storage/store.h"

void image_scan_release(struct image_scan *scan)
{
	image_list_release(&scan->images);
	image_names_release(&scan->names);
}

/* Names of the files, but not those that record_write() has in the making. */
static int read_directory(int root_fd, const char *path, int *ret_fd, struct strv *files,
			  struct err *err)
{
	int fd = path_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	const struct dirent *entry;
	DIR *dir;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "cannot open directory '%s' of the store", path);
	*ret_fd = fd;
	fd = fd_dup(fd);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		fd_close(&fd);
		return err_sys(err, errno, "cannot read directory '%s' of the store", path);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			strv_add(files, entry->d_name);
	}
	closedir(dir);
	return 0;
}

static void scan_name(int names_fd, const char *file, struct image_cache *cache,
		      struct image_names *names)
{
	cleanup_free char *name = NULL;
	struct err damage; /* it is in the list without a manifest */
	struct digest manifest;
	const char *payload;
	struct stat st;
	size_t length;
	int found;

	if (fstatat(names_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (cache != NULL && image_cache_find(cache, &st, &payload, &length) > 0 &&
	    length > sizeof(manifest) && payload[length - 1] == '\0') {
		memcpy(&manifest, payload, sizeof(manifest));
		image_names_add(names, payload + sizeof(manifest), &manifest);
		image_cache_add(cache, &st, payload, length, false);
		return;
	}

	found = image_name_read_file(names_fd, file, &name, &manifest, &damage);
	if (found == 0)
		return;
	if (found < 0) {
		manifest.text[0] = '\0';
		name = name_unescape(file);
		if (name != NULL)
			image_names_add(names, name, &manifest);
		return;
	}
	image_names_add(names, name, &manifest);
	if (cache != NULL) {
		cleanup_strbuf struct strbuf whole = STRBUF_INIT;

		strbuf_add(&whole, &manifest, sizeof(manifest));
		strbuf_add(&whole, name, strlen(name) + 1);
		image_cache_add(cache, &st, whole.data, whole.length, true);
	}
}

static void scan_record(int records_fd, const char *file, struct image_cache *cache,
			struct image_list *images)
{
	struct err damage; /* it is in the list, marked */
	struct image *image = NULL;
	struct digest manifest;
	const char *payload;
	struct stat st;
	size_t length;
	int found;

	if (digest_from_hex(file, &manifest) < 0 ||
	    fstatat(records_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (cache != NULL && image_cache_find(cache, &st, &payload, &length) > 0) {
		image = image_unpack(payload, length);
		if (image != NULL && digest_equal(&image->manifest, &manifest)) {
			image_list_add(images, image);
			image_cache_add(cache, &st, payload, length, false);
			return;
		}
		image_free(image);
	}

	found = image_record_read(records_fd, file, &image, &damage);
	if (found == 0)
		return;
	if (found < 0) {
		debug("%s", damage.msg);
		image_list_add(images, image_damaged(file));
		return;
	}
	if (cache != NULL) {
		cleanup_strbuf struct strbuf packed = STRBUF_INIT;

		image_pack(&packed, image);
		image_cache_add(cache, &st, packed.data, packed.length, true);
	}
	image_list_add(images, image);
}

int image_scan(struct store *store, int root_fd, struct image_scan *ret_scan, struct err *err)
{
	cleanup_strv struct strv records = STRV_INIT;
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_fd int records_fd = -1;
	cleanup_fd int names_fd = -1;
	struct image_cache *cache = NULL;

	if (root_fd < 0)
		return 0;
	/* names first: an image that is published meanwhile has its record before its name */
	if (read_directory(root_fd, IMAGE_NAMES_DIR, &names_fd, &names, err) < 0 ||
	    read_directory(root_fd, IMAGE_RECORDS_DIR, &records_fd, &records, err) < 0)
		return -1;

	if (records.count + names.count >= IMAGE_CACHE_MIN)
		cache = image_cache_load(store, root_fd);
	for (size_t i = 0; i < names.count; i++)
		scan_name(names_fd, names.items[i], cache, &ret_scan->names);
	for (size_t i = 0; i < records.count; i++)
		scan_record(records_fd, records.items[i], cache, &ret_scan->images);
	if (cache != NULL)
		image_cache_save(cache, store);
	image_names_sort(&ret_scan->names);
	return 0;
}
