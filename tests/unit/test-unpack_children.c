/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-unpack_children.c - the unpacker as it is used: two sandboxed children fed through a pipe
 *
 * Compressions whole, cut, damaged and followed by something else; bombs; owners in a user namespace; children that are killed.
 */
#include "unit.h"

#include <bzlib.h>
#include <lzma.h>
#include <signal.h>
#include <sys/mman.h>
#include <stdbool.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "rootless/rootless.h"
#include "storage/sha256.h"
#include "storage/tar_write.h"
#include "storage/unpack.h"
#include "tar_maker.h"

#define MIB (1ULL << 20)

/* --- compressing --- */

static void add_gzip(struct strbuf *out, const void *data, size_t size)
{
	z_stream stream = { 0 };
	size_t bound = size + size / 1000 + 1024;

	strbuf_grow(out, bound);
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
	stream.next_in = (unsigned char *)data;
	stream.avail_in = (unsigned)size;
	stream.next_out = (unsigned char *)out->data + out->length;
	stream.avail_out = (unsigned)bound;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out->length += stream.total_out;
	deflateEnd(&stream);
}

static void add_zstd(struct strbuf *out, const void *data, size_t size)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(size);

	strbuf_grow(out, bound);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	size_t made = ZSTD_compress2(context, out->data + out->length, bound, data, size);
	assert_false(ZSTD_isError(made));
	out->length += made;
	ZSTD_freeCCtx(context);
}

static void add_bzip2(struct strbuf *out, const void *data, size_t size)
{
	unsigned bound = (unsigned)(size + size / 50 + 1024);

	strbuf_grow(out, bound);
	assert_int_equal(BZ2_bzBuffToBuffCompress(out->data + out->length, &bound, (char *)data,
						  (unsigned)size, 9, 0, 0),
			 BZ_OK);
	out->length += bound;
}

static void add_xz(struct strbuf *out, const void *data, size_t size)
{
	size_t bound = lzma_stream_buffer_bound(size);
	size_t made = 0;

	strbuf_grow(out, bound);
	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, size,
						 (uint8_t *)out->data + out->length, &made, bound),
			 LZMA_OK);
	out->length += made;
}

static void add_plain(struct strbuf *out, const void *data, size_t size)
{
	strbuf_add(out, data, size);
}

static const struct {
	enum unpack_compression compression;
	void (*add)(struct strbuf *out, const void *data, size_t size);
	bool members, padding;
} codecs[] = {
	{ UNPACK_GZIP, add_gzip, true, true },	  { UNPACK_ZSTD, add_zstd, true, false },
	{ UNPACK_BZIP2, add_bzip2, true, false }, { UNPACK_XZ, add_xz, true, true },
	{ UNPACK_NONE, add_plain, false, false },
};
#define CODECS (sizeof(codecs) / sizeof(codecs[0]))

/* --- unpacking --- */

struct trial {
	struct unit_dir dir;
	struct unpack_result result;
	struct err err;
	struct idmaps maps;
	enum layer_form form;
	struct unpack_limits limits;
};

static void trial_init(struct trial *trial, enum layer_form form)
{
	struct id_ranges ranges = { 0 };

	*trial = (struct trial){ .dir = unit_dir_make(), .form = form, .maps = IDMAPS_INIT };
	unpack_limits_default(&trial->limits);
	if (form == LAYER_SINGLE)
		return;
	if (idmap_ranges_load(-1, NULL, &ranges, &trial->err) < 0 ||
	    idmap_plan_default(&ranges, &trial->maps, &trial->err) < 0)
		fail_msg("%s", trial->err.msg);
	id_ranges_release(&ranges);
	if (trial->maps.single) {
		unit_dir_remove(&trial->dir);
		print_message("needs subordinate ids\n");
		skip();
	}
}

static int empty_directory(void *arg, struct err *err)
{
	struct trial *trial = arg;
	cleanup_fd int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return path_remove_tree(fd, trial->dir.path + strlen("/tmp/")) == 0 ? 0 : -1;
}

static void trial_release(struct trial *trial)
{
	struct err err;

	if (trial->form == LAYER_MAPPED)
		(void)userns_run(&trial->maps, empty_directory, trial, &err);
	unpack_result_release(&trial->result);
	unit_dir_remove(&trial->dir);
	idmaps_release(&trial->maps);
}

