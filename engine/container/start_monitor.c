/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_monitor.c - pipes and sockets of a container, and the fork that becomes its monitor
 *
 * The fork has to make the init itself, to be its parent. It tells back over the report pipe: the init's pid, or 0; then a
 * struct err, if it failed. The pipe is closed by exec, so its end without an err says that the monitor runs.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "engine/container/record.h"
#include "engine/container/restart.h"
#include "engine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FAILED 125

static int open_pipe(struct start_pipe *pipe_ends, bool inner_reads, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	pipe_ends->inner_fd = inner_reads ? fds[0] : fds[1];
	pipe_ends->outer_fd = inner_reads ? fds[1] : fds[0];
	return 0;
}

static int open_socket(struct start_pipe *ends, int type, struct err *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(err, errno, "cannot make a pair of sockets");
	ends->inner_fd = fds[0];
	ends->outer_fd = fds[1];
	return 0;
}

/* What the container reads and writes. inner ends go to the container, outer ends to the monitor. */
static int open_container_streams(struct start *start, struct err *err)
{
	bool passthrough =
		start->log_driver == LOG_PASSTHROUGH || start->log_driver == LOG_PASSTHROUGH_TTY;

	if (start->container->terminal)
		return open_socket(&start->console, SOCK_STREAM, err);

	if (passthrough) {
		start->in.inner_fd = fd_dup(STDIN_FILENO);
		start->out.inner_fd = fd_dup(STDOUT_FILENO);
		start->errors.inner_fd = fd_dup(STDERR_FILENO);
		if (start->in.inner_fd < 0 || start->out.inner_fd < 0 || start->errors.inner_fd < 0)
			return err_set(err, ERR_FAILED, "cannot pass the standard streams on");
		return 0;
	}
	if (open_pipe(&start->out, false, err) < 0 || open_pipe(&start->errors, false, err) < 0)
		return -1;
	if (start->container->interactive)
		return open_pipe(&start->in, true, err);
	start->in.inner_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (start->in.inner_fd < 0)
		return err_sys(err, errno, "cannot open '/dev/null'");
	return 0;
}

