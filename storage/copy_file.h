/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/copy_file.h - content and attributes of one file (private, for copy_tree.c)
 */
#ifndef STORAGE_COPY_FILE_H
#define STORAGE_COPY_FILE_H

#include <stdbool.h>

struct stat;

/** Content: a reflink where the file system can, else data by data, holes left out. 0 or -errno. */
int copy_file_data(int from_fd, int to_fd, const struct stat *st);
/**
 * Attributes that a container may bring (R15): security.capability and user.*, without those of overlay file systems.
 * @param keep_owners  also those that hold owners and modes in single form
 */
int copy_file_xattrs(int from_fd, int to_fd, bool keep_owners);
/** What native overlay marks an opaque directory with; fuse-overlayfs understands it too. 0 or -errno. */
int copy_set_opaque(int dir_fd);
/** True for the two entries that fuse-overlayfs makes in an opaque directory beside its attribute; native overlay would show them. */
bool copy_is_opaque_entry(const char *name);
/** True when the directory is marked so, or as fuse-overlayfs does it. */
bool copy_is_opaque_fd(int dir_fd);
/** True when the directory hides what is below it, as the kernel or fuse-overlayfs write that. */
bool copy_is_opaque(int dir_fd, const char *name);

#endif