static int trial_start(struct trial *trial, enum unpack_compression compression,
		       struct unpacker *unpacker)
{
	return unpack_start(trial->dir.fd, trial->form, &trial->maps, compression, &trial->limits,
			    unpacker, &trial->err);
}

/* Unpack from memory. 0 or -1 with trial->err. */
static int trial_run(struct trial *trial, enum unpack_compression compression,
		     const struct strbuf *data)
{
	struct unpacker unpacker = UNPACKER_INIT;

	if (trial_start(trial, compression, &unpacker) < 0)
		return -1;
	/* the children may stop reading: unpack_finish() tells why */
	(void)fd_write_full(unpacker.input_fd, data->data, data->length);
	return unpack_finish(&unpacker, &trial->result, &trial->err);
}

static void expect_failure(enum unpack_compression compression, const struct strbuf *data,
			   const char *message)
{
	struct trial trial;

	trial_init(&trial, LAYER_SINGLE);
	if (trial_run(&trial, compression, data) == 0)
		fail_msg("%s was accepted, not: %s", unpack_compression_name((int)compression),
			 message);
	if (trial.err.kind != ERR_CORRUPT || strstr(trial.err.msg, message) == NULL)
		fail_msg("%s: not '%s' but: %s", unpack_compression_name((int)compression), message,
			 trial.err.msg);
	trial_release(&trial);
}

static void expect_success(enum unpack_compression compression, const struct strbuf *data,
			   const struct strbuf *tar)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();
	struct digest digest;
	struct trial trial;

	sha256_update(hash, tar->data, tar->length);
	sha256_final_digest(hash, &digest);
	trial_init(&trial, LAYER_SINGLE);
	if (trial_run(&trial, compression, data) < 0)
		fail_msg("%s: %s", unpack_compression_name((int)compression), trial.err.msg);
	assert_string_equal(trial.result.diff_id.text, digest.text);
	assert_int_equal(trial.result.tar_bytes, tar->length);
	assert_int_equal(trial.result.compressed_bytes, data->length);
	trial_release(&trial);
}

static void make_tar(struct strbuf *tar)
{
	cleanup_strbuf struct strbuf content = STRBUF_INIT;

	for (int i = 0; i < 20000; i++)
		strbuf_addf(&content, "%d\n", i * 7919 % 10007);
	tar_add(tar, &(struct tar_row){ "d", '5' });
	tar_add(tar, &(struct tar_row){ "d/a", '0', content.data });
	tar_add(tar, &(struct tar_row){ "b", '0', "x" });
	tar_end(tar);
}

/* --- compressions --- */

static void test_whole(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;

	make_tar(&tar);
	for (size_t i = 0; i < CODECS; i++) {
		cleanup_strbuf struct strbuf data = STRBUF_INIT;
		codecs[i].add(&data, tar.data, tar.length);
		expect_success(codecs[i].compression, &data, &tar);
		expect_success(UNPACK_DETECT, &data, &tar);
	}
}

/* Members that end anywhere, some of them empty. */
static void test_members(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;

	make_tar(&tar);
	for (size_t i = 0; i < CODECS; i++) {
		cleanup_strbuf struct strbuf data = STRBUF_INIT;
		size_t at = 0;

		if (!codecs[i].members)
			continue;
		for (size_t size = 0; at < tar.length; at += size++) {
			if (size > tar.length - at)
				size = tar.length - at;
			codecs[i].add(&data, tar.data + at, size);
		}
		expect_success(codecs[i].compression, &data, &tar);
	}
}

static void test_padding(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	static const char zeros[512];

	make_tar(&tar);
	for (size_t i = 0; i < CODECS; i++) {
		cleanup_strbuf struct strbuf data = STRBUF_INIT;

		if (!codecs[i].members)
			continue;
		codecs[i].add(&data, tar.data, tar.length);
		strbuf_add(&data, zeros, sizeof(zeros));
		if (codecs[i].padding)
			expect_success(codecs[i].compression, &data, &tar);
		else
			expect_failure(codecs[i].compression, &data, "follows its end");
		strbuf_adds(&data, "garbage");
		expect_failure(codecs[i].compression, &data, "follows its end");
	}
}

