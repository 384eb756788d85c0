/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/hooks.c - programs of the host that the caller of dhow-runtime wants at steps of a container's life
 *
 * They run in the runtime's namespaces, with the state on stdin and nothing else of ours. Hooks in the container's namespaces are refused
 * by the plan. A configuration that dhow makes has none: image metadata cannot bring any (R16).
 */
#include "engine/runtime/runtime_state.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strbuf.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static int run_one(const json_t *hook, const char *name, int state_fd, struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strv struct strv env = STRV_INIT;
	cleanup_child struct child child = CHILD_INIT;
	const char *path = json_get_string(hook, "", "path", NULL);
	int64_t timeout_s = json_get_int(hook, 0, "timeout", NULL);
	struct spawn spawn = SPAWN_INIT;
	int status;
	int r;

	if (*path != '/')
		return err_set(err, ERR_USAGE, "cannot run a %s hook: its path must be absolute",
			       name);
	json_get_strv(hook, "args", &argv);
	json_get_strv(hook, "env", &env);
	if (argv.count == 0)
		strv_add(&argv, path);
	spawn.path = path;
	spawn.argv = &argv;
	spawn.env = &env;
	spawn.stdin_fd = state_fd;
	spawn.stderr_fd = STDERR_FILENO;
	if (process_spawn(&spawn, &child, err) < 0)
		return err_wrap(err, "cannot run the %s hook '%s'", name, path);

	if (fd_wait_readable(child.pid_fd, timeout_s > 0 ? timeout_s * 1000 : -1) != 1)
		return err_set(err, ERR_TIMEOUT, "the %s hook '%s' took more than %lld s", name,
			       path, (long long)timeout_s);
	r = child_wait(&child, &status);
	if (r < 0)
		return err_sys(err, -r, "cannot wait for the %s hook '%s'", name, path);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, ERR_FAILED, "the %s hook '%s' failed", name, path);
	return 0;
}

int hooks_run(const json_t *config, const char *name, const struct runtime_state *state,
	      const char *status, struct err *err)
{
	const json_t *hooks = json_at(config, "hooks", name, NULL);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	size_t i;
	json_t *hook;

	if (json_array_size(hooks) == 0)
		return 0;
	cleanup_json json_t *json = runtime_state_json(state, status);
	json_print(json, 0, &text);
	json_array_foreach (hooks, i, hook) {
		cleanup_fd int state_fd = fd_sealed("state", text.data, text.length);

		if (state_fd < 0)
			return err_sys(err, -state_fd, "cannot pass the state to a %s hook", name);
		if (run_one(hook, name, state_fd, err) < 0)
			return -1;
	}
	return 0;
}
