/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/runtime_manage.c - dhow-runtime kill, delete, pause, resume, exec
 */
#include "engine/runtime/runtime_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "engine/runtime.h"
#include "rootless/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_WAIT_MS 10000

static int kill_all(const struct runtime_state *state, int number, struct err *err)
{
	struct cgroup cgroup = CGROUP_INIT;
	cleanup_free pid_t *pids = NULL;
	int count;

	if (state->cgroup_path == NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot signal all processes of container '%s': it has no cgroup",
			       state->id);
	if (cgroup_open(state->cgroup_path, &cgroup, err) <= 0)
		return 0;
	count = cgroup_pids(&cgroup, &pids, err);
	for (int i = 0; i < count; i++)
		kill(pids[i], number);
	cgroup_release(&cgroup);
	return count < 0 ? -1 : 0;
}

int runtime_command_kill(const struct runtime_options *options, const char *id, const char *signal,
			 bool all, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	int number;
	int r;

	if (parse_signal(signal, &number) < 0)
		return err_set(err, ERR_USAGE, "unknown signal '%s'", signal);
	if (runtime_state_load(options, id, &state, err) < 0)
		return -1;
	if (all)
		return kill_all(&state, number, err);

	cleanup_fd int pid_fd = runtime_state_pid_fd(&state);
	if (pid_fd < 0)
		return err_set(err, ERR_STATE, "cannot signal container '%s': it is not running",
			       id);
	r = process_signal(pid_fd, number);
	return r < 0 ? err_sys(err, -r, "cannot signal container '%s'", id) : 0;
}

int runtime_command_delete(const struct runtime_options *options, const char *id, bool force,
			   struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	cleanup_json json_t *config = NULL;
	struct err ignored;

	if (runtime_state_load(options, id, &state, err) < 0) {
		/* what is not there needs no force */
		return force && err->kind == ERR_NOT_FOUND ? 0 : -1;
	}

	const char *status = runtime_state_status(&state);
	cleanup_fd int pid_fd = runtime_state_pid_fd(&state);
	if (pid_fd >= 0 && !force && !str_equal(status, "created"))
		return err_set(err, ERR_STATE, "cannot delete container '%s': it is %s", id,
			       status);
	if (pid_fd >= 0) {
		process_signal(pid_fd, SIGKILL);
		if (fd_wait_readable(pid_fd, KILL_WAIT_MS) != 1)
			return err_set(err, ERR_TIMEOUT, "container '%s' does not end", id);
	}

	/* a damaged container can still be removed (P7) */
	config = runtime_state_config(&state, &ignored);
	if (runtime_state_remove(&state, err) < 0)
		return -1;
	if (config != NULL && hooks_run(config, "poststop", &state, "stopped", &ignored) < 0)
		debug("%s, ignoring", ignored.msg);
	return 0;
}

int runtime_command_freeze(const struct runtime_options *options, const char *id, bool freeze,
			   struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	struct cgroup cgroup = CGROUP_INIT;
	int r;

	if (runtime_state_load(options, id, &state, err) < 0)
		return -1;
	if (state.cgroup_path == NULL)
		return err_set(err, ERR_UNSUPPORTED, "cannot %s container '%s': it has no cgroup",
			       freeze ? "pause" : "resume", id);
	r = cgroup_open(state.cgroup_path, &cgroup, err);
	if (r == 0)
		return err_set(err, ERR_STATE, "cannot %s container '%s': it is stopped",
			       freeze ? "pause" : "resume", id);
	if (r > 0)
		r = cgroup_freeze(&cgroup, freeze, err);
	cgroup_release(&cgroup);
	return r < 0 ? -1 : 0;
}

/* ---- exec ---- */