static void test_cut(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;

	make_tar(&tar);
	for (size_t i = 0; i < CODECS; i++) {
		cleanup_strbuf struct strbuf data = STRBUF_INIT;

		if (!codecs[i].members)
			continue;
		codecs[i].add(&data, tar.data, tar.length);
		size_t length = data.length;
		for (size_t point = 0; point < 50; point++) {
			data.length = point < 25 ? point : length - (50 - point);
			expect_failure(codecs[i].compression, &data, "cut short");
		}
	}
}

/* Every tenth of the stream is damaged in turn: the digest is never that of the whole. */
static void test_damaged(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;

	make_tar(&tar);
	for (size_t i = 0; i < CODECS; i++) {
		cleanup_strbuf struct strbuf data = STRBUF_INIT;

		if (!codecs[i].members)
			continue;
		codecs[i].add(&data, tar.data, tar.length);
		for (size_t part = 2; part < 10; part++) {
			data.data[data.length * part / 10] ^= 0x10;
			expect_failure(codecs[i].compression, &data, "layer");
			data.data[data.length * part / 10] ^= 0x10;
		}
		data.data[0] ^= 0x10;
		expect_failure(codecs[i].compression, &data, "damaged");
	}
}

static void test_checksum(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	cleanup_strbuf struct strbuf gzip = STRBUF_INIT;
	cleanup_strbuf struct strbuf zstd = STRBUF_INIT;

	make_tar(&tar);
	add_gzip(&gzip, tar.data, tar.length);
	gzip.data[gzip.length - 8] ^= 1;
	expect_failure(UNPACK_GZIP, &gzip, "checksum");
	gzip.data[gzip.length - 8] ^= 1;
	gzip.data[gzip.length - 1] ^= 1; /* the length that it says */
	expect_failure(UNPACK_GZIP, &gzip, "damaged");
	add_zstd(&zstd, tar.data, tar.length);
	zstd.data[zstd.length - 1] ^= 1;
	expect_failure(UNPACK_ZSTD, &zstd, "checksum");
}

static void test_empty_members(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	cleanup_strbuf struct strbuf data = STRBUF_INIT;

	for (int i = 0; i < 100000; i++)
		add_gzip(&data, "", 0);
	tar_end(&tar);
	add_gzip(&data, tar.data, tar.length);
	expect_success(UNPACK_GZIP, &data, &tar);
}

