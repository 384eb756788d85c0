/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/describe.h - from a manifest in the store to the image that the store keeps a record of (private)
 */
#ifndef ENGINE_IMAGE_DESCRIBE_H
#define ENGINE_IMAGE_DESCRIBE_H

#include "engine/engine.h"
#include "storage/image.h"

/** Read manifest and configuration, both in the store already, and fill all but the names. */
int image_describe(struct engine *engine, const struct digest *manifest, struct image **ret_image,
		   struct err *err);

#endif
