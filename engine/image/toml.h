/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/toml.h - a strict reader of TOML 1.0 for registries.conf and its kin (private)
 *
 * Everything that configuration files use: tables, arrays of tables, dotted and quoted keys, the four kinds of strings, integers,
 * floats, booleans, arrays, inline tables. Dates and times are refused: no file of ours has them. A key that is set twice
 * is an error, as TOML says: a later line can never silently undo an earlier one.
 */
#ifndef ENGINE_IMAGE_TOML_H
#define ENGINE_IMAGE_TOML_H

#include <jansson.h>
#include <stddef.h>

struct err;

#define TOML_LIMIT_BYTES (1U << 20)

/**
 * Parse a document; the result is an object. New reference, or NULL with ERR_USAGE and a message that starts with
 * "FILE:LINE: ".
 */
json_t *toml_parse(const char *text, size_t length, const char *file, struct err *err);

/** Read and parse a file: 1 (new reference in *ret), 0 there is no such file, -1. At most 1 MiB. */
int toml_read(const char *path, json_t **ret, struct err *err);

#endif
