/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/layer.c - unpacked layers
 *
 * A layer is staged, gets its meta record, and is renamed into its place without waiting for the disk; the mark of unsynced.h
 * tells that. One that was not on the disk when the power went is not there any more for layer_find(), and layer_publish()
 * puts the new one in its place with one exchange, so that nobody sees a gap.
 */
#include "storage/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "storage/image_private.h"
#include "storage/slot_lock.h"
#include "storage/staging.h"
#include "storage/unsynced.h"

#define LAYERS_DIR     "layers/sha256"
#define SINGLE_MARKER  "layers/single"
#define LOCK_FILE      "unpack.lock"
#define META_FILE      "meta"
#define DIFF_DIR       "diff"
#define RECORD_KIND    "layer"
#define RECORD_VERSION 1

#define LAYER_PATH_MAX (sizeof(LAYERS_DIR "//" DIFF_DIR) + DIGEST_HEX)

static const char *const layer_form_names[] = {
	[LAYER_MAPPED] = "mapped",
	[LAYER_SINGLE] = "single",
};
NAME_TABLE(layer_form, LAYER_FORM_COUNT)

void layer_meta_release(struct layer_meta *meta)
{
	strv_release(&meta->blobs);
}

static void layer_path(const struct digest *diff_id, const char *below, char path[LAYER_PATH_MAX])
{
	snprintf(path, LAYER_PATH_MAX, LAYERS_DIR "/%s%s", digest_hex(diff_id), below);
}

static json_t *meta_to_json(const struct layer_meta *meta)
{
	json_t *body = json_object();

	json_put_string(body, "diff_id", meta->diff_id.text);
	json_put_string(body, "form", layer_form_name(meta->form));
	json_put_int(body, "diff_bytes", (int64_t)meta->diff_bytes);
	json_put_int(body, "file_count", (int64_t)meta->file_count);
	json_put_int(body, "created_ns", meta->created_ns);
	json_put_strv(body, "blobs", &meta->blobs);
	return body;
}

/* 1 or -1 */
static int read_meta(int layer_fd, const struct digest *diff_id, struct layer_meta *ret_meta,
		     struct err *err)
{
	cleanup_json json_t *body = NULL;
	struct layer_meta meta = { .diff_id = *diff_id };
	int found = record_read_json(layer_fd, META_FILE, RECORD_KIND, RECORD_VERSION, &body, err);
	int form;

	if (found < 0)
		return err_wrap(err, "layer '%.19s'", diff_id->text);
	if (found == 0)
		return err_set(err, ERR_CORRUPT, "layer '%.19s' is damaged: it has no record",
			       diff_id->text);

	form = layer_form_parse(json_get_string(body, "", "form", NULL));
	if (form < 0 || !str_equal(json_get_string(body, "", "diff_id", NULL), diff_id->text) ||
	    json_get_strv(body, "blobs", &meta.blobs) < 0) {
		strv_release(&meta.blobs);
		return err_set(err, ERR_CORRUPT, "layer '%.19s' is damaged: its record is wrong",
			       diff_id->text);
	}
	meta.form = (enum layer_form)form;
	meta.diff_bytes = (uint64_t)json_get_int(body, 0, "diff_bytes", NULL);
	meta.file_count = (uint64_t)json_get_int(body, 0, "file_count", NULL);
	meta.created_ns = json_get_int(body, 0, "created_ns", NULL);
	*ret_meta = meta;
	return 1;
}

static int find_in(int root_fd, const struct digest *diff_id, struct layer_meta *ret_meta,
		   struct err *err)
{
	char path[LAYER_PATH_MAX];
	cleanup_fd int fd = -1;

	if (root_fd < 0)
		return 0;
	layer_path(diff_id, "", path);
	fd = path_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return err_set(err, ERR_CORRUPT, "layer '%.19s' is damaged: it is not a directory",
			       diff_id->text);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open layer '%.19s'", diff_id->text);
	return read_meta(fd, diff_id, ret_meta, err);
}

int layer_find(struct store *store, const struct digest *diff_id, struct layer_meta *ret_meta,
	       struct err *err)
{
	char path[LAYER_PATH_MAX];
	int found = find_in(store->root_fd, diff_id, ret_meta, err);

