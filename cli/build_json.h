/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_json.h - --progress rawjson: events of a build as BuildKit's status, one JSON object in a line on stderr
 */
#ifndef CLI_BUILD_JSON_H
#define CLI_BUILD_JSON_H

#include "engine/build.h"

/** A build_function; arg is not used. */
void build_json_event(void *arg, const struct build_event *event);

#endif
