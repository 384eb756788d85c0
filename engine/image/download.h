/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/download.h - a file by URL, through libexec/dhow/transfer (private to engine)
 */
#ifndef ENGINE_IMAGE_DOWNLOAD_H
#define ENGINE_IMAGE_DOWNLOAD_H

#include "engine/engine.h"

/**
 * Write what an http:// or https:// URL gives to output_fd, from where it stands; blocks. ERR_NOT_FOUND, ERR_UNAVAILABLE,
 * ERR_INTERRUPTED.
 */
int download_url(struct engine *engine, const char *url, int output_fd, struct err *err);

#endif
