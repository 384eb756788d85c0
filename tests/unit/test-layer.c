/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-layer.c - layers: staged, published, found, lost, removed
 */
#include "storage-unit.h"

#include <sys/wait.h>
#include <sys/xattr.h>

static void path_of(const struct digest *diff_id, const char *below, char path[160])
{
	snprintf(path, 160, "layers/sha256/%s%s", digest_hex(diff_id), below);
}

static void test_publish_and_find(void **state)
{
	struct unit_store unit = unit_store_make();
	struct digest diff_id = unit_digest(1);
	struct layer_meta meta = { .diff_id = diff_id,
				   .form = LAYER_MAPPED,
				   .diff_bytes = 11,
				   .file_count = 3,
				   .created_ns = 5 };
	struct staging staging = STAGING_INIT;
	struct layer_meta found;
	struct strv list = STRV_INIT;
	struct err err;
	struct stat st;
	int fd;

	assert_int_equal(layer_find(unit.store, &diff_id, &found, &err), 0);
	assert_int_equal(layer_open_diff(unit.store, &diff_id, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);

	umask(077);
	ok(layer_stage(unit.store, &diff_id, &staging, &err));
	umask(022);
	strv_add(&meta.blobs, unit_digest(2).text);
	ok(layer_publish(unit.store, &staging, &meta, &err));
	assert_int_equal(staging.dir_fd, -1);

	assert_int_equal(ok(layer_find(unit.store, &diff_id, &found, &err)), 1);
	assert_int_equal(found.diff_bytes, 11);
	assert_int_equal(found.file_count, 3);
	assert_int_equal(found.created_ns, 5);
	assert_int_equal(found.blobs.count, 1);
	layer_meta_release(&found);
	layer_meta_release(&meta);

	fd = ok(layer_open_diff(unit.store, &diff_id, &err));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	close(fd);
	ok(layer_list(unit.store, &list, &err));
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0], diff_id.text);
	strv_release(&list);

	ok(layer_remove(unit.store, &diff_id, &err));
	ok(layer_remove(unit.store, &diff_id, &err));
	assert_int_equal(layer_find(unit.store, &diff_id, &found, &err), 0);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
	unit_store_remove(&unit);
}

static void test_published_twice_is_one(void **state)
{
	struct unit_store unit = unit_store_make();
	struct digest diff_id = unit_digest(1);

	unit_layer(unit.store, &diff_id);
	unit_layer(unit.store, &diff_id);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
	assert_int_equal(unit_count(unit.store->root_fd, "layers/sha256"), 1);
	unit_store_remove(&unit);
}

static void damage_nothing(struct store *store, const char *path)
{
	assert_int_equal(unlinkat(store->root_fd, path, 0), 0);
}

static void damage_flip(struct store *store, const char *path)
{
	int fd = openat(store->root_fd, path, O_RDWR);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, 40), 1);
	byte ^= 0x20;
	assert_int_equal(pwrite(fd, &byte, 1, 40), 1);
	close(fd);
}

static void damage_truncate(struct store *store, const char *path)
{
	int fd = openat(store->root_fd, path, O_RDWR);

	assert_int_equal(ftruncate(fd, 30), 0);
	close(fd);
}

static void damage_directory(struct store *store, const char *path)
{
	damage_nothing(store, path);
	assert_int_equal(mkdirat(store->root_fd, path, 0700), 0);
}

static void test_a_damaged_layer_is_replaced(void **state)
{
	void (*const damages[])(struct store *, const char *) = { damage_nothing, damage_flip,
								  damage_truncate,
								  damage_directory };

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct unit_store unit = unit_store_make();
		struct digest diff_id = unit_digest(1);
		struct layer_meta meta;
		struct err err;
		char path[160];

		unit_layer(unit.store, &diff_id);
		path_of(&diff_id, "/meta", path);
		damages[i](unit.store, path);
		assert_int_equal(layer_find(unit.store, &diff_id, &meta, &err), -1);
		assert_int_equal(err.kind, ERR_CORRUPT);

		unit_layer(unit.store, &diff_id);
		assert_int_equal(ok(layer_find(unit.store, &diff_id, &meta, &err)), 1);
		layer_meta_release(&meta);
		assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
		unit_store_remove(&unit);
	}
}

