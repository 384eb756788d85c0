/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/mounts-before-maps.c - proc, sysfs and tmpfs can be mounted in a fresh user namespace before its maps are written, so they are made
 * while newuidmap runs; an overlay that is written to must wait for the maps (EACCES: it makes a directory with ids that have no
 * name yet)
 */
#include "tests/kernel/belief.h"

#include "base/err.h"
#include "rootless/rootless.h"

#include <sys/mount.h>
#include <sys/stat.h>

static const char *const dirs[] = { "lower", "upper", "work", "merged" };

static int mount_detached(const char *type)
{
	int fs_fd = sys_fsopen(type, FSOPEN_CLOEXEC);

	if (fs_fd < 0 || sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	int mount_fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	close(fs_fd);
	return mount_fd;
}

static int mount_overlay(void)
{
	return mount("overlay", "merged", "overlay", 0,
		     "lowerdir=lower,upperdir=upper,workdir=work,userxattr");
}

/* The init of a pid namespace of its own: else proc could not be mounted. */
static int child(const char *trash, int go_fd, int early_fd)
{
	char byte;

	if (chdir(trash) < 0)
		return 2;
	if (mount_detached("proc") < 0)
		return 3;
	if (mount_detached("sysfs") < 0)
		return 4;
	if (mount_detached("tmpfs") < 0)
		return 5;
	if (mount_overlay() == 0)
		dprintf(STDOUT_FILENO, "an overlay needs no maps on this kernel\n");
	else if (errno == ENODEV || errno == EPERM)
		return 77;
	else
		(void)umount2("merged", MNT_DETACH);

	if (write(early_fd, "e", 1) != 1 || read(go_fd, &byte, 1) != 1)
		return 6;
	if (mount_overlay() < 0)
		return errno == EPERM || errno == EINVAL ? 77 : 7;
	return access("merged/file", F_OK) == 0 ? 0 : 8;
}

int main(void)
{
	struct id_ranges ranges;
	struct idmaps maps = IDMAPS_INIT;
	struct err err;
	char trash[32];
	char byte;
	int go[2], early[2];

	if (idmap_ranges_load(-1, NULL, &ranges, &err) < 0 ||
	    idmap_plan_default(&ranges, &maps, &err) < 0) {
		errno = 0;
		CANNOT_TELL(err.msg);
	}
	make_trash(trash);
	BELIEVE(chmod(trash, 0755) == 0);
	int trash_fd = open(trash, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BELIEVE(trash_fd >= 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		BELIEVE(mkdirat(trash_fd, dirs[i], 0755) == 0);
	close(openat(trash_fd, "lower/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	BELIEVE(pipe2(go, O_CLOEXEC) == 0 && pipe2(early, O_CLOEXEC) == 0);

	pid_t pid = clone_into(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
	if (pid == 0) {
		close(go[1]);
		_exit(child(trash, go[0], early[1]));
	}
	int status = 77;
	close(early[1]);
	if (pid > 0) {
		/* end of file: it gave up before, its status tells */
		if (read(early[0], &byte, 1) == 1 && idmap_write(pid, &maps, &err) == 0)
			BELIEVE(write(go[1], "g", 1) == 1);
		close(go[1]);
		status = wait_for(pid);
	}

	/* the overlay leaves an empty directory in work */
	unlinkat(trash_fd, "work/work", AT_REMOVEDIR);
	unlinkat(trash_fd, "lower/file", 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		unlinkat(trash_fd, dirs[i], AT_REMOVEDIR);
	rmdir(trash);
	errno = 0;
	if (status == 77)
		CANNOT_TELL("no user namespaces, or no overlay in them (Linux 5.13)");
	if (status != 0)
		fprintf(stderr, "the child ended with %d\n", status);
	BELIEVE(status == 0);
	return 0;
}
