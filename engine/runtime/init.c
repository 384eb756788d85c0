/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/init.c - I: from a fresh clone to the container's program
 *
 *	1	unshare the rest of the namespaces; the user namespace came with the clone or was joined
 *	2	prepare: what needs no mapped ids, while newuidmap and newgidmap run on the other processor
 *	3	wait until the maps are written; become root of the namespace
 *	4	apply: mounts, devices, masks, pivot_root
 *	5	program.c
 *
 * A failure goes to C as a struct err, and as one byte to the monitor. I never returns: it is a copy of its parent, whose cleanup it
 * must not do.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/program.h"
#include "engine/runtime/seccomp.h"
#include "engine/runtime/sync.h"

#include <errno.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static int unshare_rest(const struct runtime_plan *plan, const struct runtime_io *io,
			struct err *err)
{
	/* pid and time begin with a child: clone did those */
	static const enum namespace_kind kinds[] = { NAMESPACE_MOUNT, NAMESPACE_NETWORK,
						     NAMESPACE_IPC, NAMESPACE_UTS,
						     NAMESPACE_CGROUP };
	int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i] == NAMESPACE_NETWORK && runtime_brings_network(plan, io))
			continue; /* joined */
		if (plan->namespaces[kinds[i]].fresh)
			flags |= (int)namespace_infos[kinds[i]].clone_flag;
	}
	if (unshare(flags) == 0)
		return 0;

	err_sys(err, errno, "cannot make namespaces for the container");
	if (errno == ENOSPC || errno == EUSERS)
		return err_hint(err, "There are too many: raise the limits in /proc/sys/user.");
	return -1;
}

/* Mounts of the host must not appear, and ours must not go there. A new user namespace already made all of them slaves. */
static int make_private(const struct runtime_plan *plan, struct err *err)
{
	unsigned long propagation = plan->wants_propagation ? MS_SLAVE : MS_PRIVATE;

	if (plan->wants_propagation && plan->namespaces[NAMESPACE_USER].fresh)
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | propagation, NULL) < 0)
		return err_sys(err, errno, "cannot make the mounts of the container private");
	return 0;
}

/* Root of the user namespace, if that has one: files that we make belong to it. */
static int become_root(const struct init *init, struct err *err)
{
	uint32_t host_id;
	const struct runtime_plan *plan = init->plan;

	if (plan->owner_is_root && plan->namespaces[NAMESPACE_USER].fresh)
		return 0;
	if (plan->namespaces[NAMESPACE_USER].join_fd < 0 && !plan->namespaces[NAMESPACE_USER].fresh)
		return 0;
	if (plan->namespaces[NAMESPACE_USER].fresh &&
	    (idmap_to_host(&plan->maps.uid, 0, &host_id) != 1 ||
	     idmap_to_host(&plan->maps.gid, 0, &host_id) != 1))
		return 0;

	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "cannot become root of the container's user namespace");
	/*
	 * The kernel forgets both when ids change. The helper of the network opens /proc/PID/ns until it is ready, which it may
	 * only for a process that is dumpable; others who see us are in a user namespace that has no power over ours.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return 0;
}

static bool needs_proc(const struct runtime_plan *plan)
{
	if (program_needs_proc(&plan->program))
		return true;
	for (size_t i = 0; i < plan->op_count; i++) {
		if (plan->ops[i].kind == OP_SYSCTL)
			return true;
	}
	return false;
}

static int open_proc(struct init *init, struct err *err)
{
	if (!needs_proc(init->plan))
		return 0;
	init->proc_fd = procfs_open(err);
	return init->proc_fd < 0 ? -1 : 0;
}

/* The conversation goes on with who connects; somebody who goes away without a word is followed by the next one. */
static int wait_for_start(struct init *init, struct err *err)
{
	for (;;) {
		char word = 0;
		int fd = accept4(init->start_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0)
			return err_sys(err, errno, "cannot wait for the start of the container");
		if (recv(fd, &word, 1, 0) == 1 && word == SYNC_GO) {
			init->sync->child_fd = fd;
			return 0;
		}
		close(fd);
		if (word == SYNC_END)
			return err_set(err, ERR_STATE, "it is not wanted any more");
	}
}

