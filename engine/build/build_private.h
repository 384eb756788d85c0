/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/build_private.h - what the files of a build share (private to engine/build)
 *
 *	build.c		the walk: context, parse, graph, run, publish
 *	graph.c		stages and what they need
 *	schedule.c	steps of several stages; worker.c the processes that do them
 *	state.c		the configuration of a stage and what instructions change in it
 *	cache.c		keys and records of steps
 *	job_run.c, job_copy.c	what a worker does; place.c puts files into a root, run_mount.c, add.c, fetch.c
 */
#ifndef ENGINE_BUILD_PRIVATE_H
#define ENGINE_BUILD_PRIVATE_H

#include "base/digest.h"
#include "base/err.h"
#include "engine/build.h"
#include "engine/build/dockerfile.h"
#include "engine/build/source.h"
#include "storage/sha256.h"
#include "storage/store.h"

struct worker;
struct build;
struct remote;

/* the builder's own architecture, among the build arguments under a name that no ARG can have */
#define HOST_ARCH ".host"

/* ---- a stage ---- */

/** What an instruction finds and changes. */
struct state {
	struct image_new image;
	struct digest key;     /* of all steps so far */
	struct strv args;      /* NAME=VALUE of ARG in this stage */
	struct strv shell;     /* SHELL, or the default */
	int64_t created_ns;    /* of the last step */
	bool own_cmd;	       /* CMD was said in this stage: ENTRYPOINT keeps it */
	struct digest base_id; /* the image it started from, "" scratch */
	struct strv onbuild;   /* triggers of the base that are to run now */
	size_t base_layer_count, base_history_count; /* what is not of this build */
};
void state_release(struct state *state);
void state_copy(struct state *to, const struct state *from);
/** The "config" object of its image. Borrowed. */
json_t *state_config(const struct state *state);
/** Begin from an image, or from nothing (NULL). */
int state_from_image(struct build *build, const struct image *image, struct state *ret_state,
		     struct err *err);
/** Value of a variable for expansion: ENV before ARG. */
const char *state_lookup(const struct state *state, const char *name);
/** Working directory, "/" when there is none. */
const char *state_workdir(const struct state *state);
const char *state_user(const struct state *state);
/** diffIDs of all layers, lowest first. Yours. */
struct digest *state_layers(const struct state *state);

struct stage;
struct job;
struct cached;
/** The time that a step of now has: --timestamp, or the clock. */
int64_t build_created_ns(const struct build *build);
/** A job's layer, made now or long ago, becomes part of the stage. */
void state_take_layer(struct build *build, struct stage *stage, const struct job *job,
		      const struct cached *cached);
void state_add_history(struct build *build, struct stage *stage, const struct job *job,
		       const struct df_instruction *item, bool empty_layer);

enum stage_phase { STAGE_WAITING, STAGE_RUNNING, STAGE_DONE };

struct stage {
	char *name; /* lower case, or NULL */
	const struct df_instruction *from;
	size_t first, end;    /* its instructions: [first, end) of the Dockerfile */
	char *base;	      /* image, stage or context, expanded */
	char *platform;	      /* --platform, expanded; NULL: the build's */
	ssize_t base_stage;   /* index, or -1 */
	ssize_t base_context; /* of build->contexts, or -1 */
	struct image *base_image;
	bool needed;
	unsigned number; /* among the needed, from 1 on */
	enum stage_phase phase;
	struct state state;
	size_t next;			 /* instruction that is to be done */
	unsigned step;			 /* number of that */
	struct df_instruction *triggers; /* of ONBUILD; run before the stage's own */
	size_t trigger_count, next_trigger;
	struct worker *worker;
	bool remote_missed; /* no remote cache had a step of it: nor will it have those that follow */
};

/* ---- contexts ---- */

struct context {
	char *name;	  /* of --build-context; NULL: the main one */
	int dir_fd;	  /* -1: none (a Dockerfile on stdin) */
	char *image;	  /* docker-image: or container-image: */
	const char *what; /* for messages; NULL: the build context */
	struct ignore ignore;
	struct file_memo *memo;
	struct staging staging; /* what was made for it */
};

struct secret {
	char *id, *path, *env;
};