	layer_path(diff_id, "", path);
	if (found > 0 && unsynced_is_lost(store->root_fd, path) && !image_refers(store, diff_id)) {
		layer_meta_release(ret_meta);
		return 0;
	}
	for (size_t i = 0; found == 0 && i < store->additional_roots.count; i++) {
		struct err ignored; /* another store's damage: the layer is fetched into ours */

		found = find_in(store->additional_fds[i], diff_id, ret_meta, &ignored);
		if (found < 0)
			found = 0;
	}
	return found;
}

int layer_open_diff(struct store *store, const struct digest *diff_id, struct err *err)
{
	char path[LAYER_PATH_MAX];
	int fd = -ENOENT;

	layer_path(diff_id, "/" DIFF_DIR, path);
	if (store->root_fd >= 0)
		fd = path_open_beneath(store->root_fd, path, O_PATH | O_DIRECTORY, 0);
	for (size_t i = 0; fd == -ENOENT && i < store->additional_roots.count; i++) {
		if (store->additional_fds[i] >= 0)
			fd = path_open_beneath(store->additional_fds[i], path, O_PATH | O_DIRECTORY,
					       0);
	}
	if (fd == -ENOENT) {
		err_set(err, ERR_NOT_FOUND, "layer '%.19s' is not in the store", diff_id->text);
		return err_hint(err, "Pull the image again.");
	}
	if (fd == -ENOTDIR || fd == -ELOOP)
		return err_set(err, ERR_CORRUPT, "layer '%.19s' is damaged: it is not a directory",
			       diff_id->text);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open layer '%.19s'", diff_id->text);
	return fd;
}

