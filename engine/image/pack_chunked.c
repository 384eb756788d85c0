/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pack_chunked.c - zstd:chunked: the walk over a tar, the table of contents, tar-split
 *
 * Both documents are compressed as they grow, so that a layer of 200,000 files needs no more memory than one of ten. An entry of the table
 * waits in a queue until the reader has seen its last frame. What is no tar from some byte on is passed through as headers are: the
 * stream stays right, its table has no more entries.
 */
#include "engine/image/pack_chunked.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "engine/image/chunked_tar.h"
#include "storage/sha256.h"

#define BLOCK		   TAR_BLOCK_BYTES
#define SKIPPABLE_MAGIC	   0x184d2a50U
#define FOOTER_BYTES	   64
#define TABLE_TYPE	   1
#define ZSTD_LEVEL_DEFAULT 3
/* so much room is there for what belongs to one header before a new frame is begun */
#define HEADER_ROOM (TAR_EXTRA_MAX + 4 * BLOCK)

/* a document that is compressed while it grows */
struct growing {
	ZSTD_CCtx *zstd;
	struct strbuf packed;
	uint64_t bytes;
	bool failed;
};

/* One entry of the table; of a file with content it waits for its frames. */
struct waiting {
	json_t *json;
	uint64_t first, last; /* numbers of its blocks; 1 and 0: it has none */
	bool complete;	      /* last is known */
	uint64_t from;
	struct waiting *next;
};

struct chunked {
	int input_fd;
	struct growing split;
	uint64_t split_position;

	/* the walker's */
	struct tar_state tar;
	struct waiting *file; /* whose content is being read */
	uint64_t content_left;
	uint64_t crc;
	struct sha256 *hash;
	size_t padding;
	uint64_t raw_left; /* content of something that is no file */
	bool no_tar;

	pthread_mutex_t lock; /* the queue and the table */
	struct waiting *queue, **queue_end;
	struct growing table;
	bool has_entries;
};

/* ---- documents ------------------------------------------------------------------------------------------------------- */

static void growing_init(struct growing *growing, int level)
{
	growing->zstd = ZSTD_createCCtx();
	growing->packed = (struct strbuf)STRBUF_INIT;
	growing->failed =
		growing->zstd == NULL ||
		ZSTD_isError(ZSTD_CCtx_setParameter(growing->zstd, ZSTD_c_compressionLevel,
						    level < 0 ? ZSTD_LEVEL_DEFAULT : level));
}

static void growing_feed(struct growing *growing, const void *data, size_t length,
			 ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = { data, length, 0 };
	char piece[16384];
	size_t left;

	growing->bytes += length;
	do {
		ZSTD_outBuffer out = { piece, sizeof(piece), 0 };

		if (growing->failed)
			return;
		left = ZSTD_compressStream2(growing->zstd, &out, &in, how);
		growing->failed = ZSTD_isError(left) != 0;
		strbuf_add(&growing->packed, piece, out.pos);
	} while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
}

static void growing_add(struct growing *growing, const char *text)
{
	growing_feed(growing, text, strlen(text), ZSTD_e_continue);
}

static void growing_release(struct growing *growing)
{
	ZSTD_freeCCtx(growing->zstd);
	strbuf_release(&growing->packed);
}

/* ---- crc64 of ISO 3309, which tar-split has for files ----------------------------------------------------------------- */

static uint64_t crc_tables[8][256];

static void crc_init(void)
{
	for (unsigned n = 0; n < 256; n++) {
		uint64_t crc = n;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xd800000000000000ULL : crc >> 1;
		crc_tables[0][n] = crc;
	}
	for (unsigned n = 0; n < 256; n++) {
		for (int k = 1; k < 8; k++)
			crc_tables[k][n] = crc_tables[0][crc_tables[k - 1][n] & 0xff] ^
					   (crc_tables[k - 1][n] >> 8);
	}
}

