/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image.h - references, pull, and what users do with images
 *
 * All bytes from outside are fetched, hashed and unpacked by libexec/dhow/transfer, a process of its own, that is told what to do by
 * one JSON request on a socket and answers with JSON lines: events of progress, then a result or an error.
 */
#ifndef ENGINE_IMAGE_H
#define ENGINE_IMAGE_H

#include "base/digest.h"
#include "base/names.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/engine.h"
#include "storage/image.h"

/**
 * A reference as docker and podman read it: [HOST[:PORT]/]PATH[:TAG][@DIGEST]. Made by image_ref_parse() only.
 */
struct image_ref {
	char *registry;	      /* "docker.io", "localhost:5000"; NULL: a short name */
	char *path;	      /* "library/alpine" */
	char *tag;	      /* NULL: none was said */
	struct digest digest; /* "": none */
};
void image_ref_release(struct image_ref *ref);
#define cleanup_image_ref __attribute__((cleanup(image_ref_release)))
/** ERR_USAGE tells what is wrong. Upper case in the path is refused. */
int image_ref_parse(const char *text, struct image_ref *ret_ref, struct err *err);
/** The full name with the tag ("latest" if there is neither tag nor digest); a short name is completed with registry. Yours. */
char *image_ref_full(const struct image_ref *ref, const char *default_registry);

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULL_NEWER, PULL_POLICY_COUNT };
NAME_TABLE_DECLARE(pull_policy)

enum progress_kind {
	PROGRESS_LAYER_START, /* total_bytes known or 0 */
	PROGRESS_LAYER_BYTES, /* done_bytes so far */
	PROGRESS_LAYER_DONE,
	PROGRESS_LAYER_SKIPPED, /* it is in the store */
	PROGRESS_TEXT,		/* text: "Trying to pull ...", "Writing manifest" */
	PROGRESS_KIND_COUNT
};
struct progress {
	enum progress_kind kind;
	const char *id; /* digest of the blob */
	uint64_t done_bytes, total_bytes;
	const char *text;
};
typedef void (*progress_function)(void *arg, const struct progress *progress);

/** Options of pull, and of run, create and build when they pull. */
struct image_pull_opts {
	char *policy;			      /* --policy or --pull: missing always never newer */
	char *os, *arch, *variant, *platform; /* NULL: this machine's */
	char *authfile, *creds, *cert_dir;    /* creds: USER[:PASSWORD] */
	int tls_verify;			      /* -1 unset, 0, 1 */
	int64_t retry;			      /* default 3 */
	char *retry_delay;		      /* duration; NULL: 1s, doubled each time */
	bool all_tags;
	bool quiet;
};

/**
 * Find a local image by what a user types: id, id prefix, full name, name without tag or registry (localhost/ and the names of
 * docker.io are tried), name@digest. 1, 0, -1 (ERR_AMBIGUOUS, ERR_USAGE).
 */
int image_resolve(struct engine *engine, const char *text, struct image **ret_image,
		  struct err *err);
/** The same, but not found is ERR_NOT_FOUND with podman's sentence: ... image not known. 0 or -1. */
int image_get(struct engine *engine, const char *text, struct image **ret_image, struct err *err);

/**
 * Make an image available as the policy says. Transports docker:// (default) and oci:PATH[:NAME], oci-archive:, docker-archive:, dir:.
 * ERR_NOT_FOUND, ERR_AUTH, ERR_UNAVAILABLE, ERR_DENIED. Interrupted by SIGINT/SIGTERM: nothing is visible, a retry resumes.
 */
int image_pull(struct engine *engine, const char *text, const struct image_pull_opts *opts,
	       progress_function progress, void *progress_arg, struct image **ret_image,
	       struct err *err);

/** True when image has the platform that opts ask for (or this machine's). */
bool image_matches_platform(const struct image *image, const struct image_pull_opts *opts,
			    struct err *err);

struct image_rm_opts {
	bool all, force, ignore, no_prune;
};
/**
 * Take the name away, and the image with its last name; all images when text is NULL. In use by a container: ERR_IN_USE, unless
 * force (the containers are removed).
 * @param ret_untagged  what rmi prints; so is ret_deleted
 */
int image_rm(struct engine *engine, const char *text, const struct image_rm_opts *opts,
	     struct strv *ret_untagged, struct strv *ret_deleted, struct err *err);
/**
 * Remove layers and blobs that neither an image nor a container needs: what broken pulls and builds left. ret_removed gets their digests.
 * @param older_than_s  IMAGE_COLLECT_AGE_S, or more: what is younger may belong to a pull that is under way
 */
int image_collect_unneeded(struct engine *engine, int64_t older_than_s, struct strv *ret_removed,
			   struct err *err);
#define IMAGE_COLLECT_AGE_S 3600

/* ---- new images: commit, build, import ---------------------------------------------------------------------------------- */

struct layer_made;

/** A layer as the new image's manifest names it. */
struct image_new_layer {
	struct digest diff_id;
	struct digest
		blob; /* of a layer that was made here: the diffID, uncompressed; there need not be such a blob */
	uint64_t bytes;	  /* of that */
	char *media_type; /* of OCI or docker; image_publish() writes the one that fits the format */
};

/**
 * An image in the making: image_new_from(), then config, layers and history are changed at will, then image_publish().
 */
