/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/disk.c - measure the store
 *
 * First a list of all that is measured (paths below the root), then one pass over it, then sums. So the child in the user namespace, if there has
 * to be one, is one.
 */
#include "engine/disk.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "engine/container/record.h"
#include "rootless/rootless.h"
#include "storage/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct measure {
	int root_fd;
	struct strv paths;
	uint64_t *bytes; /* shared with the child; one for each path */
	bool *denied;
};

static void measure_release(struct measure *measure)
{
	size_t count = measure->paths.count + 1;

	if (measure->bytes != NULL)
		munmap(measure->bytes, count * sizeof(*measure->bytes));
	free(measure->denied);
	strv_release(&measure->paths);
}

static int measure_one(struct measure *measure, size_t i, bool *ret_denied, struct err *err)
{
	unsigned long long bytes = 0;
	int status = path_disk_usage(measure->root_fd, measure->paths.items[i], &bytes);

	*ret_denied = status == -EACCES || status == -EPERM;
	/* what went away meanwhile takes no room */
	if (status < 0 && status != -ENOENT && !*ret_denied)
		return err_sys(err, -status, "cannot measure '%s'", measure->paths.items[i]);
	measure->bytes[i] = status < 0 ? 0 : bytes;
	return 0;
}

/* In the user namespace: those that were denied. */
static int measure_denied(void *arg, struct err *err)
{
	struct measure *measure = arg;

	for (size_t i = 0; i < measure->paths.count; i++) {
		bool denied;

		if (!measure->denied[i])
			continue;
		if (measure_one(measure, i, &denied, err) < 0)
			return -1;
		if (denied)
			return err_set(err, ERR_DENIED, "cannot measure '%s': permission denied",
				       measure->paths.items[i]);
	}
	return 0;
}

static int measure_all(struct engine *engine, struct measure *measure, struct err *err)
{
	size_t size = (measure->paths.count + 1) * sizeof(*measure->bytes);
	const struct idmaps *maps;
	bool any = false;

	measure->bytes =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (measure->bytes == MAP_FAILED) {
		measure->bytes = NULL;
		return err_sys(err, errno, "cannot measure the store");
	}
	measure->denied = xcalloc(measure->paths.count + 1, sizeof(bool));
	for (size_t i = 0; i < measure->paths.count; i++) {
		if (measure_one(measure, i, &measure->denied[i], err) < 0)
			return -1;
		any |= measure->denied[i];
	}
	if (!any)
		return 0;
	if (store_idmaps(engine->store, &maps, err) < 0)
		return -1;
	return userns_run(maps, measure_denied, measure, err);
}

/* The bytes of a path; 0 when it was not measured. */
static uint64_t bytes_of(const struct measure *measure, const char *path)
{
	for (size_t i = 0; i < measure->paths.count; i++) {
		if (str_equal(measure->paths.items[i], path))
			return measure->bytes[i];
	}
	return 0;
}

static uint64_t layer_bytes(const struct measure *measure, const struct digest *diff_id)
{
	cleanup_free char *path = xasprintf("layers/sha256/%s", digest_hex(diff_id));

	return bytes_of(measure, path);
}

static uint64_t blob_bytes(const struct measure *measure, const struct digest *digest)
{
	cleanup_free char *path = xasprintf("images/blobs/sha256/%s", digest_hex(digest));
	struct stat st;

	if (!digest_is_set(digest) || fstatat(measure->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

/* Names in a directory of the root, with the directory in front; those of a second level when deep. */
static void add_entries(struct measure *measure, const char *directory)
{
	cleanup_fd int fd = path_open_beneath(measure->root_fd, directory,
					      O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL)
		return;
	fd = -1; /* the stream's */
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			strv_addf(&measure->paths, "%s/%s", directory, entry->d_name);
	}
	closedir(dir);
}

/* Everything in the root, so that nothing is forgotten; what has parts of its own, part by part. */
static void list_paths(struct measure *measure)
{
	static const char *const split[] = { "containers", "volumes", "layers" };
	cleanup_strv struct strv top = STRV_INIT;
	struct measure root = { .root_fd = measure->root_fd, .paths = STRV_INIT };

	add_entries(&root, ".");
	for (size_t i = 0; i < root.paths.count; i++) {
		const char *name = root.paths.items[i] + strlen("./");
		bool parts = false;

		for (size_t j = 0; j < ARRAY_SIZE(split); j++)
			parts |= str_equal(name, split[j]);
		if (!parts)
			strv_add(&measure->paths, name);
	}
	strv_release(&root.paths);
	add_entries(measure, "containers");
	add_entries(measure, "volumes");
	add_entries(measure, "layers/sha256");
}

static uint64_t sum_below(const struct measure *measure, const char *prefix)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < measure->paths.count; i++) {
		if (str_after(measure->paths.items[i], prefix) != NULL)
			sum += measure->bytes[i];
	}
	return sum;
}

