/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pack.c - blocks of a stream, compressed side by side
 *
 * A worker takes the next block from the input under a lock (the order of blocks is that of the taking), compresses it without the
 * lock, and leaves it in the slot of its number. The reader takes slots in their order. A worker does not begin with a block whose slot is
 * still taken: this bounds the memory when the reader is slow.
 */
#include "engine/image/pack.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/image/pack_chunked.h"
#include "storage/sha256.h"

#define GZIP_BLOCK_BYTES (1U << 20)
#define ZSTD_BLOCK_BYTES (2U << 20)
#define WORKERS_MAX	 6
#define SLOTS_EACH	 2
#define ZSTD_LEVEL	 3
#define ISAL_LEVEL	 1
#define GZIP_LEVEL	 6
#define GZIP_HEADER	 10

static const char *const pack_kind_names[] = {
	[PACK_GZIP] = "gzip",
	[PACK_ZSTD] = "zstd",
	[PACK_CHUNKED] = "zstd:chunked",
};
NAME_TABLE(pack_kind, PACK_KIND_COUNT)

struct slot {
	uint64_t number; /* of its block; UINT64_MAX: free */
	unsigned char *data;
	size_t bytes;
	uint32_t crc;
	size_t input_bytes;
};

struct packer {
	enum pack_kind kind;
	int level;
	int input_fd;
	size_t block_bytes, bound_bytes;

	pthread_mutex_t reading; /* input_fd, input_hash, next_block */
	uint64_t next_block;
	struct sha256 *input_hash;
	struct chunked *chunked; /* NULL: blocks are all of one size */

	pthread_mutex_t lock; /* all below but the reader's */
	pthread_cond_t changed;
	struct slot *slots;
	size_t slot_count;
	uint64_t taken;	 /* blocks that the reader is done with */
	uint64_t blocks; /* how many there are; UINT64_MAX: not known yet */
	bool stop, failed;
	struct err err;

	pthread_t workers[WORKERS_MAX];
	size_t worker_count;

	/* the reader's */
	const struct slot *current;
	size_t at;
	struct strbuf edge; /* header or trailer */
	size_t edge_at;
	bool ended;
	uint32_t crc;
	uint64_t input_bytes, output_bytes;
	struct sha256 *output_hash;
	struct digest input_digest, output_digest;
	struct strbuf annotations;
	uint64_t block_at; /* where the current block began */
};

/* What one thread compresses with. */
struct engine_state {
	unsigned char *input;
	ZSTD_CCtx *zstd;
	z_stream zlib;
	bool has_zlib;
#ifdef HAVE_ISAL
	struct isal_zstream *isal;
	unsigned char *level_buffer;
#endif
};

/* ---- one block ------------------------------------------------------------------------------------------------------- */

static size_t pack_zlib(struct packer *packer, struct engine_state *state, size_t bytes,
			struct slot *slot)
{
	z_stream *stream = &state->zlib;

