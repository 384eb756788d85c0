/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/idmap.c - lists of id map entries: build, look up, print, parse
 *
 * Entries are kept as they were added and are never merged: newuidmap checks each line against the ranges of the user,
 * and a line that runs from the own id into a subordinate range would be refused.
 */
#include "rootless/rootless.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <errno.h>
#include <limits.h>

static void idmap_release(struct idmap *map)
{
	free(map->entries);
	*map = (struct idmap){ NULL, 0 };
}

static void idmap_copy(struct idmap *map, const struct idmap *from)
{
	map->count = from->count;
	map->entries = NULL;
	if (from->count > 0)
		map->entries = xmemdup(from->entries, from->count * sizeof(*from->entries));
}

void idmaps_release(struct idmaps *maps)
{
	if (maps == NULL)
		return;

	idmap_release(&maps->uid);
	idmap_release(&maps->gid);
	maps->single = false;
}

void idmaps_copy(struct idmaps *maps, const struct idmaps *from)
{
	struct idmaps copy = IDMAPS_INIT;

	idmap_copy(&copy.uid, &from->uid);
	idmap_copy(&copy.gid, &from->gid);
	copy.single = from->single;
	idmaps_release(maps);
	*maps = copy;
}

void id_ranges_release(struct id_ranges *ranges)
{
	if (ranges == NULL)
		return;

	free(ranges->user_name);
	idmap_release(&ranges->uid);
	idmap_release(&ranges->gid);
	*ranges = (struct id_ranges){ 0 };
}

void idmap_add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count)
{
	map->entries = xreallocarray(map->entries, map->count + 1, sizeof(*map->entries));
	map->entries[map->count++] = (struct idmap_entry){ inside, outside, count };
}

int idmap_to_host(const struct idmap *map, uint32_t inside, uint32_t *ret)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_entry *entry = &map->entries[i];

		if (inside >= entry->inside && inside - entry->inside < entry->count) {
			*ret = entry->outside + (inside - entry->inside);
			return 1;
		}
	}
	return 0;
}

int idmap_to_inside(const struct idmap *map, uint32_t outside, uint32_t *ret)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_entry *entry = &map->entries[i];

		if (outside >= entry->outside && outside - entry->outside < entry->count) {
			*ret = entry->inside + (outside - entry->outside);
			return 1;
		}
	}
	return 0;
}

uint32_t idmap_contiguous(const struct idmap *map)
{
	uint32_t end = 0;
	bool grown = true;

	/* entries come in any order: look again until none continues at the end */
	while (grown) {
		grown = false;
		for (size_t i = 0; i < map->count; i++) {
			const struct idmap_entry *entry = &map->entries[i];

			if (entry->inside == end && entry->count > 0 &&
			    CHECKED_ADD(end, entry->count, &end))
				grown = true;
		}
	}
	return end;
}

char *idmap_format(const struct idmap *map)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < map->count; i++)
		strbuf_addf(&text, "%s%u:%u:%u", i > 0 ? "," : "", map->entries[i].inside,
			    map->entries[i].outside, map->entries[i].count);
	return strbuf_take(&text);
}

/* 0 when the entry is not empty and ends at 4294967294 at most on both sides */
static int idmap_entry_check(const struct idmap_entry *entry)
{
	uint32_t end;

	if (entry->count == 0)
		return -EINVAL;
	if (!CHECKED_ADD(entry->inside, entry->count, &end) ||
	    !CHECKED_ADD(entry->outside, entry->count, &end))
		return -ERANGE;
	return 0;
}

static int idmap_entry_parse(const char *text, struct idmap_entry *ret)
{
	cleanup_strv struct strv parts = STRV_INIT;
	struct idmap_entry entry;

	strv_split(&parts, text, ':');
	if (parts.count != 3)
		return -EINVAL;
	if (parse_id(parts.items[0], &entry.inside) < 0 ||
	    parse_id(parts.items[1], &entry.outside) < 0 ||
	    parse_u32(parts.items[2], &entry.count) < 0)
		return -EINVAL;

	int r = idmap_entry_check(&entry);
	if (r < 0)
		return r;

	*ret = entry;
	return 0;
}

int idmap_parse(const char *text, struct idmap *ret)
{
	struct idmap map = { NULL, 0 };

	if (*text == '\0') {
		*ret = map;
		return 0;
	}

	cleanup_strv struct strv items = STRV_INIT;
	strv_split(&items, text, ',');
	if (items.count > IDMAP_ENTRIES_MAX)
		return -ERANGE;

	for (size_t i = 0; i < items.count; i++) {
		struct idmap_entry entry;
		int r = idmap_entry_parse(items.items[i], &entry);

		if (r < 0) {
			idmap_release(&map);
			return r;
		}
		idmap_add(&map, entry.inside, entry.outside, entry.count);
	}
	*ret = map;
	return 0;
}
