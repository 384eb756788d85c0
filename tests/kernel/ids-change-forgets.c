/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/ids-change-forgets.c - a change of ids makes a process not dumpable, hides its namespaces from the owner outside, and forgets
 * the signal of its parent's death; PR_SET_DUMPABLE undoes the first two. So the init of a container sets both again, or the helper of
 * the network could not join it
 */
#include "tests/kernel/belief.h"

#include "base/err.h"
#include "rootless/rootless.h"

static char step(int fd)
{
	char byte = 0;

	return read(fd, &byte, 1) == 1 ? byte : 0;
}

static void __attribute__((noreturn)) child(int go_fd, int done_fd)
{
	int signal_number = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (step(go_fd) == 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(2);
	if (prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0) < 0 || signal_number != 0)
		_exit(3);
	if (write(done_fd, "1", 1) != 1 || step(go_fd) == 0)
		_exit(4);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (write(done_fd, "2", 1) != 1)
		_exit(5);
	step(go_fd);
	_exit(0);
}

int main(void)
{
	struct id_ranges ranges;
	struct idmaps maps = IDMAPS_INIT;
	struct err err;
	char path[64];
	int go[2], done[2];

	/* the caller is not id 0 inside, so becoming 0 is a change */
	if (idmap_ranges_load(-1, NULL, &ranges, &err) < 0 ||
	    idmap_plan_keep_id(&ranges, 1000, 1000, &maps, &err) < 0) {
		errno = 0;
		CANNOT_TELL(err.msg);
	}
	BELIEVE(pipe2(go, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0);
	pid_t pid = clone_into(CLONE_NEWUSER);
	if (pid < 0)
		CANNOT_TELL("no user namespaces");
	if (pid == 0) {
		close(go[1]);
		child(go[0], done[1]);
	}
	if (idmap_write(pid, &maps, &err) < 0) {
		errno = 0;
		CANNOT_TELL(err.msg);
	}

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	BELIEVE(fd >= 0);
	close(fd);

	BELIEVE(write(go[1], "1", 1) == 1);
	BELIEVE(step(done[0]) == '1');
	if (geteuid() != 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		BELIEVE(fd < 0 && errno == EACCES);
	}

	BELIEVE(write(go[1], "2", 1) == 1);
	BELIEVE(step(done[0]) == '2');
	fd = open(path, O_RDONLY | O_CLOEXEC);
	BELIEVE(fd >= 0);

	close(go[1]);
	BELIEVE(wait_for(pid) == 0);
	return 0;
}
