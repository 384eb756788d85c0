/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs_driver.c - which driver this machine can use, and which one this rootfs needs
 *
 * Whether native overlay works is found by trying: mount one, make a file, take it away again and look for the whiteout. The
 * answer is kept in the runtime directory with what it depends on: the kernel's release and version, and the file system of the store.
 */
#include "storage/rootfs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/record.h"

#define ANSWER_FILE  "storage-driver"
#define ANSWER_LIMIT 1024

/* ---- the try-mount ---- */

static int make_rehearsal(int dir_fd)
{
	cleanup_fd int file_fd = -1;

	if (mkdirat(dir_fd, "lower", 0755) < 0 || mkdirat(dir_fd, ROOTFS_UPPER_DIR, 0755) < 0 ||
	    mkdirat(dir_fd, ROOTFS_WORK_DIR, 0700) < 0)
		return -errno;
	file_fd = openat(dir_fd, "lower/file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return file_fd < 0 ? -errno : 0;
}

/* As root of a user namespace. */
static int rehearse(void *arg, struct err *err)
{
	struct rootfs *rootfs = arg;
	cleanup_fd int mount_fd = rootfs_overlay_mount(rootfs, err);
	cleanup_fd int place_fd = -1;
	struct stat st;

	if (mount_fd < 0)
		return -1;
	if (unlinkat(mount_fd, "file", 0) < 0)
		return err_sys(err, errno, "cannot remove a file in an overlay");
	place_fd = rootfs_place_open(&rootfs->places[0], err);
	if (place_fd < 0)
		return -1;
	if (fstatat(place_fd, ROOTFS_UPPER_DIR "/file", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISCHR(st.st_mode) || st.st_rdev != makedev(0, 0))
		return err_set(err, ERR_UNSUPPORTED, "an overlay makes no whiteouts here");
	return 0;
}

static int begin_and_rehearse(void *arg, struct err *err)
{
	if (rootfs_overlay_begin(arg, err) < 0)
		return -1;
	return rehearse(arg, err);
}

/* 0 it works; -1 it does not, err tells why. */
static int try_overlay(struct store *store, struct err *err)
{
	struct staging staging = STAGING_INIT;
	struct rootfs rootfs = ROOTFS_INIT;
	struct rootfs_lower lower = { .place = 0, .path = "lower" };
	const struct idmaps *maps;
	int status;

	if (store_idmaps(store, &maps, err) < 0 || staging_new(store, "probe", &staging, err) < 0)
		return -1;
	status = make_rehearsal(staging.dir_fd);
	if (status < 0)
		status = err_sys(err, -status, "cannot make directories in '%s/tmp'",
				 store->root_path);
	if (status == 0)
		status = rootfs_place_add(&rootfs, staging.dir_fd, NULL, err);
	if (status == 0) {
		rootfs.lowers = &lower;
		rootfs.lower_count = 1;
		rootfs.upper_path = ROOTFS_UPPER_DIR;
		rootfs.work_path = ROOTFS_WORK_DIR;
		status = userns_is_inside() ? begin_and_rehearse(&rootfs, err)
					    : userns_run(maps, begin_and_rehearse, &rootfs, err);
		rootfs.lowers = NULL;
		rootfs.lower_count = 0;
	}
	rootfs_release(&rootfs);
	staging_discard(store, &staging);
	return status;
}

/* ---- the answer ---- */

/* What the answer depends on, with a newline. */
static void answer_key(const struct store *store, bool single, struct strbuf *key)
{
	struct utsname uts;
	struct stat st = { 0 };

	uname(&uts);
	fstat(store->root_fd, &st);
	strbuf_addf(key, "1 %s %s %" PRIx64 " %d\n", uts.release, uts.version, (uint64_t)st.st_dev,
		    single);
}

/* fuse-overlayfs can be installed or removed at any time; native overlay comes and goes with the kernel. */
static bool is_still_true(enum storage_driver driver, bool single)
{
	if (driver == STORAGE_DRIVER_OVERLAY && !single)
		return true;
	return rootfs_fuse_available(NULL) == (driver == STORAGE_DRIVER_FUSE_OVERLAYFS);
}

static bool read_answer(struct store *store, const char *key, bool single,
			enum storage_driver *ret_driver)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *name;
	int driver;

	if (store->run_fd < 0 || fd_read_file(store->run_fd, ANSWER_FILE, &text, ANSWER_LIMIT) < 0)
		return false;
	name = str_after(text.data, key);
	driver = name != NULL ? storage_driver_parse(name) : -1;
	if (driver < 0 || !is_still_true((enum storage_driver)driver, single))
		return false;
	*ret_driver = (enum storage_driver)driver;
	return true;
}

static enum storage_driver find_driver(struct store *store, bool single)
{
	struct err why;

	/* where there is one id only, fuse-overlayfs knows the owners and the kernel does not */
	if (single && rootfs_fuse_available(NULL))
		return STORAGE_DRIVER_FUSE_OVERLAYFS;
	if (try_overlay(store, &why) == 0)
		return STORAGE_DRIVER_OVERLAY;
	debug("native overlay does not work: %s", why.msg);
	if (rootfs_fuse_available(NULL))
		return STORAGE_DRIVER_FUSE_OVERLAYFS;
	return STORAGE_DRIVER_VFS;
}

int rootfs_driver(struct store *store, enum storage_driver *ret_driver, struct err *err)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	const struct idmaps *maps;
	struct err ignored; /* the answer is found again next time */

	if (store->driver != STORAGE_DRIVER_AUTO) {
		*ret_driver = store->driver;
		return 0;
	}
	if (store_idmaps(store, &maps, err) < 0)
		return -1;
	answer_key(store, maps->single, &answer);
	if (read_answer(store, answer.data, maps->single, ret_driver))
		return 0;

	*ret_driver = find_driver(store, maps->single);
	strbuf_adds(&answer, storage_driver_name(*ret_driver));
	if (store->run_fd >= 0)
		record_publish_raw(store->run_fd, ANSWER_FILE, answer.data, answer.length, 0600, 0,
				   &ignored);
	return 0;
}

int rootfs_choose(struct store *store, struct rootfs *rootfs, struct err *err)
{
	if (rootfs_driver(store, &rootfs->driver, err) < 0)
		return -1;
	if (rootfs->driver != STORAGE_DRIVER_OVERLAY || (!rootfs->map_ids && !rootfs->single))
		return 0;

	/* the kernel's overlay would show the owners as they are on the disk */
	if (rootfs_fuse_available(NULL)) {
		rootfs->driver = STORAGE_DRIVER_FUSE_OVERLAYFS;
	} else if (rootfs->map_ids) {
		rootfs->driver = STORAGE_DRIVER_VFS;
		rootfs->note = "fuse-overlayfs is not installed or /dev/fuse cannot be opened, so "
			       "the image is copied for this user namespace";
	} else {
		rootfs->note = "fuse-overlayfs is not installed or /dev/fuse cannot be opened, so "
			       "all files of the image belong to root";
	}
	return 0;
}
