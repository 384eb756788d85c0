/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build.h - build images from Dockerfiles
 *
 *	build_run(engine, &opts, "DIR", event, arg, &result, err)
 *
 * How a build walks:
 *
 *	context	a directory, or what is made one in a staging directory: a tar, a git repository
 *	parse	the whole Dockerfile is checked before anything runs; errors are "NAME:LINE: INSTRUCTION ..."
 *	graph	stages, and which of them the target needs; a stage starts when those are done that it begins from or copies from
 *	step	one instruction. Its key is a digest of the key before it, of the instruction as it is after expansion, and of the
 *		content of the files that it uses; cache/build/steps/KEY names the layer that it made once. A layer that is gone is
 *		a miss. What changes only the configuration is done in this process; RUN, COPY, ADD and WORKDIR are done by a
 *		worker, a child that makes one layer: workers of several stages run at the same time
 *	result	an image (storage keeps layers by diffID, so steps are no images), a directory, or an archive
 *
 * A RUN is a container of engine/container/step.h: the code and the profile of `run`. Files are copied in a user namespace with the
 * store's maps, into the mounted root file system of the stage, by anchored paths only (R1, R20).
 *
 * A worker dies with the builder and its staging directory is collected by the next command: a killed build leaves layers that the
 * cache names, and nothing else.
 */
#ifndef ENGINE_BUILD_H
#define ENGINE_BUILD_H

#include "base/strv.h"
#include "engine/container.h"
#include "engine/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct build_opts {
	struct container_create_opts
		run; /* of RUN: add_host dns network volumes ulimit cap_add memory ...; run.pull of FROM */
	struct strv tags, files;
	struct strv build_args, build_arg_files, build_contexts;
	struct strv labels, annotations, env;
	struct strv unset_env, unset_labels, unset_annotations;
	struct strv secrets, ssh, outputs;
	struct strv platforms,
		no_cache_filter; /* several platforms: the names are those of a list */
	char *manifest;		 /* a list that the images are added to */
	char *target, *ignorefile, *iidfile, *metadata_file, *format, *from;
	char *timestamp, *source_date_epoch;
	struct strv cache_from, cache_to; /* NAME, type=registry,ref=NAME */
	char *cache_ttl;		  /* what is older is no hit */
	char *pull;			  /* true, false or a policy */
	char *logfile;			  /* of the command line: where all output goes */
	char *progress;			  /* of the command line's view */
	unsigned tick_ms;		  /* BUILD_TICK so often while steps run; 0: never */
	bool check;			  /* look at the Dockerfile, build nothing */
	/* of the command line: may say what is so in any case */
	char *isolation, *provenance, *sbom, *builder, *call;
	struct strv attest, allow;
	int identity_label, disable_compression, disable_content_trust;
	bool load, push, pull_always, pull_never;
	int created_annotation, inherit_annotations; /* of the manifest; -1 and 0: no */
	bool no_cache, quiet, squash, squash_all, omit_history, rewrite_timestamp, stdin_open;
	int layers, http_proxy, skip_unused_stages, inherit_labels;
	int remove, force_remove; /* nothing is left of a step in any case */
	int64_t jobs; /* stages at a time; 0: as many as there are processors, at least 4 */
};
#define BUILD_OPTS_TRI_DEFAULTS                                                                    \
	.layers = 1, .http_proxy = 1, .skip_unused_stages = 1, .inherit_labels = 1

enum build_event_kind {
	BUILD_STEP,	/* begins: stage, step, text is the instruction */
	BUILD_CACHED,	/* it was taken from the cache; id; text: the remote cache, or NULL */
	BUILD_OUTPUT,	/* text, length: what a RUN printed; is_stderr */
	BUILD_STEP_END, /* done: id of the layer or state, seconds */
	BUILD_COMMIT,	/* the image is being written; text is its name, or NULL */
	BUILD_TAGGED,	/* text is the name */
	BUILD_EXCERPT,	/* text: the lines of the Dockerfile that failed, and those around them */
	BUILD_FINDING, /* of a check: text is the rule, a newline, what it says; an excerpt follows */
	BUILD_WARNING, /* text */
	BUILD_TICK,    /* tick_ms have passed */
	BUILD_NOTE,    /* text: something that happened, such as a pull */
	BUILD_EVENT_COUNT
};
struct build_event {
	enum build_event_kind kind;
	unsigned stage, stage_count; /* from 1 on; of those that are built */
	unsigned step, step_count;   /* in the stage, from 1 on */
	const char *text;
	size_t length;
	const char *id; /* hexadecimal, or NULL */
	bool is_stderr;
	double seconds;
};
typedef void (*build_function)(void *arg, const struct build_event *event);

struct build_result {
	char *id;	      /* of the image, hexadecimal; NULL when there is none (--output) */
	size_t finding_count; /* of checks */
	int exit_status;      /* of the RUN that failed: what the command ends with; 0: none did */
};
void build_result_release(struct build_result *result);

/**
 * Build. ERR_USAGE (what was asked, what is in the Dockerfile), ERR_NOT_FOUND (files, images), ERR_FAILED with
 * ret_result->exit_status when a RUN failed, ERR_INTERRUPTED after SIGINT or SIGTERM: then everything it started has ended.
 * @param context   directory, "-", URL; NULL: the directory of the Dockerfile
 * @param progress  of pulls
 */
int build_run(struct engine *engine, const struct build_opts *opts, const char *context,
	      build_function event, void *event_arg, progress_function progress, void *progress_arg,
	      struct build_result *ret_result, struct err *err);

/** --pull as podman build, buildah and docker know it; NULL: missing. */
int build_pull_policy(const char *text, enum pull_policy *ret_policy, struct err *err);

/** Forget the cache of builds: steps, cache mounts, remembered digests, layers that no image has. Bytes that were freed. */
int build_prune(struct engine *engine, uint64_t *ret_bytes, struct err *err);

#endif
