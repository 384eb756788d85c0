/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/layout.c - bring an image into the form that somebody else takes
 */
#include "engine/image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/image/list.h"
#include "engine/image/manifest.h"
#include "engine/image/pull_private.h"
#include "storage/copy_tree.h"
#include "storage/layer_make.h"
#include "storage/layer_packed.h"
#include "storage/sha256.h"

int layout_new(struct engine *engine, struct layout *ret_layout, struct err *err)
{
	struct layout layout = LAYOUT_INIT;

	if (staging_new(engine->store, "layout", &layout.staging, err) < 0)
		return -1;
	layout.blobs_fd = path_make_dirs_beneath(layout.staging.dir_fd, "blobs/sha256", 0755);
	if (layout.blobs_fd < 0) {
		err_sys(err, -layout.blobs_fd, "cannot make a directory in the store");
		staging_discard(engine->store, &layout.staging);
		return -1;
	}
	*ret_layout = layout;
	return 0;
}

void layout_release(struct engine *engine, struct layout *layout)
{
	fd_close(&layout->blobs_fd);
	staging_discard(engine->store, &layout->staging);
}

void layout_image_release(struct layout_image *image)
{
	json_decref(image->json);
	image->json = NULL;
}

/* ---- blobs ----------------------------------------------------------------------------------------------------------- */

int layout_link_blob(struct layout *layout, int fd, const struct digest *digest, struct err *err)
{
	char path[PROC_FD_PATH_MAX];
	static const struct copy_options plain = { .replace = true };

	fd_proc_path(fd, path);
	if (linkat(AT_FDCWD, path, layout->blobs_fd, digest_hex(digest), AT_SYMLINK_FOLLOW) == 0 ||
	    errno == EEXIST)
		return 0;
	/* of an additional store: on another file system */
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read blob '%s'", digest->text);
	return copy_file(fd, layout->blobs_fd, digest_hex(digest), &plain, err);
}

int layout_put_blob(struct layout *layout, const struct strbuf *text, struct digest *ret,
		    struct err *err)
{
	sha256_of(text->data, text->length, ret);
	return record_publish_raw(layout->blobs_fd, digest_hex(ret), text->data, text->length, 0644,
				  0, err);
}

