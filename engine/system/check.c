/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/check.c - look at all images, layers and blobs
 *
 * First what each image names: documents and blobs are hashed, trees that were made here too. Then, image by image, trees that can only be
 * compared with their blobs. Then repair, and what is left.
 */
#include "engine/system/check_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/container.h"
#include "engine/image.h"
#include "storage/layer.h"
#include "storage/layer_make.h"
#include "storage/layer_packed.h"
#include "storage/sha256.h"

#define HASH_BYTES (1U << 20)

static void tell(struct check *check, const char *format, va_list args)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_vaddf(&text, format, args);
	check->report(check->report_arg, text.data);
}

void check_say(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(check, format, args);
	va_end(args);
}

void check_problem(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(check, format, args);
	va_end(args);
	check->result.problems++;
	check->result.left++;
}

static const char *name_of(const struct image *image)
{
	return image->names.count > 0	       ? image->names.items[0]
	       : image->config.text[0] != '\0' ? image->config.text
					       : image->manifest.text;
}

/* ---- one part -------------------------------------------------------------------------------------------------------- */

enum part_state check_blob(struct check *check, const struct digest *digest, uint64_t bytes,
			   struct err *err)
{
	cleanup_fd int fd = blob_open(check->engine->store, digest, err);
	cleanup_sha256 struct sha256 *hash = NULL;
	cleanup_free char *buffer = NULL;
	struct digest actual;
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return PART_BAD;
	if (fstat(fd, &st) < 0 || (bytes > 0 && (uint64_t)st.st_size != bytes)) {
		err_set(err, ERR_CORRUPT, "it has %lld bytes instead of %llu",
			(long long)st.st_size, (unsigned long long)bytes);
		return PART_BAD;
	}
	if (check->opts->quick)
		return PART_GOOD;
	hash = sha256_new();
	buffer = xmalloc(HASH_BYTES);
	while ((got = fd_read_full(fd, buffer, HASH_BYTES)) > 0)
		sha256_update(hash, buffer, (size_t)got);
	sha256_final_digest(hash, &actual);
	if (got == 0 && digest_equal(&actual, digest))
		return PART_GOOD;
	if (got < 0)
		err_sys(err, (int)-got, "it cannot be read");
	else
		err_set(err, ERR_CORRUPT, "its content is '%.19s'", actual.text);
	return PART_BAD;
}

/* A tree that was made here is the tar that it was. */
static void hash_tree(struct check *check, struct check_layer *layer)
{
	struct digest actual;
	struct err err;

	layer->tree = PART_BAD;
	if (layer_hash(check->engine->store, &layer->diff_id, &actual, &err) < 0)
		check_problem(check, "layer %.19s: %s", layer->diff_id.text, err.msg);
	else if (!digest_equal(&actual, &layer->diff_id))
		check_problem(check, "layer %.19s: files of it were changed, it is %.19s now",
			      layer->diff_id.text, actual.text);
	else
		layer->tree = PART_GOOD;
}

static void look_at_tree(struct check *check, struct check_layer *layer)
{
	struct layer_meta meta = { 0 };
	struct err err;
	int found = layer_find(check->engine->store, &layer->diff_id, &meta, &err);
	cleanup_fd int fd = -1;

	if (found > 0) {
		layer_meta_release(&meta);
		fd = layer_open_diff(check->engine->store, &layer->diff_id, &err);
	}
	if (found > 0 && fd >= 0) {
		layer->tree = check->opts->quick ? PART_GOOD : PART_UNKNOWN;
		return;
	}
	layer->tree = PART_BAD;
	check_problem(check, "layer %.19s: %s", layer->diff_id.text,
		      found == 0 ? "it is missing" : err.msg);
}

/* A blob may be missing where the layer can be written again: it was made here, or was compressed here for a push. */
static void look_at_data(struct check *check, struct check_layer *layer)
{
	cleanup_layer_packed struct layer_packed packed = { .places = STRV_INIT };
	struct store *store = check->engine->store;
	struct err err;

	if (!blob_exists(store, &layer->blob) &&
	    (digest_equal(&layer->blob, &layer->diff_id) ||
	     layer_packed_find_blob(store, &layer->diff_id, &layer->blob, &packed) > 0)) {
		layer->data = PART_ABSENT;
		layer->made_here = true;
		return;
	}
	layer->data = check_blob(check, &layer->blob, layer->blob_bytes, &err);
	if (layer->data == PART_BAD)
		check_problem(check, "blob %.19s: %s", layer->blob.text, err.msg);
}

