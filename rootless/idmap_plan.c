/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/idmap_plan.c - what --userns and --uidmap mean, as maps
 *
 * All plans are cut from one pool per kind of id: number 0 is the caller, 1 and up are the subordinate ids one after another.
 * It is the default map, what podman calls the intermediate namespace, and the numbers that --uidmap counts in.
 * Nothing here looks at the system: plans are tested as tables.
 */
#include "rootless/rootless.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <errno.h>

#define IDMAP_ITEMS_MAX IDMAP_ENTRIES_MAX

static void map_release(struct idmap *map)
{
	free(map->entries);
	*map = (struct idmap){ NULL, 0 };
}
#define cleanup_map __attribute__((cleanup(map_release)))

/* inside counts the pool, outside is the host */
static void pool_make(uint32_t own_id, const struct idmap *ranges, struct idmap *pool)
{
	uint32_t next = 1;

	idmap_add(pool, 0, own_id, 1);
	for (size_t i = 0; i < ranges->count; i++) {
		uint32_t count = ranges->entries[i].count;

		/* more ids than there are numbers: ranges of two kernels' worth, of no use to anybody */
		if (count > UINT32_MAX - next)
			count = UINT32_MAX - next;
		if (count == 0)
			break;
		idmap_add(pool, next, ranges->entries[i].outside, count);
		next += count;
	}
}

/* Map inside and up to the pool's numbers first and up, count of them. How many there were. */
static uint32_t pool_slice(const struct idmap *pool, uint32_t first, uint32_t count,
			   uint32_t inside, struct idmap *map)
{
	uint32_t done = 0;

	for (size_t i = 0; i < pool->count && done < count; i++) {
		const struct idmap_entry *entry = &pool->entries[i];

		if (first + done < entry->inside || first + done - entry->inside >= entry->count)
			continue;

		uint32_t offset = first + done - entry->inside;
		uint32_t piece = entry->count - offset;
		if (piece > count - done)
			piece = count - done;
		idmap_add(map, inside + done, entry->outside + offset, piece);
		done += piece;
	}
	return done;
}

static int check_count(const struct idmap *map, const char *word, struct err *err)
{
	if (map->count <= IDMAP_ENTRIES_MAX)
		return 0;

	err_set(err, ERR_LIMIT, "cannot map %s ids: %zu lines, the kernel takes %d", word,
		map->count, IDMAP_ENTRIES_MAX);
	return err_hint(err, "Use fewer and larger subordinate ranges.");
}

/* checks both, hands them over on success, releases them otherwise */
static int finish_plan(struct idmaps *maps, struct idmaps *ret_maps, struct err *err)
{
	if (check_count(&maps->uid, "user", err) < 0 || check_count(&maps->gid, "group", err) < 0) {
		idmaps_release(maps);
		return -1;
	}
	*ret_maps = *maps;
	return 0;
}

static bool has_ranges(const struct id_ranges *ranges)
{
	return ranges->uid.count > 0 && ranges->gid.count > 0;
}

static int need_ranges(const struct id_ranges *ranges, const char *option, struct err *err)
{
	if (has_ranges(ranges))
		return 0;

	err_set(err, ERR_UNSUPPORTED, "cannot use %s: '%s' has no subordinate ids", option,
		ranges->user_name);
	return err_hint(
		err,
		"Run as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s",
		ranges->user_name);
}

int idmap_plan_default(const struct id_ranges *ranges, struct idmaps *ret_maps, struct err *err)
{
	struct idmaps maps = IDMAPS_INIT;

	if (has_ranges(ranges)) {
		pool_make(ranges->own_uid, &ranges->uid, &maps.uid);
		pool_make(ranges->own_gid, &ranges->gid, &maps.gid);
	} else {
		maps.single = true;
		idmap_add(&maps.uid, 0, ranges->own_uid, 1);
		idmap_add(&maps.gid, 0, ranges->own_gid, 1);
	}
	return finish_plan(&maps, ret_maps, err);
}

static void keep_id(uint32_t own_id, const struct idmap *ranges, uint32_t inside, struct idmap *map)
{
	cleanup_map struct idmap pool = { NULL, 0 };

	pool_make(own_id, ranges, &pool);
	uint32_t below = pool_slice(&pool, 1, inside, 0, map);
	idmap_add(map, inside, own_id, 1);
	if (below == inside)
		pool_slice(&pool, inside + 1, UINT32_MAX - 1 - inside, inside + 1, map);
}

