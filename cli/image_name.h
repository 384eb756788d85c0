/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/image_name.h - which of its names an image was called by
 */
#ifndef CLI_IMAGE_NAME_H
#define CLI_IMAGE_NAME_H

struct image;

/** "localhost/web:latest" for "web"; NULL when the text is an id or has a digest. Yours. */
char *image_name_meant(const struct image *image, const char *text);

#endif