struct build {
	struct engine *engine;
	const struct build_opts *opts;
	build_function event;
	void *event_arg;
	progress_function progress;
	void *progress_arg;

	struct dockerfile file;
	struct context *contexts; /* the first is the main one */
	size_t context_count;
	struct strv args;	 /* NAME=VALUE: --build-arg, files */
	struct strv used_args;	 /* names that an ARG declared */
	struct strv global_args; /* ARG before the first FROM */
	struct secret *secrets, *ssh;
	size_t secret_count, ssh_count;
	struct stage *stages;
	size_t stage_count;
	unsigned needed_count;
	ssize_t target;
	char *os, *arch, *variant; /* of the result */
	bool foreign;		   /* other than this machine's */
	int64_t timestamp_s;
	bool has_timestamp;
	enum pull_policy pull;
	struct image **images; /* of COPY --from and mounts, by name, opened once */
	struct strv image_names;
	const struct df_instruction *failed; /* that a message was wrapped with last */
	int exit_status;
	int userns_fd; /* a user namespace with the store's maps, for all workers; -1: not made yet */
	struct strv made;      /* manifest digests of the images, for a list */
	struct remote *remote; /* caches in registries */
	char *stdin_text;      /* a Dockerfile that came on stdin without a context */
	/* of a step in a working container */
	bool keep_failed; /* what a RUN changed is kept when it fails */
	bool terminal;	  /* a RUN gets our terminal */
};
void build_release(struct build *build);
/** --timestamp, --source-date-epoch, SOURCE_DATE_EPOCH. */
int build_read_timestamp(struct build *build, struct err *err);

void build_emit(struct build *build, const struct stage *stage, enum build_event_kind kind,
		const char *text, const char *id);
