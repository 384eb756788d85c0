/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/volume.c - named volumes
 *
 * A volume is staged with its record and renamed into volumes/, so there is never one without a record, and of many who make the same
 * name one wins. It is removed the other way: into tmp/ with one rename. "copied" is an empty file and not a part of the record,
 * so that the first use of a volume writes no record anew.
 */
#include "storage/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/record.h"
#include "storage/copy_tree.h"
#include "storage/staging.h"

#define VOLUMES_DIR    "volumes"
#define DATA_DIR       "_data"
#define META_FILE      "meta"
#define COPIED_FILE    "copied"
#define LOCK_FILE      "lock"
#define RECORD_KIND    "volume"
#define RECORD_VERSION 1
#define NAME_MAX_BYTES 255

void volume_free(struct volume *volume)
{
	if (volume == NULL)
		return;
	free(volume->name);
	free(volume->driver);
	free(volume->mount_point);
	strv_release(&volume->labels);
	strv_release(&volume->options);
	free(volume);
}

void volume_list_release(struct volume_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		volume_free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

bool volume_name_is_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_.-";
	size_t length = strlen(name);

	return length > 0 && length <= NAME_MAX_BYTES && strchr(letters, name[0]) != NULL &&
	       strspn(name, rest) == length;
}

static int check_name(const char *name, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	if (volume_name_is_valid(name))
		return 0;
	strbuf_add_escaped(&shown, name);
	err_set(err, ERR_USAGE, "volume name '%s' is not valid", shown.data);
	return err_hint(err,
			"Names begin with a letter or digit and have letters, digits, '_', '.' "
			"and '-'.");
}

static struct volume *volume_new(const struct store *store, const char *name)
{
	struct volume *volume = xcalloc(1, sizeof(*volume));

	volume->name = xstrdup(name);
	volume->driver = xstrdup("local");
	volume->mount_point = xasprintf("%s/" VOLUMES_DIR "/%s/" DATA_DIR, store->root_path, name);
	return volume;
}

/* ---- record ---- */

static json_t *volume_to_json(const struct volume *volume)
{
	json_t *body = json_object();

	json_put_string(body, "name", volume->name);
	json_put_string(body, "driver", volume->driver);
	json_put(body, "labels", json_from_strv(&volume->labels));
	json_put(body, "options", json_from_strv(&volume->options));
	json_put_int(body, "created_ns", volume->created_ns);
	json_put_bool(body, "anonymous", volume->anonymous);
	return body;
}

