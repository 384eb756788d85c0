/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-dockerfile.c - a Dockerfile, its words expanded, its lines as patterns of an ignore file
 */
#include "base/alloc.h"
#include "base/err.h"
#include "engine/build/dockerfile.h"
#include "engine/build/pattern.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *arg, const char *name)
{
	return name[0] == 'a' ? "some value" : name[0] == 'b' ? "" : NULL;
}

static void expand(const struct dockerfile *file, const struct df_instruction *item)
{
	const struct df_scope scope = { .escape = file->escape, .lookup = lookup };
	const struct df_scope raw = { .escape = file->escape, .lookup = lookup, .raw = true };
	cleanup_strv struct strv words = STRV_INIT;
	struct err err;

	free(df_expand(&scope, item->rest, &err));
	(void)df_expand_words(&scope, item->rest, &words, &err);
	for (size_t i = 0; i < item->heredoc_count; i++)
		free(df_expand(&raw, item->heredocs[i].text, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_dockerfile struct dockerfile file = DOCKERFILE_INIT;
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct ignore ignore = { 0 };
	struct err err;

	if (size > 4096)
		return 0;
	if (dockerfile_parse("Dockerfile", (const char *)data, size, &file, &err) == 0)
		for (size_t i = 0; i < file.count; i++)
			expand(&file, &file.items[i]);
	if (ignore_parse(&ignore, text, "ignore", &err) == 0)
		(void)ignore_match(&ignore, "some/path/to.txt");
	ignore_release(&ignore);
	return 0;
}