static int new_file(struct layout *layout, struct err *err)
{
	int fd = openat(layout->blobs_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	return fd < 0 ? err_sys(err, errno, "cannot make a file in the store") : fd;
}

/* Through the sandbox, to a new file: fd. */
static int filter(struct engine *engine, struct layout *layout, int input_fd, const char *mode,
		  int level, struct digest *ret_digest, struct err *err)
{
	cleanup_json json_t *request = json_object();
	cleanup_fd int output_fd = new_file(layout, err);
	struct pull_result result = { .tags = STRV_INIT };
	const int fds[] = { input_fd, output_fd };

	if (output_fd < 0)
		return -1;
	if (lseek(input_fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read a layer");
	json_put_string(request, "op", "filter");
	json_put(request, "store", pull_store_request(engine));
	json_put(request, "source", json_object());
	json_put_string(request, "mode", mode);
	json_put_int(request, "level", level);
	if (pull_run_with(engine, request, fds, ARRAY_SIZE(fds), NULL, NULL, &result, err) < 0)
		return -1;
	*ret_digest = result.manifest;
	return TAKE_FD(output_fd);
}

static int hash_file(int fd, struct digest *ret, struct err *err)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();
	cleanup_free char *buffer = xmalloc(1 << 20);
	ssize_t got;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read a layer");
	while ((got = fd_read_full(fd, buffer, 1 << 20)) > 0)
		sha256_update(hash, buffer, (size_t)got);
	if (got < 0)
		return err_sys(err, (int)-got, "cannot read a layer");
	sha256_final_digest(hash, ret);
	return 0;
}

/* The plain tar of a layer that was made here; it must be the one that was hashed then (R12). */
static int make_tar(struct engine *engine, struct layout *layout, const struct digest *diff_id,
		    struct err *err)
{
	cleanup_fd int fd = new_file(layout, err);
	struct digest actual;

	if (fd < 0 || layer_tar(engine->store, diff_id, fd, err) < 0 ||
	    hash_file(fd, &actual, err) < 0)
		return -1;
	if (!digest_equal(&actual, diff_id)) {
		err_set(err, ERR_CORRUPT,
			"layer '%.19s' is not what it was: its tar is '%.19s' now", diff_id->text,
			actual.text);
		return err_hint(err, "Build or pull the image again.");
	}
	return TAKE_FD(fd);
}

/* ---- layers ---------------------------------------------------------------------------------------------------------- */

enum kind { KIND_PLAIN, KIND_GZIP, KIND_ZSTD, KIND_CHUNKED };

/* What became of a layer. */
struct layer_out {
	enum kind kind;
	char *annotations; /* that the manifest must say beside the blob: JSON object, or NULL */
};

static enum kind kind_of(const char *media_type)
{
	return str_ends_with(media_type, "gzip")   ? KIND_GZIP
	       : str_ends_with(media_type, "zstd") ? KIND_ZSTD
						   : KIND_PLAIN;
}

static const char *layer_type(enum kind kind, bool docker)
{
	static const char *const types[][2] = {
		[KIND_PLAIN] = { MEDIA_OCI_LAYER, MEDIA_DOCKER_LAYER },
		[KIND_GZIP] = { MEDIA_OCI_LAYER "+gzip", MEDIA_DOCKER_LAYER ".gzip" },
		[KIND_ZSTD] = { MEDIA_OCI_LAYER "+zstd", MEDIA_DOCKER_LAYER "+zstd" },
		[KIND_CHUNKED] = { MEDIA_OCI_LAYER "+zstd", MEDIA_DOCKER_LAYER "+zstd" },
	};

	return types[kind][docker];
}

static enum kind wanted_kind(const struct layout_opts *opts, enum kind have)
{
	switch (opts->compression) {
	case LAYOUT_PLAIN:
		return KIND_PLAIN;
	case LAYOUT_GZIP:
		return have == KIND_PLAIN || opts->force ? KIND_GZIP : have;
	case LAYOUT_ZSTD:
		return have == KIND_PLAIN || opts->force ? KIND_ZSTD : have;
	case LAYOUT_CHUNKED:
		return have == KIND_PLAIN || opts->force ? KIND_CHUNKED : have;
	default:
		return have;
	}
}

static const char *const kind_names[] = {
	[KIND_PLAIN] = "",
	[KIND_GZIP] = "gzip",
	[KIND_ZSTD] = "zstd",
	[KIND_CHUNKED] = "zstd:chunked",
};

/* What is to be done with one layer. */
struct layer_plan {
	const struct image_layer *layer;
	enum kind have; /* what the bytes at hand are: of a layer without a blob, its tar */
	enum kind want;
	int level;
	bool is_here;	/* the blob */
	bool is_remote; /* it came in parts: only registries have the blob */
};

/* 1 planned, -1. A blob that was made for a push and not kept can be made again. */
static int plan_layer(struct engine *engine, const struct layout_opts *opts,
		      const struct image_layer *layer, const struct descriptor *descriptor,
		      struct layer_plan *ret, struct err *err)
{
	cleanup_layer_packed struct layer_packed packed = { .places = STRV_INIT };
	enum kind have = kind_of(descriptor->media_type);

	*ret = (struct layer_plan){
		.layer = layer,
		.have = have,
		.want = wanted_kind(opts, have),
		.level = opts->level,
		.is_here = blob_exists(engine->store, &descriptor->digest),
	};
	if (ret->is_here || have == KIND_PLAIN)
		return 1;
	if (layer_packed_find_blob(engine->store, &layer->diff_id, &descriptor->digest, &packed) ==
	    0) {
		err_set(err, ERR_NOT_FOUND, "blob '%.19s' of a layer is not in the store",
			descriptor->digest.text);
		return err_hint(err, "Pull the image again.");
	}
	ret->is_remote = *packed.kind == '\0';
	if (ret->is_remote)
		return 1;
	ret->have = KIND_PLAIN;
	if (ret->want == have) {
		ret->level = packed.level;
		if (str_equal(packed.kind, kind_names[KIND_CHUNKED]))
			ret->want = KIND_CHUNKED;
	}
	return 1;
}

static void note_packed(struct engine *engine, const struct layer_plan *plan,
			const struct descriptor *descriptor)
{
	struct layer_packed packed = {
		.kind = (char *)kind_names[plan->want],
		.level = plan->level,
		.blob = descriptor->digest,
		.bytes = descriptor->bytes,
		.places = STRV_INIT,
	};

	layer_packed_note(engine->store, &plan->layer->diff_id, &packed);
}

/* Leave the compressing to the push: 1 the blob is remembered, or it is on the list now; fd is taken. */
static int defer_layer(struct engine *engine, const struct layout_opts *opts,
		       const struct layer_plan *plan, int fd_take, struct descriptor *descriptor,
		       struct layer_out *ret_out)
{
	cleanup_layer_packed struct layer_packed packed = { .places = STRV_INIT };
	struct layout_pending_list *list = opts->pending;

	if (layer_packed_find(engine->store, &plan->layer->diff_id, kind_names[plan->want],
			      plan->level, &packed) > 0 &&
	    !strv_contains(opts->absent, packed.blob.text)) {
		descriptor->digest = packed.blob;
		descriptor->bytes = packed.bytes;
		ret_out->annotations = TAKE_PTR(packed.annotations);
		fd_close(&fd_take);
		return 1;
	}
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct layout_pending){
		.diff_id = plan->layer->diff_id,
		.kind = kind_names[plan->want],
		.level = plan->level,
		.fd = fd_take,
	};
	return 1;
}

void layout_pending_release(struct layout_pending_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		fd_close(&list->items[i].fd);
	free(list->items);
	*list = (struct layout_pending_list){ NULL, 0 };
}

/* Decompressed, and the layer that it should be: fd. */
static int inflate_layer(struct engine *engine, struct layout *layout,
			 const struct layer_plan *plan, int fd, struct descriptor *descriptor,
			 struct err *err)
{
	cleanup_fd int plain_fd =
		filter(engine, layout, fd, "inflate", -1, &descriptor->digest, err);

	if (plain_fd < 0)
		return -1;
	if (!digest_equal(&descriptor->digest, &plan->layer->diff_id))
		return err_set(err, ERR_CORRUPT, "blob of layer '%.19s' is damaged",
			       plan->layer->diff_id.text);
	return TAKE_FD(plain_fd);
}

/* The blobs of an image that came in parts, whole, from where it came from. */
static int fetch_blobs(struct engine *engine, const struct image *image, struct err *err)
{
	static const struct image_pull_opts plain = { .tls_verify = -1, .retry = 3 };

	err_set(err, ERR_NOT_FOUND, "a layer came in parts, and no registry is known that has it");
	for (size_t i = 0; i < image->digests.count; i++) {
		cleanup_free char *name = NULL;
		struct digest digest;

		if (list_fetch(engine, image->digests.items[i], "all", &plain, NULL, NULL, &digest,
			       &name, err) == 0)
			return 0;
		if (err->kind == ERR_INTERRUPTED)
			return -1;
	}
	return err_wrap(err, "cannot fetch the blobs that are not in the store");
}

/* In: descriptor as the image's manifest has it. Out: what the layout's says. */
static int add_layer(struct engine *engine, struct layout *layout, const struct layout_opts *opts,
		     const struct image *image, const struct image_layer *layer,
		     struct descriptor *descriptor, struct layer_out *ret_out, struct err *err)
{
	struct layer_plan plan;
	cleanup_fd int fd = -1;
	struct stat st;

	if (plan_layer(engine, opts, layer, descriptor, &plan, err) < 0)
		return -1;
	ret_out->kind = plan.want;
	bool packs = plan.want != plan.have && plan.want != KIND_PLAIN;
	if (plan.is_remote && !packs && opts->pending != NULL &&
	    !strv_contains(opts->absent, descriptor->digest.text))
		return 0; /* the registry may have it */
	if (plan.is_remote && !blob_exists(engine->store, &descriptor->digest) &&
	    fetch_blobs(engine, image, err) < 0)
		return -1;
	plan.is_here |= plan.is_remote;
	if (plan.is_here)
		fd = blob_open(engine->store, &descriptor->digest, err);
	else if (!packs || opts->pending == NULL)
		fd = make_tar(engine, layout, &layer->diff_id, err);
	if (fd < 0 && (plan.is_here || !packs || opts->pending == NULL))
		return -1;
	if (plan.want != plan.have && plan.have != KIND_PLAIN) {
		int plain_fd = inflate_layer(engine, layout, &plan, fd, descriptor, err);

		if (plain_fd < 0)
			return -1;
		fd_close(&fd);
		fd = plain_fd;
	}
	if (packs && opts->pending != NULL)
		return defer_layer(engine, opts, &plan, TAKE_FD(fd), descriptor, ret_out);
	if (packs) {
		struct digest wanted = descriptor->digest;
		bool again = !plan.is_here && kind_of(descriptor->media_type) == plan.want;
		int packed_fd = filter(engine, layout, fd, kind_names[plan.want], plan.level,
				       &descriptor->digest, err);

		if (packed_fd < 0)
			return -1;
		fd_close(&fd);
		fd = packed_fd;
		if (again && !digest_equal(&wanted, &descriptor->digest))
			debug("layer '%.19s' compresses to another blob than once",
			      layer->diff_id.text);
	}
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect a layer");
	descriptor->bytes = (uint64_t)st.st_size;
	if (packs)
		note_packed(engine, &plan, descriptor);
	return layout_link_blob(layout, fd, &descriptor->digest, err);
}

/* ---- manifest -------------------------------------------------------------------------------------------------------- */

static bool must_be_oci(const struct manifest *manifest, const struct layer_out *outs)
{
	for (size_t i = 0; i < manifest->item_count; i++) {
		if (outs[i].kind == KIND_ZSTD || outs[i].kind == KIND_CHUNKED)
			return true;
	}
	return false;
}

/* Change what has changed; 1 something did, 0 nothing. Members that we do not know stay. */
static int rewrite(const struct manifest *manifest, const struct layer_out *outs, bool docker)
{
	const char *type = docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
	const char *config_type = docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG;
	json_t *config = json_object_get(manifest->json, "config");
	json_t *layers = json_object_get(manifest->json, "layers");
	bool other_format = !str_equal(manifest->media_type, type);
	int changed = other_format;

	if (other_format) {
		json_put_string(manifest->json, "mediaType", type);
		json_put_string(config, "mediaType", config_type);
		if (docker)
			json_object_del(manifest->json, "annotations");
	}
	for (size_t i = 0; i < manifest->item_count; i++) {
		const struct descriptor *item = &manifest->items[i];
		json_t *json = json_array_get(layers, i);
		bool other =
			!str_equal(item->digest.text, json_get_string(json, "", "digest", NULL));

		if (!other && !other_format)
			continue;
		changed = 1;
		json_put_string(json, "mediaType", layer_type(outs[i].kind, docker));
		json_put_string(json, "digest", item->digest.text);
		json_put_int(json, "size", (int64_t)item->bytes);
		/* annotations of a compression that it does not have any more (zstd:chunked) would be lies */
		if (other || docker)
			json_object_del(json, "annotations");
		if (other && outs[i].annotations != NULL)
			json_put(json, "annotations",
				 json_loads(outs[i].annotations, JSON_REJECT_DUPLICATES, NULL));
	}
	return changed;
}

static int add_config(struct engine *engine, struct layout *layout, const struct digest *digest,
		      struct err *err)
{
	cleanup_fd int fd = blob_open(engine->store, digest, err);

	return fd < 0 ? -1 : layout_link_blob(layout, fd, digest, err);
}

static int add_layers(struct engine *engine, struct layout *layout, const struct image *image,
		      const struct layout_opts *opts, const struct manifest *manifest,
		      struct layer_out *outs, struct err *err)
{
	if (manifest->item_count != image->layer_count)
		return err_set(err, ERR_CORRUPT, "it does not fit its record");
	for (size_t i = 0; i < manifest->item_count; i++) {
		if (add_layer(engine, layout, opts, image, &image->layers[i], &manifest->items[i],
			      &outs[i], err) < 0)
			return -1;
	}
	return 0;
}

static int add_image(struct engine *engine, struct layout *layout, const struct image *image,
		     const struct layout_opts *opts, struct layer_out *outs,
		     struct layout_image *ret_image, struct err *err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	bool docker;

	if (image->damaged)
		return err_set(err, ERR_CORRUPT, "image '%.19s' is damaged", image->config.text);
	if (blob_read(engine->store, &image->manifest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, image->media_type, "its manifest", &manifest,
			   err) < 0 ||
	    add_layers(engine, layout, image, opts, &manifest, outs, err) < 0 ||
	    add_config(engine, layout, &manifest.config.digest, err) < 0)
		return err_wrap(err, "cannot take image '%.19s' out of the store",
				image->config.text);
	docker = opts->format == LAYOUT_DOCKER ||
		 (opts->format == LAYOUT_KEEP &&
		  str_equal(manifest.media_type, MEDIA_DOCKER_MANIFEST));
	if (docker && must_be_oci(&manifest, outs)) {
		if (opts->format == LAYOUT_DOCKER)
			return err_set(err, ERR_USAGE,
				       "docker's format has no zstd: use the format oci, or gzip");
		docker = false;
	}
	if (opts->pending != NULL && opts->pending->count > 0) {
		*ret_image = (struct layout_image){ .json = NULL };
		return 0;
	}
	if (rewrite(&manifest, outs, docker)) {
		strbuf_clear(&text);
		json_print(manifest.json, 0, &text);
	}
	if (layout_put_blob(layout, &text, &ret_image->manifest, err) < 0)
		return -1;
	ret_image->bytes = text.length;
	ret_image->media_type = docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
	ret_image->json = json_incref(manifest.json);
	return 0;
}

int layout_add(struct engine *engine, struct layout *layout, const struct image *image,
	       const struct layout_opts *opts, struct layout_image *ret_image, struct err *err)
{
	cleanup_free struct layer_out *outs = xcalloc(image->layer_count + 1, sizeof(*outs));
	int status = add_image(engine, layout, image, opts, outs, ret_image, err);

	for (size_t i = 0; i < image->layer_count; i++)
		free(outs[i].annotations);
	return status;
}

/* ---- index ----------------------------------------------------------------------------------------------------------- */

static void add_entry(json_t *list, const struct layout_image *image, const char *name)
{
	json_t *entry = json_object();

	json_put_string(entry, "mediaType", image->media_type);
	json_put_string(entry, "digest", image->manifest.text);
	json_put_int(entry, "size", (int64_t)image->bytes);
	if (name != NULL) {
		json_t *annotations = json_object();

		json_put(annotations, "org.opencontainers.image.ref.name", json_text(name));
		json_put(entry, "annotations", annotations);
	}
	json_array_append_new(list, entry);
}

int layout_write_index(struct layout *layout, const struct layout_image *images,
		       const struct strv *names, size_t count, struct err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *index = json_object();
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < names[i].count; k++)
			add_entry(list, &images[i], names[i].items[k]);
		if (names[i].count == 0)
			add_entry(list, &images[i], NULL);
	}
	json_put_int(index, "schemaVersion", 2);
	json_put_string(index, "mediaType", MEDIA_OCI_INDEX);
	json_put(index, "manifests", list);
	json_print(index, 0, &text);
	if (record_publish_raw(layout->staging.dir_fd, "index.json", text.data, text.length, 0644,
			       0, err) < 0)
		return -1;
	return record_publish_raw(layout->staging.dir_fd, "oci-layout", version, strlen(version),
				  0644, 0, err);
}
