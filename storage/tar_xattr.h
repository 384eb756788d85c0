/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_xattr.h - extended attributes that belong into layers (private to tar reader and writer)
 */
#ifndef STORAGE_TAR_XATTR_H
#define STORAGE_TAR_XATTR_H

#include "base/strbuf.h"
#include "storage/tar_write.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * The allow-list (R15), in both directions: file capabilities, and user attributes except those by which overlay file systems
 * and storage of containers steer themselves.
 */
bool tar_xattr_allowed(const char *name);

/* those of one file; used again for the next */
struct tar_xattrs {
	struct strbuf data;
	struct tar_xattr *items; /* in the order of their names */
	size_t count, size;
};
void tar_xattrs_init(struct tar_xattrs *xattrs);
void tar_xattrs_release(struct tar_xattrs *xattrs);
void tar_xattrs_clear(struct tar_xattrs *xattrs);
/** Read those of an open file or directory that are allowed. 0 or -errno. */
int tar_xattrs_read(struct tar_xattrs *xattrs, int fd);

#endif
