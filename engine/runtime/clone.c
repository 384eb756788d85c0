/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/clone.c - make I, and user namespaces ahead of time
 *
 * Nothing to join: one clone3 of the user and pid namespace. All else is unshared by I itself, so that the caller knows its pid 1 ms earlier
 * and can start newuidmap and newgidmap.
 *
 * Something to join: a pid namespace begins with a child, and the caller, who will be the monitor, must stay outside of them all. So a child that
 * borrows the caller's memory joins the namespaces and clones I with CLONE_PARENT, which makes I a
 * child of the caller.
 *
 * I has a copy of the caller's memory and descriptors, so plan, rootfs and streams are simply there.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* what clone makes; pid and time namespaces begin with a child */
static uint64_t clone_flags(const struct runtime_plan *plan, const struct runtime_io *io)
{
	static const enum namespace_kind kinds[] = { NAMESPACE_USER, NAMESPACE_PID,
						     NAMESPACE_TIME };
	uint64_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i] == NAMESPACE_USER && io->userns != NULL)
			continue;
		if (plan->namespaces[kinds[i]].fresh)
			flags |= namespace_infos[kinds[i]].clone_flag;
	}
	return flags;
}

/* By hand where clone3 is not there or forbidden (an outer container's filter): in I. */
static int enter_cgroup(int cgroup_fd)
{
	return cgroup_fd < 0 ? 0 : fd_write_file(cgroup_fd, "cgroup.procs", "0");
}

/* pid, 0 in I, -1 with errno */
static pid_t clone_init(uint64_t flags, int exit_signal, int cgroup_fd, bool *ret_in_cgroup)
{
	struct clone_args args = {
		.flags = flags | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.exit_signal = (uint64_t)exit_signal,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	pid_t pid = sys_clone3(&args, sizeof(args));

	*ret_in_cgroup = true;
	if (pid >= 0 || (errno != ENOSYS && errno != E2BIG))
		return pid;

	/* clone takes its flags where the signal is: no time namespace there */
	*ret_in_cgroup = false;
	if (flags & namespace_infos[NAMESPACE_TIME].clone_flag)
		return -1;
	return (pid_t)syscall(SYS_clone, flags | (uint64_t)SIGCHLD, NULL, NULL, NULL, NULL);
}

static void __attribute__((noreturn))
start_init(struct runtime_plan *plan, const struct runtime_io *io, struct runtime_sync *sync,
	   bool in_cgroup)
{
	struct err err;
	int r = in_cgroup ? 0 : enter_cgroup(io->cgroup_fd);

	if (r < 0) {
		err_sys(&err, -r, "cannot enter the container's cgroup");
		err_send(sync->child_fd, &err);
		_exit(err_exit_status(err.kind));
	}
	init_main(plan, io, sync);
}

bool runtime_brings_network(const struct runtime_plan *plan, const struct runtime_io *io)
{
	return io->userns != NULL && io->userns->netns_fd >= 0 &&
	       plan->namespaces[NAMESPACE_NETWORK].fresh;
}

static bool joins_something(const struct runtime_plan *plan, const struct runtime_io *io)
{
	for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
		if (plan->namespaces[kind].join_fd >= 0)
			return true;
	}
	return io->userns != NULL;
}

static int clone_failed(uint64_t flags, int errno_value, const struct runtime_io *io,
			struct err *err)
{
	if (io->cgroup_fd >= 0 && (errno_value == EBADF || errno_value == EOPNOTSUPP ||
				   errno_value == EBUSY || errno_value == ENODEV))
		return err_sys(err, errno_value, "cannot start in the container's cgroup");
	if (flags & CLONE_NEWUSER)
		return userns_explain(errno_value, err);
	return err_sys(err, errno_value, "cannot start the container's init");
}

/* ---- with joining ---- */

/* what the helper tells through the memory that it shares */
struct join_result {
	pid_t pid;
	int errno_value;
	int kind; /* of the namespace that could not be joined, or -1 */
};

/* In the helper: only system calls and the stack below; I, which is a real copy, never comes back from it. */
static void join_and_clone(struct runtime_plan *plan, const struct runtime_io *io,
			   struct runtime_sync *sync, struct join_result *result)
{
	uint64_t flags = clone_flags(plan, io) | CLONE_PARENT;
	bool in_cgroup;

	for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
		int fd = plan->namespaces[kind].join_fd;

		if (kind == NAMESPACE_USER && io->userns != NULL)
			fd = io->userns->userns_fd;
		if (kind == NAMESPACE_NETWORK && runtime_brings_network(plan, io))
			fd = io->userns->netns_fd;
		if (fd < 0 || setns(fd, (int)namespace_infos[kind].clone_flag) == 0)
			continue;
		*result = (struct join_result){ -1, errno, kind };
		return;
	}

	/* with CLONE_PARENT the signal is the helper's own: SIGCHLD */
	pid_t pid = clone_init(flags, 0, io->cgroup_fd, &in_cgroup);
	if (pid == 0)
		start_init(plan, io, sync, in_cgroup);
	*result = (struct join_result){ pid, errno, -1 };
}

struct join_request {
	struct runtime_plan *plan;
	const struct runtime_io *io;
	struct runtime_sync *sync;
	struct join_result result;
};

static int helper_main(void *arg)
{
	struct join_request *request = arg;

	join_and_clone(request->plan, request->io, request->sync, &request->result);
	return 0;
}

