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
static bool scan_name(int names_fd, const char *file, struct image_names *names)
{
	cleanup_free char *name = NULL;
	struct err damage; /* it is in the list without a manifest */
	struct digest manifest = { "" };
	int found = image_name_read_file(names_fd, file, &name, &manifest, &damage);

	if (found < 0) {
		manifest.text[0] = '\0';
		name = name_unescape(file);
	}
	if (name != NULL)
		image_names_add(names, name, &manifest);
	return found != 0;
}

/* Names have no attribute but their meaning, so the cache has them as a whole, for this state of the directory. */
static bool cached_names(const struct image_cache *cache, const struct stat *dir,
			 struct image_names *names)
{
	const char *payload;
	size_t length;

	if (image_cache_find(cache, dir, &payload, &length) <= 0)
		return false;
	while (length > sizeof(struct digest)) {
		struct digest manifest;
		const char *name = payload + sizeof(manifest);
		size_t size = sizeof(manifest) + strnlen(name, length - sizeof(manifest)) + 1;

		if (size > length)
			break;
		memcpy(&manifest, payload, sizeof(manifest));
		image_names_add(names, name, &manifest);
		payload += size;
		length -= size;
	}
	return true;
}

static void cache_names(struct image_cache *cache, const struct stat *dir, bool fresh,
			const struct image_names *names)
{
	cleanup_strbuf struct strbuf all = STRBUF_INIT;

	for (size_t i = 0; i < names->count; i++) {
		const struct image_name *name = &names->items[i];

		if (!digest_is_set(&name->manifest))
			return; /* damage is looked at each time */
		strbuf_add(&all, &name->manifest, sizeof(name->manifest));
		strbuf_add(&all, name->name, strlen(name->name) + 1);
	}
	image_cache_add(cache, dir, all.data, all.length, fresh);
}

/* As for scan_name(). cache may be NULL. */
static int scan_names(int root_fd, struct image_cache *cache, struct image_names *ret_names,
		      struct err *err)
{
	cleanup_strv struct strv files = STRV_INIT;
	cleanup_fd int dir_fd = -1;
	struct stat dir;
	bool whole = true;
	bool cached;

	if (fstatat(root_fd, IMAGE_NAMES_DIR, &dir, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	cached = cache != NULL && cached_names(cache, &dir, ret_names);
	if (!cached && read_directory(root_fd, IMAGE_NAMES_DIR, &dir_fd, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.count; i++)
		whole &= scan_name(dir_fd, files.items[i], ret_names);
	image_names_sort(ret_names);
	if (cache != NULL)
		cache_names(cache, &dir, !cached, ret_names);
	return whole;
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
	cleanup_fd int records_fd = -1;
	struct image_cache *cache = NULL;
	bool whole = true;
	int status;

	if (read_directory(root_fd, IMAGE_RECORDS_DIR, &records_fd, &records, err) < 0)
		return -1;
	if (records.count >= IMAGE_CACHE_MIN)
		cache = image_cache_load(store, root_fd);
	status = scan_names(root_fd, cache, &ret_scan->names, err);
	for (size_t i = 0; status >= 0 && i < records.count; i++)
		whole &= scan_record(records_fd, records.items[i], cache, &ret_scan->images);
	if (cache != NULL)
		image_cache_save(cache, store);
	return status < 0 ? -1 : status > 0 && whole;
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

int image_all_names(struct store *store, struct strv *ret_names, struct err *err)
{
	cleanup_strv struct strv files = STRV_INIT;

	if (store_list_dir(store, IMAGE_NAMES_DIR, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.count; i++) {
		char *name = name_unescape(files.items[i]);

		if (name != NULL)
			strv_add_take(ret_names, name);
	}
	return 0;
}
