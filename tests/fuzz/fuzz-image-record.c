/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-image-record.c - the record of an image, its packed form in the cache, and names of files
 *
 * An image that was read must be the same after it was packed and unpacked; a packed form that was made by nobody must be refused
 * or give an image that can be packed.
 */
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "storage/image_cache.h"
#include "storage/image_private.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packed(const struct image *image)
{
	cleanup_strbuf struct strbuf first = STRBUF_INIT;
	cleanup_strbuf struct strbuf second = STRBUF_INIT;
	cleanup_image struct image *again = NULL;

	image_pack(&first, image);
	again = image_unpack(first.data, first.length);
	if (again == NULL)
		abort();
	image_pack(&second, again);
	if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)
		abort();
}

static void check_name(const char *text)
{
	cleanup_free char *name = name_unescape(text);
	cleanup_free char *escaped = name != NULL ? name_escape(name) : NULL;
	cleanup_free char *file = image_name_file(text);

	if (escaped != NULL && !str_equal(escaped, text))
		abort();
	if (strlen(file) > 255)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_image struct image *packed = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_json json_t *body = NULL;
	struct digest manifest;
	struct err err;

	strbuf_add(&text, data, size);
	check_name(text.data);
	packed = image_unpack(text.data, text.length);
	if (packed != NULL) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		image_pack(&out, packed);
	}
	body = json_parse(text.data, text.length, "record", &err);
	if (body == NULL ||
	    digest_parse(json_get_string(body, "", "manifest", NULL), &manifest) < 0)
		return 0;
	image = image_from_json(body, digest_hex(&manifest), &err);
	if (image != NULL)
		check_packed(image);
	return 0;
}
