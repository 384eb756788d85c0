/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/prune.c - forget what builds keep
 *
 * Layers that a record of a step names and no image has go with the records. Others are left alone: a pull that is under way has
 * published layers that no image has yet.
 */
#include "engine/build/build_private.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "storage/image.h"
#include "storage/layer.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#define CACHE_DIR "cache"
#define STEPS_DIR "cache/build/steps"

static int list_steps(struct store *store, struct strv *layers, struct err *err)
{
	int steps_fd = store_open_dir(store, STEPS_DIR, false, err);
	const struct dirent *item;
	DIR *dir;

	if (steps_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	dir = fdopendir(steps_fd);
	if (dir == NULL) {
		int errno_value = errno;

		close(steps_fd);
		return err_sys(err, errno_value, "cannot read the build cache");
	}
	while ((item = readdir(dir)) != NULL) {
		struct err ignored = { 0 }; /* a damaged record names no layer */
		cleanup_json json_t *record = NULL;

		if (item->d_name[0] == '.' ||
		    record_read_json(dirfd(dir), item->d_name, "build-step", UINT32_MAX, &record,
				     &ignored) <= 0)
			continue;
		const char *layer = json_get_string(record, NULL, "layer", NULL);
		if (layer != NULL)
			strv_add(layers, layer);
	}
	closedir(dir);
	return 0;
}

static bool has_image(const struct image_list *images, const char *layer)
{
	for (size_t i = 0; i < images->count; i++)
		for (size_t k = 0; k < images->items[i]->layer_count; k++)
			if (str_equal(images->items[i]->layers[k].diff_id.text, layer))
				return true;
	return false;
}

static int remove_layer(struct store *store, const char *text, uint64_t *bytes, struct err *err)
{
	struct layer_meta meta = { 0 };
	struct digest digest;

	if (digest_parse(text, &digest) < 0 || layer_find(store, &digest, &meta, err) <= 0)
		return 0;
	*bytes += meta.diff_bytes;
	layer_meta_release(&meta);
	return layer_remove(store, &digest, err);
}

/* Cache mounts, records, remembered digests: bytes of what the user may look at. */
static int remove_cache(struct store *store, uint64_t *bytes, struct err *err)
{
	cleanup_fd int cache_fd = store_open_dir(store, CACHE_DIR, false, err);
	unsigned long long used = 0;

	if (cache_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	if (path_disk_usage(cache_fd, "build", &used) == 0)
		*bytes += used;
	return store_remove_tree(store, cache_fd, "build", err);
}

int build_prune(struct engine *engine, uint64_t *ret_bytes, struct err *err)
{
	struct store *store = engine->store;
	cleanup_image_list struct image_list images = { NULL, 0 };
	cleanup_strv struct strv layers = STRV_INIT;
	uint64_t bytes = 0;

	if (list_steps(store, &layers, err) < 0 || remove_cache(store, &bytes, err) < 0 ||
	    image_list(store, &images, err) < 0)
		return -1;
	for (size_t i = 0; i < layers.count; i++)
		if (!has_image(&images, layers.items[i]) &&
		    remove_layer(store, layers.items[i], &bytes, err) < 0)
			return -1;
	*ret_bytes = bytes;
	return 0;
}