static int ready(void *arg, struct err *err)
{
	struct init *init = arg;

	if (sync_child_say(init->sync->child_fd, SYNC_READY, err) < 0)
		return -1;
	if (init->start_fd >= 0) {
		fd_close(&init->sync->child_fd);
		return wait_for_start(init, err);
	}
	if (sync_child_wait(init->sync->child_fd, SYNC_GO, err) < 0)
		return -1;
	/* the network is there: nobody needs to look at us any more */
	if (init->is_seen)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

static int run(struct init *init, int *started_fd, struct err *err)
{
	struct runtime_plan *plan = init->plan;
	const struct runtime_io *io = init->io;
	struct seccomp_filter filter = SECCOMP_FILTER_INIT;
	bool is_looked_at =
		plan->namespaces[NAMESPACE_NETWORK].fresh && !runtime_brings_network(plan, io);

	/* clone.c may have forbidden it on the way through another container's user namespace */
	if (is_looked_at)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (unshare_rest(plan, io, err) < 0 || make_private(plan, err) < 0 ||
	    open_proc(init, err) < 0 || ops_prepare(init, err) < 0)
		return -1;
	if (plan->program.seccomp != NULL &&
	    seccomp_filter_load(plan->program.seccomp, plan->program.cache_dir_fd, &filter, err) <
		    0)
		return -1;

	if (plan->namespaces[NAMESPACE_USER].fresh &&
	    sync_child_wait(init->sync->child_fd, SYNC_MAPPED, err) < 0)
		return -1;
	if (become_root(init, err) < 0)
		return -1;
	if (program_needs_proc(&plan->program) &&
	    program_write_proc(&plan->program, init->proc_fd, err) < 0)
		return -1;
	/*
	 * R5: processes of a joined pid namespace see us, and those of a joined user namespace that are in the host's. Without CAP_SYS_PTRACE
	 * they cannot look at who has more capabilities than they have; with it they can, unless we are not dumpable. The network helper
	 * must look at us, too, if it was not started before us: then that comes with the go.
	 */
	if (init->is_seen && !is_looked_at)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (ops_apply(init, err) < 0)
		return -1;

	struct program_run program_run_args = {
		.program = &plan->program,
		.filter = &filter,
		.stdio_fds = { io->stdin_fd, io->stdout_fd, io->stderr_fd },
		.terminal_fd = init->terminal_fd,
		.kept_fds = { &init->sync->child_fd, started_fd, &init->start_fd },
		.dies_with_parent = !io->detached,
		.ready = ready,
		.arg = init,
	};
	return program_run(&program_run_args, err);
}

void init_main(struct runtime_plan *plan, const struct runtime_io *io, struct runtime_sync *sync)
{
	struct init init = {
		.plan = plan,
		.io = io,
		.sync = sync,
		.own_pids = plan->namespaces[NAMESPACE_PID].fresh,
		.is_seen = !plan->namespaces[NAMESPACE_PID].fresh ||
			   plan->namespaces[NAMESPACE_USER].join_fd >= 0,
		.proc_fd = -1,
		.root_fd = -1,
		.dev_fd = -1,
		.pts_fd = -1,
		.null_fd = -1,
		.mask_fd = -1,
		.terminal_fd = -1,
		.start_fd = io->start_listen_fd != NULL ? *io->start_listen_fd : -1,
		.device_fds = { -1, -1, -1, -1, -1, -1 },
	};
	int started_fd = io->started_fd;
	struct err err;

	fd_close(&sync->parent_fd);
	if (!io->detached)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	run(&init, &started_fd, &err);

	/* both may be gone already; there is nobody else to tell */
	err_send(sync->child_fd, &err);
	if (started_fd >= 0 && write(started_fd, "x", 1) < 0)
		debug("cannot tell the monitor, ignoring: %s", strerror(errno));
	_exit(err_exit_status(err.kind));
}