static int clone_joined(struct runtime_plan *plan, const struct runtime_io *io,
			struct runtime_sync *sync, pid_t *ret_pid, struct err *err)
{
	struct join_request request = { plan, io, sync, { -1, 0, -1 } };
	const struct join_result *result = &request.result;
	/* R5: the helper is for a moment among the processes of the other container, with our memory */
	bool is_foreign = plan->namespaces[NAMESPACE_USER].join_fd >= 0;
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	pid_t helper;

	if (is_foreign)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	helper = process_borrow(helper_main, &request);
	if (helper < 0)
		return err_sys(err, -helper, "cannot start a helper process");
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	if (is_foreign)
		prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);

	if (result->kind >= 0) {
		err_sys(err, result->errno_value, "cannot join the %s namespace",
			namespace_infos[result->kind].name);
		if (result->errno_value == EPERM)
			return err_hint(err, "Namespaces of another container can be joined "
					     "together with its user namespace only.");
		return -1;
	}
	if (result->pid < 0)
		return clone_failed(clone_flags(plan, io), result->errno_value, io, err);
	*ret_pid = result->pid;
	return 0;
}

/* ---- door ---- */

int runtime_clone(struct runtime_plan *plan, const struct runtime_io *io, struct runtime_sync *sync,
		  pid_t *ret_pid, int *ret_pid_fd, struct err *err)
{
	pid_t pid = -1;

	if (joins_something(plan, io)) {
		if (clone_joined(plan, io, sync, &pid, err) < 0)
			return -1;
	} else {
		uint64_t flags = clone_flags(plan, io);
		bool in_cgroup;

		pid = clone_init(flags, SIGCHLD, io->cgroup_fd, &in_cgroup);
		if (pid == 0)
			start_init(plan, io, sync, in_cgroup);
		if (pid < 0)
			return clone_failed(flags, errno, io, err);
	}

	/* our child, not yet waited for: the number is its own */
	int pid_fd = sys_pidfd_open(pid, 0);
	if (pid_fd < 0) {
		err_sys(err, errno, "cannot get a descriptor of the container's init");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	*ret_pid = pid;
	*ret_pid_fd = pid_fd;
	return 0;
}

/* ---- ahead of time ---- */

#define HOLDER_STACK_BYTES 16384

/* Holds the namespace until its pipe ends. Shares memory with its parent, also errno: system calls only, and no look at their results. */
static int holder_main(void *arg)
{
	const int *fds = arg;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	syscall(SYS_close, fds[1]);
	syscall(SYS_read, fds[0], &byte, 1);
	_exit(0);
}

static int open_namespace(pid_t pid, const char *kind, int *ret_fd, struct err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, errno, "cannot open a new %s namespace", kind) : 0;
}

int runtime_userns_start(const struct idmaps *maps, bool with_network,
			 struct runtime_userns *ret_userns, struct err *err)
{
	struct runtime_userns userns = RUNTIME_USERNS_INIT;
	int flags = CLONE_VM | CLONE_NEWUSER | (with_network ? CLONE_NEWNET : 0) | SIGCHLD;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");

	/*
	 * No copy of our memory: after a fork every page that we write to would cost a fault. The pipe's ends and the stack stay where they are for
	 * as long as the holder lives, and there is one at a time.
	 */
	static char stack[HOLDER_STACK_BYTES] __attribute__((aligned(16)));
	static int holder_fds[2];
	memcpy(holder_fds, fds, sizeof(holder_fds));
	pid_t pid = clone(holder_main, stack + sizeof(stack), flags, holder_fds);
	fd_close(&fds[0]);
	if (pid < 0) {
		int errno_value = errno;

		fd_close(&fds[1]);
		return userns_explain(errno_value, err);
	}

	userns.holder_pid = pid;
	userns.maps = maps;
	/* the write end stays open in us for as long as we live, which is what the holder waits for */
	userns.hold_fd = fds[1];
	if (open_namespace(pid, "user", &userns.userns_fd, err) < 0 ||
	    (with_network && open_namespace(pid, "net", &userns.netns_fd, err) < 0) ||
	    idmap_write_start(pid, maps, &userns.writer, err) < 0) {
		runtime_userns_release(&userns);
		return -1;
	}
	*ret_userns = userns;
	return 0;
}

static void end_holder(struct runtime_userns *userns)
{
	fd_close(&userns->hold_fd);
	if (userns->holder_pid <= 0)
		return;
	kill(userns->holder_pid, SIGKILL);
	while (waitpid(userns->holder_pid, NULL, 0) < 0 && errno == EINTR)
		;
	userns->holder_pid = 0;
}

int runtime_userns_wait(struct runtime_userns *userns, struct err *err)
{
	return idmap_write_finish(&userns->writer, userns->maps, err);
}

int runtime_userns_finish(struct runtime_userns *userns, struct runtime_sync *sync, struct err *err)
{
	int r = idmap_write_finish(&userns->writer, userns->maps, err);

	if (r == 0 && sync != NULL)
		r = runtime_sync_mapped(sync, err);
	if (r < 0 && sync != NULL) {
		fd_close(&sync->child_fd);
		fd_close(&sync->parent_fd);
	}
	return r;
}

void runtime_userns_release(struct runtime_userns *userns)
{
	struct err ignored; /* nobody waits for these maps any more */

	if (userns->writer.uid_pid > 0)
		kill(userns->writer.uid_pid, SIGKILL);
	if (userns->writer.gid_pid > 0)
		kill(userns->writer.gid_pid, SIGKILL);
	if (userns->writer.uid_pid > 0 || userns->writer.gid_pid > 0)
		idmap_write_finish(&userns->writer, userns->maps, &ignored);
	end_holder(userns);
	fd_close(&userns->userns_fd);
	fd_close(&userns->netns_fd);
}