static void pretend_another_boot(struct store *store, const char *path)
{
	int fd = openat(store->root_fd, path, O_RDONLY);

	assert_int_equal(fsetxattr(fd, "user.dhow.boot", "00000000-0000-0000-0000-000000000000", 36,
				   XATTR_REPLACE),
			 0);
	close(fd);
}

static void test_what_was_not_on_the_disk_is_not_there_after_a_power_cut(void **state)
{
	struct unit_store unit = unit_store_make();
	struct digest alone = unit_digest(1);
	struct digest used = unit_digest(12);
	struct layer_meta meta;
	struct err err;
	char path[160];
	int fd;

	unit_layer(unit.store, &alone);
	path_of(&alone, "", path);
	pretend_another_boot(unit.store, path);
	assert_int_equal(ok(layer_find(unit.store, &alone, &meta, &err)), 0);
	unit_layer(unit.store, &alone);
	assert_int_equal(ok(layer_find(unit.store, &alone, &meta, &err)), 1);
	layer_meta_release(&meta);

	/* an image's layer has no mark; and one that kept it, because the removal of the mark was lost, is good all the same */
	unit_image(unit.store, 10, 0, "a");
	path_of(&used, "", path);
	fd = openat(unit.store->root_fd, path, O_RDONLY);
	assert_int_equal(fgetxattr(fd, "user.dhow.boot", path, 1), -1);
	assert_int_equal(errno, ENODATA);
	assert_int_equal(
		fsetxattr(fd, "user.dhow.boot", "00000000-0000-0000-0000-000000000000", 36, 0), 0);
	close(fd);
	assert_int_equal(ok(layer_find(unit.store, &used, &meta, &err)), 1);
	layer_meta_release(&meta);
	unit_store_remove(&unit);
}

static void test_one_unpacks_and_the_other_waits(void **state)
{
	struct unit_store unit = unit_store_make();
	struct digest diff_id = unit_digest(1);
	struct digest other = unit_digest(2);
	struct err err;
	int fds[2];
	int lock_fd;
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	lock_fd = ok(layer_lock(unit.store, &diff_id, &err));
	if (fork() == 0) {
		close(lock_fd); /* the child's copy holds the lock too */
		close(ok(layer_lock(unit.store, &other, &err)));
		assert_int_equal(write(fds[1], "o", 1), 1);
		close(ok(layer_lock(unit.store, &diff_id, &err)));
		assert_int_equal(write(fds[1], "d", 1), 1);
		_exit(0);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'o');
	assert_int_equal(fd_wait_readable(fds[0], 50), 0);
	close(lock_fd);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	wait(NULL);
	close(fds[0]);
	close(fds[1]);
	unit_store_remove(&unit);
}

static void test_an_additional_store_is_looked_into(void **state)
{
	struct unit_store unit = unit_store_make();
	struct unit_store shared = unit_store_make();
	struct strv roots = STRV_INIT;
	struct store_options options = { .root = unit.root,
					 .run_root = unit.run_root,
					 .additional_roots = &roots,
					 .for_writing = true };
	struct digest diff_id = unit_digest(12);
	struct layer_meta meta;
	struct image *image;
	struct store *store;
	struct err err;

	unit_image(shared.store, 10, 0, "localhost/shared:latest");
	strv_add(&roots, "/nowhere");
	strv_add(&roots, shared.root);
	ok(store_open(&options, &store, &err));
	assert_int_equal(ok(layer_find(store, &diff_id, &meta, &err)), 1);
	layer_meta_release(&meta);
	close(ok(layer_open_diff(store, &diff_id, &err)));
	assert_int_equal(ok(image_find_name(store, "localhost/shared:latest", &image, &err)), 1);
	assert_true(image->read_only);
	assert_int_equal(image_remove(store, image, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	image_free(image);
	store_free(store);
	strv_release(&roots);
	unit_store_remove(&shared);
	unit_store_remove(&unit);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_publish_and_find),
	cmocka_unit_test(test_published_twice_is_one),
	cmocka_unit_test(test_a_damaged_layer_is_replaced),
	cmocka_unit_test(test_what_was_not_on_the_disk_is_not_there_after_a_power_cut),
	cmocka_unit_test(test_one_unpacks_and_the_other_waits),
	cmocka_unit_test(test_an_additional_store_is_looked_into),
};
UNIT_MAIN(tests)
