/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_alloc.c - memory for many small JSON values
 *
 * `ps` reads a record per container, and keeps them all: hundreds of thousands of pieces of some ten bytes, between buffers that come and go.
 * The general allocator spends most of such a command looking for room in what is free. Here each size has a list of its own, pieces are cut from
 * blocks, and what is freed is the next to be given: no search, and no work at the end of the process, which gives all back at once.
 * Large pieces are the general allocator's.
 */
#include "base/json.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STEP_BYTES  16
#define SMALL_BYTES 512 /* the largest piece that has a list */
#define BLOCK_BYTES (64 << 10)
#define LARGE	    UINT64_MAX

/* before each piece: the number of its list, or LARGE */
struct piece {
	uint64_t list;
	union {
		struct piece *next; /* of a free one */
		unsigned char bytes[1];
	};
};
#define HEAD_BYTES offsetof(struct piece, bytes)

static struct piece *free_pieces[SMALL_BYTES / STEP_BYTES + 1];
static unsigned char *block;
static size_t block_left;

static void *large(size_t size)
{
	struct piece *piece = size < SIZE_MAX - HEAD_BYTES ? malloc(HEAD_BYTES + size) : NULL;

	if (piece == NULL)
		return NULL;
	piece->list = LARGE;
	return piece->bytes;
}

static void *json_take(size_t size)
{
	size_t list = (size + STEP_BYTES - 1) / STEP_BYTES;
	struct piece *piece;
	size_t whole;

	if (size > SMALL_BYTES)
		return large(size);
	list += list == 0;
	piece = free_pieces[list];
	if (piece != NULL) {
		free_pieces[list] = piece->next;
		return piece->bytes;
	}

	whole = HEAD_BYTES + list * STEP_BYTES;
	if (whole > block_left) {
		/* the rest of the old block is too small to care for */
		block = malloc(BLOCK_BYTES);
		if (block == NULL) {
			block_left = 0;
			return NULL;
		}
		block_left = BLOCK_BYTES;
	}
	piece = (struct piece *)block;
	block += whole;
	block_left -= whole;
	piece->list = list;
	return piece->bytes;
}

static void json_give(void *data)
{
	struct piece *piece;

	if (data == NULL)
		return;
	piece = (struct piece *)((unsigned char *)data - HEAD_BYTES);
	if (piece->list == LARGE) {
		free(piece);
		return;
	}
	piece->next = free_pieces[piece->list];
	free_pieces[piece->list] = piece;
}

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED true /* the sanitizer looks after each piece */
#elif defined(__has_feature)
#define WATCHED __has_feature(address_sanitizer)
#else
#define WATCHED false
#endif

void json_alloc_start(void)
{
	if (!WATCHED)
		json_set_alloc_funcs(json_take, json_give);
}
