/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/list.h - the parts of manifest lists (private)
 *
 *	list.c		read a list, change it, write it: one record, replaced at once
 *	list_add.c	where members come from
 *	list_edit.c	what the list says about them
 *	list_layout.c	a list and its members on their way out
 *	list_push.c	to a registry
 */
#ifndef ENGINE_IMAGE_LIST_H
#define ENGINE_IMAGE_LIST_H

#include "engine/image/layout.h"
#include "engine/image/manifest.h"
#include "engine/manifest_list.h"

struct list {
	struct image *image;
	json_t *json; /* the document */
	int lock_fd;  /* -1: it is only read */
};
#define LIST_INIT                                                                                  \
	{                                                                                          \
		NULL, NULL, -1                                                                     \
	}
void list_release(struct list *list);
#define cleanup_list __attribute__((cleanup(list_release)))

/** ERR_NOT_FOUND; ERR_USAGE when the name is that of an image. */
int list_open(struct engine *engine, const char *text, bool for_writing, struct list *ret,
	      struct err *err);
/** A list that is not in the store yet; the lock is taken. */
int list_new(struct engine *engine, const char *full_name, struct list *ret, struct err *err);
/** Write it. */
int list_save(struct engine *engine, struct list *list, struct err *err);

/** The member with this digest, borrowed, or NULL. */
json_t *list_member(const struct list *list, const char *digest);
/** Put a member in, in the place of one with the same digest. @param source  "docker://..." or NULL; both are copied */
void list_put_member(struct list *list, const json_t *descriptor, const char *source);
void list_remove_member(struct list *list, const char *digest);
/** Where a registry has the member: "docker://...", borrowed, or NULL. */
const char *list_source(const struct image *list, const char *digest);

/** What opts say about one member goes into its descriptor. ERR_USAGE */
int list_describe_member(json_t *descriptor, const struct manifest_list_opts *opts,
			 struct err *err);
/** NAME=VALUE items into the object's "annotations". ERR_USAGE */
int list_annotate(json_t *object, const struct strv *annotations, struct err *err);

/** "subject" of a list or an artifact: what it is about, an image of the store or of a registry. */
int list_put_subject(struct engine *engine, json_t *object, const char *text,
		     const struct image_pull_opts *opts, struct err *err);

/** The descriptor of an image of the store, with its platform. New reference, NULL with err. */
json_t *list_descriptor(struct engine *engine, const struct image *image, struct err *err);

/** The member for a platform, as an image of the store: pulled when only a registry has it. */
int list_choose(struct engine *engine, const struct image *list, const struct image_pull_opts *opts,
		progress_function progress, void *progress_arg, struct image **ret_image,
		struct err *err);

/** Ask registries for a document, and as much of what it names as depth says (transfer.h). @param ret_name  where it is: "host/path"; yours */
int list_fetch(struct engine *engine, const char *text, const char *depth,
	       const struct image_pull_opts *opts, progress_function progress, void *progress_arg,
	       struct digest *ret_digest, char **ret_name, struct err *err);

/** A list in a layout. */
struct layout_list {
	struct layout_image *members;
	size_t count;
	struct layout_image self;
};
void layout_list_release(struct layout_list *list);

struct list_layout_request {
	const struct image *list;
	const struct layout_opts *opts;
	const struct image_pull_opts *registry; /* to fetch what is not here */
	bool all;
	const struct strv *add_compression; /* or NULL */
	/* true: the target has this document and all that it names; may be NULL */
	bool (*is_there)(void *arg, const struct digest *digest);
	void *arg;
	progress_function progress;
	void *progress_arg;
};
/** Bring the list and all members that must be sent into the layout. */
int layout_add_list(struct engine *engine, struct layout *layout,
		    const struct list_layout_request *request, struct layout_list *ret,
		    struct err *err);

#endif