int idmap_plan_keep_id(const struct id_ranges *ranges, uint32_t inside_uid, uint32_t inside_gid,
		       struct idmaps *ret_maps, struct err *err)
{
	struct idmaps maps = IDMAPS_INIT;

	if (need_ranges(ranges, "--userns=keep-id", err) < 0)
		return -1;
	if (inside_uid == UINT32_MAX || inside_gid == UINT32_MAX)
		return err_set(err, ERR_USAGE, "cannot keep an id as 4294967295: it is not an id");

	keep_id(ranges->own_uid, &ranges->uid, inside_uid, &maps.uid);
	keep_id(ranges->own_gid, &ranges->gid, inside_gid, &maps.gid);
	return finish_plan(&maps, ret_maps, err);
}

int idmap_plan_nomap(const struct id_ranges *ranges, struct idmaps *ret_maps, struct err *err)
{
	struct idmaps maps = IDMAPS_INIT;
	cleanup_map struct idmap uid_pool = { NULL, 0 };
	cleanup_map struct idmap gid_pool = { NULL, 0 };

	if (need_ranges(ranges, "--userns=nomap", err) < 0)
		return -1;

	pool_make(ranges->own_uid, &ranges->uid, &uid_pool);
	pool_make(ranges->own_gid, &ranges->gid, &gid_pool);
	pool_slice(&uid_pool, 1, UINT32_MAX - 1, 0, &maps.uid);
	pool_slice(&gid_pool, 1, UINT32_MAX - 1, 0, &maps.gid);
	return finish_plan(&maps, ret_maps, err);
}

/* ---- auto ---------------------------------------------------------------------------------------------------------- */

/* The first host id from start on that no taken range covers. */
static uint64_t skip_taken(uint64_t start, const struct idmap *taken)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (size_t i = 0; i < taken->count; i++) {
			uint64_t first = taken->entries[i].outside;
			uint64_t end = first + taken->entries[i].count;

			if (start >= first && start < end) {
				start = end;
				moved = true;
			}
		}
	}
	return start;
}

/* The end of the free piece that begins at start, at most limit. */
static uint64_t free_until(uint64_t start, uint64_t limit, const struct idmap *taken)
{
	for (size_t i = 0; i < taken->count; i++)
		if (taken->entries[i].outside > start && taken->entries[i].outside < limit)
			limit = taken->entries[i].outside;
	return limit;
}

static int auto_place(const struct idmap *ranges, uint32_t size, const struct idmap *taken,
		      const char *word, struct idmap *map, struct err *err)
{
	for (size_t i = 0; i < ranges->count; i++) {
		uint64_t start = ranges->entries[i].outside;
		uint64_t end = start + ranges->entries[i].count;

		for (start = skip_taken(start, taken); start < end;
		     start = skip_taken(free_until(start, end, taken), taken)) {
			if (free_until(start, end, taken) - start < size)
				continue;
			idmap_add(map, 0, (uint32_t)start, size);
			return 0;
		}
	}
	err_set(err, ERR_LIMIT, "cannot find %u free subordinate %s ids for --userns=auto", size,
		word);
	return err_hint(err,
			"Ask for fewer (--userns=auto:size=N), remove containers that use them, or "
			"add a range to /etc/sub%cid.",
			*word);
}

int idmap_plan_auto(const struct id_ranges *ranges, uint32_t size, const struct idmap *taken,
		    struct idmaps *ret_maps, struct err *err)
{
	struct idmaps maps = IDMAPS_INIT;

	if (need_ranges(ranges, "--userns=auto", err) < 0)
		return -1;
	if (size == 0)
		return err_set(err, ERR_USAGE, "cannot make a user namespace of size 0");

	if (auto_place(&ranges->uid, size, taken, "user", &maps.uid, err) < 0 ||
	    auto_place(&ranges->gid, size, taken, "group", &maps.gid, err) < 0) {
		idmaps_release(&maps);
		return -1;
	}
	return finish_plan(&maps, ret_maps, err);
}

/* ---- --uidmap and --gidmap ------------------------------------------------------------------------------------------ */

