/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/own-id-by-hand.c - the parent may map its own id alone without a helper, the group only after setgroups was denied; so
 * single-id mode needs no program
 */
#include "tests/kernel/belief.h"

int main(void)
{
	char path[64], map[32];
	pid_t pid = clone_into(CLONE_NEWUSER);

	if (pid < 0)
		CANNOT_TELL("no user namespaces");
	if (pid == 0) {
		pause();
		_exit(1);
	}

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	BELIEVE(write_text(path, map) == 0);

	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	snprintf(map, sizeof(map), "0 %u 1", getegid());
	if (geteuid() != 0)
		BELIEVE(write_text(path, map) < 0 && errno == EPERM);
	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	BELIEVE(write_text(path, "deny") == 0);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	BELIEVE(write_text(path, map) == 0);

	kill(pid, SIGKILL);
	wait_for(pid);
	return 0;
}
