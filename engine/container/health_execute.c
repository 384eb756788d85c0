/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/health_execute.c - run the program of a health check in the container
 *
 * As exec does it, with a pipe for its output and an end at the time-out. The output is bounded while it is read: what is too much is
 * dropped, so that the program does not stand still. A grandchild that keeps the pipe open does not keep us: the program's end is the end.
 */
#include "engine/container/health.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/process.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/container/start.h"
#include "engine/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS	1000000
#define EXIT_CANNOT_RUN 126
#define EXIT_NO_COMMAND 127

struct execution {
	struct runtime_exec exec;
	json_t *config;
	char *cgroup_path;
	int read_fd, write_fd, null_fd;
};

static void execution_release(struct execution *execution)
{
	strv_release(&execution->exec.argv);
	strv_release(&execution->exec.group_add);
	free(execution->exec.user);
	fd_close(&execution->exec.init_pid_fd);
	fd_close(&execution->read_fd);
	fd_close(&execution->write_fd);
	fd_close(&execution->null_fd);
	free(execution->cgroup_path);
	json_decref(execution->config);
}
#define cleanup_execution __attribute__((cleanup(execution_release)))

static int prepare(struct engine *engine, const struct container *container,
		   const struct health_check *check, struct execution *execution, struct err *err)
{
	struct runtime_exec *exec = &execution->exec;
	const json_t *record = json_object_get(container->create, KEY_RUNTIME);
	int ends[2];

	exec->init_pid_fd = container_open_init(container);
	if (container->state.status != CONTAINER_RUNNING || exec->init_pid_fd < 0)
		return container_state_improper(container, "check the health of", err);
	exec->init_pid = container->state.pid;
	if (container_read_config(container, &execution->config, err) < 0)
		return -1;
	exec->config = execution->config;
	strv_add_all(&exec->argv, &check->argv);
	exec->user = xstrdup_null(json_get_string(record, NULL, KEY_USER, NULL));
	json_get_strv(record, KEY_GROUP_ADD, &exec->group_add);
	exec->no_new_privileges =
		json_get_bool(execution->config, false, "process", "noNewPrivileges", NULL);
	exec->cache_dir_fd = engine->store->run_fd;
	execution->cgroup_path = container_cgroup_path(container);
	exec->cgroup_path = execution->cgroup_path;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	execution->read_fd = ends[0];
	execution->write_fd = ends[1];
	execution->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (execution->null_fd < 0 || fd_set_nonblock(execution->read_fd, true) < 0)
		return err_sys(err, errno, "cannot open '/dev/null'");
	exec->stdin_fd = execution->null_fd;
	exec->stdout_fd = exec->stderr_fd = execution->write_fd;
	return 0;
}

/* All that is there now; the pipe is closed at its end. */
static void read_output(int *read_fd, size_t limit_bytes, struct strbuf *output)
{
	char chunk[4096];
	ssize_t length;

	while ((length = read(*read_fd, chunk, sizeof(chunk))) > 0) {
		size_t room = limit_bytes > output->length ? limit_bytes - output->length : 0;

		strbuf_add(output, chunk, (size_t)length < room ? (size_t)length : room);
	}
	if (length == 0)
		fd_close(read_fd);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* 1 it has ended, 0 time is over. */
static int watch(struct execution *execution, const struct health_check *check, int pid_fd,
		 struct strbuf *output)
{
	int64_t deadline_ns;

	if (__builtin_add_overflow(now_ns(), check->timeout_ns, &deadline_ns))
		deadline_ns = INT64_MAX;
	for (;;) {
		struct pollfd fds[] = { { .fd = pid_fd, .events = POLLIN },
					{ .fd = execution->read_fd, .events = POLLIN } };
		int64_t left_ms = (deadline_ns - now_ns()) / NS_PER_MS + 1;
		int ready;

		if (left_ms <= 0)
			return 0;
		ready = poll(fds, 2, left_ms > 60000 ? 60000 : (int)left_ms);
		if (ready > 0 && fds[1].revents != 0)
			read_output(&execution->read_fd, check->output_limit_bytes, output);
		if (ready > 0 && fds[0].revents != 0) {
			if (execution->read_fd >= 0)
				read_output(&execution->read_fd, check->output_limit_bytes, output);
			return 1;
		}
	}
}

static int32_t reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_CANNOT_RUN;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void finish(const struct health_check *check, struct execution *execution, pid_t pid,
		   int pid_fd, struct health_outcome *outcome)
{
	if (watch(execution, check, pid_fd, &outcome->output) > 0) {
		outcome->exit_code = reap(pid);
		return;
	}
	(void)process_signal(pid_fd, SIGKILL);
	(void)reap(pid);
	outcome->exit_code = -1;
	strbuf_addf(&outcome->output, "%shealth check exceeded its time-out of %g s",
		    outcome->output.length > 0 && !str_ends_with(outcome->output.data, "\n") ? "\n"
											     : "",
		    (double)check->timeout_ns / 1e9);
}

int health_execute(struct engine *engine, const struct container *container,
		   const struct health_check *check, struct health_outcome *ret_outcome,
		   struct err *err)
{
	cleanup_execution struct execution execution = {
		.exec = { .init_pid_fd = -1, .console_fd = -1, .cache_dir_fd = -1 },
		.read_fd = -1,
		.write_fd = -1,
		.null_fd = -1,
	};
	cleanup_fd int pid_fd = -1;
	pid_t pid;

	if (prepare(engine, container, check, &execution, err) < 0)
		return -1;
	ret_outcome->start_ns = time_now_ns();
	if (runtime_exec(&execution.exec, &pid, &pid_fd, err) < 0) {
		/* the container's fault: its program is missing, which is not healthy */
		if (err->kind != ERR_NO_COMMAND && err->kind != ERR_CANNOT_RUN)
			return -1;
		ret_outcome->exit_code =
			err->kind == ERR_NO_COMMAND ? EXIT_NO_COMMAND : EXIT_CANNOT_RUN;
		strbuf_adds(&ret_outcome->output, err->msg);
	} else {
		fd_close(&execution.write_fd);
		finish(check, &execution, pid, pid_fd, ret_outcome);
	}
	ret_outcome->end_ns = time_now_ns();
	return 0;
}