/* --process FILE takes the place of the configuration's process; else the options change a copy of it */
static json_t *exec_config(const struct runtime_state *state, const struct runtime_exec_opts *opts,
			   struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *config = runtime_state_config(state, err);
	json_t *process;
	int r;

	if (config == NULL || opts->process_file == NULL)
		return config;
	r = fd_read_file(AT_FDCWD, opts->process_file, &text, JSON_LIMIT_BYTES);
	if (r < 0) {
		err_sys(err, -r, "cannot read '%s'", opts->process_file);
		json_decref(config);
		return NULL;
	}
	process = json_parse(text.data, text.length, "process file", err);
	if (process == NULL) {
		json_decref(config);
		return NULL;
	}
	json_put(config, "process", process);
	return config;
}

static int add_capabilities(json_t *config, const struct strv *names, struct err *err)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	json_t *capabilities = json_at(config, "process", "capabilities", NULL);

	for (size_t i = 0; i < names->count; i++) {
		int number = capability_parse(names->items[i]);

		if (number < 0)
			return err_set(err, ERR_USAGE, "unknown capability '%s'", names->items[i]);
		for (size_t set = 0; set < ARRAY_SIZE(sets); set++) {
			json_t *list = json_object_get(capabilities, sets[set]);

			if (json_is_array(list))
				json_array_append_new(list, json_string(capability_name(number)));
		}
	}
	return 0;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int runtime_command_exec(const struct runtime_options *options, const char *id,
			 const struct runtime_exec_opts *opts, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	cleanup_json json_t *config = NULL;
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_fd int console_fd = -1;
	int preserved[64];
	pid_t pid;

	if (runtime_state_load(options, id, &state, err) < 0)
		return -1;
	cleanup_fd int init_pid_fd = runtime_state_pid_fd(&state);
	if (init_pid_fd < 0)
		return err_set(err, ERR_STATE, "cannot execute in container '%s': it is stopped",
			       id);
	config = exec_config(&state, opts, err);
	if (config == NULL || add_capabilities(config, &opts->caps, err) < 0)
		return -1;
	for (char *const *word = opts->argv; word != NULL && *word != NULL; word++)
		strv_add(&argv, *word);
	if (argv.count == 0)
		json_get_strv(json_object_get(config, "process"), "args", &argv);
	if (opts->preserve_fds < 0 || opts->preserve_fds > (int64_t)ARRAY_SIZE(preserved))
		return err_set(err, ERR_USAGE, "--preserve-fds must be from 0 to %zu",
			       ARRAY_SIZE(preserved));
	for (int i = 0; i < opts->preserve_fds; i++)
		preserved[i] = 3 + i;

	bool tty = opts->tty || (opts->process_file != NULL &&
				 json_get_bool(config, false, "process", "terminal", NULL));
	if (tty && opts->console_socket == NULL)
		return err_set(err, ERR_USAGE,
			       "cannot give the program a terminal: --console-socket is missing");
	if (tty) {
		console_fd = console_socket_open(opts->console_socket, err);
		if (console_fd < 0)
			return -1;
	}

	cleanup_free char *user = xstrdup_null(opts->user);
	cleanup_free char *cwd = xstrdup_null(opts->cwd);
	struct runtime_exec exec = {
		.init_pid = state.pid,
		.init_pid_fd = init_pid_fd,
		.config = config,
		.argv = argv,
		.env = opts->env,
		.user = user,
		.cwd = cwd,
		.terminal = tty,
		.no_new_privileges = opts->no_new_privileges,
		.stdin_fd = 0,
		.stdout_fd = 1,
		.stderr_fd = 2,
		.console_fd = console_fd,
		.preserved_fds = preserved,
		.preserved_fd_count = (size_t)opts->preserve_fds,
		.cgroup_path = state.cgroup_path,
		.cache_dir_fd = state.root_fd,
	};
	int pid_fd;
	if (runtime_exec(&exec, &pid, &pid_fd, err) < 0)
		return -1;
	fd_close(&pid_fd);
	if (opts->pid_file != NULL && pid_file_write(opts->pid_file, pid, err) < 0)
		return -1;
	return opts->detach ? 0 : wait_for(pid);
}
