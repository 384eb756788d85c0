/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/artifact.h - the manifest of an artifact (private)
 */
#ifndef ENGINE_IMAGE_ARTIFACT_H
#define ENGINE_IMAGE_ARTIFACT_H

#include "engine/artifact.h"

/**
 * Make blobs of the files and a manifest that names them, all in the directory, on the disk.
 * @param base     a manifest whose files come first, or NULL
 * @param subject  a descriptor, or NULL
 * @return the manifest's descriptor: a new reference, NULL with err
 */
json_t *artifact_make(int blobs_fd, const struct strv *files, const struct artifact_form *form,
		      const json_t *base, const json_t *subject, struct err *err);

#endif
