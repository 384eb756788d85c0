/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/check_heal.c - layers from their blobs, images from their registry
 *
 *	tmp/check-X/layout/	an image of those layers that have good blobs: links to them, and documents made for it
 *	tmp/check-X/store/	a store that it is pulled into, by the very code of a pull
 *
 * A layer of that store is the truth: the sandbox has unpacked it from a blob with the right digest to a tar with the right digest.
 */
#include "engine/system/check_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/image.h"
#include "engine/image/pull_private.h"
#include "storage/layer.h"
#include "storage/layer_make.h"
#include "storage/sha256.h"

struct beside {
	struct check *check;
	const struct image *image;
	struct staging staging;
	int blobs_fd;	     /* of the layout */
	struct store *store; /* that is pulled into */
};

/* ---- the layout ------------------------------------------------------------------------------------------------------ */

static int put_document(struct beside *beside, const json_t *json, const char *media_type,
			json_t **ret_descriptor, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct digest digest;

	json_print(json, 0, &text);
	sha256_of(text.data, text.length, &digest);
	if (record_publish_raw(beside->blobs_fd, digest_hex(&digest), text.data, text.length, 0600,
			       0, err) < 0)
		return -1;
	*ret_descriptor = json_object();
	json_put_string(*ret_descriptor, "mediaType", media_type);
	json_put_string(*ret_descriptor, "digest", digest.text);
	json_put_int(*ret_descriptor, "size", (int64_t)text.length);
	return 0;
}

static int link_layer(struct beside *beside, const struct check_layer *layer, struct err *err)
{
	cleanup_fd int fd = blob_open(beside->check->engine->store, &layer->blob, err);
	char path[PROC_FD_PATH_MAX];

	if (fd < 0)
		return -1;
	fd_proc_path(fd, path);
	if (linkat(AT_FDCWD, path, beside->blobs_fd, digest_hex(&layer->blob), AT_SYMLINK_FOLLOW) <
		    0 &&
	    errno != EEXIST)
		return err_sys(err, errno, "cannot make a file in the store");
	return 0;
}

/* Only what can be unpacked: layers that were made here have been hashed, and the others do not need them. */
static int add_layers(struct beside *beside, json_t *layers, json_t *diff_ids, struct err *err)
{
	for (size_t i = 0; i < beside->image->layer_count; i++) {
		const struct check_layer *layer =
			check_layer_of(beside->check, &beside->image->layers[i]);
		json_t *entry;

		if (layer->data != PART_GOOD)
			continue;
		if (link_layer(beside, layer, err) < 0)
			return -1;
		entry = json_object();
		/* the unpacker looks at the bytes to see how they are compressed */
		json_put_string(entry, "mediaType", "application/vnd.oci.image.layer.v1.tar+gzip");
		json_put_string(entry, "digest", layer->blob.text);
		json_put_int(entry, "size", (int64_t)layer->blob_bytes);
		json_array_append_new(layers, entry);
		json_array_append_new(diff_ids, json_string(layer->diff_id.text));
	}
	return 0;
}

static int put_index(struct beside *beside, json_t *manifest, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *index = json_object();
	json_t *list = json_array();

	json_array_append(list, manifest);
	json_put_int(index, "schemaVersion", 2);
	json_put(index, "manifests", list);
	json_print(index, 0, &text);
	return record_publish_raw(beside->staging.dir_fd, "layout/index.json", text.data,
				  text.length, 0600, 0, err);
}

