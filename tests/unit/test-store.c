/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-store.c - opening the store, staging, and what is collected
 */
#include "storage-unit.h"

#include <sys/wait.h>
#include <time.h>

#include "storage/slot_lock.h"

static void test_a_store_that_is_not_there_is_empty_for_readers(void **state)
{
	struct unit_store unit = unit_store_make();
	struct store_options options = { .root = "/nowhere/at/all", .run_root = unit.run_root };
	struct image_list list = { NULL, 0 };
	struct image *image;
	struct store *store;
	struct err err;

	ok(store_open(&options, &store, &err));
	assert_int_equal(store->root_fd, -1);
	ok(image_list(store, &list, &err));
	assert_int_equal(list.count, 0);
	assert_int_equal(image_find_name(store, "a", &image, &err), 0);
	assert_int_equal(image_find_id(store, "ab", &image, &err), 0);
	assert_int_equal(store_open_dir(store, "images", false, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	store_free(store);
	unit_store_remove(&unit);
}

static void test_roots_are_private(void **state)
{
	struct unit_store unit = unit_store_make();
	struct store_options options = { .root = unit.root,
					 .run_root = unit.run_root,
					 .for_writing = true };
	struct store *store = NULL;
	struct err err;
	struct stat st;

	assert_int_equal(stat(unit.root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(unit.run_root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	/* a store is narrowed, a directory that is something else is refused */
	assert_int_equal(chmod(unit.root, 0755), 0);
	ok(store_open(&options, &store, &err));
	assert_int_equal(stat(unit.root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	store_free(store);

	assert_int_equal(mkdirat(unit.dir.fd, "home", 0755), 0);
	assert_int_equal(mkdirat(unit.dir.fd, "home/pictures", 0755), 0);
	char home[128];
	snprintf(home, sizeof(home), "%s/home", unit.dir.path);
	options.root = home;
	assert_int_equal(store_open(&options, &store, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_non_null(strstr(err.hint, "chmod 700"));
	unit_store_remove(&unit);
}

static void test_a_symlink_in_place_of_the_runtime_directory_is_refused(void **state)
{
	struct unit_store unit = unit_store_make();
	char link[128];
	struct store_options options = { .root = unit.root, .run_root = link };
	struct store *store = NULL;
	struct err err;

	snprintf(link, sizeof(link), "%s/link", unit.dir.path);
	assert_int_equal(symlink(unit.run_root, link), 0);
	assert_int_equal(store_open(&options, &store, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	unit_store_remove(&unit);
}

static void test_publish_and_discard(void **state)
{
	struct unit_store unit = unit_store_make();
	struct staging staging = STAGING_INIT;
	struct err err;
	int fd = ok(store_open_dir(unit.store, "cache/things", true, &err));

	ok(staging_new(unit.store, "thing", &staging, &err));
	unit_write(staging.dir_fd, "file", "one");
	ok(staging_publish(unit.store, &staging, fd, "one", true, &err));
	assert_int_equal(unit_count(fd, "one"), 1);

	/* the name is taken: the staging is kept */
	ok(staging_new(unit.store, "thing", &staging, &err));
	unit_write(staging.dir_fd, "file", "two");
	assert_int_equal(staging_publish(unit.store, &staging, fd, "one", false, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(unit_count(staging.dir_fd, "."), 1);
	staging_discard(unit.store, &staging);
	staging_discard(unit.store, &staging);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1); /* the lock */
	close(fd);
	unit_store_remove(&unit);
}

/* Wait for the background collector, with a deadline. */
static void wait_for_count(int dir_fd, const char *path, unsigned count)
{
	for (int i = 0; i < 1000 && unit_count(dir_fd, path) != count; i++)
		nanosleep(&(const struct timespec){ .tv_nsec = 5000000 }, NULL);
	assert_int_equal(unit_count(dir_fd, path), count);
}

static void test_abandoned_staging_is_collected(void **state)
{
	struct unit_store unit = unit_store_make();
	struct staging mine = STAGING_INIT;
	struct store *store;
	struct err err;
	pid_t pid;
	int status;

	ok(staging_new(unit.store, "mine", &mine, &err));
	pid = fork();
	if (pid == 0) {
		struct staging staging = STAGING_INIT;

		for (int i = 0; i < 3; i++) {
			if (staging_new(unit.store, "layer", &staging, &err) < 0 ||
			    mkdirat(staging.dir_fd, "a", 0700) < 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 5);
	unit_write(unit.store->root_fd, "tmp/stranger", "x");

	/* a reader leaves it alone */
	store = unit_store_open(&unit, false);
	assert_int_equal(unit_count(store->root_fd, "tmp"), 6);
	store_free(store);

	store = unit_store_open(&unit, true);
	wait_for_count(store->root_fd, "tmp", 3); /* the lock, mine and the stranger */
	assert_int_equal(unit_count(mine.dir_fd, "."), 0);
	store_free(store);
	staging_discard(unit.store, &mine);
	unit_store_remove(&unit);
}

static void test_broken_downloads_wait_a_week(void **state)
{
	struct unit_store unit = unit_store_make();
	struct blob_partial partial = BLOB_PARTIAL_INIT;
	struct digest digest = unit_digest(1);
	struct timespec old[2] = { { .tv_sec = time(NULL) - 8 * 24 * 3600 },
				   { .tv_sec = time(NULL) - 8 * 24 * 3600 } };
	struct err err;
	char name[100];

	assert_int_equal(ok(blob_partial_open(unit.store, &digest, &partial, &err)), 1);
	assert_int_equal(write(partial.fd, "half", 4), 4);
	blob_partial_close(unit.store, &partial, false);
	store_free(unit.store);
	unit.store = unit_store_open(&unit, true);

	assert_int_equal(ok(blob_partial_open(unit.store, &digest, &partial, &err)), 1);
	assert_int_equal(partial.have_bytes, 4);
	blob_partial_close(unit.store, &partial, false);

	snprintf(name, sizeof(name), "tmp/blob-%s.partial", digest_hex(&digest));
	assert_int_equal(utimensat(unit.store->root_fd, name, old, 0), 0);
	store_free(unit.store);
	unit.store = unit_store_open(&unit, true);
	wait_for_count(unit.store->root_fd, "tmp", 1);
	unit_store_remove(&unit);
}

static void test_slots(void **state)
{
	struct unit_dir dir = unit_dir_make();
	int one = slot_lock_open(dir.fd, "lock");
	int two = slot_lock_open(dir.fd, "lock");

	assert_int_equal(slot_lock_take(one, 7, false), 0);
	assert_int_equal(slot_lock_take(two, 7, false), -EAGAIN);
	assert_int_equal(slot_lock_take(two, ~0ULL, false), 0);
	assert_true(slot_lock_is_held(two, 7));
	assert_false(slot_lock_is_held(two, 8));
	close(one);
	assert_int_equal(slot_lock_take(two, 7, false), 0);
	close(two);
	unit_dir_remove(&dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_a_store_that_is_not_there_is_empty_for_readers),
	cmocka_unit_test(test_roots_are_private),
	cmocka_unit_test(test_a_symlink_in_place_of_the_runtime_directory_is_refused),
	cmocka_unit_test(test_publish_and_discard),
	cmocka_unit_test(test_abandoned_staging_is_collected),
	cmocka_unit_test(test_broken_downloads_wait_a_week),
	cmocka_unit_test(test_slots),
};
UNIT_MAIN(tests)
