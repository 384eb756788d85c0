/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-manifest.c - manifests and indexes: no crash, and what is accepted is whole
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "engine/image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest manifest = { 0 };
	struct platform here = { 0 };
	const struct descriptor *item = NULL;
	struct digest digest, *ids = NULL;
	struct err err;

	if (manifest_parse((const char *)data, size, NULL, "m", &manifest, &err) < 0)
		return 0;
	for (size_t i = 0; i < manifest.item_count; i++) {
		if (digest_parse(manifest.items[i].digest.text, &digest) < 0 ||
		    manifest.items[i].media_type == NULL)
			abort();
	}
	platform_here(&here);
	if (manifest.is_index) {
		if (manifest_choose(&manifest, &here, "m", &item, &err) == 0 && item == NULL)
			abort();
	} else {
		manifest_check_image(&manifest, "m", &err);
		/* the document as its own configuration: most have no rootfs */
		if (config_diff_ids(manifest.json, manifest.item_count, "m", &ids, &err) == 0)
			free(ids);
	}
	platform_release(&here);
	manifest_release(&manifest);
	return 0;
}
