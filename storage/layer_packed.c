/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/layer_packed.c - the note "packed" in a layer's directory
 *
 * One record with a list. It is read, changed and replaced without a lock: of two pushes that end at the same moment one may lose its
 * note, and compresses once more next time.
 */
#include "storage/layer_packed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "storage/store.h"

#define FILE_NAME	"packed"
#define RECORD_KIND	"packed"
#define RECORD_VERSION	1
#define ENTRIES_MAX	32
#define PLACES_MAX	16
#define ANNOTATIONS_MAX 4096

void layer_packed_release(struct layer_packed *packed)
{
	free(packed->kind);
	free(packed->annotations);
	strv_release(&packed->places);
	*packed = (struct layer_packed){ .places = STRV_INIT };
}

/* Only of the store itself: another store's notes are not ours to change, and its layers have blobs. */
static int open_layer(struct store *store, const struct digest *diff_id)
{
	char path[sizeof("layers/sha256/") + DIGEST_HEX];

	if (store->root_fd < 0)
		return -1;
	snprintf(path, sizeof(path), "layers/sha256/%s", digest_hex(diff_id));
	return path_open_beneath(store->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
}

/* The list, new reference; empty when there is none, or it is damaged. */
static json_t *read_list(int layer_fd)
{
	cleanup_json json_t *body = NULL;
	struct err ignored; /* a hint that is lost */
	json_t *list;

	if (record_read_json(layer_fd, FILE_NAME, RECORD_KIND, RECORD_VERSION, &body, &ignored) <=
	    0)
		return json_array();
	list = json_object_get(body, "packed");
	return json_is_array(list) ? json_incref(list) : json_array();
}

static int read_entry(const json_t *entry, struct layer_packed *ret)
{
	const char *annotations = json_get_string(entry, NULL, "annotations", NULL);
	struct layer_packed packed = { .places = STRV_INIT };

	if (digest_parse(json_get_string(entry, "", "digest", NULL), &packed.blob) < 0 ||
	    json_get_strv(entry, "at", &packed.places) < 0) {
		strv_release(&packed.places);
		return 0;
	}
	packed.kind = xstrdup(json_get_string(entry, "", "kind", NULL));
	packed.level = (int)json_get_int(entry, -1, "level", NULL);
	packed.bytes = (uint64_t)json_get_int(entry, 0, "bytes", NULL);
	packed.annotations = annotations != NULL ? xstrdup(annotations) : NULL;
	*ret = packed;
	return 1;
}

/* By blob, or by kind and level where blob is NULL. */
static int find(struct store *store, const struct digest *diff_id, const struct digest *blob,
		const char *kind, int level, struct layer_packed *ret)
{
	cleanup_fd int layer_fd = open_layer(store, diff_id);
	cleanup_json json_t *list = NULL;
	const json_t *entry;
	size_t i;

	if (layer_fd < 0)
		return 0;
	list = read_list(layer_fd);
	json_array_foreach (list, i, entry) {
		bool match =
			blob != NULL
				? str_equal(json_get_string(entry, "", "digest", NULL), blob->text)
				: str_equal(json_get_string(entry, "", "kind", NULL), kind) &&
					  json_get_int(entry, -1, "level", NULL) == level;

		if (match)
			return read_entry(entry, ret);
	}
	return 0;
}

int layer_packed_find(struct store *store, const struct digest *diff_id, const char *kind,
		      int level, struct layer_packed *ret)
{
	return find(store, diff_id, NULL, kind, level, ret);
}

int layer_packed_find_blob(struct store *store, const struct digest *diff_id,
			   const struct digest *blob, struct layer_packed *ret)
{
	return find(store, diff_id, blob, NULL, 0, ret);
}

/* The entry of this blob, taken out of the list and made new with what is known beside it. */
static json_t *merged_entry(json_t *list, const struct layer_packed *packed)
{
	cleanup_strv struct strv places = STRV_INIT;
	json_t *entry = json_object();
	json_t *old;
	size_t i;

	json_put_string(entry, "kind", packed->kind != NULL ? packed->kind : "");
	json_put_int(entry, "level", packed->level);
	json_put_string(entry, "digest", packed->blob.text);
	json_put_int(entry, "bytes", (int64_t)packed->bytes);
	if (packed->annotations != NULL && strlen(packed->annotations) < ANNOTATIONS_MAX)
		json_put_string(entry, "annotations", packed->annotations);
	json_array_foreach (list, i, old) {
		if (!str_equal(json_get_string(old, "", "digest", NULL), packed->blob.text))
			continue;
		/* how it was made is known from the time when it was */
		if (packed->kind == NULL)
			json_object_update(entry, old);
		(void)json_get_strv(old, "at", &places);
		json_array_remove(list, i);
		break;
	}
	for (i = 0; i < packed->places.count; i++) {
		for (size_t k = places.count; k-- > 0;) {
			if (str_equal(places.items[k], packed->places.items[i]))
				strv_remove(&places, k);
		}
		strv_add(&places, packed->places.items[i]);
	}
	while (places.count > PLACES_MAX)
		strv_remove(&places, 0);
	json_put_strv(entry, "at", &places);
	/* another version of the compressor made another blob of it: that one cannot be made again */
	json_array_foreach (list, i, old) {
		if (packed->kind != NULL && *packed->kind != '\0' &&
		    str_equal(json_get_string(old, "", "kind", NULL), packed->kind) &&
		    json_get_int(old, -1, "level", NULL) == packed->level)
			json_array_remove(list, i--);
	}
	return entry;
}

void layer_packed_note(struct store *store, const struct digest *diff_id,
		       const struct layer_packed *packed)
{
	cleanup_fd int layer_fd = open_layer(store, diff_id);
	cleanup_json json_t *body = json_object();
	struct err ignored; /* then it is made again next time */
	json_t *list;

	if (layer_fd < 0)
		return;
	list = read_list(layer_fd);
	json_array_append_new(list, merged_entry(list, packed));
	while (json_array_size(list) > ENTRIES_MAX)
		json_array_remove(list, 0);
	json_put(body, "packed", list);
	if (record_write_json(layer_fd, FILE_NAME, RECORD_KIND, RECORD_VERSION, body, 0, &ignored) <
	    0)
		debug("%s, ignoring", ignored.msg);
}
