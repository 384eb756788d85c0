/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/exec.c - one more program in a running container
 *
 * The command line does it itself: it joins, forks and waits. Without a terminal the program has our own streams, so nothing is
 * copied. A detached one is left to whoever adopts orphans; its session is a record in the runtime directory, by pid and start time.
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/process.h"
#include "base/record.h"
#include "engine/container/create.h"
#include "engine/container/detach_keys.h"
#include "engine/container/exec_terminal.h"
#include "engine/container/record.h"
#include "engine/container/start.h"
#include "engine/container/terminal.h"
#include "engine/runtime.h"
#include "engine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRESERVED_FD_FIRST 3
#define PRESERVED_FD_MAX   1024

struct exec {
	struct engine *engine;
	struct container *container;
	const struct container_exec_opts *opts;
	struct runtime_exec runtime;
	json_t *config;
	char *cgroup_path;
	int console[2];
	int null_fd;
};

static void exec_release(struct exec *exec)
{
	strv_release(&exec->runtime.argv);
	strv_release(&exec->runtime.env);
	strv_release(&exec->runtime.group_add);
	free(exec->runtime.user);
	free(exec->runtime.cwd);
	free(exec->runtime.preserved_fds);
	fd_close(&exec->runtime.init_pid_fd);
	fd_close(&exec->console[0]);
	fd_close(&exec->console[1]);
	fd_close(&exec->null_fd);
	free(exec->cgroup_path);
	json_decref(exec->config);
}

static int exec_environment(struct exec *exec, struct err *err)
{
	const struct container_exec_opts *opts = exec->opts;
	struct strv *env = &exec->runtime.env;

	for (size_t i = 0; i < opts->env_files.count; i++) {
		if (create_env_file(opts->env_files.items[i], env, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < opts->env.count; i++) {
		if (create_env_add(env, opts->env.items[i], err) < 0)
			return -1;
	}
	/* as run -t has it */
	if (opts->tty && strv_env_get(env, "TERM") == NULL)
		strv_env_set(env, "TERM", "xterm");
	return 0;
}

/* The user's descriptors, which must be open. */
static int exec_preserved(struct exec *exec, struct err *err)
{
	const struct container_exec_opts *opts = exec->opts;
	struct runtime_exec *runtime = &exec->runtime;
	size_t room = opts->preserve_fd.count;

	if (opts->preserve_fds < 0 || opts->preserve_fds > PRESERVED_FD_MAX)
		return err_set(err, ERR_USAGE, "invalid number of descriptors to preserve");
	if (opts->preserve_fds > 0 && opts->preserve_fd.count > 0)
		return err_set(err, ERR_USAGE,
			       "--preserve-fds and --preserve-fd cannot be used together");
	room += (size_t)opts->preserve_fds;
	if (room == 0)
		return 0;

	runtime->preserved_fds = xcalloc(room, sizeof(int));
	runtime->preserve_numbers = opts->preserve_fd.count > 0;
	for (size_t i = 0; i < room; i++) {
		uint32_t number = PRESERVED_FD_FIRST + (uint32_t)i;

		if (runtime->preserve_numbers &&
		    (parse_u32(opts->preserve_fd.items[i], &number) < 0 || number > INT32_MAX ||
		     number < PRESERVED_FD_FIRST))
			return err_set(err, ERR_USAGE, "invalid descriptor '%s' to preserve",
				       opts->preserve_fd.items[i]);
		if (fcntl((int)number, F_GETFD) < 0)
			return err_set(err, ERR_USAGE,
				       "cannot preserve file descriptor %u: it is not open",
				       number);
		runtime->preserved_fds[runtime->preserved_fd_count++] = (int)number;
	}
	return 0;
}

static int exec_streams(struct exec *exec, struct err *err)
{
	struct runtime_exec *runtime = &exec->runtime;

	runtime->stdin_fd = STDIN_FILENO;
	runtime->stdout_fd = STDOUT_FILENO;
	runtime->stderr_fd = STDERR_FILENO;
	if (runtime->terminal) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, exec->console) < 0)
			return err_sys(err, errno, "cannot make a pair of sockets");
		runtime->console_fd = exec->console[1];
		terminal_size(&runtime->rows, &runtime->columns);
		return 0;
	}
	if (exec->opts->interactive && !exec->opts->detach)
		return 0;
	exec->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (exec->null_fd < 0)
		return err_sys(err, errno, "cannot open '/dev/null'");
	runtime->stdin_fd = exec->null_fd;
	if (exec->opts->detach)
		runtime->stdout_fd = runtime->stderr_fd = exec->null_fd;
	return 0;
}

