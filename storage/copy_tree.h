/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/copy_tree.h - copy a tree with everything that can be kept (private)
 *
 * For volumes that take over an image's content, and for the vfs driver. Regular files (by reflink or in the kernel, holes
 * kept), directories, symlinks and fifos, with owner, mode, times, hard links, security.capability and user attributes. Devices and
 * sockets are skipped. No link is followed, nothing is entered that is mounted elsewhere by path: all is done from the
 * two descriptors (R1, R22). Runs as root of a user namespace that has all ids.
 */
#ifndef STORAGE_COPY_TREE_H
#define STORAGE_COPY_TREE_H

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct idmap;

struct copy_options {
	/* the source is a layer: its whiteouts remove, its opaque directories replace, and what is there is replaced */
	bool as_layer;
	/*
	 * The source is a layer and so is the copy: whiteouts are copied, opaque directories are marked as native overlay marks them, and
	 * owners that are metadata stay
	 */
	bool keep_marks;
	/* owner n is written as the id that `through` gives for n, seen from `back`: NULL keeps it */
	const struct idmap *uid_through, *uid_back;
	const struct idmap *gid_through, *gid_back;
};

int copy_tree(int source_fd, int target_fd, const struct copy_options *options, struct err *err);

#endif