/* one item as it was said */
struct map_item {
	bool extend, for_uid, for_gid, real_host;
	uint32_t inside, from, count;
};

static int map_item_parse(const char *text, struct map_item *ret)
{
	struct map_item item = { .count = 1 };
	const char *rest = text;

	for (; *rest == '+' || *rest == 'u' || *rest == 'g'; rest++) {
		bool *flag = *rest == '+'   ? &item.extend
			     : *rest == 'u' ? &item.for_uid
					    : &item.for_gid;

		if (*flag)
			return -EINVAL;
		*flag = true;
	}
	if (!item.for_uid && !item.for_gid)
		item.for_uid = item.for_gid = true;

	cleanup_strv struct strv parts = STRV_INIT;
	strv_split(&parts, rest, ':');
	if (parts.count != 2 && parts.count != 3)
		return -EINVAL;

	const char *from = parts.items[1];
	if (*from == '@') {
		item.real_host = true;
		from++;
	}
	if (parse_id(parts.items[0], &item.inside) < 0 || parse_id(from, &item.from) < 0)
		return -EINVAL;
	if (parts.count == 3 && parse_u32(parts.items[2], &item.count) < 0)
		return -EINVAL;
	if (item.count == 0 || item.count > UINT32_MAX - item.inside ||
	    item.count > UINT32_MAX - item.from)
		return -ERANGE;

	*ret = item;
	return 0;
}

static int map_items_parse(const struct strv *texts, const char *option,
			   struct map_item **ret_items, struct err *err)
{
	if (texts->count > IDMAP_ITEMS_MAX)
		return err_set(err, ERR_USAGE, "cannot use more than %d %s options",
			       IDMAP_ITEMS_MAX, option);

	cleanup_free struct map_item *items = xcalloc(texts->count + 1, sizeof(*items));

	for (size_t i = 0; i < texts->count; i++) {
		if (map_item_parse(texts->items[i], &items[i]) == 0)
			continue;

		cleanup_strbuf struct strbuf shown = STRBUF_INIT;
		strbuf_add_escaped(&shown, texts->items[i]);
		err_set(err, ERR_USAGE, "invalid %s value '%s'", option, shown.data);
		return err_hint(err,
				"Write CONTAINER_ID:HOST_ID[:SIZE]; HOST_ID 0 is you, 1 your first "
				"subordinate id, @ before it takes a real host id.");
	}
	*ret_items = TAKE_PTR(items);
	return 0;
}

/* Remove [first, first + count) from one side of the map; what is left of an entry stays. */
static void cut_out(struct idmap *map, bool by_outside, uint32_t first, uint32_t count)
{
	struct idmap left = { NULL, 0 };
	uint64_t cut_end = (uint64_t)first + count;

	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_entry *entry = &map->entries[i];
		uint32_t start = by_outside ? entry->outside : entry->inside;
		uint64_t end = (uint64_t)start + entry->count;

		if (cut_end <= start || first >= end) {
			idmap_add(&left, entry->inside, entry->outside, entry->count);
			continue;
		}
		if (first > start)
			idmap_add(&left, entry->inside, entry->outside, first - start);
		if (cut_end < end) {
			uint32_t offset = (uint32_t)(cut_end - start);

			idmap_add(&left, entry->inside + offset, entry->outside + offset,
				  entry->count - offset);
		}
	}
	map_release(map);
	*map = left;
}

static bool covers(const struct idmap *map, bool by_outside, uint32_t first, uint32_t count)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_entry *entry = &map->entries[i];
		uint32_t start = by_outside ? entry->outside : entry->inside;

		if (first < start ? start - first < count : first - start < entry->count)
			return true;
	}
	return false;
}

