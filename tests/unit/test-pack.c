/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-pack.c - what is compressed side by side is one stream, and always the same
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/image/pack.h"
#include "storage/sha256.h"
#include "storage/unpack_inflate.h"

static int memory_file(const void *data, size_t bytes)
{
	char name[] = "/tmp/dhow-pack-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(fd_write_full(fd, data, bytes), 0);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Text that compresses and noise that does not, of any size. */
static void fill(struct strbuf *out, size_t bytes)
{
	unsigned seed = 1;

	while (out->length < bytes) {
		seed = seed * 1103515245 + 12345;
		if ((seed >> 24) % 3 == 0)
			strbuf_addf(out, "line %u of a text that repeats\n", seed >> 20);
		else
			strbuf_add(out, &seed, sizeof(seed));
	}
	strbuf_truncate(out, bytes);
}

static void pack(enum pack_kind kind, int level, const struct strbuf *input, size_t step,
		 struct strbuf *output, struct digest *ret_digest)
{
	struct packer *packer = packer_new(kind, level, memory_file(input->data, input->length));
	char *data = xmalloc(step);
	struct digest in, expected;
	uint64_t bytes = 0;
	struct err err = { 0 };
	ssize_t got;

	while ((got = packer_read(packer, data, step, &err)) > 0)
		strbuf_add(output, data, (size_t)got);
	assert_int_equal(got, 0);
	packer_result(packer, &in, ret_digest, &bytes);
	sha256_of(input->data, input->length, &expected);
	assert_string_equal(in.text, expected.text);
	sha256_of(output->data, output->length, &expected);
	assert_string_equal(ret_digest->text, expected.text);
	assert_int_equal(bytes, output->length);
	packer_free(packer);
	free(data);
}

static void assert_unpacks_to(const struct strbuf *packed, const struct strbuf *input)
{
	struct inflate_result result = { .reader_gone = false };
	int in = memory_file(packed->data, packed->length);
	int out = memory_file("", 0);
	unsigned char wanted[32];
	struct sha256 *hash = sha256_new();
	struct err err = { 0 };

	assert_int_equal(inflate_run(in, out, UNPACK_DETECT, 0, &result, &err), 0);
	sha256_update(hash, input->data, input->length);
	sha256_final(hash, wanted);
	sha256_free(hash);
	assert_memory_equal(result.diff_id, wanted, 32);
	assert_int_equal(result.tar_bytes, input->length);
	close(in);
	close(out);
}

static void test_any_size_comes_back(void **state)
{
	static const size_t sizes[] = { 1,	 1000,	  1048575, 1048576,
					1048577, 2097152, 5000000, 3 * 1048576 };
	static const struct {
		enum pack_kind kind;
		int level;
	} ways[] = { { PACK_GZIP, -1 },
		     { PACK_GZIP, 1 },
		     { PACK_GZIP, 9 },
		     { PACK_ZSTD, -1 },
		     { PACK_ZSTD, 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(ways); k++) {
			cleanup_strbuf struct strbuf input = STRBUF_INIT, once = STRBUF_INIT,
						     again = STRBUF_INIT;
			struct digest first, second;

			fill(&input, sizes[i]);
			pack(ways[k].kind, ways[k].level, &input, 65536, &once, &first);
			assert_unpacks_to(&once, &input);
			pack(ways[k].kind, ways[k].level, &input, 777, &again, &second);
			assert_string_equal(first.text, second.text);
		}
	}
}

/* A reader that has enough does not wait for what is left. */
static void test_it_can_be_left(void **state)
{
	cleanup_strbuf struct strbuf input = STRBUF_INIT;
	struct packer *packer;
	struct err err = { 0 };
	char data[100];

	fill(&input, 20U << 20);
	packer = packer_new(PACK_GZIP, -1, memory_file(input.data, input.length));
	assert_true(packer_read(packer, data, sizeof(data), &err) > 0);
	packer_free(packer);
}

static void test_a_failed_read_is_told(void **state)
{
	struct packer *packer = packer_new(PACK_ZSTD, -1, open("/", O_RDONLY | O_DIRECTORY));
	struct err err = { 0 };
	char data[100];

	assert_int_equal(packer_read(packer, data, sizeof(data), &err), -1);
	assert_non_null(strstr(err.msg, "cannot read the layer"));
	packer_free(packer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_size_comes_back),
		cmocka_unit_test(test_it_can_be_left),
		cmocka_unit_test(test_a_failed_read_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
