/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unsynced.h - objects that are visible before they are on the disk (private)
 *
 * A pull of twelve layers must not wait for the disk twelve times. So layers and blobs may be published without a sync, with
 * a mark: the extended attribute user.dhow.boot, which holds the boot id of the kernel that has them in its cache. As long as
 * this boot lasts the cache is the truth and the object is good. image_put() syncs the file system once, takes the marks away
 * and writes the durable record. After a power cut an object with the mark of another boot that no image record names is not
 * there: it may hold holes. Where the file system has no such attributes the object is synced at once instead.
 */
#ifndef STORAGE_UNSYNCED_H
#define STORAGE_UNSYNCED_H

#include <stdbool.h>

/** Mark the file or directory; 0, or -errno after a failed sync where marks cannot be had. */
int unsynced_mark(int fd);
void unsynced_clear(int dir_fd, const char *name);
/** True when it bears the mark of an earlier boot. */
bool unsynced_is_lost(int dir_fd, const char *name);

#endif