static int exec_prepare(struct exec *exec, const struct strv *argv, struct err *err)
{
	const struct container_exec_opts *opts = exec->opts;
	struct container *container = exec->container;
	struct runtime_exec *runtime = &exec->runtime;
	const json_t *record = json_object_get(container->create, KEY_RUNTIME);
	struct detach_keys keys;

	if (argv->count == 0)
		return err_set(err, ERR_USAGE, "no command to execute in container '%s'",
			       container->name);
	if (opts->tty && detach_keys_parse(opts->detach_keys, &keys, err) < 0)
		return -1;
	runtime->init_pid_fd = container_open_init(container);
	if (container->state.status != CONTAINER_RUNNING || runtime->init_pid_fd < 0)
		return err_set(err, ERR_STATE,
			       "can only create exec sessions on running containers: container "
			       "'%s' is %s: container state improper",
			       container->name, container_state_name(&container->state));
	runtime->init_pid = container->state.pid;
	if (container_read_config(container, &exec->config, err) < 0)
		return -1;
	runtime->config = exec->config;

	strv_add_all(&runtime->argv, argv);
	runtime->user = xstrdup_null(opts->user);
	if (runtime->user == NULL) {
		runtime->user = xstrdup_null(json_get_string(record, NULL, KEY_USER, NULL));
		json_get_strv(record, KEY_GROUP_ADD, &runtime->group_add);
	}
	runtime->cwd = xstrdup_null(opts->workdir);
	runtime->terminal = opts->tty && !opts->detach;
	runtime->privileged = opts->privileged;
	runtime->no_new_privileges =
		json_get_bool(exec->config, false, "process", "noNewPrivileges", NULL);
	runtime->cache_dir_fd = exec->engine->store->run_fd;
	exec->cgroup_path = container_cgroup_path(container);
	runtime->cgroup_path = exec->cgroup_path;
	runtime->cgroup_required = container_has_limits(container);
	if (exec_environment(exec, err) < 0 || exec_preserved(exec, err) < 0)
		return -1;
	return exec_streams(exec, err);
}

/* What inspect lists as ExecIDs. */
static int record_session(struct exec *exec, pid_t pid, const struct object_id *id, struct err *err)
{
	cleanup_fd int run_fd = container_open_run_dir(exec->engine, exec->container, true, err);
	cleanup_json json_t *body = json_object();
	cleanup_fd int dir_fd = -1;
	int64_t ticks = process_start_time(pid);

	if (run_fd < 0)
		return -1;
	dir_fd = path_make_dirs_beneath(run_fd, DIR_EXEC, 0700);
	if (dir_fd < 0)
		return err_sys(err, -dir_fd, "cannot record the exec session");
	json_put_int(body, "pid", pid);
	json_put_int(body, "startTicks", ticks < 0 ? 0 : ticks);
	return record_write_json(dir_fd, id->text, RECORD_KIND_EXEC, RECORD_VERSION_EXEC, body, 0,
				 err);
}

/* 0..255 from the program's end. */
static int wait_status(pid_t pid, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for the program");
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int exec_foreground(struct exec *exec, pid_t pid, int pid_fd, struct err *err)
{
	int exit_status;

	if (exec->runtime.terminal) {
		int status;

		fd_close(&exec->console[1]);
		status = exec_terminal_relay(exec->console[0], pid_fd, exec->opts->interactive,
					     exec->opts->detach_keys, err);
		if (status <= 0)
			return status;
	}
	exit_status = wait_status(pid, err);
	if (exit_status >= 0)
		event_container_exit(exec->engine, exec->container, EVENT_EXEC_DIED, exit_status);
	return exit_status;
}

static int exec_run(struct exec *exec, struct object_id *ret_id, struct err *err)
{
	struct err ignored = { 0 }; /* a session that is not listed runs all the same */
	cleanup_fd int pid_fd = -1;
	struct object_id id;
	pid_t pid;

	if (runtime_exec(&exec->runtime, &pid, &pid_fd, err) < 0)
		return -1;
	event_container(exec->engine, exec->container, EVENT_EXEC);
	if (!exec->opts->detach)
		return exec_foreground(exec, pid, pid_fd, err);

	object_id_new(&id);
	if (!exec->opts->no_session && record_session(exec, pid, &id, &ignored) < 0)
		engine_warn(exec->engine, "cannot record the exec session, ignoring: %s",
			    ignored.msg);
	if (ret_id != NULL)
		*ret_id = id;
	return 0;
}

int container_exec(struct engine *engine, struct container *container, const struct strv *argv,
		   const struct container_exec_opts *opts, struct object_id *ret_id,
		   struct err *err)
{
	struct exec exec = {
		.engine = engine,
		.container = container,
		.opts = opts,
		.runtime = { .init_pid_fd = -1, .console_fd = -1, .cache_dir_fd = -1 },
		.console = { -1, -1 },
		.null_fd = -1,
	};
	int status;

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot execute in container '%s': its record is damaged",
			       container->id.text);
	status = exec_prepare(&exec, argv, err);
	if (status == 0)
		status = exec_run(&exec, ret_id, err);
	exec_release(&exec);
	return status;
}