/* ---- sums ---- */

/* A layer or blob and who needs it. */
struct piece {
	struct digest digest;
	uint64_t bytes;
	size_t images;
	bool is_layer, active;
};
struct pieces {
	struct piece *items;
	size_t count;
};

static struct piece *piece_of(struct pieces *pieces, const struct digest *digest, bool is_layer)
{
	for (size_t i = 0; i < pieces->count; i++) {
		if (pieces->items[i].is_layer == is_layer &&
		    digest_equal(&pieces->items[i].digest, digest))
			return &pieces->items[i];
	}
	pieces->items = xreallocarray(pieces->items, pieces->count + 1, sizeof(*pieces->items));
	pieces->items[pieces->count] = (struct piece){ .digest = *digest, .is_layer = is_layer };
	return &pieces->items[pieces->count++];
}

typedef void (*piece_function)(struct pieces *pieces, const struct digest *digest, bool is_layer,
			       void *arg);

static void each_piece(struct pieces *pieces, const struct image *image, piece_function function,
		       void *arg)
{
	const struct digest *const blobs[] = { image_document(image), &image->config,
					       &image->index };

	for (size_t i = 0; i < ARRAY_SIZE(blobs); i++) {
		if (digest_is_set(blobs[i]))
			function(pieces, blobs[i], false, arg);
	}
	for (size_t i = 0; i < image->layer_count; i++) {
		function(pieces, &image->layers[i].diff_id, true, arg);
		if (digest_is_set(&image->layers[i].blob))
			function(pieces, &image->layers[i].blob, false, arg);
	}
}

struct counting {
	const struct measure *measure;
	const struct disk_image *item;
};

static void count_piece(struct pieces *pieces, const struct digest *digest, bool is_layer,
			void *arg)
{
	const struct counting *counting = arg;
	struct piece *piece = piece_of(pieces, digest, is_layer);

	if (piece->images++ == 0)
		piece->bytes = is_layer ? layer_bytes(counting->measure, digest)
					: blob_bytes(counting->measure, digest);
	piece->active |= counting->item->containers > 0;
}

static void sum_piece(struct pieces *pieces, const struct digest *digest, bool is_layer, void *arg)
{
	struct disk_image *item = arg;
	const struct piece *piece = piece_of(pieces, digest, is_layer);

	item->bytes += piece->bytes;
	if (piece->images > 1)
		item->shared_bytes += piece->bytes;
}

static size_t count_users(const struct disk_usage *usage, const struct image *image)
{
	size_t count = 0;

	for (size_t i = 0; i < usage->container_list.count; i++) {
		const char *manifest = usage->container_list.items[i]->image_manifest;

		count += manifest != NULL && str_equal(manifest, image->manifest.text);
	}
	return count;
}

static void sum_images(struct disk_usage *usage, const struct measure *measure)
{
	struct disk_part *part = &usage->images;
	struct pieces pieces = { NULL, 0 };

	usage->image_items = xcalloc(usage->image_list.count + 1, sizeof(*usage->image_items));
	for (size_t i = 0; i < usage->image_list.count; i++) {
		struct disk_image *item = &usage->image_items[part->total];
		struct counting counting = { measure, item };

		/* those of another store take no room in this one */
		if (usage->image_list.items[i]->read_only)
			continue;
		item->image = usage->image_list.items[i];
		item->containers = count_users(usage, item->image);
		part->total++;
		part->active += item->containers > 0;
		each_piece(&pieces, item->image, count_piece, &counting);
	}
	for (size_t i = 0; i < part->total; i++)
		each_piece(&pieces, usage->image_items[i].image, sum_piece, &usage->image_items[i]);
	part->bytes = bytes_of(measure, "images") + sum_below(measure, "layers/");
	for (size_t i = 0; i < pieces.count; i++)
		part->reclaimable_bytes += pieces.items[i].active ? 0 : pieces.items[i].bytes;
	free(pieces.items);
}