struct image_new {
	json_t *config;	     /* the whole document; image_publish() sets rootfs.diff_ids */
	bool docker;	     /* docker's media types (--format docker); else OCI's */
	json_t *annotations; /* of the manifest, OCI only; or NULL */
	struct image_new_layer *layers; /* lowest first */
	size_t layer_count;
	struct strv names; /* full names that it gets; another image with such a name loses it */
};
void image_new_release(struct image_new *image);
#define cleanup_image_new __attribute__((cleanup(image_new_release)))
/** Configuration, layers and format of base; NULL: an empty image for this machine. */
int image_new_from(struct engine *engine, const struct image *base, struct image_new *ret_image,
		   struct err *err);
/** One that is in the store already, as it is described. */
void image_new_append_layer(struct image_new *image, const struct image_new_layer *layer);
/** One that was made here. */
void image_new_add_layer(struct image_new *image, const struct layer_made *layer);
/** Forget all layers and the history (--squash-all, commit --squash). */
void image_new_clear_layers(struct image_new *image);
/** One more entry of the history. created_by, comment, author may be NULL. */
void image_new_add_history(struct image_new *image, int64_t created_ns, const char *created_by,
			   const char *comment, const char *author, bool empty_layer);
/**
 * One line of --change: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL MAINTAINER ONBUILD SHELL STOPSIGNAL USER VOLUME WORKDIR, as in a
 * Dockerfile or with '=' ("CMD=[...]"). Changes the document. ERR_USAGE.
 */
int image_change(json_t *config, const char *line, struct err *err);
/** --config FILE: keys of its JSON object replace those of "config". */
int image_config_merge_file(json_t *config, const char *path, struct err *err);
/** --iidfile FILE: write an image's id ("sha256:..."). */
int image_write_iidfile(const char *path, const char *id, struct err *err);
/** Append the words of a text as a shell would split it, without variables: 0, -1 a quote has no end. */
int image_split_words(const char *text, struct strv *words);
/**
 * Make one layer of many: what a container of them would see, without what they hide.
 * @param latest_mtime_s  as in layer_make.h, or NULL
 */
int image_squash(struct engine *engine, const struct digest *diff_ids, size_t count,
		 const int64_t *latest_mtime_s, struct layer_made *ret_layer, struct err *err);
/**
 * Write configuration and manifest, and the record with the names: the image is there, durable. The same content makes the same
 * digests. All layers must be in the store (layer_make(), or of base).
 */
int image_publish(struct engine *engine, const struct image_new *image, struct image **ret_image,
		  struct err *err);
/** The same without the record and the names: no list of images shows it, and image_collect() takes it. For a push, and parts of an index. */
int image_write(struct engine *engine, const struct image_new *image, struct image **ret_image,
		struct err *err);
/**
 * Bring the documents of an image in a registry into the store, and the lowest of its layers; it gets no record. ERR_NOT_FOUND, and
 * as image_pull().
 * @param text         with a registry; the tag is latest when there is none
 * @param ret_manifest of the image that serves the platform of opts
 */
int image_fetch_parts(struct engine *engine, const char *text, const struct image_pull_opts *opts,
		      size_t layer_count, progress_function progress, void *progress_arg,
		      struct digest *ret_manifest, struct err *err);
/**
 * "localhost/web:latest" for "web" (docker.io/library/web:latest as docker): a name that the user gives to an image: tag, commit,
 * build -t. Yours; NULL with err.
 */
char *image_name_complete(const struct engine *engine, const char *text, struct err *err);

/** podman's `image inspect` object. New reference. */
json_t *image_inspect(struct engine *engine, const struct image *image, struct err *err);
/** podman's `history` list, newest first: objects with Id Created CreatedBy Size Comment Tags. New reference. */
json_t *image_history(struct engine *engine, const struct image *image, struct err *err);

/** One row of `images`: an image and one of its names (NULL: none). */
struct image_row {
	const struct image *image;
	const char *name;
};
/**
 * Rows for `images`, filtered: reference=, label=, dangling=, before=, since=, until=, id=, containers=, intermediate=, readonly=.
 * ERR_USAGE for an unknown filter.
 * @param names     IMAGE arguments (patterns), may be empty
 */
int image_rows(struct engine *engine, const struct image_list *list, const struct strv *names,
	       const struct strv *filters, struct image_row **ret_rows, size_t *ret_count,
	       struct err *err);

struct image_search_opts {
	struct image_pull_opts registry; /* authfile, creds, cert_dir, tls_verify */
	struct strv filters;		 /* stars=N, is-official[=B], is-automated[=B] */
	int64_t limit;			 /* of each registry */
	bool list_tags;			 /* the tags of one repository instead */
};
/**
 * Ask registries which images they have: HOST/TERM one, a TERM alone the search registries. Objects with Index, Name, Description, Stars,
 * Official, Automated; with list_tags Name and Tag. One that fails is warned of when another has answered. New reference.
 */
json_t *image_search(struct engine *engine, const char *term, const struct image_search_opts *opts,
		     struct err *err);

/** What registries.conf says, as `info` shows it: "search" and one object for each configured prefix. New reference; NULL with err. */
json_t *image_registries_json(struct engine *engine, struct err *err);

#endif
