/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-idmap.c - maps from any text: --uidmap maps only ids of the user, each once; a map that was parsed prints the same
 *
 * The first line is the user's ranges as a record has them, the others are items of --uidmap.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "rootless/rootless.h"

#define OWN 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_map(const struct idmap *map, const struct id_ranges *ranges)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_entry *entry = &map->entries[i];
		uint32_t id;

		if (entry->count == 0 || entry->inside + entry->count < entry->inside)
			abort();
		if (entry->outside == OWN && entry->count == 1)
			continue;
		for (size_t r = 0; r <= ranges->uid.count; r++) {
			const struct idmap_entry *range = &ranges->uid.entries[r];

			if (r == ranges->uid.count)
				abort(); /* nobody gave the user this id */
			if (entry->outside >= range->outside &&
			    entry->outside - range->outside <= range->count - entry->count &&
			    entry->count <= range->count)
				break;
		}
		/* the first and the last id lead back to this entry: none is mapped twice */
		if (idmap_to_inside(map, entry->outside, &id) != 1 || id != entry->inside ||
		    idmap_to_host(map, entry->inside + entry->count - 1, &id) != 1 ||
		    id != entry->outside + (entry->count - 1))
			abort();
	}
}

/* ranges that the loader would refuse */
static bool overlap(const struct idmap *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_entry *a = &map->entries[i];

		if (OWN >= a->outside && OWN - a->outside < a->count)
			return true;
		for (size_t j = 0; j < i; j++) {
			const struct idmap_entry *b = &map->entries[j];

			if (a->outside < b->outside ? b->outside - a->outside < a->count
						    : a->outside - b->outside < b->count)
				return true;
		}
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_strv struct strv lines = STRV_INIT;
	const struct strv none = STRV_INIT;
	struct id_ranges ranges = { .own_uid = OWN, .own_gid = OWN };
	struct err err;

	strv_split(&lines, text, '\n');
	if (idmap_parse(lines.items[0], &ranges.uid) == 0) {
		cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
		cleanup_free char *printed = idmap_format(&ranges.uid);
		struct idmaps again = IDMAPS_INIT;

		if (idmap_parse(printed, &again.uid) < 0)
			abort();
		idmaps_copy(&again, &again);
		ranges.user_name = xstrdup("ann");
		idmap_parse(printed, &ranges.gid);
		strv_remove(&lines, 0);
		if (!overlap(&ranges.uid) &&
		    idmap_plan_custom(&ranges, &lines, &none, &maps, &err) == 0)
			check_map(&maps.uid, &ranges);
		idmaps_release(&again);
	}
	id_ranges_release(&ranges);
	return 0;
}