/* 1, 0 there is none, -1. A damaged record gives a volume that is marked. */
static int read_volume(struct store *store, int volumes_fd, const char *name,
		       struct volume **ret_volume, struct err *err)
{
	struct volume *volume;
	cleanup_json json_t *body = NULL;
	struct err
		damage; /* the volume is listed with a mark; its data can still be had or removed */
	cleanup_fd int dir_fd =
		path_open_beneath(volumes_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

	if (dir_fd == -ENOENT)
		return 0;
	if (dir_fd < 0 && dir_fd != -ENOTDIR && dir_fd != -ELOOP)
		return err_sys(err, -dir_fd, "cannot open volume '%s'", name);

	volume = volume_new(store, name);
	if (dir_fd < 0 ||
	    record_read_json(dir_fd, META_FILE, RECORD_KIND, RECORD_VERSION, &body, &damage) <= 0 ||
	    !str_equal(json_get_string(body, "", "name", NULL), name) ||
	    json_get_strv(body, "labels", &volume->labels) < 0 ||
	    json_get_strv(body, "options", &volume->options) < 0) {
		volume->damaged = true;
		*ret_volume = volume;
		return 1;
	}
	free(volume->driver);
	volume->driver = xstrdup(json_get_string(body, "local", "driver", NULL));
	volume->created_ns = json_get_int(body, 0, "created_ns", NULL);
	volume->anonymous = json_get_bool(body, false, "anonymous", NULL);
	volume->needs_copy_up = faccessat(dir_fd, COPIED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	*ret_volume = volume;
	return 1;
}

/* ---- make ---- */

static int fill_staging(const struct staging *staging, const struct volume *volume, struct err *err)
{
	cleanup_json json_t *body = volume_to_json(volume);
	cleanup_fd int meta_fd = -1;

	if (mkdirat(staging->dir_fd, DATA_DIR, 0755) < 0 ||
	    fchmodat(staging->dir_fd, DATA_DIR, 0755, 0) < 0)
		return err_sys(err, errno, "cannot make directory '" DATA_DIR "'");
	if (record_write_json(staging->dir_fd, META_FILE, RECORD_KIND, RECORD_VERSION, body, 0,
			      err) < 0)
		return -1;
	/* an anonymous volume is worth as much as its container, whose record is synced after it */
	if (volume->anonymous)
		return 0;
	meta_fd = openat(staging->dir_fd, META_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (meta_fd < 0 || fsync(meta_fd) < 0)
		return err_sys(err, errno, "cannot sync its record");
	return 0;
}

int volume_create(struct store *store, const char *name, const struct strv *labels,
		  const struct strv *options, bool anonymous, struct volume **ret_volume,
		  struct err *err)
{
	struct staging staging = STAGING_INIT;
	cleanup_volume struct volume *volume = NULL;
	cleanup_fd int volumes_fd = -1;
	struct object_id id;

	if (name == NULL) {
		object_id_new(&id);
		name = id.text;
	}
	if (check_name(name, err) < 0)
		return -1;
	volume = volume_new(store, name);
	volume->created_ns = time_now_ns();
	volume->anonymous = anonymous;
	volume->needs_copy_up = true;
	if (labels != NULL)
		strv_copy(&volume->labels, labels);
	if (options != NULL)
		strv_copy(&volume->options, options);

	volumes_fd = store_open_dir(store, VOLUMES_DIR, true, err);
	if (volumes_fd < 0 || staging_new(store, "volume", &staging, err) < 0)
		return err_wrap(err, "cannot create volume '%s' in '%s'", name, store->root_path);
	if (fill_staging(&staging, volume, err) < 0 ||
	    staging_publish(store, &staging, volumes_fd, name, false, err) < 0) {
		staging_discard(store, &staging);
		if (err->kind == ERR_EXISTS)
			return err_set(err, ERR_EXISTS,
				       "volume with name %s already exists: volume already exists",
				       name);
		return err_wrap(err, "cannot create volume '%s' in '%s'", name, store->root_path);
	}
	if (!anonymous && fsync(volumes_fd) < 0)
		return err_sys(err, errno, "cannot create volume '%s': cannot sync '%s/%s'", name,
			       store->root_path, VOLUMES_DIR);
	*ret_volume = TAKE_PTR(volume);
	return 0;
}

/* ---- find ---- */

/* fd; -2 there is none; -1 with err */
static int open_volumes(struct store *store, struct err *err)
{
	int fd;

	if (store->root_fd < 0)
		return -2;
	fd = path_open_beneath(store->root_fd, VOLUMES_DIR, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return -2;
	return fd < 0 ? err_sys(err, -fd, "cannot open directory '%s/%s'", store->root_path,
				VOLUMES_DIR)
		      : fd;
}

static int list_names(struct store *store, int volumes_fd, struct strv *names, struct err *err)
{
	int list_fd = fd_dup(volumes_fd);
	DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		fd_close(&list_fd);
		return err_sys(err, errno, "cannot read directory '%s/%s'", store->root_path,
			       VOLUMES_DIR);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (volume_name_is_valid(entry->d_name))
			strv_add(names, entry->d_name);
	}
	closedir(dir);
	strv_sort(names);
	return 0;
}

static int find_prefix(struct store *store, int volumes_fd, const char *prefix,
		       struct volume **ret_volume, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	const char *found = NULL;

	if (list_names(store, volumes_fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (str_after(names.items[i], prefix) == NULL)
			continue;
		if (found != NULL) {
			err_set(err, ERR_AMBIGUOUS,
				"volume name '%s' is the beginning of several names", prefix);
			return err_hint(err, "Give the whole name.");
		}
		found = names.items[i];
	}
	return found == NULL ? 0 : read_volume(store, volumes_fd, found, ret_volume, err);
}

int volume_find(struct store *store, const char *name, bool allow_prefix,
		struct volume **ret_volume, struct err *err)
{
	cleanup_fd int volumes_fd = -1;
	int found;

	if (!volume_name_is_valid(name))
		return 0;
	volumes_fd = open_volumes(store, err);
	if (volumes_fd < 0)
		return volumes_fd == -2 ? 0 : -1;
	found = read_volume(store, volumes_fd, name, ret_volume, err);
	if (found == 0 && allow_prefix)
		return find_prefix(store, volumes_fd, name, ret_volume, err);
	return found;
}

int volume_list(struct store *store, struct volume_list *ret_list, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	struct volume_list list = { NULL, 0 };
	cleanup_fd int volumes_fd = open_volumes(store, err);

	if (volumes_fd == -2) {
		*ret_list = list;
		return 0;
	}
	if (volumes_fd < 0 || list_names(store, volumes_fd, &names, err) < 0)
		return -1;
	list.items = xcalloc(names.count + 1, sizeof(*list.items));
	for (size_t i = 0; i < names.count; i++) {
		struct volume *volume = NULL;
		int found = read_volume(store, volumes_fd, names.items[i], &volume, err);

		if (found < 0) {
			volume_list_release(&list);
			return -1;
		}
		/* removed since the directory was read */
		if (found > 0)
			list.items[list.count++] = volume;
	}
	*ret_list = list;
	return 0;
}

/* ---- use ---- */

static int open_below(struct store *store, const char *name, const char *below, struct err *err)
{
	cleanup_free char *path = NULL;
	int fd = -ENOENT;

	if (check_name(name, err) < 0)
		return -1;
	path = xasprintf(VOLUMES_DIR "/%s%s", name, below);
	if (store->root_fd >= 0)
		fd = path_open_beneath(store->root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, "volume '%s' does not exist", name);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return err_set(err, ERR_CORRUPT, "volume '%s' is damaged: '%s/%s' is no directory",
			       name, store->root_path, path);
	return fd < 0 ? err_sys(err, -fd, "cannot open volume '%s'", name) : fd;
}

int volume_open(struct store *store, const struct volume *volume, struct err *err)
{
	return open_below(store, volume->name, "/" DATA_DIR, err);
}

int volume_lock(struct store *store, const char *name, struct err *err)
{
	cleanup_fd int dir_fd = open_below(store, name, "", err);
	int fd;

	if (dir_fd < 0)
		return -1;
	fd = lock_take(dir_fd, LOCK_FILE, true, err);
	return fd < 0 ? err_wrap(err, "cannot lock volume '%s'", name) : fd;
}

int volume_set_copied(struct store *store, const char *name, struct err *err)
{
	cleanup_fd int dir_fd = open_below(store, name, "", err);
	cleanup_fd int fd = -1;

	if (dir_fd < 0)
		return -1;
	fd = openat(dir_fd, COPIED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? err_sys(err, errno, "cannot remember that volume '%s' has its content",
				name)
		      : 0;
}

int volume_remove(struct store *store, const char *name, struct err *err)
{
	struct removal removal = REMOVAL_INIT;
	cleanup_fd int volumes_fd = -1;
	int taken;

	if (check_name(name, err) < 0)
		return -1;
	volumes_fd = open_volumes(store, err);
	if (volumes_fd == -2)
		return err_set(err, ERR_NOT_FOUND, "volume '%s' does not exist", name);
	if (volumes_fd < 0 || removal_begin(store, &removal, err) < 0)
		return err_wrap(err, "cannot remove volume '%s'", name);

	taken = removal_take(&removal, "rm", volumes_fd, name, err);
	if (taken > 0 && fsync(volumes_fd) < 0)
		taken = err_sys(err, errno, "cannot sync '%s/%s'", store->root_path, VOLUMES_DIR);
	removal_finish(store, &removal);
	if (taken == 0)
		return err_set(err, ERR_NOT_FOUND, "volume '%s' does not exist", name);
	return taken < 0
		       ? err_wrap(err, "cannot remove volume '%s' in '%s'", name, store->root_path)
		       : 0;
}

/* 1 empty, 0 not, -1 */
static int is_empty(int data_fd, struct err *err)
{
	int fd = path_open_beneath(data_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	const struct dirent *entry;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool empty = true;

	if (dir == NULL) {
		int errno_value = fd < 0 ? -fd : errno;

		fd_close(&fd);
		return err_sys(err, errno_value, "cannot read the directory of a volume");
	}
	while (empty && (entry = readdir(dir)) != NULL)
		empty = str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..");
	closedir(dir);
	return empty;
}

int volume_copy_up(int source_fd, int data_fd, struct err *err)
{
	static const struct copy_options options = { .as_layer = false };
	int empty = is_empty(data_fd, err);

	if (empty <= 0)
		return empty;
	if (copy_tree(source_fd, data_fd, &options, err) < 0)
		return err_wrap(err, "cannot copy the content of the image into a volume");
	return 0;
}

int volume_all_names(struct store *store, struct strv *ret_names, struct err *err)
{
	return store_list_dir(store, "volumes", ret_names, err);
}
