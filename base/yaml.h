/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/yaml.h - YAML as people write configuration, read into JSON values
 *
 * Block and flow collections, plain and quoted scalars, literal and folded text, comments, one document. Anchors, aliases, tags,
 * complex keys and several documents are refused with the line: no file that dhow reads needs them, and an alias is how a small file becomes
 * a large one. Scalars get the types of YAML's core schema (null, true, 12, 0x1f, 1.5); everything else is text.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <jansson.h>
#include <stddef.h>

struct err;

#define YAML_LIMIT_BYTES (4U << 20)
#define YAML_LIMIT_DEPTH 64

/** what is named in the message. New reference, or NULL with ERR_CORRUPT. An empty document is null. */
json_t *yaml_parse(const char *text, size_t length, const char *what, struct err *err);

#endif
