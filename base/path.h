/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path.h - anchored paths (R1)
 *
 * A path that somebody else can influence is never checked as a string and used later: it is opened once, from a
 * directory descriptor, and the descriptor is acted upon. Two ways to read a path:
 *
 *	path_open_in_root()	as a process in that root would see it: symlinks are followed, ".." and absolute links stop
 *				at the root (RESOLVE_IN_ROOT). For paths inside a container, an image, a build context.
 *	path_open_beneath()	strictly below, no symlink anywhere (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 *				RESOLVE_NO_MAGICLINKS). For our own stores.
 *
 * Both use openat2 and fall back to a walk of single O_NOFOLLOW components when the kernel or a seccomp filter refuses
 * it (ENOSYS, EPERM). At most 40 symlinks, 4096 bytes. No prefix comparison of path strings anywhere.
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct strbuf;

/** Open in root. flags and mode as for open(2) (O_CLOEXEC is added). fd or -errno. */
int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode);
/** Open strictly beneath, without symlinks. fd or -errno (-EXDEV, -ELOOP when the path tries to leave). */
int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);
/** Tests use it: behave as if the kernel had no openat2. */
void path_set_openat2(bool available);

/**
 * Make the directories of path in root, as `mkdir -p`: existing links are followed within the root, missing ones are made
 * with mkdirat and opened O_NOFOLLOW. O_PATH fd of the last, or -errno.
 * @param ret_made  how many were made, or NULL
 */
int path_make_dirs_in_root(int root_fd, const char *path, mode_t mode, int *ret_made);
/** The same strictly beneath, without links; fd is opened O_RDONLY | O_DIRECTORY. */
int path_make_dirs_beneath(int dir_fd, const char *path, mode_t mode);
/** The same for an absolute path that nobody but the user has a say in; fd is opened O_RDONLY | O_DIRECTORY, or -errno. */
int path_make_dirs(const char *path, mode_t mode);
/**
 * Open the parent directory (O_PATH, in root) of path and give its last component; "/" and "." are refused with -EINVAL.
 * ret_name points into path_buf, which holds the cleaned path. fd or -errno.
 */
int path_open_parent_in_root(int root_fd, const char *path, struct strbuf *path_buf,
			     const char **ret_name);

/**
 * Remove a tree below dir_fd without following links. name is a single component. A missing entry is success.
 * Directories of our own that cannot be read get their mode changed first. 0 or -errno of the first failure;
 * removes as much as it can. What is mounted inside is never entered: -EBUSY. -EACCES/-EPERM means that the caller needs the user namespace of the files' owners.
 */
int path_remove_tree(int dir_fd, const char *name);

/** True for a name that can be a single component: not empty, not "." or "..", no '/', at most 255 bytes. */
bool path_is_component(const char *name);
/**
 * Clean a path as text, without looking at the disk: "a//b/./c/../d" is "a/b/d"; ".." at the start of an absolute path is
 * dropped. For display and for container destinations, which are absolute.
 */
void path_clean(struct strbuf *out, const char *path);
/** Sync a directory or file; 0 or -errno. */
int path_sync(int dir_fd, const char *name);

/** Total of st_blocks * 512 below a directory, each inode once, no link followed. 0 or -errno. */
int path_disk_usage(int dir_fd, const char *name, unsigned long long *ret_bytes);

#endif