static uint64_t crc_update(uint64_t crc, const unsigned char *data, size_t length)
{
	crc = ~crc;
	for (; length >= 8; data += 8, length -= 8) {
		uint64_t word;

		memcpy(&word, data, 8);
		crc ^= le64toh(word);
		crc = crc_tables[7][crc & 0xff] ^ crc_tables[6][(crc >> 8) & 0xff] ^
		      crc_tables[5][(crc >> 16) & 0xff] ^ crc_tables[4][(crc >> 24) & 0xff] ^
		      crc_tables[3][(crc >> 32) & 0xff] ^ crc_tables[2][(crc >> 40) & 0xff] ^
		      crc_tables[1][(crc >> 48) & 0xff] ^ crc_tables[0][crc >> 56];
	}
	for (; length > 0; data++, length--)
		crc = crc_tables[0][(crc ^ *data) & 0xff] ^ (crc >> 8);
	return ~crc;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

struct chunked *chunked_new(int input_fd, int level)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct chunked *chunked = xcalloc(1, sizeof(*chunked));

	pthread_once(&once, crc_init);
	chunked->input_fd = input_fd;
	growing_init(&chunked->split, level);
	growing_init(&chunked->table, level);
	growing_add(&chunked->table, "{\"version\":1,\"entries\":[");
	pthread_mutex_init(&chunked->lock, NULL);
	chunked->queue_end = &chunked->queue;
	return chunked;
}

void chunked_free(struct chunked *chunked)
{
	if (chunked == NULL)
		return;
	while (chunked->queue != NULL) {
		struct waiting *next = chunked->queue->next;

		json_decref(chunked->queue->json);
		free(chunked->queue);
		chunked->queue = next;
	}
	growing_release(&chunked->split);
	growing_release(&chunked->table);
	sha256_free(chunked->hash);
	tar_state_release(&chunked->tar);
	pthread_mutex_destroy(&chunked->lock);
	free(chunked);
}

/* ---- tar-split ------------------------------------------------------------------------------------------------------- */

static void split_add(struct chunked *chunked, json_t *entry_take)
{
	cleanup_json json_t *entry = entry_take;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_put_int(entry, "position", (int64_t)chunked->split_position++);
	json_print(entry, 0, &text);
	strbuf_addc(&text, '\n');
	growing_add(&chunked->split, text.data);
}

static void split_segment(struct chunked *chunked, const unsigned char *data, size_t length)
{
	cleanup_strbuf struct strbuf encoded = STRBUF_INIT;
	json_t *entry = json_object();

	if (length == 0) {
		json_decref(entry);
		return;
	}
	base64_encode(data, length, &encoded);
	json_put_int(entry, "type", 2);
	json_put_string(entry, "payload", encoded.data);
	split_add(chunked, entry);
}

static void split_file(struct chunked *chunked, const json_t *entry, uint64_t size)
{
	cleanup_strbuf struct strbuf encoded = STRBUF_INIT;
	json_t *file = json_object();
	uint64_t sum = htobe64(chunked->crc);

	json_put_int(file, "type", 1);
	json_put(file, "name", json_incref(json_object_get(entry, "name")));
	if (size > 0) {
		base64_encode(&sum, sizeof(sum), &encoded);
		json_put_int(file, "size", (int64_t)size);
		json_put_string(file, "payload", encoded.data);
	} else {
		json_put(file, "payload", json_null());
	}
	split_add(chunked, file);
}

/* ---- the walker ------------------------------------------------------------------------------------------------------ */

static struct waiting *enqueue(struct chunked *chunked, const struct waiting *what)
{
	struct waiting *entry = xcalloc(1, sizeof(*entry));

	*entry = *what;
	pthread_mutex_lock(&chunked->lock);
	*chunked->queue_end = entry;
	chunked->queue_end = &entry->next;
	pthread_mutex_unlock(&chunked->lock);
	return entry;
}

