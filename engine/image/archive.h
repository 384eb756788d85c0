/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/archive.h - archives and directories of images, as an OCI layout that transfer can read (private to engine/image)
 *
 * An archive is unpacked in the sandbox below tmp/ of the store (R14); what docker writes (manifest.json, layers as tars) is turned into
 * a layout by names and hard links. Nothing of it is believed: transfer checks each digest and diffID as it does for a registry.
 */
#ifndef ENGINE_IMAGE_ARCHIVE_H
#define ENGINE_IMAGE_ARCHIVE_H

#include "base/digest.h"
#include "engine/engine.h"
#include "storage/store.h"

struct archive_item {
	struct digest manifest;
	struct strv names; /* as they stand in it, not checked */
};

struct archive {
	struct staging staging; /* when something had to be unpacked or made */
	char *path;		/* of the layout */
	struct archive_item *items;
	size_t count;
};
#define ARCHIVE_INIT                                                                               \
	{                                                                                          \
		STAGING_INIT, NULL, NULL, 0                                                        \
	}
/** An archive, compressed or not, from where the descriptor stands. ERR_CORRUPT when there are no images in it. */
int archive_open(struct engine *engine, int archive_fd, struct archive *ret_archive,
		 struct err *err);
/** A directory that is a layout already: its items. ERR_NOT_FOUND when it is none. */
int archive_open_layout(const char *path, struct archive *ret_archive, struct err *err);
void archive_release(struct engine *engine, struct archive *archive);

#endif
