/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/exec.c - one more process in a running container
 *
 *	caller	makes the program from the container's configuration, loads the filter, becomes not dumpable
 *	helper	(vfork: shares memory, nothing is copied) takes the OOM score and labels through the host's procfs, enters the cgroup, joins
 *		all namespaces by one setns on the pidfd, clones with CLONE_PARENT
 *	child	is the caller's child, in all namespaces; program.c. It has a stack of its own in the same memory: the caller sleeps until the
 *		child has become the program, so a copy of the memory would be made for nothing
 *
 * The child is seen by the container's processes as soon as it is there. The memory is not dumpable, so they can neither trace it nor look at
 * its descriptors (R5), and it opens nothing but the user's account files, the working directory, the terminal and the program (R6). Only
 * namespaces that the configuration names are joined: the others are the host's, where we are.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/program.h"
#include "engine/runtime/seccomp.h"
#include "engine/runtime/sync.h"
#include "rootless/cgroup.h"

#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

struct exec_state {
	const struct runtime_exec *exec;
	struct program program;
	struct seccomp_filter filter;
	struct runtime_sync sync;
	int proc_fd;	/* -1: not needed */
	int cgroup_fd;	/* -1: none */
	int namespaces; /* CLONE_NEW... */
	bool has_time_namespace;
	char *stack; /* the child's; CHILD_STACK_BYTES above a page that nobody may touch */
};

#define CHILD_STACK_BYTES (256 * 1024)
#define GUARD_BYTES	  65536 /* the largest page of any kernel */

static void exec_state_release(struct exec_state *state)
{
	program_release(&state->program);
	seccomp_filter_release(&state->filter);
	fd_close(&state->sync.parent_fd);
	fd_close(&state->sync.child_fd);
	fd_close(&state->proc_fd);
	fd_close(&state->cgroup_fd);
}

/* ---- caller ---- */

static void read_namespaces(struct exec_state *state)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_at(state->exec->config, "linux", "namespaces", NULL), i, item) {
		const char *type = json_get_string(item, "", "type", NULL);

		for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
			if (!str_equal(type, namespace_infos[kind].name))
				continue;
			/* not by a process that shares its memory: the child does it */
			if (kind == NAMESPACE_TIME)
				state->has_time_namespace = true;
			else
				state->namespaces |= (int)namespace_infos[kind].clone_flag;
		}
	}
}

static void override(struct exec_state *state)
{
	const struct runtime_exec *exec = state->exec;
	struct program *program = &state->program;

	strv_copy(&program->args, &exec->argv);
	for (size_t i = 0; i < exec->env.count; i++)
		strv_env_put(&program->env, exec->env.items[i]);
	if (exec->cwd != NULL) {
		free(program->cwd);
		program->cwd = xstrdup(exec->cwd);
	}
	if (exec->user != NULL) {
		program->user = xstrdup(exec->user);
		strv_clear(&program->additional_gids);
	}
	strv_copy(&program->group_add, &exec->group_add);
	if (exec->privileged) {
		for (int set = 0; set < CAPABILITY_SETS; set++) {
			bool held = set == CAPABILITY_EFFECTIVE || set == CAPABILITY_PERMITTED ||
				    set == CAPABILITY_BOUNDING;
			program->capabilities[set] = held ? UINT64_MAX : 0;
		}
		program->no_new_privileges = false;
	}
	program->no_new_privileges |= exec->no_new_privileges;
	program->set_home = true;
	program->terminal = exec->terminal;
	program->cache_dir_fd = exec->cache_dir_fd;
	program->preserved_fds = exec->preserved_fds;
	program->preserved_fd_count = exec->preserved_fd_count;
	program->preserve_numbers = exec->preserve_numbers;
}

