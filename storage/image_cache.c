/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_cache.c - parsed records of a large store
 *
 * The file is in the byte order of this machine: a head, then entries one after another. What is alive is collected in a second
 * buffer in the same form, so saving is one write. It is no record of base/record.h: that checksum costs 5 ms per MiB.
 */
#include "storage/image_cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "storage/image.h"
#include "storage/store.h"

#define CACHE_MAGIC 0x3265686361632d64ULL /* "d-cache2" */
#define CACHE_LIMIT (256U << 20)

/* the coarsest clock of a file system that we know of ticks every 10 ms */
#define SETTLED_NS 100000000LL

/* "images-", two numbers in hexadecimal, ".cache" */
#define CACHE_NAME_MAX 64

struct head {
	uint64_t magic;
	uint64_t checksum; /* of all that follows */
};

struct entry {
	uint64_t inode;
	int64_t changed_ns;
	uint64_t size_bytes;
	uint64_t length; /* of the payload, which follows */
};

struct image_cache {
	char name[CACHE_NAME_MAX];
	struct strbuf old;
	size_t *offsets; /* of entries in old, sorted by inode */
	size_t count;
	struct strbuf new;
	bool changed; /* new has an entry that old has not */
	int64_t now_ns;
};

/* FNV-1a over words: it must notice a file that is not whole, and must be fast. */
static uint64_t checksum(const char *data, size_t length)
{
	uint64_t sum = 0xcbf29ce484222325ULL ^ length;
	uint64_t word;

	for (; length >= sizeof(word); data += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum = (sum ^ word) * 0x100000001b3ULL;
	}
	for (; length > 0; data++, length--)
		sum = (sum ^ (unsigned char)*data) * 0x100000001b3ULL;
	return sum;
}

static struct entry entry_of(const struct stat *st)
{
	return (struct entry){
		.inode = st->st_ino,
		.changed_ns = st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec,
		.size_bytes = (uint64_t)st->st_size,
	};
}

static struct entry entry_at(const struct image_cache *cache, size_t offset)
{
	struct entry entry;

	memcpy(&entry, cache->old.data + offset, sizeof(entry));
	return entry;
}

static int compare_offsets(const void *a, const void *b, void *arg)
{
	uint64_t left = entry_at(arg, *(const size_t *)a).inode;
	uint64_t right = entry_at(arg, *(const size_t *)b).inode;

	return left < right ? -1 : left > right;
}

static bool is_whole(const struct strbuf *file)
{
	struct head head;

	if (file->length < sizeof(head))
		return false;
	memcpy(&head, file->data, sizeof(head));
	return head.magic == CACHE_MAGIC &&
	       head.checksum == checksum(file->data + sizeof(head), file->length - sizeof(head));
}

static void index_old(struct image_cache *cache)
{
	for (size_t at = sizeof(struct head); cache->old.length - at >= sizeof(struct entry);) {
		struct entry entry = entry_at(cache, at);

		if (entry.length > cache->old.length - at - sizeof(entry))
			break;
		if ((cache->count & (cache->count - 1)) == 0)
			cache->offsets = xreallocarray(cache->offsets, cache->count * 2 + 1,
						       sizeof(*cache->offsets));
		cache->offsets[cache->count++] = at;
		at += sizeof(entry) + entry.length;
	}
	if (cache->count > 1)
		qsort_r(cache->offsets, cache->count, sizeof(*cache->offsets), compare_offsets,
			cache);
}

struct image_cache *image_cache_load(struct store *store, int root_fd)
{
	struct image_cache *cache = xcalloc(1, sizeof(*cache));
	struct head head = { .magic = CACHE_MAGIC };
	struct timespec now;
	struct stat st;

