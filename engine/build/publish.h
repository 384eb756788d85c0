/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/publish.h - parts of the end of a build (private to engine/build)
 */
#ifndef ENGINE_BUILD_PUBLISH_H
#define ENGINE_BUILD_PUBLISH_H

#include "engine/build/build_private.h"

/** Labels, variables and annotations of the command line. */
int publish_change(struct build *build, struct state *state, struct err *err);
/** What the base said about docker's own things is not true for this image. */
void publish_drop_base_members(json_t *config);
/** --squash: the layers of this build become one on top of the base's. */
int publish_squash(struct build *build, struct state *state, struct err *err);
/** The same when there is only one, whose times may have to change. */
int publish_merge(struct build *build, struct state *state, struct err *err);
/** Also --squash-all: one layer of all. */
int publish_squash_all(struct build *build, struct state *state, struct err *err);
/** --output: the files as a directory or a tar. */
int publish_outputs(struct build *build, struct state *state, struct err *err);
/** The same options, looked at before anything runs. */
int publish_check_outputs(struct build *build, struct err *err);

#endif
