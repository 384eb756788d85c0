/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-manifest.c - manifests and platforms: what is read, what is refused, what is chosen
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/image/manifest.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define CONFIG                                                                                     \
	"\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":\"" D1 "\",\"size\":2}"
#define LAYER                                                                                      \
	"{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" D2          \
	"\",\"size\":3}"
#define LAYERS	 "\"layers\":[" LAYER "]"
#define VERSION2 "\"schemaVersion\":2"

static const struct {
	const char *text, *content_type, *part; /* part of the error; NULL: good */
} cases[] = {
	{ "{" VERSION2 "," CONFIG "," LAYERS "}", NULL, NULL },
	{ "{" VERSION2 "," CONFIG "," LAYERS "}", MEDIA_OCI_MANIFEST, NULL },
	{ "{" VERSION2 "," CONFIG "," LAYERS "}", "application/json", NULL },
	{ "{" VERSION2 ",\"mediaType\":\"" MEDIA_DOCKER_MANIFEST "\"," CONFIG "," LAYERS "}",
	  MEDIA_DOCKER_MANIFEST, NULL },
	{ "{" VERSION2 "," CONFIG ",\"layers\":[]}", NULL, NULL },
	{ "{" VERSION2 ",\"manifests\":[]}", MEDIA_OCI_INDEX, NULL },
	{ "{" VERSION2 ",\"mediaType\":\"" MEDIA_DOCKER_MANIFEST "\"," CONFIG "," LAYERS "}",
	  MEDIA_OCI_MANIFEST, "ambiguous" },
	{ "{" VERSION2 "," CONFIG "," LAYERS "}", MEDIA_OCI_INDEX, "ambiguous" },
	{ "{" VERSION2 "," CONFIG "," LAYERS ",\"manifests\":[]}", NULL, "ambiguous" },
	{ "{" VERSION2 ",\"mediaType\":7," CONFIG "," LAYERS "}", NULL, "no text" },
	{ "{" VERSION2 ",\"mediaType\":\"x\"," CONFIG "," LAYERS "}", NULL, "unknown kind" },
	{ "{" CONFIG "," LAYERS "}", NULL, "schemaVersion" },
	{ "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "outdated" },
	{ "{\"schemaVersion\":1,\"fsLayers\":[]," LAYERS "}", NULL, "two kinds" },
	{ "{" VERSION2 "}", NULL, "neither" },
	{ "{" VERSION2 "," LAYERS "}", NULL, "descriptor" },
	{ "{" VERSION2 "," CONFIG "}", NULL, "no list" },
	{ "{" VERSION2 "," CONFIG ",\"layers\":{}}", NULL, "no list" },
	{ "{" VERSION2 "," CONFIG ",\"layers\":[{\"digest\":\"" D1 "\",\"size\":-1}]}", NULL,
	  "size" },
	{ "{" VERSION2 "," CONFIG ",\"layers\":[{\"digest\":\"" D1 "\",\"size\":1.5}]}", NULL,
	  "size" },
	{ "{" VERSION2 "," CONFIG ",\"layers\":[{\"digest\":\"x\",\"size\":1}]}", NULL, "digest" },
	{ "{" VERSION2 "," CONFIG "," LAYERS "," LAYERS "}", NULL, "duplicate" },
};

static void manifests_are_read_strictly(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct manifest manifest = { 0 };
		struct err err = { 0 };
		int status = manifest_parse(cases[i].text, strlen(cases[i].text),
					    cases[i].content_type, "manifest", &manifest, &err);

		if ((status < 0) != (cases[i].part != NULL) ||
		    (status < 0 && strstr(err.msg, cases[i].part) == NULL))
			fail_msg("%s: %d %s", cases[i].text, status, err.msg);
		manifest_release(&manifest);
	}
}