static int make_layout(struct beside *beside, struct digest *ret_manifest, struct err *err)
{
	cleanup_json json_t *config = json_object();
	cleanup_json json_t *manifest = json_object();
	cleanup_json json_t *top = NULL;
	json_t *rootfs = json_object(), *diff_ids = json_array(), *layers = json_array();
	json_t *descriptor = NULL;

	json_put_string(config, "architecture", beside->image->architecture);
	json_put_string(config, "os", beside->image->os);
	json_put(config, "rootfs", rootfs);
	json_put_string(rootfs, "type", "layers");
	json_put(rootfs, "diff_ids", diff_ids);
	json_put_int(manifest, "schemaVersion", 2);
	json_put_string(manifest, "mediaType", MEDIA_OCI_MANIFEST);
	json_put(manifest, "layers", layers);
	if (add_layers(beside, layers, diff_ids, err) < 0 ||
	    put_document(beside, config, MEDIA_OCI_CONFIG, &descriptor, err) < 0)
		return -1;
	json_put(manifest, "config", descriptor);
	if (put_document(beside, manifest, MEDIA_OCI_MANIFEST, &top, err) < 0 ||
	    put_index(beside, top, err) < 0)
		return -1;
	return digest_parse(json_get_string(top, "", "digest", NULL), ret_manifest) < 0 ? -1 : 0;
}

/* ---- the store beside ------------------------------------------------------------------------------------------------ */

static void beside_release(struct beside *beside)
{
	fd_close(&beside->blobs_fd);
	store_free(beside->store);
	staging_discard(beside->check->engine->store, &beside->staging);
}

static int unpack_beside(struct beside *beside, struct err *err)
{
	static const struct image_pull_opts opts = { .retry = -1 };
	struct store *ours = beside->check->engine->store;
	cleanup_free char *path = xasprintf("%s/tmp/%s/", ours->root_path, beside->staging.name);
	cleanup_free char *root = xasprintf("%sstore", path);
	cleanup_free char *layout = xasprintf("%slayout", path);
	struct store_options options = { .root = root,
					 .run_root = ours->run_path,
					 .for_writing = true };
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_json json_t *request = NULL;
	json_t *source = json_object();
	json_t *store = json_object();
	struct digest manifest;
	int status;

	if (make_layout(beside, &manifest, err) < 0 ||
	    store_open(&options, &beside->store, err) < 0) {
		json_decref(source);
		json_decref(store);
		return -1;
	}
	json_put_string(source, "kind", "oci");
	json_put(source, "path", json_text(layout));
	json_put_string(source, "digest", manifest.text);
	json_put_string(store, "root", root);
	json_put_string(store, "runRoot", ours->run_path);
	json_put(store, "additionalRoots", json_array());
	status = pull_request(beside->check->engine, "pull", source, &opts, &request, err);
	if (status < 0) {
		json_decref(store);
		return -1;
	}
	json_put(request, "store", store);
	status = pull_run(beside->check->engine, request, NULL, NULL, &result, err);
	pull_result_release(&result);
	return status;
}

/* The tree of one layer, against the one that was unpacked a moment ago. */
static int compare_layer(struct beside *beside, struct check_layer *layer, int layers_fd,
			 struct err *err)
{
	struct check *check = beside->check;
	struct digest truth, ours;
	struct err why = { 0 };

	if (layer->tree == PART_UNKNOWN) {
		if (layer_hash(beside->store, &layer->diff_id, &truth, err) < 0)
			return -1;
		layer->tree = PART_BAD;
		if (layer_hash(check->engine->store, &layer->diff_id, &ours, &why) < 0)
			check_problem(check, "layer %.19s: %s", layer->diff_id.text, why.msg);
		else if (digest_equal(&truth, &ours))
			layer->tree = PART_GOOD;
		else
			check_problem(check, "layer %.19s: files of it were changed",
				      layer->diff_id.text);
	}
	if (layer->tree != PART_BAD || !check->opts->repair)
		return 0;
	if (layer_exchange(check->engine->store, layers_fd, &layer->diff_id, err) < 0)
		return -1;
	layer->tree = PART_GOOD;
	check_say(check, "layer %.19s: healed from its blob", layer->diff_id.text);
	return 0;
}

static int compare_all(struct beside *beside, struct err *err)
{
	cleanup_fd int layers_fd = store_open_dir(beside->store, "layers/sha256", false, err);

	if (layers_fd < 0)
		return -1;
	for (size_t i = 0; i < beside->image->layer_count; i++) {
		struct check_layer *layer =
			check_layer_of(beside->check, &beside->image->layers[i]);

		if (layer->data == PART_GOOD && compare_layer(beside, layer, layers_fd, err) < 0)
			return -1;
	}
	return 0;
}

