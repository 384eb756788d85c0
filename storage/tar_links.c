/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_links.c - remember files with several names by device and inode
 *
 * Open addressing; nothing is ever removed. Only files with more than one link get here, so it stays small.
 */
#include "storage/tar_links.h"

#include <stdint.h>

#include "base/alloc.h"

#define FIRST_SIZE 64 /* a power of two, as all sizes */

struct tar_link {
	dev_t dev;
	ino_t ino;
	char *name; /* NULL: free */
};

void tar_links_init(struct tar_links *links)
{
	*links = (struct tar_links){ NULL, 0, 0 };
}

void tar_links_release(struct tar_links *links)
{
	for (size_t i = 0; i < links->size; i++)
		free(links->slots[i].name);
	free(links->slots);
	tar_links_init(links);
}

/* Its slot, or the free one where it belongs. */
static struct tar_link *find(const struct tar_links *links, dev_t dev, ino_t ino)
{
	/* inode numbers are dense: multiplying spreads them (Knuth's constant, 64 bits) */
	uint64_t hash = ((uint64_t)ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15ULL;
	size_t at = (size_t)(hash >> 32) & (links->size - 1);

	while (links->slots[at].name != NULL &&
	       (links->slots[at].ino != ino || links->slots[at].dev != dev))
		at = (at + 1) & (links->size - 1);
	return &links->slots[at];
}

static void grow(struct tar_links *links)
{
	struct tar_links larger = { .size = links->size ? links->size * 2 : FIRST_SIZE };

	larger.slots = xcalloc(larger.size, sizeof(*larger.slots));
	for (size_t i = 0; i < links->size; i++)
		if (links->slots[i].name != NULL)
			*find(&larger, links->slots[i].dev, links->slots[i].ino) = links->slots[i];
	larger.count = links->count;
	free(links->slots);
	*links = larger;
}

const char *tar_links_find_or_add(struct tar_links *links, const struct stat *st, const char *name)
{
	if (links->count >= links->size / 2)
		grow(links);
	struct tar_link *link = find(links, st->st_dev, st->st_ino);
	if (link->name != NULL)
		return link->name;

	*link = (struct tar_link){ st->st_dev, st->st_ino, xstrdup(name) };
	links->count++;
	return NULL;
}