static size_t count_volumes(const struct container *container)
{
	size_t count = 0, i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_MOUNTS), i, item)
		count += str_equal(json_get_string(item, "", "Type", NULL), "volume");
	return count;
}

static void sum_containers(struct disk_usage *usage, const struct measure *measure)
{
	struct disk_part *part = &usage->containers;

	part->total = usage->container_list.count;
	part->bytes = sum_below(measure, "containers/");
	usage->container_items = xcalloc(part->total + 1, sizeof(*usage->container_items));
	for (size_t i = 0; i < part->total; i++) {
		const struct container *container = usage->container_list.items[i];
		cleanup_free char *path = xasprintf("containers/%s", container->id.text);
		bool active = container->state.status != CONTAINER_CREATED &&
			      container->state.status != CONTAINER_EXITED &&
			      container->state.status != CONTAINER_DAMAGED;

		usage->container_items[i] = (struct disk_container){
			.container = container,
			.bytes = bytes_of(measure, path),
			.volumes = count_volumes(container),
		};
		part->active += active;
		if (!active)
			part->reclaimable_bytes += usage->container_items[i].bytes;
	}
}

static int sum_volumes(struct engine *engine, struct disk_usage *usage,
		       const struct measure *measure, struct err *err)
{
	struct disk_part *part = &usage->volumes;

	part->total = usage->volume_list.count;
	part->bytes = sum_below(measure, "volumes/");
	usage->volume_items = xcalloc(part->total + 1, sizeof(*usage->volume_items));
	for (size_t i = 0; i < part->total; i++) {
		const struct volume *volume = usage->volume_list.items[i];
		cleanup_free char *path = xasprintf("volumes/%s", volume->name);
		cleanup_strv struct strv users = STRV_INIT;

		if (container_uses_volume(engine, volume->name, &users, err) < 0)
			return -1;
		usage->volume_items[i] = (struct disk_volume){
			.volume = volume,
			.bytes = bytes_of(measure, path),
			.links = users.count,
		};
		part->active += users.count > 0;
		if (users.count == 0)
			part->reclaimable_bytes += usage->volume_items[i].bytes;
	}
	return 0;
}

void disk_usage_free(struct disk_usage *usage)
{
	if (usage == NULL)
		return;
	free(usage->image_items);
	free(usage->container_items);
	free(usage->volume_items);
	image_list_release(&usage->image_list);
	container_list_release(&usage->container_list);
	volume_list_release(&usage->volume_list);
	free(usage);
}

int disk_usage(struct engine *engine, struct disk_usage **ret_usage, struct err *err)
{
	__attribute__((cleanup(measure_release))) struct measure measure = {
		.root_fd = engine->store->root_fd,
		.paths = STRV_INIT,
	};
	cleanup_disk_usage struct disk_usage *usage = xcalloc(1, sizeof(*usage));

	if (image_list(engine->store, &usage->image_list, err) < 0 ||
	    container_list(engine, &usage->container_list, err) < 0 ||
	    volume_list(engine->store, &usage->volume_list, err) < 0)
		return -1;
	/* without a store there is nothing to measure */
	if (measure.root_fd >= 0)
		list_paths(&measure);
	if (measure_all(engine, &measure, err) < 0)
		return -1;
	sum_images(usage, &measure);
	sum_containers(usage, &measure);
	if (sum_volumes(engine, usage, &measure, err) < 0)
		return -1;
	for (size_t i = 0; i < measure.paths.count; i++)
		usage->whole_bytes += measure.bytes[i];
	usage->other_bytes = usage->whole_bytes - usage->images.bytes - usage->containers.bytes -
			     usage->volumes.bytes;
	*ret_usage = TAKE_PTR(usage);
	return 0;
}
