/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/doctor_disk.c - the doctor: where the store is, and how layers become a file system there
 */
#include "engine/system/doctor_private.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/process.h"
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SPACE_WISHED_BYTES (UINT64_C(1) << 30)
#define INODES_WISHED	   10000

/* file systems that keep no owners of other ids, or no locks; linux/magic.h lacks half of them */
static const struct {
	uint32_t magic;
	const char *name;
} far_file_systems[] = {
	{ 0x6969, "NFS" },	{ 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB" },
	{ 0x01021997, "9p" },	{ 0x4d44, "FAT" },	{ 0x2011bab0, "exFAT" },
	{ 0x5346414f, "AFS" },	{ 0x00c36400, "Ceph" }, { 0x65735546, "FUSE" },
	{ 0x5346544e, "NTFS" },
};

static const char *far_file_system(uint32_t magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(far_file_systems); i++) {
		if (far_file_systems[i].magic == magic)
			return far_file_systems[i].name;
	}
	return NULL;
}

static void check_room(struct doctor *doctor, const char *path, const struct statvfs *fs)
{
	uint64_t available = (uint64_t)fs->f_bavail * fs->f_frsize;

	if (available == 0 || (fs->f_files > 0 && fs->f_favail == 0))
		doctor_tell(doctor, DOCTOR_FAIL, "disk", "dhow system prune",
			    "there is no %s left below '%s'", available == 0 ? "space" : "inode",
			    path);
	else if (available < SPACE_WISHED_BYTES)
		doctor_tell(doctor, DOCTOR_WARN, "disk", "dhow system prune",
			    "there are only %llu MiB left below '%s'",
			    (unsigned long long)(available >> 20), path);
	else if (fs->f_files > 0 && fs->f_favail < INODES_WISHED)
		doctor_tell(doctor, DOCTOR_WARN, "disk", "dhow system prune",
			    "there are only %llu inodes left below '%s'",
			    (unsigned long long)fs->f_favail, path);
	else
		doctor_tell(doctor, DOCTOR_OK, "disk", "", "%llu GiB are left below '%s'",
			    (unsigned long long)(available >> 30), path);
}

void doctor_check_store(struct doctor *doctor)
{
	const struct store *store = doctor->engine->store;
	const char *path = store->root_path;
	struct statvfs vfs;
	struct statfs fs;

	if (store->read_only) {
		doctor_tell(doctor, DOCTOR_FAIL, "store", "dhow --root /var/tmp/dhow-$USER ...",
			    "'%s' is on a file system that is read-only", path);
		return;
	}
	if (store->root_fd < 0 || fstatfs(store->root_fd, &fs) < 0 ||
	    fstatvfs(store->root_fd, &vfs) < 0)
		return;

	const char *far = far_file_system((uint32_t)fs.f_type);

	if (far != NULL)
		doctor_tell(doctor, doctor->has_ranges ? DOCTOR_WARN : DOCTOR_NOTE, "store",
			    "dhow --root /var/tmp/dhow-$USER ...",
			    "'%s' is on %s, which may keep neither owners nor locks", path, far);
	else
		doctor_tell(doctor, DOCTOR_OK, "store", "", "it is '%s'", path);
	/* bound into the container, it keeps that flag; an overlay has its own */
	if (vfs.f_flag & ST_NOEXEC)
		doctor_tell(doctor, DOCTOR_WARN, "store", "dhow --root /var/tmp/dhow-$USER ...",
			    "'%s' is mounted noexec: with the driver vfs and in volumes nothing "
			    "can be executed",
			    path);
	/* without ranges owners are attributes of the user's */
	if (!doctor->has_ranges && fsetxattr(store->root_fd, "user.dhow.doctor", "1", 1, 0) < 0 &&
	    errno == EOPNOTSUPP)
		doctor_tell(doctor, DOCTOR_FAIL, "store", "dhow --root /var/tmp/dhow-$USER ...",
			    "the file system of '%s' has no attributes to keep owners in", path);
	else if (!doctor->has_ranges)
		(void)fremovexattr(store->root_fd, "user.dhow.doctor");
	check_room(doctor, path, &vfs);
}

static void check_fuse(struct doctor *doctor, enum doctor_level level, const char *needed_for)
{
	static const char device[] = "/dev/fuse";
	cleanup_free char *version = doctor_version("fuse-overlayfs");
	cleanup_fd int fd = open(device, O_RDWR | O_CLOEXEC);

	if (version == NULL)
		doctor_tell(doctor, level, "fuse-overlayfs", "sudo apt-get install fuse-overlayfs",
			    "it is not installed: %s", needed_for);
	else if (fd < 0)
		doctor_tell(doctor, level, "fuse-overlayfs",
			    "sudo sh -c 'modprobe fuse; chmod 666 /dev/fuse'",
			    "cannot open '%s' (%s): %s", device, strerror(errno), needed_for);
	else
		doctor_tell(doctor, DOCTOR_OK, "fuse-overlayfs", "", "%s", version);
}

void doctor_check_driver(struct doctor *doctor)
{
	enum storage_driver driver;
	struct err err;

	if (rootfs_driver(doctor->engine->store, &driver, &err) < 0) {
		doctor_tell_err(doctor, DOCTOR_FAIL, "layers", &err);
		return;
	}
	switch (driver) {
	case STORAGE_DRIVER_OVERLAY:
		doctor_tell(doctor, DOCTOR_OK, "layers", "", "the kernel's overlay works here");
		check_fuse(doctor, DOCTOR_NOTE,
			   "containers with maps of ids of their own are copied");
		break;
	case STORAGE_DRIVER_FUSE_OVERLAYFS:
		doctor_tell(doctor, DOCTOR_OK, "layers", "", "they are mounted by fuse-overlayfs");
		check_fuse(doctor, DOCTOR_FAIL, "layers are mounted by it");
		break;
	default:
		doctor_tell(doctor, DOCTOR_WARN, "layers", "sudo apt-get install fuse-overlayfs",
			    "no overlay works here: each container is a copy of its image");
		check_fuse(doctor, DOCTOR_WARN, "each container is a copy of its image");
		break;
	}
}