static void layers_and_config_must_be_of_known_kinds(void **state)
{
	static const struct {
		const char *config, *layer, *part;
	} kinds[] = {
		{ MEDIA_OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar", NULL },
		{ MEDIA_DOCKER_CONFIG, "application/vnd.docker.image.rootfs.diff.tar.gzip", NULL },
		{ MEDIA_OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+zstd", NULL },
		{ "application/vnd.x+json", "application/vnd.oci.image.layer.v1.tar", "artifact" },
		{ MEDIA_OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
		  "encrypted" },
		{ MEDIA_OCI_CONFIG, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		  "somewhere else" },
		{ MEDIA_OCI_CONFIG, "text/plain", "unknown kind" },
		{ MEDIA_OCI_CONFIG, "", "unknown kind" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct manifest manifest = { 0 };
		struct err err = { 0 };
		cleanup_free char *text = xasprintf(
			"{" VERSION2 ",\"config\":{\"mediaType\":\"%s\",\"digest\":\"" D1
			"\",\"size\":2},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"" D2
			"\",\"size\":3,\"urls\":[\"http://x\"]}]}",
			kinds[i].config, kinds[i].layer);

		assert_int_equal(manifest_parse(text, strlen(text), NULL, "m", &manifest, &err), 0);
		if (manifest_check_image(&manifest, "m", &err) == 0)
			assert_null(kinds[i].part);
		else if (kinds[i].part == NULL || strstr(err.msg, kinds[i].part) == NULL)
			fail_msg("%s: %s", kinds[i].layer, err.msg);
		manifest_release(&manifest);
	}
}

static void add_entry(struct strbuf *out, const char *platform, char digit)
{
	char digest[65];

	memset(digest, digit, 64);
	digest[64] = '\0';
	strbuf_addf(out,
		    "%s{\"mediaType\":\"" MEDIA_OCI_MANIFEST
		    "\",\"digest\":\"sha256:%s\",\"size\":1%s%s}",
		    out->data[out->length - 1] == '[' ? "" : ",", digest,
		    *platform != '\0' ? ",\"platform\":" : "", platform);
}

static char choose(const char *platform)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct manifest index = { 0 };
	struct platform want = { 0 };
	const struct descriptor *item = NULL;
	struct err err;
	char digit = '-';

	strbuf_adds(&text, "{" VERSION2 ",\"manifests\":[");
	add_entry(&text, "{\"os\":\"unknown\",\"architecture\":\"unknown\"}", '0');
	add_entry(&text, "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}", '1');
	add_entry(&text, "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}", '2');
	add_entry(&text, "{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}", '3');
	add_entry(&text, "{\"os\":\"linux\",\"architecture\":\"amd64\"}", '4');
	add_entry(&text, "{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"}", '5');
	add_entry(&text, "{\"os\":\"windows\",\"architecture\":\"amd64\"}", '6');
	strbuf_adds(&text, "]}");
	assert_int_equal(manifest_parse(text.data, text.length, NULL, "index", &index, &err), 0);
	assert_int_equal(platform_parse(platform, &want, &err), 0);
	if (manifest_choose(&index, &want, "index", &item, &err) == 0)
		digit = digest_hex(&item->digest)[0];
	else
		assert_int_equal(err.kind, ERR_NOT_FOUND);
	platform_release(&want);
	manifest_release(&index);
	return digit;
}

static void the_best_platform_is_chosen(void **state)
{
	static const struct {
		const char *platform;
		char digit;
	} wanted[] = {
		{ "linux/amd64", '4' },	    { "linux/x86_64", '4' },  { "linux/amd64/v3", '5' },
		{ "linux/arm64", '3' },	    { "linux/aarch64", '3' }, { "linux/arm64/v8", '3' },
		{ "linux/arm", '2' },	    { "linux/arm/v7", '2' },  { "linux/arm/v6", '1' },
		{ "linux/arm/v5", '-' },    { "linux/s390x", '-' },   { "windows/amd64", '6' },
		{ "unknown/unknown", '-' }, { "linux/armhf", '2' },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (choose(wanted[i].platform) != wanted[i].digit)
			fail_msg("%s: %c", wanted[i].platform, choose(wanted[i].platform));
	}
}

static void odd_platforms_are_refused(void **state)
{
	static const char *const wrong[] = { "",	 "/",	       "linux/",      "linux//v7",
					     "a/b/c/d",	 "linux/../x", "Linux/amd64", "nonsense",
					     "linux/a b" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct platform platform = { 0 };
		struct err err;

		if (platform_parse(wrong[i], &platform, &err) == 0)
			fail_msg("accepted: '%s'", wrong[i]);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifests_are_read_strictly),
		cmocka_unit_test(layers_and_config_must_be_of_known_kinds),
		cmocka_unit_test(the_best_platform_is_chosen),
		cmocka_unit_test(odd_platforms_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