/* The header of an entry is complete. */
static void add_entry(struct chunked *chunked, uint64_t number)
{
	struct waiting waiting = { .first = 1, .complete = true };
	struct tar_entry entry;

	tar_state_entry(&chunked->tar, &entry);
	waiting.json = entry.json;
	chunked->crc = 0;
	chunked->padding = (size_t)(-entry.size & (BLOCK - 1));
	if (entry.is_regular && entry.size > 0) {
		waiting.first = number + 1;
		waiting.last = UINT64_MAX;
		waiting.complete = false;
		chunked->file = enqueue(chunked, &waiting);
		chunked->content_left = entry.size;
		chunked->hash = sha256_new();
		return;
	}
	/* in one piece, since nobody needs to know where it ends */
	chunked->raw_left = entry.size + chunked->padding;
	chunked->padding = 0;
	if (entry.json == NULL)
		return;
	split_file(chunked, entry.json, 0);
	enqueue(chunked, &waiting);
}

static ssize_t read_content(struct chunked *chunked, unsigned char *data, size_t size,
			    uint64_t number)
{
	struct waiting *file = chunked->file;
	ssize_t got =
		fd_read_full(chunked->input_fd, data,
			     chunked->content_left < size ? (size_t)chunked->content_left : size);
	struct digest digest;

	if (got <= 0)
		return got; /* cut short: the layer's digest will tell */
	chunked->crc = crc_update(chunked->crc, data, (size_t)got);
	sha256_update(chunked->hash, data, (size_t)got);
	chunked->content_left -= (uint64_t)got;
	if (chunked->content_left > 0)
		return got;
	sha256_final_digest(chunked->hash, &digest);
	sha256_free(chunked->hash);
	chunked->hash = NULL;
	split_file(chunked, file->json, (uint64_t)json_get_int(file->json, 0, "size", NULL));
	pthread_mutex_lock(&chunked->lock);
	json_put_string(file->json, "digest", digest.text);
	file->last = number;
	file->complete = true;
	pthread_mutex_unlock(&chunked->lock);
	chunked->file = NULL;
	return got;
}

/* Bytes that are neither headers nor the content of files. */
static ssize_t read_raw(struct chunked *chunked, unsigned char *data, size_t size)
{
	ssize_t got = fd_read_full(chunked->input_fd, data, size);

	if (got > 0)
		split_segment(chunked, data, (size_t)got);
	return got;
}

static ssize_t read_headers(struct chunked *chunked, unsigned char *data, size_t size,
			    uint64_t number)
{
	size_t at = 0, segment = 0;

	while (chunked->file == NULL && chunked->raw_left == 0 && !chunked->no_tar &&
	       size - at >= HEADER_ROOM) {
		size_t wanted = chunked->padding;
		ssize_t got;

		if (wanted == 0)
			wanted = chunked->tar.extra_left > 0 ? chunked->tar.extra_left : BLOCK;
		got = fd_read_full(chunked->input_fd, data + at, wanted);
		if (got < 0)
			return got;
		at += (size_t)got;
		if ((size_t)got < wanted) {
			if (got > 0 || at == 0)
				chunked->no_tar = true;
			break;
		}
		if (chunked->padding > 0) {
			chunked->padding = 0;
			continue;
		}
		switch (tar_state_block(&chunked->tar, data + at - wanted, wanted)) {
		case TAR_MORE:
			break;
		case TAR_ENTRY:
			split_segment(chunked, data + segment, at - segment);
			segment = at;
			add_entry(chunked, number);
			break;
		case TAR_BROKEN:
			chunked->no_tar = true;
			break;
		}
	}
	split_segment(chunked, data + segment, at - segment);
	return (ssize_t)at;
}

ssize_t chunked_read_block(struct chunked *chunked, unsigned char *data, size_t size,
			   uint64_t number)
{
	ssize_t got;

	if (chunked->file != NULL)
		return read_content(chunked, data, size, number);
	if (chunked->raw_left > 0) {
		got = read_raw(chunked, data,
			       chunked->raw_left < size ? (size_t)chunked->raw_left : size);
		if (got > 0)
			chunked->raw_left -= (uint64_t)got;
		return got;
	}
	return chunked->no_tar ? read_raw(chunked, data, size)
			       : read_headers(chunked, data, size, number);
}

/* ---- the reader ------------------------------------------------------------------------------------------------------ */

