/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-ref.c - references as docker and podman read them, and what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "engine/image.h"

#define HEX64	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST1 "sha256:" HEX64

static const struct {
	const char *text, *registry, *path, *tag, *digest, *full;
} good[] = {
	{ "alpine", NULL, "alpine", NULL, "", "docker.io/library/alpine:latest" },
	{ "alpine:3.20", NULL, "alpine", "3.20", "", "docker.io/library/alpine:3.20" },
	{ "me/app", NULL, "me/app", NULL, "", "docker.io/me/app:latest" },
	{ "docker.io/alpine", "docker.io", "library/alpine", NULL, "",
	  "docker.io/library/alpine:latest" },
	{ "index.docker.io/a/b", "docker.io", "a/b", NULL, "", "docker.io/a/b:latest" },
	{ "localhost/x", "localhost", "x", NULL, "", "localhost/x:latest" },
	{ "localhost:5000", NULL, "localhost", "5000", "", "docker.io/library/localhost:5000" },
	{ "localhost:5000/x:1", "localhost:5000", "x", "1", "", "localhost:5000/x:1" },
	{ "[::1]:5000/a/b", "[::1]:5000", "a/b", NULL, "", "[::1]:5000/a/b:latest" },
	{ "HOST/x", "HOST", "x", NULL, "", "HOST/x:latest" },
	{ "quay.io/a__b/c-d--e.f", "quay.io", "a__b/c-d--e.f", NULL, "",
	  "quay.io/a__b/c-d--e.f:latest" },
	{ "a.b/c@" DIGEST1, "a.b", "c", NULL, DIGEST1, "a.b/c@" DIGEST1 },
	{ "a.b/c:t@" DIGEST1, "a.b", "c", "t", DIGEST1, "a.b/c@" DIGEST1 },
	{ "x:" HEX64, NULL, "x", HEX64, "", "docker.io/library/x:" HEX64 },
};

static const struct {
	const char *text, *part;
} bad[] = {
	{ "", "empty" },
	{ "/", "empty" },
	{ "/x", "empty" },
	{ "x/", "empty" },
	{ "a//b", "empty" },
	{ "a.b/UPPER", "lowercase" },
	{ "Upper", "lowercase" },
	{ "x:", "tag is empty" },
	{ "x:-a", "tag starts" },
	{ "x:a b", "tag has" },
	{ "x@sha256:12", "digest" },
	{ "x@md5:" HEX64, "digest" },
	{ "x@" DIGEST1 "0", "digest" },
	{ "x@sha256:../../../etc", "digest" },
	{ "..", "starts with" },
	{ "a.b/../c", "starts with" },
	{ "a..b", "separator" },
	{ "a._b", "separator" },
	{ "a___b", "separator" },
	{ "a-", "separator" },
	{ "a b", "name has" },
	{ "a\nb", "name has" },
	{ "h:99999/x", "port" },
	{ "h:0/x", "port" },
	{ "h:/x", "port" },
	{ "-h.x/y", "host" },
	{ "h..x/y", "host" },
	{ "user@host.x/y", "digest" },
	{ "[::1/x", "brackets" },
	{ "h.x?a/y", "host" },
	{ HEX64, "id of an image" },
};

static void good_references_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cleanup_image_ref struct image_ref ref = { 0 };
		cleanup_free char *full = NULL;
		struct err err;

		if (image_ref_parse(good[i].text, &ref, &err) < 0)
			fail_msg("'%s': %s", good[i].text, err.msg);
		assert_true(str_equal_null(ref.registry, good[i].registry));
		assert_string_equal(ref.path, good[i].path);
		assert_true(str_equal_null(ref.tag, good[i].tag));
		assert_string_equal(ref.digest.text, good[i].digest);
		full = image_ref_full(&ref, "docker.io");
		assert_string_equal(full, good[i].full);
	}
}

static void bad_references_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_image_ref struct image_ref ref = { 0 };
		struct err err;

		if (image_ref_parse(bad[i].text, &ref, &err) == 0)
			fail_msg("'%s' was accepted", bad[i].text);
		assert_int_equal(err.kind, ERR_USAGE);
		if (strstr(err.msg, bad[i].part) == NULL)
			fail_msg("'%s': no '%s' in: %s", bad[i].text, bad[i].part, err.msg);
	}
}

static void lengths_have_limits(void **state)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	char text[400];
	struct err err;

	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	assert_int_equal(image_ref_parse(text, &ref, &err), 0);
	text[255] = 'a';
	text[256] = '\0';
	assert_int_equal(image_ref_parse(text, &(struct image_ref){ 0 }, &err), -1);
	memset(text, 'a', sizeof(text));
	text[1] = ':';
	text[2 + 129] = '\0';
	assert_int_equal(image_ref_parse(text, &(struct image_ref){ 0 }, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_references_are_read),
		cmocka_unit_test(bad_references_are_refused),
		cmocka_unit_test(lengths_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
