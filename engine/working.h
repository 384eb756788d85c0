/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/working.h - working containers: an image made by hand, step by step (buildah's from, run, copy, config, commit)
 *
 *	working_create()	a container of an image, or of nothing ("scratch"), that is never started
 *	working_open()		takes it for one command: nobody else works on it until working_close()
 *	working_run(), working_copy()	a step each, as RUN and COPY of a build: what it changed becomes a layer
 *	working_config()	its configuration, as the image will have it
 *	working_commit()	the image: one layer on top of the base's
 *
 * It is a container as any other (engine/container.h): it has a name, can be mounted, removed, renamed and copied from, and keeps its layers.
 * Its record has one more member, "working": the image in the making. What is written into its mount (`mount` inside of `unshare`) lies in its
 * upper directory; the next step makes a layer of that first. A step that is killed leaves the container as it was before.
 */
#ifndef ENGINE_WORKING_H
#define ENGINE_WORKING_H

#include "engine/container.h"
#include "engine/image.h"

#include <jansson.h>

struct err;

struct working {
	struct engine *engine;
	struct container *container; /* owned */
	struct image_new image;	     /* configuration, layers, annotations, format */
	size_t base_layer_count, base_history_count;
	int lock_fd;
};
#define WORKING_INIT                                                                               \
	{                                                                                          \
		.lock_fd = -1                                                                      \
	}
void working_close(struct working *working);
#define cleanup_working __attribute__((cleanup(working_close)))

/**
 * @param image_text  an image, or "scratch"
 * @param opts        name, pull, cidfile, command_line are used; the name is IMAGE-working-container when there is none
 * @param format      oci, docker, or NULL
 */
int working_create(struct engine *engine, const char *image_text,
		   const struct container_create_opts *opts, const char *format,
		   progress_function progress, void *progress_arg, struct container **ret_container,
		   struct err *err);
/** By name or id; waits for who works on it. ERR_NOT_FOUND; ERR_STATE when it was not made by working_create(). */
int working_open(struct engine *engine, const char *text, struct working *ret_working,
		 struct err *err);
/** The configuration of the image, for readers; no lock is taken. */
int working_look(struct engine *engine, const struct container *container,
		 struct working *ret_working, struct err *err);
/** Write what was changed in working->image. */
int working_save(struct working *working, struct err *err);

/** What the steps have in common. */
struct working_step {
	const char *
		context; /* --contextdir: where relative sources are; NULL: this directory, and absolute ones are the host's */
	const char *ignorefile;
	bool add_history;
	void (*output)(void *arg, const char *text, size_t length, bool is_stderr);
	void (*warning)(void *arg, const char *text);
	void *arg;
};

struct working_run {
	struct working_step step;
	const struct container_create_opts *opts; /* user, workdir, env, volumes, network ... */
	const struct strv *mounts; /* --mount of types that builds know: bind from, cache */
	bool terminal, interactive;
};
/** What it changed is kept, however it ended. Returns its exit status, or -1. */
int working_run(struct working *working, const struct strv *argv, const struct working_run *run,
		struct err *err);

struct working_copy {
	struct working_step step;
	bool is_add;
	const struct strv *flags; /* of COPY and ADD: "chown=0:0", "exclude=*.o" */
	const char *from;	  /* an image or a working container */
	const char *timestamp;
	const struct image_pull_opts *pull;
};
/** @param words  sources; with two or more the last one is the destination. ret_layer: what was made, unset when nothing changed */
int working_copy(struct working *working, const struct strv *words, const struct working_copy *copy,
		 struct digest *ret_layer, struct err *err);

/** Options of `builder config`; "NAME-" takes a value away, "-" all. */
struct working_config_opts {
	bool add_history;
	struct strv annotations, env, labels, ports, volumes, onbuild;
	struct strv unset_annotations, unset_labels;
	char *arch, *os, *os_version, *variant, *author, *comment, *created_by, *history_comment;
	char *cmd, *entrypoint, *user, *workdir, *hostname, *domainname, *shell, *stop_signal;
	bool has_cmd, has_entrypoint;
	char *healthcheck, *healthcheck_interval, *healthcheck_timeout, *healthcheck_start_period,
		*healthcheck_start_interval, *healthcheck_retries;
};
int working_config(struct working *working, const struct working_config_opts *opts,
		   struct err *err);

struct working_commit_opts {
	struct image_pull_opts registry; /* of a destination in one */
	struct strv changes, annotations, unset_annotations, unset_env, add_files;
	char *config_file, *format, *iidfile, *manifest, *timestamp, *source_date_epoch;
	bool squash, omit_history, quiet, remove, rewrite_timestamp;
	int created_annotation, identity_label, disable_compression;
};
/** @param name  of the image, a destination with a transport (docker://, oci: ...), or NULL. ret_id: hexadecimal, yours */
int working_commit(struct working *working, const char *name,
		   const struct working_commit_opts *opts, progress_function progress,
		   void *progress_arg, char **ret_id, struct err *err);

#endif
