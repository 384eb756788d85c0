/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_links.h - which files of a tree are hard links to each other (private to the tar writer)
 */
#ifndef STORAGE_TAR_LINKS_H
#define STORAGE_TAR_LINKS_H

#include <stddef.h>
#include <sys/stat.h>

struct tar_link;

/* a hash table that doubles when it is half full */
struct tar_links {
	struct tar_link *slots;
	size_t count, size;
};

void tar_links_init(struct tar_links *links);
void tar_links_release(struct tar_links *links);
/** The name that this file was seen under before; NULL when it is the first time, and then name is remembered. Borrowed. */
const char *tar_links_find_or_add(struct tar_links *links, const struct stat *st, const char *name);

#endif
