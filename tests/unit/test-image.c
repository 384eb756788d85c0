/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-image.c - records, names, blobs; damage; many readers
 */
#include "storage-unit.h"

#include <sys/wait.h>
#include <time.h>

#include "base/json.h"

static struct image *find(struct store *store, const char *name)
{
	struct image *image = NULL;
	struct err err;

	return ok(image_find_name(store, name, &image, &err)) > 0 ? image : NULL;
}

static unsigned layers_in(const struct store *store)
{
	return unit_count(store->root_fd, "layers/sha256");
}

static unsigned blobs_in(const struct store *store)
{
	return unit_count(store->root_fd, "images/blobs/sha256");
}

static void test_put_and_find(void **state)
{
	struct unit_store unit = unit_store_make();
	cleanup_image struct image *by_name = NULL;
	cleanup_image struct image *by_id = NULL;
	struct image *none = NULL;
	struct digest config = unit_digest(101);
	struct digest manifest = unit_digest(100);
	char prefix[13] = "";
	struct err err;

	unit_image(unit.store, 100, 0, "docker.io/library/alpine:latest");
	by_name = find(unit.store, "docker.io/library/alpine:latest");
	assert_non_null(by_name);
	assert_string_equal(by_name->config.text, config.text);
	assert_string_equal(by_name->manifest.text, manifest.text);
	assert_int_equal(by_name->names.count, 1);
	assert_int_equal(by_name->layer_count, 1);
	assert_string_equal(by_name->os, "linux");
	assert_null(by_name->variant);
	assert_true(by_name->added_ns > 0);
	assert_null(find(unit.store, "docker.io/library/alpine:3"));
	assert_null(find(unit.store, "../records/x"));

	memcpy(prefix, digest_hex(&config), 12);
	assert_int_equal(ok(image_find_id(unit.store, prefix, &by_id, &err)), 1);
	assert_int_equal(by_id->names.count, 1);
	image_free(by_id);
	assert_int_equal(ok(image_find_id(unit.store, config.text, &by_id, &err)), 1);
	image_free(by_id);
	assert_int_equal(ok(image_find_id(unit.store, manifest.text, &by_id, &err)), 1);
	assert_int_equal(image_find_id(unit.store, "not-an-id", &none, &err), 0);
	assert_int_equal(image_find_id(unit.store, "ffffffffffff", &none, &err), 0);
	assert_int_equal(image_find_id(unit.store, "", &none, &err), 0);
	unit_store_remove(&unit);
}

static void test_ids_can_be_ambiguous(void **state)
{
	struct unit_store unit = unit_store_make();
	struct image *image;
	char first[2] = "";
	unsigned other = 3;
	struct err err;

	unit_image(unit.store, 100, 0, NULL);
	first[0] = unit_digest(101).text[7];
	do
		other += 10;
	while (unit_digest(other + 1).text[7] != first[0]);
	unit_image(unit.store, other, 0, NULL);
	assert_int_equal(image_find_id(unit.store, first, &image, &err), -1);
	assert_int_equal(err.kind, ERR_AMBIGUOUS);
	unit_store_remove(&unit);
}

