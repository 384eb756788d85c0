/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-tar_write.c - the tar writer: the same bytes each time, and what the tar reader makes of them
 */
#include "unit.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "rootless/rootless.h"
#include "storage/tar_write.h"
#include "storage/unpack.h"
#include "tar_maker.h"

#define LONG                                                                                       \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"890123456789-long"

static int sink_to_strbuf(void *context, const void *data, size_t size, struct err *err)
{
	strbuf_add(context, data, size);
	return 0;
}

static void write_tree(int dir_fd, const struct tar_tree_options *options, struct strbuf *tar,
		       struct tar_tree_counts *counts)
{
	struct tar_writer *writer = tar_writer_new(sink_to_strbuf, tar);
	struct err err;

	if (tar_writer_add_tree(writer, dir_fd, options, counts, &err) < 0 ||
	    tar_writer_finish(writer, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(tar_writer_bytes(writer), tar->length);
	assert_int_equal(tar->length % 512, 0);
	tar_writer_free(writer);
}

static void unpack(int dir_fd, const char *name, const struct strbuf *tar, enum layer_form form)
{
	struct unpack_result result = UNPACK_RESULT_INIT;
	struct unpack_limits limits;
	struct err err;

	assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
	cleanup_fd int to_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int tar_fd = memfd_create("tar", MFD_CLOEXEC);
	assert_int_equal(fd_write_full(tar_fd, tar->data, tar->length), 0);
	assert_int_equal(lseek(tar_fd, 0, SEEK_SET), 0);
	unpack_limits_default(&limits);
	if (unpack_tar(tar_fd, to_fd, form, &limits, &result, &err) < 0)
		fail_msg("%s", err.msg);
	unpack_result_release(&result);
}

/* All kinds of entries, those of a layer too. */
static void make_layer(struct strbuf *tar)
{
	static const struct tar_row rows[] = {
		{ "b", '5', .mode = 01777, .mtime = 77 },
		{ "b/file", '0', "content", .mode = 0640 },
		{ "b/empty", '0' },
		{ "b/hard", '1', "b/file" },
		{ "a/link", '2', "../b" },
		{ "a/longlink", '2', "x", .pax = "linkpath=" LONG "/" LONG "\n" },
		{ "a/fifo", '6', .mode = 0600 },
		{ "x", '0', "x", .pax = "path=a/" LONG "/" LONG "\n" },
		{ "x", '0', "x", .pax = "path=a/" LONG "/\xfc\xff\n" },
		{ "a/\xfc\xff", '0', "x" },
		{ "a/.wh.gone", '0' },
		{ "c/.wh..wh..opq", '0' },
		{ "c/old", '0', "x", .pax = "mtime=-5\n" },
		{ "c/colour", '0', "x",
		  .pax = "SCHILY.xattr.user.b=blue\nSCHILY.xattr.user.a=azure\n" },
		{ "c/suid", '0', "x", .mode = 06755 },
		{ "c/none", '0', "x", .mode = NO_MODE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tar_add(tar, &rows[i]);
	tar_end(tar);
}

static void round_trip(enum layer_form form)
{
	const struct tar_tree_options options = { .layer = true, .form = form };
	cleanup_strbuf struct strbuf made = STRBUF_INIT;
	cleanup_strbuf struct strbuf first = STRBUF_INIT;
	cleanup_strbuf struct strbuf again = STRBUF_INIT;
	cleanup_strbuf struct strbuf second = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();
	struct tar_tree_counts counts;

	make_layer(&made);
	unpack(dir.fd, "one", &made, form);
	cleanup_fd int one_fd = openat(dir.fd, "one", O_PATH | O_DIRECTORY | O_CLOEXEC);
	write_tree(one_fd, &options, &first, &counts);
	write_tree(one_fd, &options, &again, &counts);
	assert_int_equal(first.length, again.length);
	assert_memory_equal(first.data, again.data, first.length);
	assert_int_equal(counts.skipped, 0);
	/* three directories that had no row, one that had */
	assert_int_equal(counts.entries, 16 + 3);

	unpack(dir.fd, "two", &first, form);
	cleanup_fd int two_fd = openat(dir.fd, "two", O_PATH | O_DIRECTORY | O_CLOEXEC);
	write_tree(two_fd, &options, &second, NULL);
	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
	unit_dir_remove(&dir);
}

static void test_round_trip(void **state)
{
	round_trip(LAYER_MAPPED);
}

/* What is an attribute on disk is the same in the archive: but links and fifos have no owner there, so it stands in both. */
static void test_round_trip_single(void **state)
{
	round_trip(LAYER_SINGLE);
}

static void test_single_owners(void **state)
{
	const struct tar_tree_options options = { .layer = true, .form = LAYER_SINGLE };
	cleanup_strbuf struct strbuf made = STRBUF_INIT;
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();

	tar_add(&made, &(struct tar_row){ "d/", '5', .uid = 12, .gid = 34, .mode = 0111 });
	tar_add(&made, &(struct tar_row){ "d/f", '0', "x", .uid = 3000000, .gid = 5, .mode = 0 });
	tar_end(&made);
	unpack(dir.fd, "tree", &made, LAYER_SINGLE);
	cleanup_fd int fd = openat(dir.fd, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	write_tree(fd, &options, &wrote, NULL);
	/* uid and gid of the header of d/ */
	assert_string_equal(wrote.data, "d/");
	assert_string_equal(wrote.data + 100, "0000111");
	assert_string_equal(wrote.data + 108, "0000014");
	assert_string_equal(wrote.data + 116, "0000042");
	assert_string_equal(wrote.data + 2 * TAR_BLOCK, "15 uid=3000000\n");
	unit_dir_remove(&dir);
}

static void test_plain_leaves_layers_out(void **state)
{
	const struct tar_tree_options options = { .with_root = true, .prefix = "top" };
	cleanup_strbuf struct strbuf made = STRBUF_INIT;
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();
	struct tar_tree_counts counts;

	tar_add(&made, &(struct tar_row){ ".wh.gone", '0' });
	tar_add(&made, &(struct tar_row){ "d/.wh..wh..opq", '0' });
	tar_end(&made);
	unpack(dir.fd, "tree", &made, LAYER_MAPPED);
	cleanup_fd int fd = openat(dir.fd, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	write_tree(fd, &options, &wrote, &counts);
	assert_int_equal(wrote.length, 4 * TAR_BLOCK);
	assert_string_equal(wrote.data, "top/");
	assert_string_equal(wrote.data + TAR_BLOCK, "top/d/");
	assert_int_equal(counts.skipped, 1);
	unit_dir_remove(&dir);
}

static bool skip_b(void *context, const char *path)
{
	return strcmp(path, "b") == 0;
}

/* Owners by a map, times not later than, entries left out. */
static void test_options(void **state)
{
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	const int64_t latest = 1000;
	struct tar_tree_options options = { .maps = &maps,
					    .latest_mtime_s = &latest,
					    .skip = skip_b };
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();

	idmap_add(&maps.uid, 9, geteuid(), 1);
	assert_int_equal(mkdirat(dir.fd, "b", 0755), 0);
	unit_write(dir.fd, "b/c", "x");
	unit_write(dir.fd, "a", "x");
	write_tree(dir.fd, &options, &wrote, NULL);
	assert_int_equal(wrote.length, 4 * TAR_BLOCK);
	assert_string_equal(wrote.data + 108, "0000011");
	assert_string_equal(wrote.data + 116, "0177776"); /* not in the map */
	assert_string_equal(wrote.data + 136, "00000001750");

	const uint32_t owner = 7;
	strbuf_clear(&wrote);
	options = (struct tar_tree_options){ .uid = &owner, .gid = &owner };
	write_tree(dir.fd, &options, &wrote, NULL);
	assert_string_equal(wrote.data + 108, "0000007");
	assert_string_equal(wrote.data + 116, "0000007");
	unit_dir_remove(&dir);
}

static void test_root_of_layer(void **state)
{
	const struct tar_tree_options options = { .layer = true };
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();

	assert_int_equal(fchmod(dir.fd, 0755), 0);
	write_tree(dir.fd, &options, &wrote, NULL);
	assert_int_equal(wrote.length, 2 * TAR_BLOCK);
	assert_int_equal(fchmod(dir.fd, 0711), 0);
	strbuf_clear(&wrote);
	write_tree(dir.fd, &options, &wrote, NULL);
	assert_string_equal(wrote.data, "./");
	assert_string_equal(wrote.data + 100, "0000711");
	unit_dir_remove(&dir);
}

static void test_holes(void **state)
{
	enum { SIZE = 3 << 20, AT = 1 << 20 };
	const struct tar_tree_options options = { .layer = true };
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();
	cleanup_fd int fd = openat(dir.fd, "hole", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(pwrite(fd, "middle", 6, AT), 6);
	assert_int_equal(fchmod(dir.fd, 0755), 0);
	write_tree(dir.fd, &options, &wrote, NULL);
	assert_int_equal(wrote.length, SIZE + 3 * TAR_BLOCK);
	for (size_t i = 0; i < SIZE; i++) {
		char expected = i >= AT && i < AT + 6 ? "middle"[i - AT] : 0;
		if (wrote.data[TAR_BLOCK + i] != expected)
			fail_msg("byte %zu is %d", i, wrote.data[TAR_BLOCK + i]);
	}
	unit_dir_remove(&dir);
}

/* Shorter than it says: zeros. Longer: cut. */
static void test_changed_size(void **state)
{
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	struct tar_writer *writer = tar_writer_new(sink_to_strbuf, &wrote);
	struct tar_item item = { .name = "f", .mode = S_IFREG | 0644, .size = 1000 };
	cleanup_fd int fd = memfd_create("content", MFD_CLOEXEC);
	struct err err;

	assert_int_equal(fd_write_full(fd, "12345", 5), 0);
	assert_int_equal(tar_writer_add_fd(writer, &item, fd, &err), 0);
	item.size = 3;
	assert_int_equal(tar_writer_add_fd(writer, &item, fd, &err), 0);
	assert_int_equal(tar_writer_finish(writer, &err), 0);
	assert_int_equal(wrote.length, (1 + 2 + 1 + 1 + 2) * TAR_BLOCK);
	assert_string_equal(wrote.data + TAR_BLOCK, "12345");
	assert_string_equal(wrote.data + 4 * TAR_BLOCK, "123");
	tar_writer_free(writer);
}

static void test_deep(void **state)
{
	enum { DEPTH = 500 };
	const struct tar_tree_options options = { .layer = true };
	cleanup_strbuf struct strbuf wrote = STRBUF_INIT;
	cleanup_strbuf struct strbuf second = STRBUF_INIT;
	struct unit_dir dir = unit_dir_make();
	int fd = dup(dir.fd);
	struct tar_tree_counts counts;

	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		unit_write(fd, "z", "x");
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	write_tree(dir.fd, &options, &wrote, &counts);
	assert_true(counts.entries >= 2 * DEPTH);
	assert_int_equal(counts.skipped, 0);
	unpack(dir.fd, "copy", &wrote, LAYER_MAPPED);
	cleanup_fd int copy_fd = openat(dir.fd, "copy", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchmodat(dir.fd, "copy", 0700, 0), 0);
	write_tree(copy_fd, &options, &second, NULL);
	assert_int_equal(wrote.length, second.length);
	assert_memory_equal(wrote.data, second.data, wrote.length);
	unit_dir_remove(&dir);
}

static int fail_sink(void *context, const void *data, size_t size, struct err *err)
{
	return err_set(err, ERR_FAILED, "sink is full");
}

static void test_sink_fails(void **state)
{
	const struct tar_tree_options options = { .layer = true };
	struct tar_writer *writer = tar_writer_new(fail_sink, NULL);
	struct unit_dir dir = unit_dir_make();
	struct err err;

	unit_write(dir.fd, "a", "x");
	assert_int_equal(tar_writer_add_tree(writer, dir.fd, &options, NULL, &err), 0);
	assert_int_equal(tar_writer_finish(writer, &err), -1);
	assert_string_equal(err.msg, "sink is full");
	tar_writer_free(writer);
	unit_dir_remove(&dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_round_trip_single),
		cmocka_unit_test(test_single_owners),
		cmocka_unit_test(test_plain_leaves_layers_out),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_root_of_layer),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_changed_size),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_sink_fails),
	};
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct err err;

	/* root of a user namespace of one id, as the unpacker is */
	idmap_add(&maps.uid, 0, geteuid(), 1);
	idmap_add(&maps.gid, 0, getegid(), 1);
	maps.single = true;
	if (geteuid() != 0 && userns_enter(&maps, &err) < 0)
		fprintf(stderr, "without a user namespace: %s\n", err.msg);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name(argv[0], tests, NULL, NULL);
}
