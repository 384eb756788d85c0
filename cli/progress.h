/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/progress.h - what a pull shows on stderr: bars on a terminal, plain lines elsewhere
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/alloc.h"
#include "engine/image.h"

struct progress_view;
/** Nothing is printed before the first event. */
struct progress_view *progress_view_new(void);
/** A progress_function; arg is the view, NULL shows nothing. */
void progress_view_event(void *arg, const struct progress *progress);
/** Draw the last state and leave the cursor below it. A view that had no events prints nothing. */
void progress_view_end(struct progress_view *view);
void progress_view_free(struct progress_view *view);
DEFINE_CLEANUP(progress_view)
#define cleanup_progress __attribute__((cleanup(progress_view_free_ptr)))

#endif
