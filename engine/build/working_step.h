/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/working_step.h - what the steps and the commit of a working container share (private to engine/build)
 */
#ifndef ENGINE_BUILD_WORKING_STEP_H
#define ENGINE_BUILD_WORKING_STEP_H

#include "engine/build/add.h"
#include "engine/build/build_private.h"
#include "engine/working.h"

/* In the document of a working container until its commit: what --created-by and --history-comment said. */
#define WORKING_CREATED_BY	"dhow.createdBy"
#define WORKING_HISTORY_COMMENT "dhow.historyComment"

/** A build whose first stage is the container, with its image; working has none until working_build_end(). */
void working_build_begin(struct working *working, const struct build_opts *opts,
			 const struct working_step *step, struct build *build);
void working_build_end(struct working *working, struct build *build);
/** What lies in the upper directory becomes a layer of working->image, and stays where it is: 1, 0 there is nothing, -1. */
int working_add_upper(struct working *working, struct err *err);
/** working_copy() without its record. */
int working_copy_quietly(struct working *working, const struct strv *words,
			 const struct working_copy *copy, struct digest *ret_layer,
			 struct err *err);

#endif
