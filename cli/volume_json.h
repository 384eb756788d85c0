/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/volume_json.h - a volume as podman's JSON has it
 */
#ifndef CLI_VOLUME_JSON_H
#define CLI_VOLUME_JSON_H

#include "engine/container.h"
#include "storage/volume.h"

/** New reference; NULL with err. */
json_t *volume_json(struct engine *engine, const struct volume *volume, struct err *err);

#endif
