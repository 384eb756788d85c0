/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/clone-into-cgroup.c - a process can be born in a delegated cgroup beside the own one, together with new namespaces, and
 * cgroup.kill ends all that is in it; so limits hold from the first instruction
 */
#include "tests/kernel/belief.h"

#include "base/err.h"
#include "rootless/cgroup.h"

int main(void)
{
	const struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct cgroup cgroup = CGROUP_INIT;
	struct err err;
	char name[32];

	snprintf(name, sizeof(name), "belief-%d", getpid());
	if (cgroup_create(CGROUP_MANAGER_CGROUPFS, NULL, name, &limits, true, &cgroup, &err) < 0) {
		errno = 0;
		CANNOT_TELL(err.msg);
	}
	if (cgroup.path == NULL) {
		errno = 0;
		CANNOT_TELL("no cgroup is delegated to this user");
	}

	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_NEWUSER | CLONE_NEWPID,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup.dir_fd,
	};
	pid_t pid = sys_clone3(&args, sizeof(args));
	if (pid == 0) {
		pause();
		_exit(1);
	}
	if (pid < 0) {
		int errno_value = errno;

		cgroup_destroy(cgroup.path, &err);
		errno = errno_value;
		if (errno == ENOSYS || errno == E2BIG)
			CANNOT_TELL("clone3 with CLONE_INTO_CGROUP needs Linux 5.7");
		BELIEVE(pid > 0);
	}
	BELIEVE(cgroup_read_key(&cgroup, "cgroup.events", "populated") == 1);
	BELIEVE(cgroup_destroy(cgroup.path, &err) == 0);
	BELIEVE(wait_for(pid) == 128 + SIGKILL);
	cgroup_release(&cgroup);
	return 0;
}
