/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/copy_tree.h - copy files and trees with everything that can be kept
 *
 * For layers, volumes that take over an image's content, the vfs driver, and cp. Regular files (by reflink or in the kernel, holes
 * kept), directories, symlinks and fifos, with owner, mode, times, hard links, security.capability and user attributes. Devices and
 * sockets are skipped. No link is followed, nothing is entered that is mounted elsewhere by path: all is done from the
 * two descriptors (R1, R21, R22). Runs as root of a user namespace that has all ids.
 */
#ifndef STORAGE_COPY_TREE_H
#define STORAGE_COPY_TREE_H

#include <stdbool.h>
#include <stdint.h>
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
	/* what is there is replaced: cp. Directories are merged, and attributes that the target cannot have are left out */
	bool replace;
	/* with replace: also a directory by something else, and the other way round; else ERR_EXISTS */
	bool replace_kind;
	bool drop_set_id; /* no setuid and setgid bits: what leaves a container is nobody's privilege */
	bool keep_root; /* owner, mode and times of the target directory itself stay */
	/* all that is made belongs to them; NULL: as in the source */
	const uint32_t *uid, *gid;
	/* owner n is written as the id that `through` gives for n, seen from `back`: NULL keeps it */
	const struct idmap *uid_through, *uid_back;
	const struct idmap *gid_through, *gid_back;
};

/** The content of a directory, into one that is there. Both are open for reading. */
int copy_tree(int source_fd, int target_fd, const struct copy_options *options, struct err *err);
/** One open regular file, to target_name. */
int copy_file(int source_fd, int target_dir_fd, const char *target_name,
	      const struct copy_options *options, struct err *err);

#endif