static void test_names_move(void **state)
{
	struct unit_store unit = unit_store_make();
	struct image_list list = { NULL, 0 };
	struct image *image;
	struct err err;

	unit_image(unit.store, 100, 0, "a");
	unit_image(unit.store, 200, 0, "a");
	image = find(unit.store, "a");
	assert_string_equal(image->manifest.text, unit_digest(200).text);
	image_free(image);
	ok(image_list(unit.store, &list, &err));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.items[0]->names.count, 1);
	assert_int_equal(list.items[1]->names.count, 0);

	/* tag the old one: the name comes back, and names stand in the order in which they were given */
	ok(image_tag(unit.store, list.items[1], "b", &err));
	ok(image_tag(unit.store, list.items[1], "a", &err));
	image = find(unit.store, "a");
	assert_string_equal(image->manifest.text, unit_digest(100).text);
	assert_int_equal(image->names.count, 2);
	assert_string_equal(image->names.items[0], "b");
	assert_string_equal(image->names.items[1], "a");

	ok(image_untag(unit.store, image, "a", &err));
	assert_null(find(unit.store, "a"));
	assert_int_equal(image_untag(unit.store, image, "a", &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	ok(image_untag(unit.store, image, NULL, &err));
	assert_null(find(unit.store, "b"));
	image_free(image);
	image_list_release(&list);

	/* what is put again keeps its names and gets more */
	unit_image(unit.store, 100, 0, "c");
	unit_image(unit.store, 100, 0, "d");
	image = find(unit.store, "c");
	assert_int_equal(image->names.count, 2);
	image_free(image);
	unit_store_remove(&unit);
}

static void test_very_long_names(void **state)
{
	struct unit_store unit = unit_store_make();
	struct image *image;
	char name[500];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	unit_image(unit.store, 100, 0, name);
	image = find(unit.store, name);
	assert_non_null(image);
	assert_string_equal(image->names.items[0], name);
	image_free(image);
	name[400] = 'b';
	assert_null(find(unit.store, name));
	unit_store_remove(&unit);
}

static void test_remove_keeps_what_others_need(void **state)
{
	struct unit_store unit = unit_store_make();
	struct strv removed = STRV_INIT;
	struct image *image;
	struct err err;

	unit_image(unit.store, 100, 50, "a");
	unit_image(unit.store, 200, 50, "b");
	assert_int_equal(layers_in(unit.store), 3);
	assert_int_equal(blobs_in(unit.store), 7);

	image = find(unit.store, "a");
	ok(image_remove(unit.store, image, &removed, &err));
	assert_int_equal(removed.count, 2); /* the image and its own layer */
	assert_string_equal(removed.items[0], unit_digest(101).text);
	assert_int_equal(layers_in(unit.store), 2);
	assert_int_equal(blobs_in(unit.store), 4);
	assert_null(find(unit.store, "a"));
	assert_int_equal(image_remove(unit.store, image, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	image_free(image);

	image = find(unit.store, "b");
	ok(image_remove(unit.store, image, NULL, &err));
	image_free(image);
	assert_int_equal(layers_in(unit.store), 0);
	assert_int_equal(blobs_in(unit.store), 0);
	assert_int_equal(unit_count(unit.store->root_fd, "images/names"), 0);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
	strv_release(&removed);
	unit_store_remove(&unit);
}

static void test_a_removal_that_broke_off_is_finished(void **state)
{
	struct unit_store unit = unit_store_make();
	char record[160];

	unit_image(unit.store, 100, 50, "a");
	unit_image(unit.store, 200, 50, "b");
	/* what is there after a kill behind the first rename */
	snprintf(record, sizeof(record), "images/records/%s", unit_digest(100).text + 7);
	assert_int_equal(renameat(unit.store->root_fd, record, unit.store->root_fd,
				  "tmp/rmi-0123456789abcdef"),
			 0);

	store_free(unit.store);
	unit.store = unit_store_open(&unit, true);
	for (int i = 0; i < 1000 && unit_count(unit.store->root_fd, "tmp") != 1; i++)
		nanosleep(&(const struct timespec){ .tv_nsec = 5000000 }, NULL);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
	assert_int_equal(layers_in(unit.store), 2);
	assert_int_equal(blobs_in(unit.store), 4);
	assert_null(find(unit.store, "a"));
	unit_store_remove(&unit);
}

static void test_what_killed_writers_left_is_swept(void **state)
{
	struct unit_store unit = unit_store_make();
	static const char *const left[] = { "images/.tmp-0123456789abcdef",
					    "images/records/.tmp-0123456789abcdef",
					    "images/names/.tmp-0123456789abcdef" };

	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		unit_write(unit.store->root_fd, left[i], "half");
	unit_image(unit.store, 100, 0, "a");
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		assert_int_equal(faccessat(unit.store->root_fd, left[i], F_OK, 0), -1);
	unit_store_remove(&unit);
}

/* layers of a pull that broke off for good: no image names them */
static void test_what_nobody_needs_is_collected(void **state)
{
	struct unit_store unit = unit_store_make();
	const struct digest lost = unit_digest(901), used = unit_digest(902);
	struct strv keep = STRV_INIT, removed = STRV_INIT;
	unsigned blobs;
	struct err err;
	int fd;

	unit_image(unit.store, 100, 0, "a");
	unit_layer(unit.store, &lost);
	unit_layer(unit.store, &used);
	blobs = blobs_in(unit.store);
	fd = openat(unit.store->root_fd,
		    "images/blobs/sha256/"
		    "00000000000000000000000000000000000000000000000000000000000000aa",
		    O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	strv_add(&keep, used.text);

	/* young: a pull may be under way */
	ok(image_collect(unit.store, &keep, 3600, &removed, &err));
	assert_int_equal(removed.count, 0);
	assert_int_equal(layers_in(unit.store), 3);

	ok(image_collect(unit.store, &keep, -3600, &removed, &err));
	assert_int_equal(removed.count, 2);
	assert_string_equal(removed.items[0], lost.text);
	assert_int_equal(layers_in(unit.store), 2);
	assert_int_equal(blobs_in(unit.store), blobs);
	image_free(find(unit.store, "a"));
	strv_release(&keep);
	strv_release(&removed);
	unit_store_remove(&unit);
}

static void test_put_wants_all_parts(void **state)
{
	struct unit_store unit = unit_store_make();
	struct image image = { .manifest = unit_digest(1), .config = unit_digest(2) };
	struct image_layer layer = { .diff_id = unit_digest(3) };
	struct err err;

	image.layers = &layer;
	image.layer_count = 1;
	for (unsigned i = 1; i <= 3; i++) {
		struct digest digest = unit_digest(i);

		assert_int_equal(image_put(unit.store, &image, &err), -1);
		assert_int_equal(err.kind, ERR_NOT_FOUND);
		assert_non_null(strstr(err.msg, digest.text));
		if (i < 3)
			ok(blob_put(unit.store, &digest, "{}", 2, &err));
	}
	unit_store_remove(&unit);
}

/* ---- damage ---- */

static void damage_truncate(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_WRONLY);

	assert_int_equal(ftruncate(fd, 20), 0);
	close(fd);
}

static void damage_empty(int dir_fd, const char *path)
{
	close(openat(dir_fd, path, O_WRONLY | O_TRUNC));
}

static void damage_flip(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDWR);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, 45), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 45), 1);
	close(fd);
}

