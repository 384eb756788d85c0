/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_cache.h - parsed records of a large store (private)
 *
 * A thousand records are a thousand times open, read, close and parse: 40 ms. The cache, one file in the runtime directory, holds them
 * parsed, each with the inode, size and change time of the file it came from; a record that is the same by these is not
 * opened. It is only ever an answer to "what is in this very file": who is there is read from the directory each time.
 * A file that changed a moment ago is not cached, because it could change again without its time changing.
 */
#ifndef STORAGE_IMAGE_CACHE_H
#define STORAGE_IMAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct image;
struct image_cache;
struct store;
struct strbuf;

/** Below this many files it costs more than it saves. */
#define IMAGE_CACHE_MIN 32

/** The cache of this store, empty when there is none. Never NULL. */
struct image_cache *image_cache_load(struct store *store, int root_fd);
/** 1 and the payload (borrowed) of this very file, or 0. */
int image_cache_find(const struct image_cache *cache, const struct stat *st,
		     const char **ret_payload, size_t *ret_length);
/** What the file holds, for image_cache_save(). fresh: it did not come from the cache. */
void image_cache_add(struct image_cache *cache, const struct stat *st, const void *payload,
		     size_t length, bool fresh);
/** Write it if something was added that is new. Failure is no error: it is a cache. Frees it. */
void image_cache_save(struct image_cache *cache, struct store *store);

/* the payload of an image: everything but store_root_fd, read_only and damaged */
void image_pack(struct strbuf *out, const struct image *image);
/** NULL when it is not whole. */
struct image *image_unpack(const char *data, size_t length);

#endif
