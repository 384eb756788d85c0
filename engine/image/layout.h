/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/layout.h - an image on its way out: save and push (private to engine/image)
 *
 * An OCI layout below tmp/ of the store: blobs are hard links to those of the store where they can go as they are; what has to be made
 * (the tar of a layer that was made here, another compression, another kind of manifest) is made there. From it an archive is written,
 * a directory copied, or a push fed. With nothing to be changed the manifest is the very bytes that were pulled, and so is its digest.
 */
#ifndef ENGINE_IMAGE_LAYOUT_H
#define ENGINE_IMAGE_LAYOUT_H

#include "engine/image.h"
#include "storage/store.h"

enum layout_format { LAYOUT_KEEP, LAYOUT_OCI, LAYOUT_DOCKER };
enum layout_compression {
	LAYOUT_AS_IS, /* a layer without a blob becomes a plain tar */
	LAYOUT_PLAIN, /* decompressed */
	LAYOUT_GZIP,  /* what is not compressed */
	LAYOUT_ZSTD,
	LAYOUT_CHUNKED /* zstd with a table of contents; with pending only, since the manifest tells where it is */
};

/** A layer that has to be compressed, which is done while it is sent (push_registry.c). */
struct layout_pending {
	struct digest diff_id;
	const char *kind; /* "gzip", "zstd", "zstd:chunked" */
	int level;
	int fd; /* the tar, or -1: layer_tar() writes it */
};
struct layout_pending_list {
	struct layout_pending *items;
	size_t count;
};
void layout_pending_release(struct layout_pending_list *list);

struct layout_opts {
	enum layout_format format;
	enum layout_compression compression;
	bool force; /* also what is compressed in another way */
	int level;  /* -1: the usual one */
	/*
	 * Not NULL: nothing is compressed. A layer whose blob is remembered (layer_packed.h) is named by it, without its bytes, unless the blob is
	 * one of absent; others are added to the list, and then there is no manifest yet.
	 */
	struct layout_pending_list *pending;
	const struct strv *absent;
};

struct layout {
	struct staging staging;
	int blobs_fd;
};
#define LAYOUT_INIT                                                                                \
	{                                                                                          \
		STAGING_INIT, -1                                                                   \
	}
int layout_new(struct engine *engine, struct layout *ret_layout, struct err *err);
void layout_release(struct engine *engine, struct layout *layout);

/** What was added: the manifest, also as JSON, and as a descriptor names it. */
struct layout_image {
	struct digest manifest;
	uint64_t bytes;
	const char *media_type; /* borrowed from json */
	json_t *json;
};
void layout_image_release(struct layout_image *image);
int layout_add(struct engine *engine, struct layout *layout, const struct image *image,
	       const struct layout_opts *opts, struct layout_image *ret_image, struct err *err);
/** Give an open file of the store's file system a name in the layout. */
int layout_link_blob(struct layout *layout, int fd, const struct digest *digest, struct err *err);
/** A small blob from memory. */
int layout_put_blob(struct layout *layout, const struct strbuf *text, struct digest *ret_digest,
		    struct err *err);
/** index.json and oci-layout. Each manifest once per name; names[i] belongs to images[i] and may be empty. */
int layout_write_index(struct layout *layout, const struct layout_image *images,
		       const struct strv *names, size_t count, struct err *err);

#endif