int check_against_blobs(struct check *check, const struct image *image, struct err *err)
{
	struct beside beside = {
		.check = check, .image = image, .staging = STAGING_INIT, .blobs_fd = -1
	};
	int status;

	if (staging_new(check->engine->store, "check", &beside.staging, err) < 0)
		return -1;
	beside.blobs_fd =
		path_make_dirs_beneath(beside.staging.dir_fd, "layout/blobs/sha256", 0700);
	status = beside.blobs_fd < 0
			 ? err_sys(err, -beside.blobs_fd, "cannot make a directory in the store")
			 : unpack_beside(&beside, err);
	if (status == 0)
		status = compare_all(&beside, err);
	beside_release(&beside);
	return status;
}

/* ---- the registry ---------------------------------------------------------------------------------------------------- */

/* Things that were moved out of the way, and where they were. */
struct aside {
	struct staging staging;
	struct strv paths; /* below the root; the file in the staging is called by its number */
};

static int put_aside(struct check *check, struct aside *aside, const char *directory,
		     const struct digest *digest, struct err *err)
{
	cleanup_free char *path = xasprintf("%s/%s", directory, digest_hex(digest));
	char number[24];

	snprintf(number, sizeof(number), "%zu", aside->paths.count);
	if (renameat(check->engine->store->root_fd, path, aside->staging.dir_fd, number) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot move '%s'", path);
	strv_add(&aside->paths, path);
	return 0;
}

/* A failed attempt must not make it worse. */
static void put_back(struct check *check, struct aside *aside)
{
	for (size_t i = 0; i < aside->paths.count; i++) {
		char number[24];

		snprintf(number, sizeof(number), "%zu", i);
		(void)renameat2(aside->staging.dir_fd, number, check->engine->store->root_fd,
				aside->paths.items[i], RENAME_NOREPLACE);
	}
}

/* What is bad, and a tree whose blob is bad: the pull would not fetch what it needs not. */
static int put_bad_aside(struct check *check, const struct image *image, struct aside *aside,
			 struct err *err)
{
	bool is_list = digest_is_set(&image->list); /* it has one document, and an id of none */
	const struct digest *const documents[] = {
		image_document(image),
		is_list ? &image->list : &image->config,
		&image->index,
	};

	for (size_t i = 0; i < image->layer_count; i++) {
		const struct check_layer *layer = check_layer_of(check, &image->layers[i]);

		if (layer->data == PART_BAD &&
		    put_aside(check, aside, "images/blobs/sha256", &layer->blob, err) < 0)
			return -1;
		if ((layer->data == PART_BAD || layer->tree == PART_BAD) &&
		    put_aside(check, aside, "layers/sha256", &layer->diff_id, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct err why;

		if (digest_is_set(documents[i]) &&
		    check_blob(check, documents[i], 0, &why) == PART_BAD &&
		    put_aside(check, aside, "images/blobs/sha256", documents[i], err) < 0)
			return -1;
	}
	return 0;
}

static int fetch_again(struct check *check, const struct image *image, struct err *err)
{
	static const struct image_pull_opts opts = {
		.policy = (char *)"always", .retry = -1, .tls_verify = -1, .quiet = true
	};

	err_set(err, ERR_NOT_FOUND, "it was not pulled from a registry");
	for (size_t i = 0; i < image->digests.count; i++) {
		cleanup_image struct image *fetched = NULL;

		if (image_pull(check->engine, image->digests.items[i], &opts, NULL, NULL, &fetched,
			       err) == 0)
			return 0;
		if (err->kind == ERR_INTERRUPTED)
			return -1;
	}
	return -1;
}

int check_fetch(struct check *check, const struct image *image, struct err *err)
{
	struct aside aside = { STAGING_INIT, STRV_INIT };
	int status;

	if (staging_new(check->engine->store, "aside", &aside.staging, err) < 0)
		return -1;
	status = put_bad_aside(check, image, &aside, err);
	if (status == 0)
		status = fetch_again(check, image, err);
	if (status < 0)
		put_back(check, &aside);
	staging_discard(check->engine->store, &aside.staging);
	strv_release(&aside.paths);
	return status;
}
