/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/remote.h - caches in registries (private to engine/build)
 *
 * Every image that is built says in its configuration, under REMOTE_MEMBER, the key and the layer of each step that was done for
 * it, those of other stages too. So any image is a cache of its build: --cache-from IMAGE. What an image has not itself (the layers of
 * a stage that was only copied from) can be asked for in two ways:
 *
 *	--cache-to REPOSITORY		an image of one layer for each step, tagged by its key; --cache-from REPOSITORY asks for them
 *	--cache-to type=registry,ref=NAME:TAG[,mode=max]
 *					one image with the layers of the target (mode=max: of all stages)
 *
 * A hit in a remote cache fetches nothing: the diffID is enough to go on. Only who needs the files (a step that is no hit, the image
 * at the end) asks for them: remote_need(). A layer that nobody has makes its step a miss: the build starts again, and finds in the
 * local cache what it has done so far.
 */
#ifndef ENGINE_BUILD_REMOTE_H
#define ENGINE_BUILD_REMOTE_H

#include "engine/build/build_private.h"

#define REMOTE_MEMBER "dhow.build.cache"

/** --cache-from, --cache-to, --cache-ttl: read and checked, nothing is asked yet. */
int remote_open(struct build *build, struct err *err);
void remote_close(struct build *build);

/**
 * 1 a remote cache knows the key: ret_cached->remote is set; 0; -1 when it was interrupted: a cache that fails is none.
 * @param stage  NULL: no repository is asked for this key (a step that costs nothing)
 */
int remote_find(struct build *build, struct stage *stage, const struct digest *key,
		struct cached *ret_cached, struct err *err);
/** The local cache has such a hit, and knows the diffID only. 1; 0 when its layer was found to be nowhere. */
int remote_expect(struct build *build, const struct digest *key, const struct cached *cached,
		  struct cached *ret_cached);
/** Have these layers in the store: 0; 1 one is nowhere, its steps are forgotten and the build must start again; -1. */
int remote_need(struct build *build, const struct digest *layers, size_t count, struct err *err);

/** A step is done: remember it for remote_note() and remote_send(). */
void remote_add_step(struct build *build, const struct digest *key, const struct cached *cached);
void remote_forget_steps(struct build *build);
/** Write the steps into the configuration of an image. */
void remote_note(struct build *build, json_t *config);
/** Send what --cache-to says. */
int remote_send(struct build *build, struct err *err);
/** True when it was made longer ago than --cache-ttl allows. */
bool remote_too_old(const struct build *build, int64_t made_ns);

/* ---- shared by remote.c and remote_send.c */

struct remote_step {
	struct digest key, diff_id; /* diff_id "": the step made no layer */
	int64_t created_ns, made_ns;
	const char *from; /* the remote cache that it came from, or NULL */
	bool config_only;
	struct image_new_layer layer;
};
struct remote_image {
	char *name;
	struct digest manifest;
	struct image_new_layer *layers;
	size_t layer_count;
};
struct remote_target {
	char *name;
	bool by_key;	   /* an image for each step */
	bool all;	   /* mode=max */
	bool ignore_error; /* a failure is a warning */
};
struct remote {
	struct strv sources;	  /* names of images */
	struct strv repositories; /* that are asked by key */
	struct remote_target *targets;
	size_t target_count;
	int64_t ttl_ns; /* -1: for ever */
	bool loaded;
	struct remote_image *images;
	size_t image_count;
	struct remote_step *known; /* by remote caches */
	size_t known_count;
	struct strv forgotten;	   /* diffIDs of layers that are nowhere */
	struct remote_step *steps; /* of this build */
	size_t step_count;
};
/** Read the documents of an image into known and images: 0, or -1 with err. */
int remote_read_image(struct build *build, const char *name, const struct digest *manifest,
		      struct err *err);

#endif
