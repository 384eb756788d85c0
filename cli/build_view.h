/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_view.h - what a build shows
 */
#ifndef CLI_BUILD_VIEW_H
#define CLI_BUILD_VIEW_H

#include "base/alloc.h"
#include "engine/build.h"

struct build_view;
/** @param quiet  nothing but warnings */
struct build_view *build_view_new(bool quiet);
/** A build_function; arg is the view. */
void build_view_event(void *arg, const struct build_event *event);
/** All lines that are not ended yet. */
void build_view_end(struct build_view *view);
void build_view_free(struct build_view *view);
DEFINE_CLEANUP(build_view)
#define cleanup_build_view __attribute__((cleanup(build_view_free_ptr)))

#endif