	if (!state->has_zlib) {
		int level = packer->level == PACK_LEVEL_DEFAULT ? GZIP_LEVEL : packer->level;

		if (deflateInit2(stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
			return 0;
		state->has_zlib = true;
	} else {
		deflateReset(stream);
	}
	stream->next_in = state->input;
	stream->avail_in = (uInt)bytes;
	stream->next_out = slot->data;
	stream->avail_out = (uInt)packer->bound_bytes;
	if (deflate(stream, Z_FULL_FLUSH) != Z_OK || stream->avail_in != 0 ||
	    stream->avail_out == 0)
		return 0;
	slot->crc = (uint32_t)crc32(0, state->input, (uInt)bytes);
	return packer->bound_bytes - stream->avail_out;
}

#ifdef HAVE_ISAL
static size_t pack_isal(struct packer *packer, struct engine_state *state, size_t bytes,
			struct slot *slot)
{
	struct isal_zstream *stream = state->isal;

	if (stream == NULL) {
		stream = state->isal = xcalloc(1, sizeof(*stream));
		state->level_buffer = xmalloc(ISAL_DEF_LVL1_DEFAULT);
	}
	isal_deflate_stateless_init(stream);
	stream->level = ISAL_LEVEL;
	stream->level_buf = state->level_buffer;
	stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
	stream->gzip_flag = IGZIP_DEFLATE;
	stream->flush = FULL_FLUSH;
	stream->end_of_stream = 0;
	stream->next_in = state->input;
	stream->avail_in = (uint32_t)bytes;
	stream->next_out = slot->data;
	stream->avail_out = (uint32_t)packer->bound_bytes;
	if (isal_deflate_stateless(stream) != COMP_OK || stream->avail_in != 0)
		return 0;
	slot->crc = crc32_gzip_refl(0, state->input, bytes);
	return packer->bound_bytes - stream->avail_out;
}
#endif

static size_t pack_zstd(struct packer *packer, struct engine_state *state, size_t bytes,
			struct slot *slot)
{
	size_t made;

	if (state->zstd == NULL) {
		state->zstd = ZSTD_createCCtx();
		if (state->zstd == NULL)
			return 0;
		ZSTD_CCtx_setParameter(state->zstd, ZSTD_c_compressionLevel,
				       packer->level == PACK_LEVEL_DEFAULT ? ZSTD_LEVEL
									   : packer->level);
		ZSTD_CCtx_setParameter(state->zstd, ZSTD_c_checksumFlag, 1);
	}
	made = ZSTD_compress2(state->zstd, slot->data, packer->bound_bytes, state->input, bytes);
	return ZSTD_isError(made) ? 0 : made;
}

static size_t pack_block(struct packer *packer, struct engine_state *state, size_t bytes,
			 struct slot *slot)
{
	if (packer->kind != PACK_GZIP)
		return pack_zstd(packer, state, bytes, slot);
#ifdef HAVE_ISAL
	if (packer->level == PACK_LEVEL_DEFAULT)
		return pack_isal(packer, state, bytes, slot);
#endif
	return pack_zlib(packer, state, bytes, slot);
}

static void engine_state_release(struct engine_state *state)
{
	free(state->input);
	ZSTD_freeCCtx(state->zstd);
	if (state->has_zlib)
		deflateEnd(&state->zlib);
#ifdef HAVE_ISAL
	free(state->isal);
	free(state->level_buffer);
#endif
}

/* ---- workers --------------------------------------------------------------------------------------------------------- */

static void fail(struct packer *packer, const struct err *err)
{
	pthread_mutex_lock(&packer->lock);
	if (!packer->failed)
		packer->err = *err;
	packer->failed = true;
	pthread_cond_broadcast(&packer->changed);
	pthread_mutex_unlock(&packer->lock);
}

/* The slot of a block, when it is free: false, it is to stop. */
static bool wait_for_slot(struct packer *packer, uint64_t number)
{
	bool go;

	pthread_mutex_lock(&packer->lock);
	while (!packer->stop && !packer->failed && number >= packer->taken + packer->slot_count)
		pthread_cond_wait(&packer->changed, &packer->lock);
	go = !packer->stop && !packer->failed;
	pthread_mutex_unlock(&packer->lock);
	return go;
}

/* Take the next block: its bytes, 0 there is none. */
static size_t take_block(struct packer *packer, struct engine_state *state, uint64_t *ret_number)
{
	ssize_t got = 0;

	pthread_mutex_lock(&packer->reading);
	*ret_number = packer->next_block;
	if (wait_for_slot(packer, *ret_number) && packer->chunked != NULL)
		got = chunked_read_block(packer->chunked, state->input, packer->block_bytes,
					 *ret_number);
	else if (!packer->stop && !packer->failed)
		got = fd_read_full(packer->input_fd, state->input, packer->block_bytes);
	if (got > 0) {
		sha256_update(packer->input_hash, state->input, (size_t)got);
		packer->next_block++;
	}
	pthread_mutex_unlock(&packer->reading);
	if (got < 0) {
		struct err err;

		err_sys(&err, (int)-got, "cannot read the layer");
		fail(packer, &err);
	}
	return got > 0 ? (size_t)got : 0;
}

static void *work(void *arg)
{
	struct packer *packer = arg;
	struct engine_state state = { .input = xmalloc(packer->block_bytes) };
	uint64_t number = 0;
	size_t bytes;

	while ((bytes = take_block(packer, &state, &number)) > 0) {
		struct slot *slot = &packer->slots[number % packer->slot_count];
		size_t made = pack_block(packer, &state, bytes, slot);

		if (made == 0) {
			struct err err;

			err_set(&err, ERR_FAILED, "cannot compress the layer");
			fail(packer, &err);
			break;
		}
		pthread_mutex_lock(&packer->lock);
		slot->bytes = made;
		slot->input_bytes = bytes;
		slot->number = number;
		pthread_cond_broadcast(&packer->changed);
		pthread_mutex_unlock(&packer->lock);
	}
	pthread_mutex_lock(&packer->lock);
	if (bytes == 0)
		packer->blocks = number;
	pthread_cond_broadcast(&packer->changed);
	pthread_mutex_unlock(&packer->lock);
	engine_state_release(&state);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static size_t bound_of(const struct packer *packer)
{
	/* room for bytes that cannot be compressed, with the marks of blocks and of the flush */
	return packer->kind != PACK_GZIP
		       ? ZSTD_compressBound(packer->block_bytes)
		       : packer->block_bytes + packer->block_bytes / 1000 * 5 + 4096;
}

struct packer *packer_new(enum pack_kind kind, int level, int input_fd)
{
	static const unsigned char gzip_header[GZIP_HEADER] = { 0x1f, 0x8b, 8, 0, 0,
								0,    0,    0, 0, 0xff };
	struct packer *packer = xcalloc(1, sizeof(*packer));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t wanted = processors < 1		   ? 1
			: processors > WORKERS_MAX ? WORKERS_MAX
						   : (size_t)processors;

	packer->kind = kind;
	packer->level = level;
	packer->input_fd = input_fd;
	packer->block_bytes = kind == PACK_GZIP ? GZIP_BLOCK_BYTES : ZSTD_BLOCK_BYTES;
	packer->bound_bytes = bound_of(packer);
	packer->blocks = UINT64_MAX;
	packer->input_hash = sha256_new();
	packer->output_hash = sha256_new();
	pthread_mutex_init(&packer->reading, NULL);
	pthread_mutex_init(&packer->lock, NULL);
	pthread_cond_init(&packer->changed, NULL);
	packer->slot_count = wanted * SLOTS_EACH;
	packer->slots = xcalloc(packer->slot_count, sizeof(*packer->slots));
	for (size_t i = 0; i < packer->slot_count; i++) {
		packer->slots[i].number = UINT64_MAX;
		packer->slots[i].data = xmalloc(packer->bound_bytes);
	}
	packer->edge = packer->annotations = (struct strbuf)STRBUF_INIT;
	if (kind == PACK_GZIP)
		strbuf_add(&packer->edge, gzip_header, GZIP_HEADER);
	else if (kind == PACK_CHUNKED)
		packer->chunked = chunked_new(input_fd, level);
	while (packer->worker_count < wanted &&
	       pthread_create(&packer->workers[packer->worker_count], NULL, work, packer) == 0)
		packer->worker_count++;
	if (packer->worker_count == 0) {
		packer->failed = true;
		err_set(&packer->err, ERR_FAILED, "cannot start a thread to compress with");
	}
	return packer;
}

void packer_free(struct packer *packer)
{
	if (packer == NULL)
		return;
	pthread_mutex_lock(&packer->lock);
	packer->stop = true;
	pthread_cond_broadcast(&packer->changed);
	pthread_mutex_unlock(&packer->lock);
	for (size_t i = 0; i < packer->worker_count; i++)
		pthread_join(packer->workers[i], NULL);
	for (size_t i = 0; i < packer->slot_count; i++)
		free(packer->slots[i].data);
	free(packer->slots);
	sha256_free(packer->input_hash);
	sha256_free(packer->output_hash);
	chunked_free(packer->chunked);
	strbuf_release(&packer->edge);
	strbuf_release(&packer->annotations);
	pthread_mutex_destroy(&packer->reading);
	pthread_mutex_destroy(&packer->lock);
	pthread_cond_destroy(&packer->changed);
	fd_close(&packer->input_fd);
	free(packer);
}

/* ---- the reader ------------------------------------------------------------------------------------------------------ */

static void add_le32(struct strbuf *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		strbuf_addc(out, (char)(value >> (8 * i)));
}

static int end(struct packer *packer, struct err *err)
{
	packer->ended = true;
	sha256_final_digest(packer->input_hash, &packer->input_digest);
	strbuf_clear(&packer->edge);
	packer->edge_at = 0;
	if (packer->kind == PACK_GZIP) {
		/* a last block that is empty, then the checksum and the size */
		strbuf_add(&packer->edge, "\x03\x00", 2);
		add_le32(&packer->edge, packer->crc);
		add_le32(&packer->edge, (uint32_t)packer->input_bytes);
	}
	if (packer->chunked != NULL && chunked_end(packer->chunked, packer->output_bytes,
						   &packer->edge, &packer->annotations) < 0)
		return err_set(err, ERR_FAILED, "cannot compress the layer's table of contents");
	return 0;
}

/* Wait for the next block: 1 it is there, 0 there is none, -1 */
static int next_slot(struct packer *packer, struct err *err)
{
	struct slot *slot = &packer->slots[packer->taken % packer->slot_count];
	int status = 1;

	pthread_mutex_lock(&packer->lock);
	while (!packer->failed && slot->number != packer->taken && packer->blocks > packer->taken)
		pthread_cond_wait(&packer->changed, &packer->lock);
	if (packer->failed) {
		*err = packer->err;
		status = -1;
	} else if (slot->number != packer->taken) {
		status = 0;
	}
	pthread_mutex_unlock(&packer->lock);
	if (status <= 0)
		return status;
	packer->current = slot;
	packer->at = 0;
	packer->block_at = packer->output_bytes;
	packer->crc = (uint32_t)crc32_combine(packer->crc, slot->crc, (z_off_t)slot->input_bytes);
	packer->input_bytes += slot->input_bytes;
	return 1;
}

static void slot_done(struct packer *packer)
{
	if (packer->chunked != NULL)
		chunked_block_done(packer->chunked, packer->taken, packer->block_at,
				   packer->output_bytes);
	pthread_mutex_lock(&packer->lock);
	packer->slots[packer->taken % packer->slot_count].number = UINT64_MAX;
	packer->taken++;
	pthread_cond_broadcast(&packer->changed);
	pthread_mutex_unlock(&packer->lock);
	packer->current = NULL;
}

static size_t copy_out(struct packer *packer, void *data, size_t size, const unsigned char *from,
		       size_t have)
{
	size_t bytes = have < size ? have : size;

	memcpy(data, from, bytes);
	sha256_update(packer->output_hash, data, bytes);
	packer->output_bytes += bytes;
	return bytes;
}

ssize_t packer_read(struct packer *packer, void *data, size_t size, struct err *err)
{
	for (;;) {
		size_t bytes;
		int status;

		if (packer->edge_at < packer->edge.length) {
			bytes = copy_out(packer, data, size,
					 (const unsigned char *)packer->edge.data + packer->edge_at,
					 packer->edge.length - packer->edge_at);
			packer->edge_at += bytes;
			return (ssize_t)bytes;
		}
		if (packer->ended) {
			if (!digest_is_set(&packer->output_digest))
				sha256_final_digest(packer->output_hash, &packer->output_digest);
			return 0;
		}
		if (packer->current != NULL) {
			bytes = copy_out(packer, data, size, packer->current->data + packer->at,
					 packer->current->bytes - packer->at);
			packer->at += bytes;
			if (packer->at == packer->current->bytes)
				slot_done(packer);
			return (ssize_t)bytes;
		}
		status = next_slot(packer, err);
		if (status < 0)
			return -1;
		if (status == 0 && end(packer, err) < 0)
			return -1;
	}
}

void packer_result(const struct packer *packer, struct digest *ret_input, struct digest *ret_output,
		   uint64_t *ret_output_bytes)
{
	*ret_input = packer->input_digest;
	*ret_output = packer->output_digest;
	*ret_output_bytes = packer->output_bytes;
}

const char *packer_annotations(const struct packer *packer)
{
	return packer->annotations.length > 0 ? packer->annotations.data : NULL;
}