	strbuf_init(&cache->old);
	strbuf_init(&cache->new);
	strbuf_add(&cache->new, &head, sizeof(head));
	clock_gettime(CLOCK_REALTIME, &now);
	cache->now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	if (store->run_fd < 0 || fstat(root_fd, &st) < 0)
		return cache;
	snprintf(cache->name, sizeof(cache->name), "images-%" PRIx64 "-%" PRIx64 ".cache",
		 (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	/* a damaged cache is an empty one */
	if (fd_read_file(store->run_fd, cache->name, &cache->old, CACHE_LIMIT) == 0 &&
	    is_whole(&cache->old))
		index_old(cache);
	return cache;
}

int image_cache_find(const struct image_cache *cache, const struct stat *st,
		     const char **ret_payload, size_t *ret_length)
{
	struct entry wanted = entry_of(st);
	size_t low = 0;
	size_t high = cache->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct entry entry = entry_at(cache, cache->offsets[middle]);

		if (entry.inode == wanted.inode) {
			if (entry.changed_ns != wanted.changed_ns ||
			    entry.size_bytes != wanted.size_bytes)
				return 0;
			*ret_payload = cache->old.data + cache->offsets[middle] + sizeof(entry);
			*ret_length = entry.length;
			return 1;
		}
		if (entry.inode < wanted.inode)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

void image_cache_add(struct image_cache *cache, const struct stat *st, const void *payload,
		     size_t length, bool fresh)
{
	struct entry entry = entry_of(st);

	if (entry.changed_ns + SETTLED_NS > cache->now_ns)
		return;
	entry.length = length;
	strbuf_add(&cache->new, &entry, sizeof(entry));
	strbuf_add(&cache->new, payload, length);
	cache->changed |= fresh;
}

void image_cache_save(struct image_cache *cache, struct store *store)
{
	struct err ignored; /* it is a cache */

	if (cache->name[0] != '\0' && cache->changed) {
		struct head head = { .magic = CACHE_MAGIC };

		head.checksum =
			checksum(cache->new.data + sizeof(head), cache->new.length - sizeof(head));
		memcpy(cache->new.data, &head, sizeof(head));
		record_publish_raw(store->run_fd, cache->name, cache->new.data, cache->new.length,
				   0600, 0, &ignored);
	}
	strbuf_release(&cache->old);
	strbuf_release(&cache->new);
	free(cache->offsets);
	free(cache);
}

static void pack_number(struct strbuf *out, uint64_t number)
{
	strbuf_add(out, &number, sizeof(number));
}

/* NULL is kept apart from "". */
static void pack_text(struct strbuf *out, const char *text)
{
	uint32_t length = text != NULL ? (uint32_t)strlen(text) + 1 : 0;

	strbuf_add(out, &length, sizeof(length));
	strbuf_add(out, text != NULL ? text : "", length);
}

static void pack_list(struct strbuf *out, const struct strv *list)
{
	pack_number(out, list->count);
	for (size_t i = 0; i < list->count; i++)
		pack_text(out, list->items[i]);
}

void image_pack(struct strbuf *out, const struct image *image)
{
	pack_text(out, image->manifest.text);
	pack_text(out, image->config.text);
	pack_text(out, image->index.text);
	pack_text(out, image->list.text);
	pack_list(out, &image->sources);
	pack_text(out, image->media_type);
	pack_text(out, image->os);
	pack_text(out, image->architecture);
	pack_text(out, image->variant);
	pack_number(out, (uint64_t)image->created_ns);
	pack_number(out, (uint64_t)image->added_ns);
	pack_number(out, image->size_bytes);
	pack_list(out, &image->names);
	pack_list(out, &image->digests);
	pack_list(out, &image->labels);
	pack_number(out, image->layer_count);
	strbuf_add(out, image->layers, image->layer_count * sizeof(*image->layers));
}

/* A reader that stays at the end once something did not fit. */
struct reader {
	const char *at;
	size_t left;
	bool bad;
};

static const void *take(struct reader *reader, size_t size)
{
	const void *at = reader->at;

	if (reader->bad || size > reader->left) {
		reader->bad = true;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return at;
}

static uint64_t take_number(struct reader *reader)
{
	const void *at = take(reader, sizeof(uint64_t));
	uint64_t number = 0;

	if (at != NULL)
		memcpy(&number, at, sizeof(number));
	return number;
}

/* Borrowed, or NULL. */
static const char *take_text(struct reader *reader)
{
	const void *at = take(reader, sizeof(uint32_t));
	const char *text;
	uint32_t length = 0;

	if (at != NULL)
		memcpy(&length, at, sizeof(length));
	if (length == 0)
		return NULL;
	text = take(reader, length);
	if (text != NULL && text[length - 1] != '\0') {
		reader->bad = true;
		return NULL;
	}
	return text;
}

static void take_digest(struct reader *reader, struct digest *ret)
{
	const char *text = take_text(reader);

	if (text != NULL && *text != '\0' && digest_parse(text, ret) < 0)
		reader->bad = true;
}

static void take_list(struct reader *reader, struct strv *list)
{
	uint64_t count = take_number(reader);

	for (uint64_t i = 0; i < count && !reader->bad; i++) {
		const char *text = take_text(reader);

		if (text != NULL)
			strv_add(list, text);
	}
}

struct image *image_unpack(const char *data, size_t length)
{
	cleanup_image struct image *image = xcalloc(1, sizeof(*image));
	struct reader reader = { data, length, false };
	uint64_t count;
	size_t size;
	const void *layers;

	image->store_root_fd = -1;
	take_digest(&reader, &image->manifest);
	take_digest(&reader, &image->config);
	take_digest(&reader, &image->index);
	take_digest(&reader, &image->list);
	take_list(&reader, &image->sources);
	image->media_type = xstrdup_null(take_text(&reader));
	image->os = xstrdup_null(take_text(&reader));
	image->architecture = xstrdup_null(take_text(&reader));
	image->variant = xstrdup_null(take_text(&reader));
	image->created_ns = (int64_t)take_number(&reader);
	image->added_ns = (int64_t)take_number(&reader);
	image->size_bytes = take_number(&reader);
	take_list(&reader, &image->names);
	take_list(&reader, &image->digests);
	take_list(&reader, &image->labels);
	count = take_number(&reader);
	if (__builtin_mul_overflow(count, sizeof(*image->layers), &size))
		return NULL;
	layers = take(&reader, size);
	if (reader.bad || reader.left != 0 || image->media_type == NULL || image->os == NULL ||
	    image->architecture == NULL || !digest_is_set(&image->manifest))
		return NULL;
	image->layers = xmemdup(layers, size);
	image->layer_count = count;
	return TAKE_PTR(image);
}