/* Sent before there is anybody to read them, so that the monitor has read them before the program runs. */
int start_send_hello(struct start *start, struct err *err)
{
	const struct container_start_opts *opts = start->opts;
	char packet[1 + sizeof(struct attach_hello)] = { ATTACH_HELLO };
	const struct attach_hello hello = {
		.want_stdin = opts->attach && opts->attach_stdin,
		.want_stdout = opts->attach && opts->attach_stdout,
		.want_stderr = opts->attach && opts->attach_stderr,
	};
	const char cleanup = ATTACH_CLEANUP;

	memcpy(packet + 1, &hello, sizeof(hello));
	if (send(start->client.outer_fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0)
		return err_sys(err, errno, "cannot talk to the monitor");
	if (opts->attach && start->container->remove_at_exit &&
	    send(start->client.outer_fd, &cleanup, 1, MSG_NOSIGNAL) < 0)
		return err_sys(err, errno, "cannot talk to the monitor");
	return 0;
}

int start_open_streams(struct start *start, struct err *err)
{
	if (open_container_streams(start, err) < 0)
		return -1;
	if (open_pipe(&start->started, false, err) < 0)
		return -1;
	/* its write end is the monitor's, which neither writes nor reads */
	if (open_pipe(&start->exit_pipe, false, err) < 0)
		return -1;
	if (open_socket(&start->client, SOCK_SEQPACKET, err) < 0)
		return -1;
	start->listen_fd = monitor_listen(start->run_fd, SOCKET_ATTACH);
	if (start->listen_fd < 0)
		return err_sys(err, -start->listen_fd, "cannot listen for those who attach");
	return start_send_hello(start, err);
}

/* ---- the fork ---- */

static void fill_config(struct start *start, struct monitor_config *config)
{
	const json_t *create = start->container->create;
	const json_t *log = json_object_get(create, KEY_LOG);

	struct restarts restarts;

	/* one that is removed at its end has no unit that starts it */
	if (!start->container->remove_at_exit ||
	    json_get_string(create, NULL, KEY_CONMON_PID_FILE, NULL) != NULL)
		start->pid_path = container_pid_file(start->engine, start->container);
	*config = (struct monitor_config){
		.container_id = start->container->id.text,
		.log_driver = start->log_driver,
		.log_name = start->log_name,
		.journal_fields = start->journal_fields,
		.log_max_bytes = json_get_int(log, 0, KEY_MAX_BYTES, NULL),
		.log_max_files = (uint32_t)json_get_int(log, 1, KEY_MAX_FILES, NULL),
		.terminal = start->container->terminal,
		.stdin_open = start->container->interactive,
		.timeout_s = json_get_int(create, 0, KEY_TIMEOUT_S, NULL),
		.remove = start->container->remove_at_exit,
		.notify = start->notify,
		.cgroup_path = start->cgroup.path,
		.pid_file = json_get_string(create, NULL, KEY_PID_FILE, NULL),
		.conmon_pid_file = start->pid_path,
	};
	restarts_read(start->container, &restarts);
	restart_policy(start->container, &restarts, &config->policy);
}

/* The program that this process is, by the place of its helpers: /proc/self/exe may be a copy in memory. */
static char *own_program(void)
{
	static const char *const places[] = { "../../dhow", "../../bin/dhow" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup_free char *path = xasprintf("%s/%s", process_libexec_dir(), places[i]);

		if (access(path, X_OK) == 0)
			return TAKE_PTR(path);
	}
	return NULL;
}

/* The global options that find the same store again. */
static void own_options(const struct engine *engine, struct strv *args)
{
	strv_add(args, "--root");
	strv_add(args, engine->store->root_path);
	strv_add(args, "--runroot");
	strv_add(args, engine->store->run_path);
	if (engine->options.cgroup_manager != CGROUP_MANAGER_AUTO) {
		strv_add(args, "--cgroup-manager");
		strv_add(args, cgroup_manager_name(engine->options.cgroup_manager));
	}
	if (engine->options.storage_driver != STORAGE_DRIVER_AUTO) {
		strv_add(args, "--storage-driver");
		strv_add(args, storage_driver_name(engine->options.storage_driver));
	}
}

static void report(int fd, const void *data, size_t size)
{
	/* whoever should read it is gone otherwise, and the init ends by itself then */
	if (fd_write_full(fd, data, size) < 0)
		_exit(STATUS_FAILED);
}

/* What the fork needs: all is made before, since the two share their memory. */
struct monitor_start {
	struct start *start;
	struct runtime_io io;
	struct monitor_fds fds;
	struct monitor_config config;
	struct strv args;
	char *died_text;
	char *program;
	int report_fd;
};

static void monitor_start_init(struct monitor_start *monitor, struct start *start, int report_fd)
{
	*monitor = (struct monitor_start){
		.start = start,
		.io = {
			.stdin_fd = start->in.inner_fd,
			.stdout_fd = start->out.inner_fd,
			.stderr_fd = start->errors.inner_fd,
			.console_fd = start->console.inner_fd,
			.rows = start->opts->rows,
			.columns = start->opts->columns,
			.started_fd = start->started.inner_fd,
			.cgroup_fd = start->cgroup.dir_fd,
			.start_listen_fd = start->wait_fd >= 0 ? &start->wait_fd : NULL,
			.userns = start->new_userns ? &start->userns : NULL,
		},
		.fds = {
			.alive_fd = start->alive_fd,
			.container_dir_fd = start->container->dir_fd,
			.started_fd = start->started.outer_fd,
			.listen_fd = start->listen_fd,
			.client_fd = start->client.inner_fd,
			.stdin_fd = start->in.outer_fd,
			.stdout_fd = start->container->terminal ? start->console.outer_fd
								: start->out.outer_fd,
			.stderr_fd = start->errors.outer_fd,
			.exit_pipe_fd = start->exit_pipe.inner_fd,
			.log_dir_fd = start->log_dir_fd >= 0	? start->log_dir_fd
				      : start->log_name == NULL ? -1
								: start->container->dir_fd,
			.cgroup_fd = start->cgroup.dir_fd,
			.events_fd = start->events_fd,
			.notify_fd = start->notify_fd,
			.notify_listen_fd = start->notify_listen_fd,
		},
		.died_text = event_died_text(start->container),
		.report_fd = report_fd,
	};
	fill_config(start, &monitor->config);
	monitor->config.died_text = monitor->died_text;
	monitor->program = own_program();
	own_options(start->engine, &monitor->args);
	monitor->config.dhow_path = monitor->program;
	monitor->config.dhow_args = (const char *const *)strv_argv(&monitor->args);
}

static void monitor_start_release(struct monitor_start *monitor)
{
	strv_release(&monitor->args);
	free(monitor->died_text);
	free(monitor->program);
}

/* A scope is made from here, because systemd puts the calling process into it. Its descriptor is ours alone, the rest is seen by the parent. */
static int enter_scope(struct monitor_start *monitor, struct err *err)
{
	struct start *start = monitor->start;

	if (!start->cgroup_by_monitor)
		return 0;

	int status = start_make_scope(start, err);
	monitor->fds.cgroup_fd = TAKE_FD(start->cgroup.dir_fd);
	monitor->config.cgroup_path = start->cgroup.path;
	if (!start->cgroup_apart)
		monitor->io.cgroup_fd = monitor->fds.cgroup_fd;
	return status;
}

/* The init waits for its maps meanwhile: nothing of the container has run yet. */
static int move_init(struct monitor_start *monitor, pid_t pid, struct err *err)
{
	const struct cgroup cgroup = { monitor->start->cgroup.path, monitor->fds.cgroup_fd };

	return monitor->start->cgroup_apart ? cgroup_attach(&cgroup, pid, err) : 0;
}

/* The life of the fork until it is the monitor. */
static int become_monitor(void *arg)
{
	struct monitor_start *monitor = arg;
	struct start *start = monitor->start;
	struct err err = { 0 };
	pid_t pid = 0;
	int status;

	setsid();
	if (enter_scope(monitor, &err) < 0 ||
	    runtime_clone(start->plan, &monitor->io, &start->sync, &pid, &monitor->fds.init_pid_fd,
			  &err) < 0 ||
	    move_init(monitor, pid, &err) < 0) {
		/* an init without a monitor ends when the conversation is closed */
		pid = 0;
		report(monitor->report_fd, &pid, sizeof(pid));
		report(monitor->report_fd, &err, sizeof(err));
		return STATUS_FAILED;
	}
	monitor->config.init_pid = pid;
	report(monitor->report_fd, &pid, sizeof(pid));

	status = monitor_exec(&monitor->config, &monitor->fds);
	err_sys(&err, -status, "cannot execute the monitor '%s/monitor'", process_libexec_dir());
	err_hint(&err, "Build or install dhow again.");
	report(monitor->report_fd, &err, sizeof(err));
	return STATUS_FAILED;
}

/*
 * The monitor-to-be borrows our memory until it has made the init and executed the monitor: copying page tables for a process that gives them
 * up at once is a tenth of a whole `run`. The init is a true copy.
 */
int start_fork_monitor(struct start *start, struct err *err)
{
	cleanup_fd int read_fd = -1;
	cleanup_fd int write_fd = -1;
	struct monitor_start monitor;
	int fds[2];
	ssize_t got;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	read_fd = fds[0];
	write_fd = fds[1];

	fflush(NULL); /* what is buffered is not written twice */
	monitor_start_init(&monitor, start, write_fd);
	pid = process_borrow(become_monitor, &monitor);
	monitor_start_release(&monitor);
	if (pid < 0)
		return err_sys(err, -pid, "cannot make a process for the monitor");

	start->monitor_pid = pid;
	fd_close(&write_fd);
	got = fd_read_full(read_fd, &start->init_pid, sizeof(start->init_pid));
	start->report_fd = TAKE_FD(read_fd);
	if (got != sizeof(start->init_pid) || start->init_pid <= 0)
		return err_set(err, ERR_FAILED, "the monitor ended before it made the container");
	return 0;
}

static void close_pipe(struct start_pipe *ends, bool also_outer)
{
	fd_close(&ends->inner_fd);
	if (also_outer)
		fd_close(&ends->outer_fd);
}

void start_close_inner(struct start *start)
{
	fd_close(&start->alive_fd);
	fd_close(&start->listen_fd);
	close_pipe(&start->in, true);
	close_pipe(&start->out, true);
	close_pipe(&start->errors, true);
	close_pipe(&start->console, true);
	close_pipe(&start->started, true);
	close_pipe(&start->client, false);
	/* the end that the network helper reads stays until the helper has it */
	close_pipe(&start->exit_pipe, false);
}

void start_close_all(struct start *start)
{
	start_close_inner(start);
	close_pipe(&start->client, true);
	close_pipe(&start->exit_pipe, true);
	fd_close(&start->report_fd);
	fd_close(&start->log_dir_fd);
	fd_close(&start->events_fd);
	fd_close(&start->wait_fd);
	fd_close(&start->notify_fd);
	fd_close(&start->notify_listen_fd);
	fd_close(&start->run_fd);
}

int start_wait_started(struct start *start, struct err *err)
{
	char type;
	ssize_t got;

	do
		got = recv(start->client.outer_fd, &type, sizeof(type), 0);
	while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got == 1 && type == ATTACH_STARTED)
		return 0;
	return err_set(err, ERR_FAILED,
		       "the monitor ended: it could not record the start in the store");
}