static void damage_directory(int dir_fd, const char *path)
{
	assert_int_equal(unlinkat(dir_fd, path, 0), 0);
	assert_int_equal(mkdirat(dir_fd, path, 0700), 0);
}

static void (*const damages[])(int, const char *) = { damage_truncate, damage_empty, damage_flip,
						      damage_directory };

static void test_a_damaged_record_is_listed_and_removed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct unit_store unit = unit_store_make();
		struct image_list list = { NULL, 0 };
		struct image *image = NULL;
		struct err err;
		char path[160];

		unit_image(unit.store, 100, 0, "good");
		unit_image(unit.store, 200, 0, "bad");
		snprintf(path, sizeof(path), "images/records/%s", (unit_digest(200).text + 7));
		damages[i](unit.store->root_fd, path);

		image_free(find(unit.store, "good"));
		assert_int_equal(image_find_name(unit.store, "bad", &image, &err), -1);
		assert_int_equal(err.kind, ERR_CORRUPT);
		ok(image_list(unit.store, &list, &err));
		assert_int_equal(list.count, 2);
		assert_false(list.items[0]->damaged);
		assert_true(list.items[1]->damaged);
		assert_string_equal(list.items[1]->names.items[0], "bad");
		assert_int_equal(ok(image_find_id(unit.store, unit_digest(200).text, &image, &err)),
				 1);
		assert_true(image->damaged);

		ok(image_remove(unit.store, image, NULL, &err));
		image_free(image);
		assert_null(find(unit.store, "bad"));
		image_free(find(unit.store, "good"));
		image_list_release(&list);

		/* and it can be had again */
		unit_image(unit.store, 200, 0, "bad");
		image = find(unit.store, "bad");
		assert_non_null(image);
		image_free(image);
		unit_store_remove(&unit);
	}
}

