/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/files.h - what moves files of containers, images and volumes in and out
 *
 * All of it reaches files by descriptors below an anchored root (R1, R21, R22), in a child that has the owners of the files, and
 * executes nothing of the container. Archives from outside are read in the sandbox of libexec/dhow/transfer (R14).
 */
#ifndef ENGINE_FILES_H
#define ENGINE_FILES_H

#include "engine/container.h"

/* ---- export, commit --------------------------------------------------------------------------------------------------- */

/** Write the root file system as tar, without what is mounted in it; blocks. */
int container_export(struct engine *engine, struct container *container, int output_fd,
		     struct err *err);

struct container_commit_opts {
	char *author, *message, *format; /* format: oci (default) or docker */
	char *config_file; /* --config: a JSON object that is merged into the configuration */
	char *iidfile;
	struct strv changes;
	bool include_volumes, pause, quiet, squash;
};
/** Make an image of the container's changes. @param name  as the user wrote it, or NULL */
int container_commit(struct engine *engine, struct container *container, const char *name,
		     const struct container_commit_opts *opts, struct image **ret_image,
		     struct err *err);

/* ---- diff ------------------------------------------------------------------------------------------------------------- */

struct file_change {
	char kind; /* 'A' added, 'C' changed, 'D' deleted */
	char *path;
};
struct file_changes {
	struct file_change *items; /* by path */
	size_t count;
};
void file_changes_release(struct file_changes *changes);
#define cleanup_file_changes __attribute__((cleanup(file_changes_release)))
/** What a container changed in its image's files. */
int container_changes(struct engine *engine, struct container *container,
		      struct file_changes *ret_changes, struct err *err);
/** What the topmost layer of an image changed; with base: what differs between the two images' files. */
int image_changes(struct engine *engine, const struct image *image, const struct image *base,
		  struct file_changes *ret_changes, struct err *err);

#endif