static int open_cgroup(struct exec_state *state, struct err *err)
{
	struct cgroup cgroup = CGROUP_INIT;
	int r;

	if (state->exec->cgroup_path == NULL)
		return 0;
	r = cgroup_open(state->exec->cgroup_path, &cgroup, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(err, ERR_STATE, "cannot join the container's cgroup: it is gone");
	state->cgroup_fd = TAKE_FD(cgroup.dir_fd);
	cgroup_release(&cgroup);
	return 0;
}

/* Made once: to unmap it would cost more than all the rest of make_stack, and there is one exec at a time. */
static int make_stack(struct exec_state *state, struct err *err)
{
	static char *stack;

	if (stack == NULL) {
		char *memory = mmap(NULL, GUARD_BYTES + CHILD_STACK_BYTES, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

		if (memory == MAP_FAILED ||
		    mprotect(memory + GUARD_BYTES, CHILD_STACK_BYTES, PROT_READ | PROT_WRITE) < 0)
			return err_sys(err, errno,
				       "cannot get a stack for a process in the container");
		stack = memory + GUARD_BYTES;
	}
	state->stack = stack;
	return 0;
}

static int prepare(struct exec_state *state, struct err *err)
{
	const struct runtime_exec *exec = state->exec;
	json_t *seccomp = json_at(exec->config, "linux", "seccomp", NULL);
	const char *cwd = exec->cwd;

	if (cwd != NULL && (*cwd != '/' || strnlen(cwd, PATH_MAX) >= PATH_MAX))
		return err_set(err, ERR_USAGE,
			       "cannot use '%s' as the working directory: it must be an absolute "
			       "path of the container",
			       cwd);
	if (plan_process(&state->program, json_object_get(exec->config, "process"), err) < 0)
		return -1;
	override(state);
	read_namespaces(state);
	if (json_is_object(seccomp) && !exec->privileged) {
		state->program.seccomp = json_incref(seccomp);
		if (seccomp_filter_load(seccomp, exec->cache_dir_fd, &state->filter, err) < 0)
			return -1;
	}
	if (program_needs_proc(&state->program)) {
		state->proc_fd = procfs_open(err);
		if (state->proc_fd < 0)
			return -1;
	}
	if (open_cgroup(state, err) < 0 || make_stack(state, err) < 0)
		return -1;
	return runtime_sync_new(&state->sync, err);
}

/* ---- child ---- */

/* The container's root can put anything at that path: what was opened must be the multiplexer of a devpts. */
static int open_terminal(const struct exec_state *state, struct err *err)
{
	const struct runtime_exec *exec = state->exec;
	cleanup_fd int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int pts_fd = path_open_in_root(root_fd, "/dev/pts", O_PATH | O_DIRECTORY, 0);
	struct statfs fs;
	struct stat st;

	if (pts_fd < 0)
		return err_sys(err, -pts_fd,
			       "cannot make a terminal: the container has no '/dev/pts'");
	if (fstatfs(pts_fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC ||
	    fstatat(pts_fd, "ptmx", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(5, 2))
		return err_set(err, ERR_DENIED,
			       "cannot make a terminal: '/dev/pts' of the container is no devpts");
	return terminal_new(pts_fd, exec->console_fd, exec->rows, exec->columns, err);
}

static int child_run(const struct exec_state *state, int *sync_fd, struct err *err)
{
	const struct runtime_exec *exec = state->exec;
	int terminal_fd = -1;

	if (state->has_time_namespace &&
	    setns(exec->init_pid_fd, (int)namespace_infos[NAMESPACE_TIME].clone_flag) < 0)
		return err_sys(err, errno, "cannot join the container's time namespace");
	if (chdir("/") < 0)
		return err_sys(err, errno, "cannot enter the root directory of the container");
	/* root of the container, whatever id we have outside */
	if ((state->namespaces & CLONE_NEWUSER) &&
	    (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) && errno != EINVAL)
		return err_sys(err, errno, "cannot become root of the container");
	if (exec->terminal) {
		terminal_fd = open_terminal(state, err);
		if (terminal_fd < 0)
			return -1;
	}

	struct program_run run = {
		.program = &state->program,
		.filter = &state->filter,
		.stdio_fds = { exec->stdin_fd, exec->stdout_fd, exec->stderr_fd },
		.terminal_fd = terminal_fd,
		.kept_fds = { sync_fd },
	};
	return program_run(&run, err);
}

/* Descriptors are its own, memory is the caller's: what is moved here is not written down there. */
static int child_main(void *arg)
{
	const struct exec_state *state = arg;
	int sync_fd = state->sync.child_fd;
	struct err err;

	child_run(state, &sync_fd, &err);
	err_send(sync_fd, &err);
	_exit(err_exit_status(err.kind));
}

/* ---- helper ---- */

struct join_result {
	pid_t pid;
	struct err err; /* filled when pid is not greater than 0 */
};

/* Shares the caller's memory, which is suspended meanwhile, and so does the child until it has become the program or ended. */
static void join_and_clone(struct exec_state *state, struct join_result *result)
{
	struct err *err = &result->err;
	int r;

	if (state->proc_fd >= 0 && program_write_proc(&state->program, state->proc_fd, err) < 0)
		return;
	if (state->cgroup_fd >= 0) {
		const struct cgroup cgroup = { (char *)state->exec->cgroup_path, state->cgroup_fd };

		r = cgroup_attach(&cgroup, getpid(), err);
		if (r < 0 && (state->exec->cgroup_required || err->kind != ERR_DENIED))
			return;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (setns(state->exec->init_pid_fd, state->namespaces) < 0) {
		int errno_value = errno;

		err_sys(err, errno_value, "cannot join the container");
		if (errno_value == ESRCH)
			err_set(err, ERR_STATE, "cannot join the container: it has ended");
		return;
	}

	/* the kernel lets nobody enter a time namespace who shares his memory */
	int shared = state->has_time_namespace ? 0 : CLONE_VM | CLONE_VFORK;
	pid_t pid = clone(child_main, state->stack + CHILD_STACK_BYTES,
			  CLONE_PARENT | shared | SIGCHLD, state);
	if (pid < 0) {
		err_sys(err, errno, "cannot start a process in the container");
		return;
	}
	result->pid = pid;
}

struct join_request {
	struct exec_state *state;
	struct join_result result;
};

static int helper_main(void *arg)
{
	struct join_request *request = arg;

	join_and_clone(request->state, &request->result);
	return 0;
}

static int start(struct exec_state *state, pid_t *ret_pid, int *ret_pid_fd, struct err *err)
{
	struct join_request request = { .state = state };
	const struct join_result *result = &request.result;
	pid_t helper = process_borrow(helper_main, &request);

	if (helper < 0)
		return err_sys(err, -helper, "cannot start a helper process");
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	if (result->pid <= 0) {
		*err = result->err;
		return -1;
	}

	cleanup_fd int pid_fd = sys_pidfd_open(result->pid, 0);
	int r = pid_fd < 0 ? err_sys(err, errno, "cannot get a descriptor of the new process")
			   : runtime_sync_result(&state->sync, err);
	if (r < 0) {
		kill(result->pid, SIGKILL);
		while (waitpid(result->pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	*ret_pid = result->pid;
	*ret_pid_fd = TAKE_FD(pid_fd);
	return 0;
}

int runtime_exec(const struct runtime_exec *exec, pid_t *ret_pid, int *ret_pid_fd, struct err *err)
{
	struct exec_state state = {
		.exec = exec,
		.filter = SECCOMP_FILTER_INIT,
		.sync = RUNTIME_SYNC_INIT,
		.proc_fd = -1,
		.cgroup_fd = -1,
	};
	int r;

	program_init(&state.program);
	r = prepare(&state, err);
	if (r == 0)
		r = start(&state, ret_pid, ret_pid_fd, err);
	exec_state_release(&state);
	return r;
}