struct check_layer *check_layer_of(struct check *check, const struct image_layer *layer)
{
	struct check_layer *item;

	for (size_t i = 0; i < check->layer_count; i++) {
		if (digest_equal(&check->layers[i].diff_id, &layer->diff_id) &&
		    digest_equal(&check->layers[i].blob, &layer->blob))
			return &check->layers[i];
	}
	check->layers = xreallocarray(check->layers, check->layer_count + 1, sizeof(*item));
	item = &check->layers[check->layer_count++];
	*item = (struct check_layer){ .diff_id = layer->diff_id,
				      .blob = layer->blob,
				      .blob_bytes = layer->blob_bytes };
	look_at_tree(check, item);
	look_at_data(check, item);
	if (item->tree == PART_UNKNOWN && item->made_here)
		hash_tree(check, item);
	return item;
}

/* ---- one image ------------------------------------------------------------------------------------------------------- */

static bool documents_are_good(struct check *check, const struct image *image, bool say)
{
	bool is_list = digest_is_set(&image->list); /* it has one document, and an id of none */
	const struct digest *const documents[] = {
		image_document(image),
		is_list ? &image->list : &image->config,
		&image->index,
	};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct err err;

		if (!digest_is_set(documents[i]) ||
		    check_blob(check, documents[i], 0, &err) == PART_GOOD)
			continue;
		good = false;
		if (say)
			check_problem(check, "image %s: document %.19s: %s", name_of(image),
				      documents[i]->text, err.msg);
	}
	return good;
}

static bool layers_are_good(struct check *check, const struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct check_layer *layer = check_layer_of(check, &image->layers[i]);

		if (layer->tree == PART_BAD || layer->data == PART_BAD)
			return false;
	}
	return true;
}

/* Is there a tree that its blob could tell about, or heal? */
static bool needs_blobs(struct check *check, const struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct check_layer *layer = check_layer_of(check, &image->layers[i]);

		if (layer->data == PART_GOOD && (layer->tree == PART_UNKNOWN ||
						 (layer->tree == PART_BAD && check->opts->repair)))
			return true;
	}
	return false;
}

static int remove_containers(struct check *check, const struct strv *ids, struct err *err)
{
	static const struct container_rm_opts remove = {
		.force = true, .ignore = true, .depend = true, .stop.time_s = -1
	};

	for (size_t i = 0; i < ids->count; i++) {
		cleanup_container struct container *container = NULL;

		if (container_find(check->engine, ids->items[i], &container, err) <= 0)
			continue;
		if (container_remove(check->engine, container, &remove, err) < 0)
			return -1;
		check_say(check, "container %.12s: removed", ids->items[i]);
	}
	return 0;
}

/* What cannot be healed goes, if nobody needs it. */
static void give_up(struct check *check, const struct image *image, const char *why)
{
	cleanup_strv struct strv users = STRV_INIT;
	struct err err = { 0 };

	if (container_uses_image(check->engine, &image->manifest, &users, &err) < 0 ||
	    (users.count > 0 && !check->opts->force)) {
		check_say(check, "image %s: cannot be healed (%s), and a container uses it",
			  name_of(image), why);
		return;
	}
	if (remove_containers(check, &users, &err) < 0 ||
	    image_remove(check->engine->store, image, NULL, &err) < 0) {
		check_say(check, "image %s: cannot be healed (%s), nor removed: %s", name_of(image),
			  why, err.msg);
		return;
	}
	check_say(check, "image %s: removed, it cannot be healed: %s", name_of(image), why);
}

/* Look again, after it was fetched: 0 all is good, or -1 */
static int confirm_image(struct check *check, const struct image *image, struct err *err)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		struct check_layer *layer = check_layer_of(check, &image->layers[i]);
		struct layer_meta meta = { 0 };

		if (layer_find(check->engine->store, &layer->diff_id, &meta, err) <= 0)
			return err_set(err, ERR_CORRUPT, "a layer is still missing");
		layer_meta_release(&meta);
		layer->tree = PART_GOOD;
		if (layer->data == PART_BAD)
			layer->data = check_blob(check, &layer->blob, layer->blob_bytes, err);
		if (layer->data == PART_BAD)
			return -1;
	}
	return documents_are_good(check, image, false)
		       ? 0
		       : err_set(err, ERR_CORRUPT, "a document of it is still missing");
}

