/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_scan.c - all records and names of one store
 *
 * Two directories are read, and each file in them is looked at; it is opened only when the cache does not know it. The reader
 * holds no lock: when something changed meanwhile it starts over, so that it sees one state and not parts of two.
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

/* behind that the writers are so busy that no answer would be true for long */
#define SCAN_ROUNDS 20

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

/* False: the file went away since the directory was read. */
static bool scan_name(int names_fd, const char *file, struct image_cache *cache,
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
		return false;
	if (cache != NULL && image_cache_find(cache, &st, &payload, &length) > 0 &&
	    length > sizeof(manifest) && payload[length - 1] == '\0') {
		memcpy(&manifest, payload, sizeof(manifest));
		image_names_add(names, payload + sizeof(manifest), &manifest);
		image_cache_add(cache, &st, payload, length, false);
		return true;
	}

	found = image_name_read_file(names_fd, file, &name, &manifest, &damage);
	if (found == 0)
		return false;
	if (found < 0) {
		manifest.text[0] = '\0';
		name = name_unescape(file);
		if (name != NULL)
			image_names_add(names, name, &manifest);
		return true;
	}
	image_names_add(names, name, &manifest);
	if (cache != NULL) {
		cleanup_strbuf struct strbuf whole = STRBUF_INIT;

		strbuf_add(&whole, &manifest, sizeof(manifest));
		strbuf_add(&whole, name, strlen(name) + 1);
		image_cache_add(cache, &st, whole.data, whole.length, true);
	}
	return true;
}

/* False: the file went away since the directory was read. */
static bool scan_record(int records_fd, const char *file, struct image_cache *cache,
			struct image_list *images)
{
	struct err damage; /* it is in the list, marked */
	struct image *image = NULL;
	struct digest manifest;
	const char *payload;
	struct stat st;
	size_t length;
	int found;

	if (digest_from_hex(file, &manifest) < 0)
		return true; /* a stranger */
	if (fstatat(records_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (cache != NULL && image_cache_find(cache, &st, &payload, &length) > 0) {
		image = image_unpack(payload, length);
		if (image != NULL && digest_equal(&image->manifest, &manifest)) {
			image_list_add(images, image);
			image_cache_add(cache, &st, payload, length, false);
			return true;
		}
		image_free(image);
	}

	found = image_record_read(records_fd, file, &image, &damage);
	if (found == 0)
		return false;
	if (found < 0) {
		debug("%s", damage.msg);
		image_list_add(images, image_damaged(file));
		return true;
	}
	if (cache != NULL) {
		cleanup_strbuf struct strbuf packed = STRBUF_INIT;

		image_pack(&packed, image);
		image_cache_add(cache, &st, packed.data, packed.length, true);
	}
	image_list_add(images, image);
	return true;
}

/* One round. 1, 0 something changed meanwhile, -1. */
static int scan_once(struct store *store, int root_fd, struct image_scan *ret_scan, struct err *err)
{
	cleanup_strv struct strv records = STRV_INIT;
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_fd int records_fd = -1;
	cleanup_fd int names_fd = -1;
	struct image_cache *cache = NULL;
	bool whole = true;

	if (read_directory(root_fd, IMAGE_NAMES_DIR, &names_fd, &names, err) < 0 ||
	    read_directory(root_fd, IMAGE_RECORDS_DIR, &records_fd, &records, err) < 0)
		return -1;

	if (records.count + names.count >= IMAGE_CACHE_MIN)
		cache = image_cache_load(store, root_fd);
	for (size_t i = 0; i < names.count; i++)
		whole &= scan_name(names_fd, names.items[i], cache, &ret_scan->names);
	for (size_t i = 0; i < records.count; i++)
		whole &= scan_record(records_fd, records.items[i], cache, &ret_scan->images);
	if (cache != NULL)
		image_cache_save(cache, store);
	image_names_sort(&ret_scan->names);
	return whole;
}

/* The time of the last change of a directory; 0 when it is not there. */
static int64_t changed_ns(int root_fd, const char *path)
{
	struct stat st;

	if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec;
}

int image_scan(struct store *store, int root_fd, struct image_scan *ret_scan, struct err *err)
{
	if (root_fd < 0)
		return 0;
	for (unsigned round = 0;; round++) {
		int64_t records_ns = changed_ns(root_fd, IMAGE_RECORDS_DIR);
		int64_t names_ns = changed_ns(root_fd, IMAGE_NAMES_DIR);
		int status = scan_once(store, root_fd, ret_scan, err);

		if (status < 0)
			return -1;
		if (round == SCAN_ROUNDS ||
		    (status > 0 && records_ns == changed_ns(root_fd, IMAGE_RECORDS_DIR) &&
		     names_ns == changed_ns(root_fd, IMAGE_NAMES_DIR)))
			return 0;
		image_scan_release(ret_scan);
	}
}
