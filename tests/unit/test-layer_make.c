/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-layer_make.c - a directory becomes a layer, and the layer the same tar again
 */
#include "storage-unit.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "storage/layer_make.h"
#include "storage/sha256.h"

static void write_file(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct timespec times[2] = { { 1000, 0 }, { 1000, 5 } };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

/* containers/ID with an upper directory that has a bit of everything */
static int make_container(const struct unit_store *unit, const char *name)
{
	cleanup_free char *path = xasprintf("containers/%s", name);
	struct err err;
	int fd = ok(store_open_dir(unit->store, path, true, &err));
	const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

	assert_int_equal(mkdirat(fd, "upper", 0755), 0);
	assert_int_equal(mkdirat(fd, "upper/etc", 0755), 0);
	assert_int_equal(mkdirat(fd, "upper/hidden", 0700), 0);
	write_file(fd, "upper/etc/hosts", "");
	write_file(fd, "upper/etc/motd", "hello\n");
	assert_int_equal(linkat(fd, "upper/etc/motd", fd, "upper/etc/motd2", 0), 0);
	assert_int_equal(symlinkat("motd", fd, "upper/etc/link"), 0);
	assert_int_equal(utimensat(fd, "upper/etc/link", times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(mknodat(fd, "upper/gone", S_IFCHR | 0600, makedev(0, 0)), 0);
	int hidden_fd = openat(fd, "upper/hidden", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fsetxattr(hidden_fd, "user.fuseoverlayfs.opaque", "y", 1, 0), 0);
	write_file(fd, "upper/hidden/.wh..wh..opq", "");
	assert_int_equal(mknodat(fd, "upper/hidden/.wh..opq", S_IFCHR | 0600, makedev(0, 0)), 0);
	close(hidden_fd);
	return fd;
}

static void set_times(int fd)
{
	const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

	assert_int_equal(utimensat(fd, "upper/etc", times, 0), 0);
	assert_int_equal(utimensat(fd, "upper/hidden", times, 0), 0);
}

static struct digest tar_digest(struct store *store, const struct digest *diff_id)
{
	struct strbuf tar = STRBUF_INIT;
	struct digest digest;
	struct err err;
	int fd = memfd_create("tar", MFD_CLOEXEC);

	ok(layer_tar(store, diff_id, fd, &err));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(fd, &tar, 1 << 20), 0);
	close(fd);
	sha256_of(tar.data, tar.length, &digest);
	strbuf_release(&tar);
	return digest;
}

static void test_copy_and_take_are_the_same_layer(void **state)
{
	struct unit_store unit = unit_store_make();
	struct layer_source source = { .name = "upper" };
	struct layer_made copied, taken;
	struct digest again;
	struct err err;
	struct stat st;
	char value[4];
	int copy_fd = make_container(&unit, "one");
	int take_fd = make_container(&unit, "two");
	int diff_fd;

	set_times(copy_fd);
	set_times(take_fd);
	source.parent_fd = copy_fd;
	ok(layer_make(unit.store, &source, &copied, &err));
	assert_false(copied.empty);
	assert_int_equal(copied.meta.diff_bytes, 6);
	/* the container's own is as it was */
	assert_int_equal(fstatat(copy_fd, "upper/etc/motd", &st, 0), 0);
	assert_int_equal(fstatat(take_fd, "upper/hidden/.wh..wh..opq", &st, 0), 0);
	again = tar_digest(unit.store, &copied.meta.diff_id);
	assert_string_equal(again.text, copied.meta.diff_id.text);

	diff_fd = ok(layer_open_diff(unit.store, &copied.meta.diff_id, &err));
	assert_int_equal(fstatat(diff_fd, "gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(fstatat(diff_fd, "etc/motd2", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	int hidden_fd = openat(diff_fd, "hidden", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fgetxattr(hidden_fd, "user.overlay.opaque", value, sizeof(value)), 1);
	assert_int_equal(fstatat(hidden_fd, ".wh..wh..opq", &st, 0), -1);
	assert_int_equal(fstatat(hidden_fd, ".wh..opq", &st, 0), -1);
	close(hidden_fd);
	close(diff_fd);

	source.parent_fd = take_fd;
	source.take = true;
	ok(layer_make(unit.store, &source, &taken, &err));
	assert_string_equal(taken.meta.diff_id.text, copied.meta.diff_id.text);
	assert_int_equal(taken.tar_bytes, copied.tar_bytes);
	assert_int_equal(fstatat(take_fd, "upper", &st, 0), -1);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);

	layer_meta_release(&copied.meta);
	layer_meta_release(&taken.meta);
	close(copy_fd);
	close(take_fd);
	unit_store_remove(&unit);
}

static void test_drop_and_time(void **state)
{
	struct unit_store unit = unit_store_make();
	struct strv drop = STRV_INIT;
	const int64_t latest = 500;
	struct layer_source source = { .name = "upper", .drop = &drop, .latest_mtime_s = &latest };
	struct layer_made made;
	struct digest again;
	struct err err;
	struct stat st;
	int diff_fd;

	strv_add(&drop, "etc/hosts");
	strv_add(&drop, "etc/link/x");
	strv_add(&drop, "no/such");
	source.parent_fd = make_container(&unit, "one");
	ok(layer_make(unit.store, &source, &made, &err));
	diff_fd = ok(layer_open_diff(unit.store, &made.meta.diff_id, &err));
	assert_int_equal(fstatat(diff_fd, "etc/hosts", &st, 0), -1);
	assert_int_equal(fstatat(diff_fd, "etc/motd", &st, 0), 0);
	assert_int_equal(st.st_mtime, 500);
	close(diff_fd);
	/* the times of the tree are those of the tar */
	again = tar_digest(unit.store, &made.meta.diff_id);
	assert_string_equal(again.text, made.meta.diff_id.text);
	layer_meta_release(&made.meta);
	strv_release(&drop);
	close(source.parent_fd);
	unit_store_remove(&unit);
}

static void test_empty(void **state)
{
	struct unit_store unit = unit_store_make();
	struct layer_source source = { .name = "upper" };
	struct layer_made made;
	struct err err;

	source.parent_fd = ok(store_open_dir(unit.store, "containers/x", true, &err));
	assert_int_equal(layer_make(unit.store, &source, &made, &err), -1);
	assert_int_equal(mkdirat(source.parent_fd, "upper", 0755), 0);
	ok(layer_make(unit.store, &source, &made, &err));
	assert_true(made.empty);
	/* 1024 zeros */
	assert_string_equal(
		made.meta.diff_id.text,
		"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
	layer_meta_release(&made.meta);
	close(source.parent_fd);
	unit_store_remove(&unit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_and_take_are_the_same_layer),
		cmocka_unit_test(test_drop_and_time),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
