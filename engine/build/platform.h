/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/platform.h - for which platforms a build is (private to engine/build)
 *
 * Several platforms are several builds of one Dockerfile, one after the other; what does not depend on the platform is a hit from the second on.
 * Their images have no names: the names are a list's, which has them all.
 */
#ifndef ENGINE_BUILD_PLATFORM_H
#define ENGINE_BUILD_PLATFORM_H

#include "engine/build/build_private.h"

/** The build is for this platform from now on: "linux/arm64", or NULL or "local" for what --os and --arch say, or this machine. */
int platform_choose(struct build *build, const char *text, struct err *err);
/** "linux/arm64/v8". Yours. */
char *platform_of_build(const struct build *build);
/** True when the images of the build become a list. */
bool platform_makes_list(const struct build *build);
/** Make the lists of --tag and --manifest of build->made. ret_id of the last one, hexadecimal; yours. */
int platform_make_lists(struct build *build, char **ret_id, struct err *err);
/** Can programs for this platform run here? ERR_CANNOT_RUN with what to do about it. */
int platform_check_run(const char *os, const char *arch, struct err *err);

#endif
