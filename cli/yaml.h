/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/yaml.h - JSON as YAML, for people
 */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include <jansson.h>

struct strbuf;

/** Append an object as block YAML, keys in the order of the alphabet as podman has them. */
void yaml_print(const json_t *object, struct strbuf *out);

#endif