bool layer_any_single(struct store *store)
{
	return store->root_fd >= 0 &&
	       faccessat(store->root_fd, SINGLE_MARKER, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* fd, -2 held by somebody else (only without wait), -1 */
static int take_lock(struct store *store, const struct digest *diff_id, bool wait, struct err *err)
{
	cleanup_fd int dir_fd = store_open_dir(store, "layers", true, err);
	cleanup_fd int fd = -1;
	int status;

	if (dir_fd < 0)
		return -1;
	fd = slot_lock_open(dir_fd, LOCK_FILE);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open lock file '%s/layers/%s'", store->root_path,
			       LOCK_FILE);
	status = slot_lock_take(fd, slot_of_digest(diff_id), wait);
	if (status == -EAGAIN && !wait)
		return -2;
	if (status < 0)
		return err_sys(err, -status, "cannot lock layer '%.19s'", diff_id->text);
	return TAKE_FD(fd);
}

int layer_lock(struct store *store, const struct digest *diff_id, struct err *err)
{
	return take_lock(store, diff_id, true, err);
}

int layer_try_lock(struct store *store, const struct digest *diff_id, struct err *err)
{
	return take_lock(store, diff_id, false, err);
}

int layer_stage(struct store *store, const struct digest *diff_id, struct staging *ret_staging,
		struct err *err)
{
	struct staging staging = STAGING_INIT;

	if (staging_new(store, "layer", &staging, err) < 0)
		return err_wrap(err, "cannot stage layer '%.19s'", diff_id->text);
	/* by hand: the umask must not decide what processes in a container may read */
	if (mkdirat(staging.dir_fd, DIFF_DIR, 0755) < 0 ||
	    fchmodat(staging.dir_fd, DIFF_DIR, 0755, 0) < 0) {
		err_sys(err, errno, "cannot stage layer '%.19s' in '%s/tmp/%s'", diff_id->text,
			store->root_path, staging.name);
		staging_discard(store, &staging);
		return -1;
	}
	*ret_staging = staging;
	return 0;
}

/* The place is taken: by the same layer, or by a damaged or lost one, which is exchanged. */
static int publish_over(struct store *store, struct staging *staging, int layers_fd,
			const struct layer_meta *meta, struct err *err)
{
	cleanup_fd int tmp_fd = store_open_dir(store, "tmp", false, err);
	struct layer_meta there = { .form = LAYER_MAPPED };
	struct err damage; /* answered by the exchange */
	int found;

	if (tmp_fd < 0)
		return -1;
	found = layer_find(store, &meta->diff_id, &there, &damage);
	if (found > 0)
		layer_meta_release(&there);
	if ((found <= 0 || there.form != meta->form) &&
	    renameat2(tmp_fd, staging->name, layers_fd, digest_hex(&meta->diff_id),
		      RENAME_EXCHANGE) < 0)
		return err_sys(err, errno, "cannot replace damaged layer '%.19s'",
			       meta->diff_id.text);
	staging_discard(store, staging);
	return 0;
}

int layer_publish(struct store *store, struct staging *staging, const struct layer_meta *meta,
		  struct err *err)
{
	cleanup_fd int layers_fd = store_open_dir(store, LAYERS_DIR, true, err);
	cleanup_json json_t *body = NULL;
	int status;

	if (layers_fd < 0)
		return -1;
	if (meta->form == LAYER_SINGLE && !layer_any_single(store)) {
		cleanup_fd int fd = openat(store->root_fd, SINGLE_MARKER,
					   O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return err_sys(err, errno, "cannot make file '%s/%s'", store->root_path,
				       SINGLE_MARKER);
	}
	body = meta_to_json(meta);
	if (record_write_json(staging->dir_fd, META_FILE, RECORD_KIND, RECORD_VERSION, body, 0,
			      err) < 0)
		return err_wrap(err, "cannot publish layer '%.19s' in '%s'", meta->diff_id.text,
				store->root_path);
	status = unsynced_mark(staging->dir_fd);
	if (status < 0)
		return err_sys(err, -status, "cannot write layer '%.19s' to the disk",
			       meta->diff_id.text);

	if (staging_publish(store, staging, layers_fd, digest_hex(&meta->diff_id), false, err) == 0)
		return 0;
	if (err->kind != ERR_EXISTS)
		return err_wrap(err, "cannot publish layer '%.19s' in '%s'", meta->diff_id.text,
				store->root_path);
	return publish_over(store, staging, layers_fd, meta, err);
}

int layer_exchange(struct store *store, int from_fd, const struct digest *diff_id, struct err *err)
{
	cleanup_fd int layers_fd = store_open_dir(store, LAYERS_DIR, true, err);
	const char *name = digest_hex(diff_id);

	if (layers_fd < 0)
		return -1;
	/* on the disk before it is seen: its marks are those of the other store */
	unsynced_clear(from_fd, name);
	if (store_sync(store, err) < 0)
		return -1;
	if (renameat2(from_fd, name, layers_fd, name, RENAME_EXCHANGE) < 0 &&
	    (errno != ENOENT || renameat(from_fd, name, layers_fd, name) < 0))
		return err_sys(err, errno, "cannot put layer '%.19s' in its place", diff_id->text);
	if (fsync(layers_fd) < 0)
		return err_sys(err, errno, "cannot sync directory '%s/%s'", store->root_path,
			       LAYERS_DIR);
	return 0;
}

int layer_take_away(struct store *store, const struct digest *diff_id, struct removal *removal,
		    struct err *err)
{
	char path[LAYER_PATH_MAX];

	layer_path(diff_id, "", path);
	if (removal_take(removal, "rm", store->root_fd, path, err) < 0)
		return err_wrap(err, "cannot remove layer '%.19s' of '%s'", diff_id->text,
				store->root_path);
	return 0;
}

int layer_remove(struct store *store, const struct digest *diff_id, struct err *err)
{
	struct removal removal = REMOVAL_INIT;
	int status;

	if (removal_begin(store, &removal, err) < 0)
		return err_wrap(err, "cannot remove layer '%.19s'", diff_id->text);
	status = layer_take_away(store, diff_id, &removal, err);
	removal_finish(store, &removal);
	return status;
}

int layer_list(struct store *store, struct strv *ret_diff_ids, struct err *err)
{
	int fd;
	DIR *dir;
	const struct dirent *entry;

	if (store->root_fd < 0)
		return 0;
	fd = path_open_beneath(store->root_fd, LAYERS_DIR, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "cannot open directory '%s/%s'", store->root_path,
			       LAYERS_DIR);
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return err_sys(err, errno, "cannot read directory '%s/%s'", store->root_path,
			       LAYERS_DIR);
	}
	while ((entry = readdir(dir)) != NULL) {
		struct digest diff_id;

		if (digest_from_hex(entry->d_name, &diff_id) == 0)
			strv_add(ret_diff_ids, diff_id.text);
	}
	closedir(dir);
	return 0;
}

void layer_set_synced(struct store *store, const struct digest *diff_id)
{
	char path[LAYER_PATH_MAX];

	layer_path(diff_id, "", path);
	unsynced_clear(store->root_fd, path);
}
