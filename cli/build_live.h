/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_live.h - a build on a terminal
 *
 *	build_live_new(), build_live_event() for each event, build_live_end()
 *	build_live_clear() before something else is printed
 */
#ifndef CLI_BUILD_LIVE_H
#define CLI_BUILD_LIVE_H

#include "base/alloc.h"
#include "engine/build.h"

/* so often BUILD_TICK must come, for the times to move */
#define BUILD_LIVE_TICK_MS 200

struct build_live;
/** True when stdout and stderr are a terminal that can go up a line. */
bool build_live_can(void);
struct build_live *build_live_new(void);
/** A build_function; arg is the view. */
void build_live_event(void *arg, const struct build_event *event);
/** Take what is drawn off the screen; the next event draws it again. */
void build_live_clear(struct build_live *live);
/** The same, for good; what a step that failed printed last stays. */
void build_live_end(struct build_live *live, bool failed);
void build_live_free(struct build_live *live);
DEFINE_CLEANUP(build_live)
#define cleanup_build_live __attribute__((cleanup(build_live_free_ptr)))

#endif