static void write_entry(struct chunked *chunked, const json_t *json)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (chunked->has_entries)
		strbuf_addc(&text, ',');
	json_print(json, 0, &text);
	growing_add(&chunked->table, text.data);
	chunked->has_entries = true;
}

void chunked_block_done(struct chunked *chunked, uint64_t number, uint64_t from, uint64_t to)
{
	pthread_mutex_lock(&chunked->lock);
	while (chunked->queue != NULL) {
		struct waiting *entry = chunked->queue;
		bool has_frames = entry->first <= entry->last;

		if (has_frames && entry->first == number)
			entry->from = from;
		if (has_frames && (!entry->complete || entry->last > number))
			break;
		if (has_frames) {
			json_put_int(entry->json, "offset", (int64_t)entry->from);
			json_put_int(entry->json, "endOffset", (int64_t)to);
		}
		write_entry(chunked, entry->json);
		chunked->queue = entry->next;
		if (chunked->queue == NULL)
			chunked->queue_end = &chunked->queue;
		json_decref(entry->json);
		free(entry);
	}
	pthread_mutex_unlock(&chunked->lock);
}

static void add_frame(struct strbuf *out, const void *data, size_t length)
{
	uint32_t head[2] = { htole32(SKIPPABLE_MAGIC), htole32((uint32_t)length) };

	strbuf_add(out, head, sizeof(head));
	strbuf_add(out, data, length);
}

static void add_annotations(const struct digest *digest, const uint64_t at[6], struct strbuf *out)
{
	/* the second name is that of older readers */
	static const char *const names[] = { "io.github.containers.zstd-chunked",
					     "io.containers.zstd-chunked" };
	cleanup_json json_t *json = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *checksum = xasprintf("%s.manifest-checksum", names[i]);
		cleanup_free char *position = xasprintf("%s.manifest-position", names[i]);
		cleanup_free char *table =
			xasprintf("%llu:%llu:%llu:%d", (unsigned long long)at[0],
				  (unsigned long long)at[1], (unsigned long long)at[2], TABLE_TYPE);

		json_put_string(json, checksum, digest->text);
		json_put_string(json, position, table);
	}
	cleanup_free char *split = xasprintf("%llu:%llu:%llu", (unsigned long long)at[3],
					     (unsigned long long)at[4], (unsigned long long)at[5]);
	json_put_string(json, "io.github.containers.zstd-chunked.tarsplit-position", split);
	json_print(json, 0, out);
}

int chunked_end(struct chunked *chunked, uint64_t output_bytes, struct strbuf *ret_frames,
		struct strbuf *ret_annotations)
{
	uint64_t footer[FOOTER_BYTES / 8] = { 0 };
	struct growing *table = &chunked->table, *split = &chunked->split;
	struct digest digest;

	chunked_block_done(chunked, UINT64_MAX, output_bytes, output_bytes);
	growing_feed(split, "", 0, ZSTD_e_end);
	sha256_of(split->packed.data, split->packed.length, &digest);
	growing_add(table, "],\"tarSplitDigest\":\"");
	growing_add(table, digest.text);
	growing_feed(table, "\"}", 2, ZSTD_e_end);
	if (table->failed || split->failed)
		return -1;
	sha256_of(table->packed.data, table->packed.length, &digest);

	uint64_t table_at = output_bytes + 8;
	uint64_t split_at = table_at + table->packed.length + 8;
	const uint64_t at[6] = { table_at, table->packed.length, table->bytes,
				 split_at, split->packed.length, split->bytes };
	for (int i = 0; i < 3; i++) {
		footer[i] = htole64(at[i]);
		footer[4 + i] = htole64(at[3 + i]);
	}
	footer[3] = htole64(TABLE_TYPE);
	memcpy(&footer[7], "GNUlInUx", 8);
	add_frame(ret_frames, table->packed.data, table->packed.length);
	add_frame(ret_frames, split->packed.data, split->packed.length);
	add_frame(ret_frames, footer, FOOTER_BYTES);
	add_annotations(&digest, at, ret_annotations);
	return 0;
}