static void test_a_damaged_record_is_replaced_by_put(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct unit_store unit = unit_store_make();
		struct image *image;
		char path[160];

		unit_image(unit.store, 200, 0, "bad");
		snprintf(path, sizeof(path), "images/records/%s", (unit_digest(200).text + 7));
		damages[i](unit.store->root_fd, path);
		damages[i](unit.store->root_fd, "images/names/bad");
		unit_image(unit.store, 200, 0, "bad");
		image = find(unit.store, "bad");
		assert_non_null(image);
		image_free(image);
		unit_store_remove(&unit);
	}
}

static void test_a_damaged_name_still_finds_its_image(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct unit_store unit = unit_store_make();
		struct image *image;
		struct err err;

		unit_image(unit.store, 100, 0, "good");
		unit_image(unit.store, 200, 0, "x/y:1");
		damages[i](unit.store->root_fd, "images/names/x%2Fy:1");
		image = find(unit.store, "x/y:1");
		assert_non_null(image);
		assert_string_equal(image->manifest.text, unit_digest(200).text);
		ok(image_untag(unit.store, image, "x/y:1", &err));
		assert_null(find(unit.store, "x/y:1"));
		image_free(image);
		image_free(find(unit.store, "good"));
		unit_store_remove(&unit);
	}
}

static void test_damaged_blobs(void **state)
{
	struct unit_store unit = unit_store_make();
	struct image *image;
	json_t *json;
	struct err err;
	char path[160];

	unit_image(unit.store, 100, 0, "a");
	image = find(unit.store, "a");
	ok(image_config(unit.store, image, &json, &err));
	json_decref(json);
	snprintf(path, sizeof(path), "images/blobs/sha256/%s", digest_hex(&image->config));
	damage_directory(unit.store->root_fd, path);
	assert_false(blob_exists(unit.store, &image->config));
	assert_int_equal(image_config(unit.store, image, &json, &err), -1);
	assert_int_equal(err.kind, ERR_CORRUPT);
	ok(blob_put(unit.store, &image->config, "{}", 2, &err));
	assert_true(blob_exists(unit.store, &image->config));
	image_free(image);
	unit_store_remove(&unit);
}

/* ---- many at once ---- */

static void test_readers_always_see_an_image(void **state)
{
	struct unit_store unit = unit_store_make();
	pid_t pids[50];
	int stop[2];
	struct err err;

	unit_image(unit.store, 100, 0, "name");
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		close(stop[1]);
		while (fd_wait_readable(stop[0], 0) == 0) {
			struct image *image = NULL;
			struct image_list list = { NULL, 0 };

			if (image_find_name(unit.store, "name", &image, &err) <= 0 ||
			    image->layer_count != 1 || image_list(unit.store, &list, &err) < 0 ||
			    list.count == 0)
				_exit(1);
			for (size_t k = 0; k < list.count; k++) {
				if (list.items[k]->damaged)
					_exit(2);
			}
			image_list_release(&list);
			image_free(image);
		}
		_exit(0);
	}
	for (unsigned i = 1; i < 20; i++) {
		cleanup_image struct image *old = find(unit.store, "name");

		unit_image(unit.store, 100 + i * 10, 0, "name");
		ok(image_remove(unit.store, old, NULL, &err));
	}
	close(stop[1]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	close(stop[0]);
	unit_store_remove(&unit);
}