static void test_zstd_window(void **state)
{
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	struct trial trial;
	/* a frame of unknown size with a window of 2 GiB */
	static const char header[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";

	strbuf_add(&data, header, sizeof(header) - 1);
	trial_init(&trial, LAYER_SINGLE);
	assert_int_equal(trial_run(&trial, UNPACK_ZSTD, &data), -1);
	assert_int_equal(trial.err.kind, ERR_LIMIT);
	assert_non_null(strstr(trial.err.msg, "window"));
	trial_release(&trial);
}

static void test_nothing(void **state)
{
	cleanup_strbuf struct strbuf nothing = STRBUF_INIT;

	expect_success(UNPACK_DETECT, &nothing, &nothing);
	expect_failure(UNPACK_GZIP, &nothing, "cut short");
	strbuf_adds(&nothing, "this is no tar file, whatever it is");
	expect_failure(UNPACK_DETECT, &nothing, "tar");
}

/* --- limits --- */

static void expect_limit(struct trial *trial, const struct strbuf *data, enum err_kind kind,
			 const char *message)
{
	assert_int_equal(trial_run(trial, UNPACK_DETECT, data), -1);
	if (trial->err.kind != kind || strstr(trial->err.msg, message) == NULL)
		fail_msg("not '%s' but: %s", message, trial->err.msg);
	trial_release(trial);
}

static void test_bytes(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trial;

	make_tar(&tar);
	trial_init(&trial, LAYER_SINGLE);
	trial.limits.max_bytes = 1000;
	expect_limit(&trial, &tar, ERR_LIMIT, "1000 bytes");
}

static void test_entries(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trial;

	for (int i = 0; i < 102; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%d", i);
		tar_add(&tar, &(struct tar_row){ name, '0', "x" });
	}
	trial_init(&trial, LAYER_SINGLE);
	trial.limits.max_entries = 100;
	expect_limit(&trial, &tar, ERR_LIMIT, "100 entries");
}

/* 4 GiB of zeros in 4 MB of gzip: the ratio stops it after 1 GiB. The file is one hole-less write, so it goes to a sparse
 * header instead: nothing of the 1 GiB is written, because it comes as padding behind the end of the archive. */
static void test_ratio(void **state)
{
	cleanup_strbuf struct strbuf zeros = STRBUF_INIT;
	cleanup_strbuf struct strbuf member = STRBUF_INIT;
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	struct trial trial;

	strbuf_grow(&zeros, 64 * MIB);
	memset(zeros.data, 0, 64 * MIB);
	add_gzip(&member, zeros.data, 64 * MIB);
	for (int i = 0; i < 20; i++)
		strbuf_add(&data, member.data, member.length);
	trial_init(&trial, LAYER_SINGLE);
	expect_limit(&trial, &data, ERR_LIMIT, "250 times");
}

static void test_free_space(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trial;

	make_tar(&tar);
	trial_init(&trial, LAYER_SINGLE);
	trial.limits.free_space_floor_bytes = UINT64_MAX;
	/* a floor is at most a part of the file system: this one is full, or it is not */
	if (trial_run(&trial, UNPACK_NONE, &tar) < 0) {
		assert_int_equal(trial.err.kind, ERR_NO_SPACE);
		assert_non_null(strstr(trial.err.msg, "no space left"));
	}
	trial_release(&trial);
}

static double unpack_opaques(int count)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct timespec before, after;
	struct trial trial;

	for (int i = 0; i < count; i++)
		tar_add(&tar, &(struct tar_row){ "a/b/c/d/e/f/.wh..wh..opq", '0' });
	tar_end(&tar);
	trial_init(&trial, LAYER_SINGLE);
	clock_gettime(CLOCK_MONOTONIC, &before);
	if (trial_run(&trial, UNPACK_NONE, &tar) < 0)
		fail_msg("%s", trial.err.msg);
	clock_gettime(CLOCK_MONOTONIC, &after);
	trial_release(&trial);
	return (double)(after.tv_sec - before.tv_sec) +
	       (double)(after.tv_nsec - before.tv_nsec) / 1e9;
}

/* Ten times as many take about ten times as long, not a hundred times (CVE-2026-95838). */
static void test_opaque_is_linear(void **state)
{
	double few = unpack_opaques(10000);
	double many = unpack_opaques(100000);

	if (many > 30 * few + 1)
		fail_msg("10000 took %.3f s and 100000 %.3f s", few, many);
}

/* --- owners --- */

struct look {
	int dir_fd;
	struct stat file, dir, link;
	ssize_t capability_size;
	char capability[64];
};

static int look_inside(void *arg, struct err *err)
{
	struct look *look = arg;
	cleanup_fd int fd = openat(look->dir_fd, "cap", O_RDONLY | O_CLOEXEC);

	fstatat(look->dir_fd, "d/f", &look->file, AT_SYMLINK_NOFOLLOW);
	fstatat(look->dir_fd, "d", &look->dir, AT_SYMLINK_NOFOLLOW);
	fstatat(look->dir_fd, "l", &look->link, AT_SYMLINK_NOFOLLOW);
	look->capability_size = fgetxattr(fd, "security.capability", look->capability, 64);
	/* in a child: the answer is its result */
	return look->file.st_uid == 1234 && look->file.st_gid == 2345 &&
	       look->file.st_mode == (S_IFREG | 04755) && look->dir.st_uid == 1 &&
	       look->dir.st_mode == S_IFDIR && look->link.st_uid == 7 &&
	       look->capability_size == 20;
}

