/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/version.h - which dhow this is, as `version` and `info` tell
 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include <jansson.h>

/** {"APIVersion", "Version", "GoVersion", "GitCommit", "BuiltTime", "Built", "BuildOrigin", "OsArch", "Os"}. New reference. */
json_t *version_json(void);
/** The machine's architecture in Go's words: "amd64". */
const char *version_arch(void);

#endif
