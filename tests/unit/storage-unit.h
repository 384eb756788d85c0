/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/storage-unit.h - a store of one's own, and images that are small enough to be made by hand
 */
#ifndef TESTS_UNIT_STORAGE_UNIT_H
#define TESTS_UNIT_STORAGE_UNIT_H

#include "unit.h"

#include <dirent.h>

#include "base/err.h"
#include "base/fd.h"
#include "storage/image.h"
#include "storage/layer.h"
#include "storage/store.h"

struct unit_store {
	struct unit_dir dir;
	char root[96], run_root[96];
	struct store *store;
};

/* 0 or more, or the test fails and tells why */
#define ok(call)                                                                                   \
	({                                                                                         \
		int ok_ = (call);                                                                  \
		if (ok_ < 0)                                                                       \
			fail_msg("%s: %s", #call, err.msg);                                        \
		ok_;                                                                               \
	})

static inline struct store *unit_store_open(const struct unit_store *unit, bool for_writing)
{
	const struct store_options options = {
		.root = unit->root,
		.run_root = unit->run_root,
		.for_writing = for_writing,
	};
	struct store *store = NULL;
	struct err err;

	ok(store_open(&options, &store, &err));
	return store;
}

static inline struct unit_store unit_store_make(void)
{
	struct unit_store unit = { .dir = unit_dir_make() };

	snprintf(unit.root, sizeof(unit.root), "%s/data", unit.dir.path);
	snprintf(unit.run_root, sizeof(unit.run_root), "%s/run", unit.dir.path);
	unit.store = unit_store_open(&unit, true);
	return unit;
}

static inline void unit_store_remove(struct unit_store *unit)
{
	store_free(unit->store);
	unit_dir_remove(&unit->dir);
}

/* a digest that nobody computed: all digits the same number, counted */
static inline struct digest unit_digest(unsigned number)
{
	struct digest digest;
	char hex[DIGEST_HEX + 1];

	snprintf(hex, sizeof(hex), "%08x%056x", number * 2654435761U, number);
	assert_int_equal(digest_from_hex(hex, &digest), 0);
	return digest;
}

static inline void unit_layer(struct store *store, const struct digest *diff_id)
{
	struct layer_meta meta = { .diff_id = *diff_id, .form = LAYER_MAPPED, .diff_bytes = 5 };
	struct staging staging = STAGING_INIT;
	struct err err;
	int fd;

	ok(layer_stage(store, diff_id, &staging, &err));
	fd = openat(staging.dir_fd, "diff/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	ok(layer_publish(store, &staging, &meta, &err));
}

/* An image of one or two layers: its own and, if shared is not 0, another one. Numbers are of digests. */
static inline void unit_image(struct store *store, unsigned number, unsigned shared,
			      const char *name)
{
	struct image image = {
		.manifest = unit_digest(number),
		.config = unit_digest(number + 1),
		.media_type = (char *)"application/vnd.oci.image.manifest.v1+json",
		.os = (char *)"linux",
		.architecture = (char *)"amd64",
		.created_ns = number,
	};
	struct image_layer layers[2] = {
		{ .diff_id = unit_digest(number + 2), .blob = unit_digest(number + 3) },
		{ .diff_id = unit_digest(shared), .blob = unit_digest(shared + 1) }
	};
	struct err err;

	image.layers = layers;
	image.layer_count = shared != 0 ? 2 : 1;
	if (name != NULL)
		strv_add(&image.names, name);
	ok(blob_put(store, &image.manifest, "{}", 2, &err));
	ok(blob_put(store, &image.config, "{}", 2, &err));
	for (size_t i = 0; i < image.layer_count; i++) {
		ok(blob_put(store, &layers[i].blob, "x", 1, &err));
		unit_layer(store, &layers[i].diff_id);
	}
	ok(image_put(store, &image, &err));
	strv_release(&image.names);
}

static inline unsigned unit_count(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	unsigned count = 0;

	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

#endif
