/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image.h - images: records, names, blobs
 *
 * An image is a manifest (a blob), a config (a blob) and layers (keyed by diffID, see layer.h). What the store knows of it is one
 * record, images/records/HEX of the manifest digest: names, config digest, sizes, and for a pulled index the digest of the
 * index. images/names/ESCAPED-NAME (ref_escape: '/' is written %2F and so on) holds the manifest digest: a lookup is one open. A
 * damaged record is listed as damaged and stops nothing else (P7). index.json is derived from the records for other tools.
 * The id of an image is its config digest. References are held by looking, not by counters: a layer or blob is removed when
 * no record names it (under the images lock), a record when the user removes it and no container's create.json uses it.
 */
#ifndef STORAGE_IMAGE_H
#define STORAGE_IMAGE_H

#include "base/alloc.h"
#include "base/digest.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;
struct strbuf;

struct image_layer {
	struct digest diff_id;
	struct digest blob; /* as the manifest names it */
	uint64_t blob_bytes;
	uint64_t diff_bytes; /* unpacked: sum of file sizes */
};

struct image {
	struct digest manifest; /* "" when damaged beyond that */
	struct digest config;	/* the image's id */
	struct digest index;	/* the index it was chosen from, or "" */
	/*
	 * Of a manifest list that was made here: the document as it is now; else "". Then manifest and config are both the list's id, which no
	 * document has and which stays while the list changes, and there are no layers.
	 */
	struct digest list;
	struct strv
		sources; /* of its members: "DIGEST NAME", where a registry has them; names as docker://... */
	struct strv
		names; /* full: "docker.io/library/alpine:latest"; in the order they were given */
	struct strv digests; /* "docker.io/library/alpine@sha256:..." it was pulled as */
	char *media_type;    /* of the manifest */
	char *os, *architecture, *variant; /* variant may be NULL */
	int64_t created_ns;
	int64_t added_ns;	    /* when it came into this store */
	uint64_t size_bytes;	    /* unpacked size of all layers */
	struct strv labels;	    /* NAME=VALUE */
	struct image_layer *layers; /* lowest first */
	size_t layer_count;
	bool damaged;
	bool read_only;	   /* of an additional store */
	int store_root_fd; /* borrowed: root of the store it lives in */
};
void image_free(struct image *image);
DEFINE_CLEANUP(image)
#define cleanup_image __attribute__((cleanup(image_free_ptr)))

struct image_list {
	struct image **items;
	size_t count;
};
void image_list_release(struct image_list *list);
#define cleanup_image_list __attribute__((cleanup(image_list_release)))

/** All images, newest first. Damaged records are in the list, marked. */
int image_list(struct store *store, struct image_list *ret_list, struct err *err);
/** All full names of this store's images, in no order, without a look at an image: for completion. */
int image_all_names(struct store *store, struct strv *ret_names, struct err *err);
/** By full name ("host/path:tag" or "host/path@sha256:..."), exactly: 1, 0, -1. */
int image_find_name(struct store *store, const char *full_name, struct image **ret_image,
		    struct err *err);
/** By id or a prefix of it, with or without "sha256:", or by manifest digest: 1, 0, -1 (ERR_AMBIGUOUS). */
int image_find_id(struct store *store, const char *id, struct image **ret_image, struct err *err);

/** The config blob, parsed and checked for size and depth. New reference in *ret_config. */
int image_config(struct store *store, const struct image *image, json_t **ret_config,
		 struct err *err);
int image_manifest(struct store *store, const struct image *image, json_t **ret_manifest,
		   struct err *err);

/**
 * Add or replace the record of image->manifest and give it names: names that another image had are taken from it (it stays, with no name).
 * All its blobs and layers must be there. Durable. Takes the images lock.
 */
int image_put(struct store *store, const struct image *image, struct err *err);
/** The digest of what the image's name means for others: of the manifest, or of the list's document. */
const struct digest *image_document(const struct image *image);
/** Who reads a list, changes it and puts it back holds this meanwhile: fd. */
int image_lists_lock(struct store *store, struct err *err);
/** Remove those of these blobs that nothing in the store needs. */
int image_drop_blobs(struct store *store, const struct strv *digests, struct err *err);
/** Give one more name. */
int image_tag(struct store *store, const struct image *image, const char *full_name,
	      struct err *err);
/** Take one name away (all of them when name is NULL); the image stays. ERR_NOT_FOUND when it has no such name. */
int image_untag(struct store *store, const struct image *image, const char *full_name,
		struct err *err);
/**
 * Remove the record, and what no other image needs of its blobs and layers.
 * @param ret_removed  digests of what went: "sha256:..." of the image and of layers; may be NULL
 */
int image_remove(struct store *store, const struct image *image, struct strv *ret_removed,
		 struct err *err);

/**
 * Remove the layers and blobs that no image names and nobody uses: what pulls left that never came to their end. The young ones stay, since a
 * pull that is under way has no record yet.
 * @param keep         diffIDs that are used without an image, "sha256:..."
 * @param older_than_s seconds since they were made
 * @param ret_removed  diffIDs and digests of what went; may be NULL
 */
int image_collect(struct store *store, const struct strv *keep, int64_t older_than_s,
		  struct strv *ret_removed, struct err *err);

/** Path-free access to a blob: fd, -1 (ERR_NOT_FOUND). */
int blob_open(struct store *store, const struct digest *digest, struct err *err);
bool blob_exists(struct store *store, const struct digest *digest);
/** Whole blob as text; limit JSON_LIMIT_BYTES. */
int blob_read(struct store *store, const struct digest *digest, struct strbuf *ret_data,
	      struct err *err);
/**
 * A blob that is being fetched: tmp/blob-HEX.partial, kept when the fetch breaks off so that a retry resumes (U11). A lock on it
 * makes a second fetcher of the same blob wait.
 */
struct blob_partial {
	int fd; /* positioned at the end of what is there */
	int lock_fd;
	uint64_t have_bytes;
	struct digest digest;
};
#define BLOB_PARTIAL_INIT                                                                          \
	{                                                                                          \
		-1, -1, 0,                                                                         \
		{                                                                                  \
			""                                                                         \
		}                                                                                  \
	}
/** 1 opened; 0 the blob is complete in the store by now; -1. */
int blob_partial_open(struct store *store, const struct digest *digest,
		      struct blob_partial *ret_partial, struct err *err);
/** The same without waiting: 2 when somebody else is fetching it. For callers that hold one already and would deadlock. */
int blob_partial_try(struct store *store, const struct digest *digest,
		     struct blob_partial *ret_partial, struct err *err);
/**
 * Give a file the name of the blob's partial, if there is none: then nothing has to be copied, only checked. The file is on the store's file
 * system, the user's, and nobody else writes to it; it may become the blob. Quiet: without it the bytes are copied.
 */
void blob_partial_offer(struct store *store, const struct digest *digest, int fd);
/** The caller has checked the digest: make it visible. */
int blob_partial_publish(struct store *store, struct blob_partial *partial, bool durable,
			 struct err *err);
/** Close it; the bytes stay for a retry unless discard. */
void blob_partial_close(struct store *store, struct blob_partial *partial, bool discard);
/** Publish a small blob from memory. */
int blob_put(struct store *store, const struct digest *digest, const void *data, size_t length,
	     struct err *err);

/** Name for the file system and back: '%', '/', control bytes and a leading '.' are written as %XX. Yours. */
char *name_escape(const char *name);
char *name_unescape(const char *escaped);

#endif