void build_warn(struct build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** "Dockerfile:3: COPY ..." before the message; nothing when the instruction is of no Dockerfile (line 0). */
int build_wrap(struct build *build, const struct df_instruction *item, struct err *err);

/* graph.c */

int graph_read(struct build *build, struct err *err);
/** Index of a stage by name or number, before `before`; -1. */
ssize_t graph_find(const struct build *build, const char *name, size_t before);
ssize_t graph_find_context(const struct build *build, const char *name);
/** Where --from points: a stage, a named context, or an image, pulled as the options say. */
struct from_place {
	ssize_t stage, context;
	struct image *image; /* borrowed from build */
};
int graph_from(struct build *build, const struct stage *stage, const char *name,
	       struct from_place *ret_place, struct err *err);

/* context.c */

int context_open(struct build *build, const char *context, struct err *err);
int context_read_dockerfile(struct build *build, const char *context, struct err *err);
void context_release(struct build *build, struct context *context);

/* cache.c */

#define CACHED_TYPE_MAX 100

struct cached {
	bool has_layer;
	struct digest diff_id;
	uint64_t tar_bytes;
	int64_t created_ns; /* what the image says */
	int64_t made_ns;    /* when it was really done */
	/* the blob that a registry has of the layer, as its manifest named it; "" for a layer that was made here */
	struct digest blob;
	uint64_t blob_bytes;
	char media_type[CACHED_TYPE_MAX];
	const char
		*remote;  /* the cache in a registry that knew it; borrowed. NULL: the local one */
	bool config_only; /* CMD, ENV ...: it costs nothing to do it again */
};
/** The layer as an image names it; its media type is borrowed. */
struct image_new_layer cached_layer(const struct cached *cached);
void cache_key_start(const char *text, struct digest *ret_key);
/** key = digest of the key before and these texts. */
void cache_key_next(const struct digest *before, const char *const *texts, size_t count,
		    struct digest *ret_key);
/** 1 a hit, 0 none. A record that cannot be read, or whose layer is gone, is none. */
int cache_find(struct build *build, const struct digest *key, struct cached *ret_cached);
void cache_put(struct build *build, const struct digest *key, const struct cached *cached);

/* state_change.c */

/** CMD, ENV, LABEL ...: what changes the configuration only. 1 done, 0 the instruction is of another kind, -1. */
int state_change(struct build *build, struct state *state, const struct df_instruction *item,
		 struct err *err);
/** Expand one word in the stage; yours, or NULL with err. */
char *state_expand(const struct build *build, const struct state *state, const char *text,
		   struct err *err);
/** ARG. */
int state_arg(struct build *build, struct state *state, const struct df_instruction *item,
	      struct err *err);
/** The path that WORKDIR text means now, absolute and clean. Yours. */
char *state_join_workdir(const struct state *state, const char *text);

/* ---- jobs: what a worker does ---- */

enum job_kind { JOB_RUN, JOB_COPY, JOB_WORKDIR };

/** Files from one place. */
struct build_source {
	struct source_root root;
	struct source_items items;
	ssize_t stage;		   /* items are selected by the worker, in its root file system */
	const struct image *image; /* the same for an image */
	struct digest *layers;	   /* of stage or image */
	size_t layer_count;
	struct strv patterns;
};

struct run_mount {
	enum { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH } type;
	char *target, *source, *from, *id, *env;
	uint32_t uid, gid;
	mode_t mode;
	bool has_mode, writable, required;
	uint64_t size_bytes;
	enum { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED } sharing;
	struct build_source bind; /* BIND, CACHE with from */
	bool has_bind;
	const struct secret *secret; /* NULL: there is none, and it is not required */
};

struct job {
	enum job_kind kind;
	const struct df_instruction *item;
	struct stage *stage;
	struct object_id id;
	struct staging staging;
	struct digest *layers; /* of the stage */
	size_t layer_count;
	/* COPY, ADD */
	struct build_source *sources;
	size_t source_count;
	struct ignore excludes;
	char *destination;
	bool destination_is_dir;
	char *chown, *chmod;
	bool parents, link, unpack, unpack_asked, is_add, keep_git_dir;
	char *checksum;
	struct strv file_names, file_texts; /* here-documents */
	struct strv urls, url_subdirs;
	struct staging fetched; /* what was fetched while planning */
	/* RUN */
	struct strv argv, env;
	struct run_mount *mounts;
	size_t mount_count;
	char *network;
	char *script; /* a here-document that begins with #! */
	char *script_name;
	/* WORKDIR: destination */
	struct digest key;
	double started;
};
void job_free(struct job *job);
void build_source_release(struct build_source *source);
/** Where files come from: NULL the main context. */
int build_source_from(struct build *build, const struct stage *stage, const char *from,
		      struct build_source *source, struct err *err);
/** Select the files of a context and add their digest; of a stage or image what identifies them. */
int build_source_key(struct build *build, struct build_source *source, bool parents,
		     const struct ignore *excludes, struct sha256 *hash, struct err *err);
/** For struct df_scope; arg is the state. */
const char *job_lookup(void *arg, const char *name);

/** Read the instruction, select and digest its files: everything but the work. */
int job_plan_copy(struct build *build, struct job *job, struct err *err);
int job_plan_run(struct build *build, struct job *job, struct err *err);

/** What a worker tells, in one write. */
struct job_result {
	int status;	 /* 0, or -1 with err */
	int exit_status; /* of a RUN */
	bool has_layer;
	struct digest diff_id;
	uint64_t tar_bytes;
	struct err err;
};
_Static_assert(sizeof(struct job_result) < 4096, "one write to a pipe");
int job_work_copy(struct build *build, struct job *job, struct job_result *result, struct err *err);
int job_work_run(struct build *build, struct job *job, int stdout_fd, int stderr_fd,
		 struct job_result *result, struct err *err);
int job_work_workdir(struct build *build, struct job *job, struct job_result *result,
		     struct err *err);
/** Run in the user namespace that the workers share; the function's memory is a copy. */
int job_inside(struct build *build, int (*function)(void *arg, struct err *err), void *arg,
	       struct err *err);
/** Memory that is shared with the children of a worker. */
struct job_result *job_result_new(void);
void job_result_free(struct job_result *result);
/** Publish upper/ of the job's staging directory. */
int job_make_layer(struct build *build, struct job *job, const struct strv *drop,
		   struct job_result *result, struct err *err);

/* mount_parse.c */

int run_mount_parse(struct build *build, const struct stage *stage, const char *text,
		    struct run_mount *ret_mount, struct err *err);
void run_mount_release(struct run_mount *mount);

/* schedule.c */

/** All needed stages, to the end. */
int schedule_run(struct build *build, struct err *err);

/* publish.c */

int publish_result(struct build *build, struct build_result *result, struct err *err);

#endif
