/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/overlay-wants-maps.c - an overlay can be set up before the id maps are written, and made only after
 *
 * Its work directory has mode 000 and is entered by a capability over its owner, who has no id in a namespace without maps.
 * Everything before FSCONFIG_CMD_CREATE works: that is why storage/rootfs.h has rootfs_begin() and rootfs_mount().
 */
#include "belief.h"

#include <sys/stat.h>

static char trash[32];

static int begin_overlay(void)
{
	static const char *const keys[] = { "lowerdir+", "upperdir", "workdir" };
	static const char *const dirs[] = { "lower", "upper", "work" };
	int fs_fd = sys_fsopen("overlay", FSOPEN_CLOEXEC);

	if (fs_fd < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", trash, dirs[i]);
		if (sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, keys[i], path, 0) < 0)
			return -1;
	}
	return sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ? -1 : fs_fd;
}

static void write_maps(void)
{
	char map[32];

	/* while there is no map, our own id is the overflow id: the parent's numbers were kept */
	BELIEVE(write_text("/proc/self/setgroups", "deny") == 0);
	snprintf(map, sizeof(map), "0 %s 1\n", getenv("BELIEF_UID"));
	BELIEVE(write_text("/proc/self/uid_map", map) == 0);
	snprintf(map, sizeof(map), "0 %s 1\n", getenv("BELIEF_GID"));
	BELIEVE(write_text("/proc/self/gid_map", map) == 0);
}

static void inside(void)
{
	int early_fd;
	int fs_fd = begin_overlay();

	if (fs_fd < 0)
		CANNOT_TELL("this kernel or file system takes no overlay in this way");
	early_fd = begin_overlay();
	BELIEVE(early_fd >= 0);
	BELIEVE(sys_fsconfig(early_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 && errno == EACCES);

	write_maps();
	BELIEVE(sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
	BELIEVE(sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, 0) >= 0);
	exit(0);
}

int main(void)
{
	static const char *const dirs[] = { "lower", "upper", "work" };
	char text[16];
	int status;
	pid_t pid;

	if (geteuid() == 0)
		CANNOT_TELL("root has a capability over every owner");
	make_trash(trash);
	for (int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", trash, dirs[i]);
		BELIEVE(mkdir(path, 0755) == 0);
	}
	snprintf(text, sizeof(text), "%u", getuid());
	setenv("BELIEF_UID", text, 1);
	snprintf(text, sizeof(text), "%u", getgid());
	setenv("BELIEF_GID", text, 1);

	pid = clone_into(CLONE_NEWUSER | CLONE_NEWNS);
	if (pid < 0)
		CANNOT_TELL("no user namespaces");
	if (pid == 0)
		inside();
	status = wait_for(pid);

	snprintf(text, sizeof(text), "work/work");
	BELIEVE(chdir(trash) == 0);
	if (chmod(text, 0700) == 0)
		rmdir(text);
	for (int i = 0; i < 3; i++)
		rmdir(dirs[i]);
	rmdir(trash);
	return status;
}
