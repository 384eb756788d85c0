/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/image_name.c - which of its names an image was called by
 */
#include "cli/image_name.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "engine/image.h"

#include <string.h>

/* True when full is what the short text may stand for: the same, or the same behind some '/'. */
static bool stands_for(const char *text, const char *full)
{
	size_t length = strlen(full);
	size_t part = strlen(text);

	if (str_equal(text, full))
		return true;
	return part < length && str_equal(full + length - part, text) &&
	       full[length - part - 1] == '/';
}

char *image_name_meant(const struct image *image, const char *text)
{
	cleanup_free char *tagged = xasprintf("%s:latest", text);

	if (strchr(text, '@') != NULL)
		return NULL;
	for (size_t i = 0; i < image->names.count; i++) {
		const char *full = image->names.items[i];

		if (stands_for(text, full) || stands_for(tagged, full))
			return xstrdup(full);
	}
	return NULL;
}