/* The pieces of one item as entries with host ids. */
static int item_resolve(const struct map_item *item, const struct idmap *pool, const char *word,
			const char *user_name, struct idmap *pieces, struct err *err)
{
	uint32_t done = 0;

	if (!item->real_host) {
		done = pool_slice(pool, item->from, item->count, item->inside, pieces);
	} else {
		uint32_t number;

		/* neighbours on the host need not be neighbours in the pool */
		while (done < item->count &&
		       idmap_to_inside(pool, item->from + done, &number) == 1) {
			size_t before = pieces->count;

			done += pool_slice(pool, number, item->count - done, item->inside + done,
					   pieces);
			/* a slice may run on into a pool entry that lies elsewhere on the host */
			while (pieces->count > before + 1)
				done -= pieces->entries[--pieces->count].count;
		}
	}
	if (done == item->count)
		return 0;

	err_set(err, ERR_USAGE, "cannot map %s ids %s%u to %s%ju: '%s' does not own all of them",
		word, item->real_host ? "@" : "", item->from, item->real_host ? "@" : "",
		(uintmax_t)item->from + item->count - 1, user_name);
	return err_hint(err, "Your own id and the ranges of /etc/sub%cid can be mapped.", *word);
}

static int custom_map(const struct map_item *items, size_t item_count, bool is_uid,
		      const struct idmap *pool, const char *user_name, struct idmap *map,
		      struct err *err)
{
	const char *word = is_uid ? "user" : "group";
	cleanup_map struct idmap chosen = { NULL, 0 };
	bool extend = item_count == 0;
	size_t used = 0;

	for (size_t i = 0; i < item_count; i++) {
		if (!(is_uid ? items[i].for_uid : items[i].for_gid))
			continue;
		used++;
		extend |= items[i].extend;

		cleanup_map struct idmap pieces = { NULL, 0 };
		if (item_resolve(&items[i], pool, word, user_name, &pieces, err) < 0)
			return -1;
		for (size_t p = 0; p < pieces.count; p++) {
			const struct idmap_entry *entry = &pieces.entries[p];

			if (covers(&chosen, false, entry->inside, entry->count))
				return err_set(err, ERR_USAGE,
					       "cannot map container %s id %u twice", word,
					       entry->inside);
			if (covers(&chosen, true, entry->outside, entry->count))
				return err_set(err, ERR_USAGE,
					       "cannot map host %s id %u to two container ids",
					       word, entry->outside);
			idmap_add(&chosen, entry->inside, entry->outside, entry->count);
		}
	}

	if (extend || used == 0)
		pool_slice(pool, 0, UINT32_MAX, 0, map);
	for (size_t i = 0; i < chosen.count; i++) {
		const struct idmap_entry *entry = &chosen.entries[i];

		cut_out(map, false, entry->inside, entry->count);
		cut_out(map, true, entry->outside, entry->count);
	}
	for (size_t i = 0; i < chosen.count; i++)
		idmap_add(map, chosen.entries[i].inside, chosen.entries[i].outside,
			  chosen.entries[i].count);
	return 0;
}

static bool is_own_single(const struct idmap *map, uint32_t own_id)
{
	return map->count == 1 && map->entries[0].count == 1 && map->entries[0].outside == own_id;
}

int idmap_plan_custom(const struct id_ranges *ranges, const struct strv *uid_items,
		      const struct strv *gid_items, struct idmaps *ret_maps, struct err *err)
{
	struct idmaps maps = IDMAPS_INIT;
	cleanup_free struct map_item *uid = NULL;
	cleanup_free struct map_item *gid = NULL;
	cleanup_map struct idmap uid_pool = { NULL, 0 };
	cleanup_map struct idmap gid_pool = { NULL, 0 };

	if (map_items_parse(uid_items, "--uidmap", &uid, err) < 0 ||
	    map_items_parse(gid_items, "--gidmap", &gid, err) < 0)
		return -1;

	pool_make(ranges->own_uid, &ranges->uid, &uid_pool);
	pool_make(ranges->own_gid, &ranges->gid, &gid_pool);
	bool copy_gid = uid_items->count == 0;
	bool copy_uid = gid_items->count == 0;

	if (custom_map(copy_gid ? gid : uid, copy_gid ? gid_items->count : uid_items->count, true,
		       &uid_pool, ranges->user_name, &maps.uid, err) < 0 ||
	    custom_map(copy_uid ? uid : gid, copy_uid ? uid_items->count : gid_items->count, false,
		       &gid_pool, ranges->user_name, &maps.gid, err) < 0) {
		idmaps_release(&maps);
		return -1;
	}
	/* one's own id alone needs no helper; storage must know that other owners do not exist */
	maps.single = is_own_single(&maps.uid, ranges->own_uid) &&
		      is_own_single(&maps.gid, ranges->own_gid);
	return finish_plan(&maps, ret_maps, err);
}
