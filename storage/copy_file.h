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
/** Attributes that a container may bring (R15): security.capability and user.*, without those of overlay file systems. */
int copy_file_xattrs(int from_fd, int to_fd);
/** True when the directory hides what is below it, as the kernel or fuse-overlayfs write that. */
bool copy_is_opaque(int dir_fd, const char *name);

#endif