static void test_owners(void **state)
{
	static const char capability[] = "SCHILY.xattr.security.capability=CAPABILITY-OF-20-BYT\n";
	static const char value[20] = "\x01\0\0\2\0\4";
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trial;

	tar_add(&tar, &(struct tar_row){ "d", '5', .uid = 1, .mode = NO_MODE });
	tar_add(&tar,
		&(struct tar_row){ "d/f", '0', "x", .mode = 04755, .uid = 1234, .gid = 2345 });
	tar_add(&tar, &(struct tar_row){ "l", '2', "x", .uid = 7, .gid = 8 });
	tar_add(&tar, &(struct tar_row){ "cap", '0', "x", .pax = capability });
	tar_add(&tar, &(struct tar_row){ ".wh.gone", '0' });
	tar_end(&tar);
	char *at = memmem(tar.data, tar.length, "CAPABILITY-OF-20-BYT", 20);
	memcpy(at, value, sizeof(value));

	trial_init(&trial, LAYER_MAPPED);
	if (trial_run(&trial, UNPACK_NONE, &tar) < 0)
		fail_msg("%s", trial.err.msg);
	struct look look = { .dir_fd = trial.dir.fd };
	assert_int_equal(userns_run(&trial.maps, look_inside, &look, &trial.err), 1);
	struct stat st;
	assert_int_equal(fstatat(trial.dir.fd, "gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	trial_release(&trial);
}

static void test_owner_outside_of_the_map(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trial;

	tar_add(&tar, &(struct tar_row){ "a", '0', "x", .uid = 5, .gid = 2000000000 });
	tar_end(&tar);
	trial_init(&trial, LAYER_MAPPED);
	assert_int_equal(trial_run(&trial, UNPACK_NONE, &tar), -1);
	assert_int_equal(trial.err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(trial.err.msg, "group 2000000000"));
	assert_non_null(strstr(trial.err.hint, "/etc/subgid"));
	trial_release(&trial);
}

/* A directory that only a lower layer names keeps what that says. */
static void test_implied(void **state)
{
	cleanup_strbuf struct strbuf lower = STRBUF_INIT;
	cleanup_strbuf struct strbuf upper = STRBUF_INIT;
	struct trial below, above;

	tar_add(&lower, &(struct tar_row){ "tmp", '5', .mode = 01777, .mtime = 77 });
	tar_add(&lower, &(struct tar_row){ "l", '2', "tmp" });
	tar_end(&lower);
	tar_add(&upper, &(struct tar_row){ "tmp/x/f", '0', "x" });
	tar_add(&upper, &(struct tar_row){ "l/f", '0', "x" });
	tar_end(&upper);
	trial_init(&below, LAYER_MAPPED);
	trial_init(&above, LAYER_MAPPED);
	assert_int_equal(trial_run(&below, UNPACK_NONE, &lower), 0);
	assert_int_equal(trial_run(&above, UNPACK_NONE, &upper), 0);
	assert_int_equal(above.result.implied.count, 3);
	assert_int_equal(unpack_adopt_implied(above.dir.fd, LAYER_MAPPED, &above.maps,
					      &above.result.implied, &below.dir.fd, 1, &above.err),
			 0);

	struct stat st;
	assert_int_equal(fstatat(above.dir.fd, "tmp", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(st.st_mtime, 77);
	assert_int_equal(fstatat(above.dir.fd, "tmp/x", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(fstatat(above.dir.fd, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	trial_release(&above);
	trial_release(&below);
}

struct rewrite {
	int dir_fd;
	int tar_fd;
};

static int write_layer(void *arg, struct err *err)
{
	const struct tar_tree_options options = { .layer = true };
	struct rewrite *rewrite = arg;
	struct tar_writer *writer = tar_writer_new(tar_sink_fd, &rewrite->tar_fd);
	int r = tar_writer_add_tree(writer, rewrite->dir_fd, &options, NULL, err);

	if (r == 0)
		r = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return r;
}

/* Unpack and write it again in the user namespace, with owners, capabilities and closed directories. */
static void rewrite_layer(const struct strbuf *tar, struct strbuf *again, struct digest *ret_digest)
{
	struct trial trial;

	trial_init(&trial, LAYER_MAPPED);
	if (trial_run(&trial, UNPACK_NONE, tar) < 0)
		fail_msg("%s", trial.err.msg);
	*ret_digest = trial.result.diff_id;
	cleanup_fd int tar_fd = memfd_create("tar", MFD_CLOEXEC);
	struct rewrite rewrite = { trial.dir.fd, tar_fd };
	if (userns_run(&trial.maps, write_layer, &rewrite, &trial.err) < 0)
		fail_msg("%s", trial.err.msg);
	assert_int_equal(lseek(tar_fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(tar_fd, again, 1 << 20), 0);
	trial_release(&trial);
}

static void test_digest_stays(void **state)
{
	static const char value[20] = "\x01\0\0\2\0\4";
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	cleanup_strbuf struct strbuf first = STRBUF_INIT;
	cleanup_strbuf struct strbuf second = STRBUF_INIT;
	struct digest made, of_first, of_second;

	tar_add(&tar, &(struct tar_row){ "z", '0', "x", .mode = 04711, .uid = 1234, .gid = 42 });
	tar_add(&tar, &(struct tar_row){ "closed", '5', .uid = 33, .mode = NO_MODE });
	tar_add(&tar, &(struct tar_row){ "closed/in", '0', "x", .uid = 33, .mode = NO_MODE });
	tar_add(&tar, &(struct tar_row){ "closed/l", '2', "in", .uid = 33 });
	tar_add(&tar, &(struct tar_row){
			      "cap", '0', "x",
			      .pax = "SCHILY.xattr.security.capability=CAPABILITY-OF-20-BYT\n" });
	tar_add(&tar, &(struct tar_row){ "d/.wh.gone", '0' });
	tar_add(&tar, &(struct tar_row){ "d/.wh..wh..opq", '0' });
	tar_end(&tar);
	memcpy(memmem(tar.data, tar.length, "CAPABILITY-OF-20-BYT", 20), value, sizeof(value));

	rewrite_layer(&tar, &first, &made);
	rewrite_layer(&first, &second, &of_first);
	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
	assert_non_null(memmem(first.data, first.length, value, sizeof(value)));
	strbuf_clear(&tar);
	rewrite_layer(&second, &tar, &of_second);
	assert_string_equal(of_first.text, of_second.text);
}

/* --- ends --- */

/* Kill one of the children in the middle of a layer. */
static void kill_child(bool inflate, int signal_number, const char *message)
{
	struct unpacker unpacker = UNPACKER_INIT;
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trial;

	make_tar(&tar);
	trial_init(&trial, LAYER_SINGLE);
	assert_int_equal(trial_start(&trial, UNPACK_NONE, &unpacker), 0);
	assert_int_equal(fd_write_full(unpacker.input_fd, tar.data, 1000), 0);
	kill(inflate ? unpacker.inflate.pid : unpacker.writer.pid, signal_number);
	assert_int_equal(unpack_finish(&unpacker, &trial.result, &trial.err), -1);
	if (strstr(trial.err.msg, message) == NULL)
		fail_msg("not '%s' but: %s", message, trial.err.msg);
	assert_int_equal(unpacker.inflate.pid, 0);
	assert_int_equal(unpacker.writer.pid, 0);
	trial_release(&trial);
}

static void test_killed(void **state)
{
	kill_child(true, SIGKILL, "decompressor of layer was killed by signal 9");
	kill_child(true, SIGSEGV, "decompressor of layer was killed by signal 11");
	kill_child(false, SIGSEGV, "unpacker of layer was killed by signal 11");
	kill_child(false, SIGSYS, "unpacker of layer was killed by signal 31");
}

static void test_abort(void **state)
{
	struct unpacker unpacker = UNPACKER_INIT;
	struct trial trial;

	trial_init(&trial, LAYER_SINGLE);
	assert_int_equal(trial_start(&trial, UNPACK_GZIP, &unpacker), 0);
	unpack_abort(&unpacker);
	unpack_abort(&unpacker);
	assert_int_equal(unpacker.input_fd, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	trial_release(&trial);
}

/* Several at once: none keeps the pipes of another open. */
static void test_side_by_side(void **state)
{
	enum { COUNT = 4 };
	struct unpacker unpackers[COUNT];
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct trial trials[COUNT];

	make_tar(&tar);
	for (int i = 0; i < COUNT; i++) {
		trial_init(&trials[i], LAYER_SINGLE);
		assert_int_equal(trial_start(&trials[i], UNPACK_NONE, &unpackers[i]), 0);
	}
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(fd_write_full(unpackers[i].input_fd, tar.data, tar.length), 0);
		if (unpack_finish(&unpackers[i], &trials[i].result, &trials[i].err) < 0)
			fail_msg("%s", trials[i].err.msg);
		trial_release(&trials[i]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_empty_members),
		cmocka_unit_test(test_zstd_window),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_free_space),
		cmocka_unit_test(test_opaque_is_linear),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_owner_outside_of_the_map),
		cmocka_unit_test(test_implied),
		cmocka_unit_test(test_digest_stays),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_side_by_side),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name(argv[0], tests, NULL, NULL);
}