static void test_one_fetches_and_the_other_finds_it_there(void **state)
{
	struct unit_store unit = unit_store_make();
	struct blob_partial partial = BLOB_PARTIAL_INIT;
	struct digest digest = unit_digest(1);
	struct err err;
	int status;
	pid_t pid;

	assert_int_equal(ok(blob_partial_open(unit.store, &digest, &partial, &err)), 1);
	pid = fork();
	if (pid == 0) {
		struct blob_partial mine = BLOB_PARTIAL_INIT;

		close(partial.fd); /* the copy would hold the lock */
		_exit(blob_partial_open(unit.store, &digest, &mine, &err) == 0 ? 0 : 1);
	}
	assert_int_equal(write(partial.fd, "whole", 5), 5);
	ok(blob_partial_publish(unit.store, &partial, true, &err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(blob_exists(unit.store, &digest));
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 0);
	unit_store_remove(&unit);
}

static void test_the_layout_is_an_oci_layout(void **state)
{
	struct unit_store unit = unit_store_make();
	struct strbuf text = STRBUF_INIT;
	json_t *index;
	struct err err;

	unit_image(unit.store, 100, 0, "docker.io/library/a:1");
	unit_image(unit.store, 200, 0, NULL);
	assert_int_equal(fd_read_file(unit.store->root_fd, "images/oci-layout", &text, 100), 0);
	assert_string_equal(text.data, "{\"imageLayoutVersion\":\"1.0.0\"}\n");
	strbuf_clear(&text);
	assert_int_equal(fd_read_file(unit.store->root_fd, "images/index.json", &text, 9999), 0);
	index = json_parse(text.data, text.length, "index", &err);
	assert_non_null(index);
	assert_int_equal(json_array_size(json_at(index, "manifests", NULL)), 2);
	assert_non_null(strstr(text.data, "\"docker.io/library/a:1\""));
	json_decref(index);
	strbuf_release(&text);
	unit_store_remove(&unit);
}

static int64_t list_ns(struct store *store, size_t count)
{
	struct image_list list = { NULL, 0 };
	struct timespec start;
	struct timespec end;
	struct err err;

	clock_gettime(CLOCK_MONOTONIC, &start);
	ok(image_list(store, &list, &err));
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(list.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_false(list.items[i]->damaged);
		assert_int_equal(list.items[i]->names.count, 1);
		assert_int_equal(list.items[i]->layer_count, 1);
	}
	image_list_release(&list);
	return (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec;
}

/* The cache is only an answer to "what is in this file": damage behind its back is seen. */
static void test_a_large_list_is_cached_and_right(void **state)
{
	struct unit_store unit = unit_store_make();
	struct image_list list = { NULL, 0 };
	unsigned damaged = 0;
	struct err err;
	char path[160];

	for (unsigned i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u", i);
		unit_image(unit.store, 1000 + i * 10, 0, name);
	}
	nanosleep(&(const struct timespec){ .tv_nsec = 150000000 }, NULL); /* SETTLED_NS */
	list_ns(unit.store, 100);
	list_ns(unit.store, 100);
	assert_int_equal(unit_count(unit.dir.fd, "run"), 1);

	snprintf(path, sizeof(path), "images/records/%s", (unit_digest(1000).text + 7));
	damage_flip(unit.store->root_fd, path);
	ok(image_list(unit.store, &list, &err));
	for (size_t i = 0; i < list.count; i++)
		damaged += list.items[i]->damaged;
	assert_int_equal(damaged, 1);
	image_list_release(&list);
	unit_store_remove(&unit);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_put_and_find),
	cmocka_unit_test(test_ids_can_be_ambiguous),
	cmocka_unit_test(test_names_move),
	cmocka_unit_test(test_very_long_names),
	cmocka_unit_test(test_remove_keeps_what_others_need),
	cmocka_unit_test(test_a_removal_that_broke_off_is_finished),
	cmocka_unit_test(test_what_killed_writers_left_is_swept),
	cmocka_unit_test(test_what_nobody_needs_is_collected),
	cmocka_unit_test(test_put_wants_all_parts),
	cmocka_unit_test(test_a_damaged_record_is_listed_and_removed),
	cmocka_unit_test(test_a_damaged_record_is_replaced_by_put),
	cmocka_unit_test(test_a_damaged_name_still_finds_its_image),
	cmocka_unit_test(test_damaged_blobs),
	cmocka_unit_test(test_readers_always_see_an_image),
	cmocka_unit_test(test_one_fetches_and_the_other_finds_it_there),
	cmocka_unit_test(test_the_layout_is_an_oci_layout),
	cmocka_unit_test(test_a_large_list_is_cached_and_right),
};
UNIT_MAIN(tests)