static void repair_image(struct check *check, const struct image *image)
{
	struct err err = { 0 };

	if (check_fetch(check, image, &err) < 0 || confirm_image(check, image, &err) < 0) {
		give_up(check, image, err.msg);
		return;
	}
	check_say(check, "image %s: healed from its registry", name_of(image));
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

static void check_images(struct check *check)
{
	struct err err;

	for (size_t i = 0; i < check->images.count; i++) {
		const struct image *image = check->images.items[i];

		if (image->damaged)
			check_problem(check, "image %.19s: its record is damaged",
				      image->manifest.text);
		if (image->damaged || image->read_only)
			continue;
		documents_are_good(check, image, true);
		layers_are_good(check, image);
		if (needs_blobs(check, image) && check_against_blobs(check, image, &err) < 0)
			check_problem(check, "image %s: its blobs cannot be unpacked: %s",
				      name_of(image), err.msg);
	}
}

static void repair_images(struct check *check)
{
	for (size_t i = 0; i < check->images.count; i++) {
		const struct image *image = check->images.items[i];

		if (image->read_only)
			continue;
		if (image->damaged)
			give_up(check, image, "its record is damaged");
		else if (!documents_are_good(check, image, false) || !layers_are_good(check, image))
			repair_image(check, image);
	}
}

static int check_containers(struct check *check, struct err *err)
{
	static const struct container_rm_opts remove = { .force = true, .ignore = true };
	cleanup_container_list struct container_list list = { NULL, 0 };

	if (container_list(check->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		struct container *container = list.items[i];
		struct err one = { 0 };

		if (container->state.status != CONTAINER_DAMAGED)
			continue;
		check_problem(check, "container %.12s: its record is damaged", container->id.text);
		if (!check->opts->repair || !check->opts->force)
			continue;
		if (container_remove(check->engine, container, &remove, &one) < 0) {
			check_say(check, "container %.12s: %s", container->id.text, one.msg);
			continue;
		}
		check_say(check, "container %.12s: removed", container->id.text);
	}
	return 0;
}

/* What is still wrong, counted anew: silent. */
static int count_left(struct check *check, struct err *err)
{
	cleanup_container_list struct container_list containers = { NULL, 0 };
	cleanup_image_list struct image_list images = { NULL, 0 };
	size_t left = 0;

	if (image_list(check->engine->store, &images, err) < 0 ||
	    container_list(check->engine, &containers, err) < 0)
		return -1;
	for (size_t i = 0; i < images.count; i++) {
		const struct image *image = images.items[i];

		left += image->damaged ||
			(!image->read_only && (!documents_are_good(check, image, false) ||
					       !layers_are_good(check, image)));
	}
	for (size_t i = 0; i < containers.count; i++)
		left += containers.items[i]->state.status == CONTAINER_DAMAGED;
	check->result.left = left;
	return 0;
}

static int collect(struct check *check, struct err *err)
{
	cleanup_strv struct strv removed = STRV_INIT;

	if (check->opts->max_age_s < 0)
		return 0;
	if (image_collect_unneeded(check->engine, check->opts->max_age_s, &removed, err) < 0)
		return -1;
	for (size_t i = 0; i < removed.count; i++)
		check_say(check, "%.19s: removed, nothing needs it", removed.items[i]);
	return 0;
}

int store_check(struct engine *engine, const struct check_opts *opts, check_function report,
		void *arg, struct check_result *ret_result, struct err *err)
{
	struct check check = {
		.engine = engine, .opts = opts, .report = report, .report_arg = arg
	};
	int status = image_list(engine->store, &check.images, err);

	if (status == 0) {
		check_images(&check);
		if (opts->repair)
			repair_images(&check);
		status = check_containers(&check, err);
	}
	if (status == 0 && opts->repair)
		status = collect(&check, err) < 0 || count_left(&check, err) < 0 ? -1 : 0;
	*ret_result = check.result;
	image_list_release(&check.images);
	free(check.layers);
	return status;
}
