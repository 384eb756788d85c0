/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/publish.h - parts of the end of a build (private to engine/build)
 */
#ifndef ENGINE_BUILD_PUBLISH_H
#define ENGINE_BUILD_PUBLISH_H

#include "engine/build/build_private.h"

/** --squash: the layers of this build become one on top of the base's. */
int publish_squash(struct build *build, struct state *state, struct err *err);
/** --output: the files as a directory or a tar. */
int publish_outputs(struct build *build, struct state *state, struct err *err);
/** The same options, looked at before anything runs. */
int publish_check_outputs(struct build *build, struct err *err);

#endif
