/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_table.c - what the monitor does when something happens, by state (engine/monitor/monitor_state.h)
 *
 * Handlers are tiny and return the next state. Every cell of the table has one; "stay" is written out, so that a new event is not
 * forgotten anywhere.
 */
#include "engine/monitor/monitor_state.h"

#include "engine/monitor/monitor_notify.h"
#include "engine/monitor/monitor_record.h"
#include "engine/monitor/monitor_sys.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

#define SECOND_NS      1000000000LL
#define FIRST_CHECK_NS SECOND_NS
#define DRAIN_LIMIT_NS SECOND_NS /* so long is the end kept back for a client that does not read */

/* Tell the end to those who have not heard it. Those who clean up stay, the others may go. */
static void tell_exit(struct monitor *monitor, bool also_readers)
{
	struct attach_exit exit = { monitor->exit_code, monitor->signal };

	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		struct monitor_client *client = &monitor->clients[i];

		if (client->fd < 0 || client->told || client->pending)
			continue;
		if (!also_readers && (client->want_stdout || client->want_stderr))
			continue;
		client->told = client_send(client, ATTACH_EXIT, &exit, sizeof(exit)) == 1;
		if (client->told && !client->cleans)
			client_drop(client);
	}
}

static bool any_client(const struct monitor *monitor)
{
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		if (monitor->clients[i].fd >= 0)
			return true;
	}
	return false;
}

static bool somebody_cleans(const struct monitor *monitor)
{
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		if (monitor->clients[i].fd >= 0 && monitor->clients[i].cleans)
			return true;
	}
	return false;
}

void monitor_record_end(struct monitor *monitor)
{
	struct monitor_exit exit = {
		.exit_code = monitor->exit_code,
		.signal = monitor->signal,
		.oom_killed =
			monitor_read_key(monitor->fds.cgroup_fd, "memory.events", "oom_kill") > 0,
		.started_ns = monitor->started_ns,
		.finished_ns = monitor->finished_ns,
		.dropped_bytes = monitor->log.dropped_bytes,
	};

	if (monitor->recorded)
		return;
	monitor_record_exit(monitor->fds.container_dir_fd, monitor->reserved_fd, &exit);
	monitor->recorded = true;
}

/* From now on the container does not run any more, for everybody. */
static void publish(struct monitor *monitor)
{
	if (!(monitor->config->remove && somebody_cleans(monitor)))
		monitor_record_end(monitor);
	/* in this order: who finds that nobody listens finds the lock free too */
	mon_close(&monitor->fds.alive_fd);
	mon_close(&monitor->fds.listen_fd);
	monitor->deadline_ns = 0;
}

static enum monitor_state stay_starting(struct monitor *monitor, int index)
{
	(void)monitor;
	(void)index;
	return STATE_STARTING;
}

static enum monitor_state stay_running(struct monitor *monitor, int index)
{
	(void)monitor;
	(void)index;
	return STATE_RUNNING;
}

static enum monitor_state stay_draining(struct monitor *monitor, int index)
{
	(void)monitor;
	(void)index;
	return STATE_DRAINING;
}

static enum monitor_state stay_lingering(struct monitor *monitor, int index)
{
	(void)monitor;
	(void)index;
	return STATE_LINGERING;
}

static enum monitor_state stay_ending(struct monitor *monitor, int index)
{
	(void)index;
	tell_exit(monitor, true);
	return any_client(monitor) ? STATE_ENDING : STATE_DONE;
}

static enum monitor_state stay_done(struct monitor *monitor, int index)
{
	(void)monitor;
	(void)index;
	return STATE_DONE;
}

static void send_started(struct monitor *monitor)
{
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		struct monitor_client *client = &monitor->clients[i];

		if (client->fd >= 0 && client->hello)
			client_send(client, ATTACH_STARTED, NULL, 0);
	}
}

/* An interval from now. The first one is soon, so that what is well is known to be so soon. */
void monitor_plan_check(struct monitor *monitor, bool first)
{
	int64_t interval_ns = monitor->in_startup ? monitor->policy.startup_interval_ns
						  : monitor->policy.check_interval_ns;

	monitor->check_ns = 0;
	if (interval_ns <= 0)
		return;
	if (first && interval_ns > FIRST_CHECK_NS)
		interval_ns = FIRST_CHECK_NS;
	if (__builtin_add_overflow(mon_clock_ns(CLOCK_BOOTTIME), interval_ns, &monitor->check_ns))
		monitor->check_ns = 0;
}

static enum monitor_state started(struct monitor *monitor, int index)
{
	const struct monitor_config *config = monitor->config;
	struct monitor_run run = {
		.pid = config->init_pid,
		.start_ticks = monitor->start_ticks,
		.monitor_pid = (pid_t)MON_CALL(SYS_getpid, 0, 0, 0, 0, 0),
		.started_ns = mon_clock_ns(CLOCK_REALTIME),
		.cgroup_path = config->cgroup_path,
	};

	(void)index;
	mon_close(&monitor->fds.started_fd);
	monitor->started_ns = run.started_ns;
	if (monitor_record_run(monitor->fds.container_dir_fd, &run) < 0) {
		/* what nobody can see must not run: the command line gets the end of its connection and no ATTACH_STARTED */
		MON_CALL(SYS_pidfd_send_signal, monitor->fds.init_pid_fd, SIGKILL, 0, 0, 0);
		return STATE_DONE;
	}
	/* nobody can be told about a pid file that failed: the command line has checked that it can be written */
	if (config->pid_file != NULL)
		monitor_write_pid_file(config->pid_file, run.pid);
	if (config->conmon_pid_file != NULL)
		monitor_write_pid_file(config->conmon_pid_file, run.monitor_pid);
	if (config->notify != NOTIFY_NEVER)
		monitor_notify_main(monitor->fds.notify_fd, run.monitor_pid,
				    config->notify == NOTIFY_STARTED);
	send_started(monitor);

	monitor_plan_check(monitor, true);
	if (config->timeout_s > 0)
		monitor->deadline_ns = mon_clock_ns(CLOCK_BOOTTIME) + config->timeout_s * SECOND_NS;
	if (!config->remove)
		monitor->reserved_fd = monitor_record_reserve(monitor->fds.container_dir_fd);
	return STATE_RUNNING;
}

static void receive_console(struct monitor *monitor)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = mon_recvmsg(monitor->console_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int master_fd;

	if (got == -EINTR || got == -EAGAIN)
		return;
	mon_close(&monitor->console_fd);
	if (got <= 0 || message.msg_controllen < CMSG_LEN(sizeof(int)) ||
	    control.header.cmsg_level != SOL_SOCKET || control.header.cmsg_type != SCM_RIGHTS)
		return;

	memcpy(&master_fd, CMSG_DATA(&control.header), sizeof(master_fd));
	mon_fcntl(master_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	monitor->stream_fds[STREAM_OUT] = master_fd;
	monitor->input_fd = master_fd;
	monitor->peer_fd = mon_ioctl(master_fd, TIOCGPTPEER,
				     (const void *)(long)(O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (monitor->size.rows > 0) {
		struct winsize size = { .ws_row = monitor->size.rows,
					.ws_col = monitor->size.columns };

		mon_ioctl(master_fd, TIOCSWINSZ, &size);
	}
	input_write(monitor);
}

static enum monitor_state console_starting(struct monitor *monitor, int index)
{
	(void)index;
	receive_console(monitor);
	return STATE_STARTING;
}

static enum monitor_state console_running(struct monitor *monitor, int index)
{
	(void)index;
	receive_console(monitor);
	return STATE_RUNNING;
}

void monitor_stream_close(struct monitor *monitor, int index)
{
	if (index == STREAM_OUT && monitor->config->terminal)
		monitor->input_fd = -1; /* the same descriptor */
	mon_close(&monitor->stream_fds[index]);
}

int monitor_pump(struct monitor *monitor, int index)
{
	ssize_t got;

	do
		got = mon_read(monitor->stream_fds[index], monitor->output,
			       sizeof(monitor->output));
	while (got == -EINTR);
	if (got == -EAGAIN)
		return 0;
	if (got <= 0) {
		monitor_stream_close(monitor, index);
		return 0;
	}

	monitor_log_write(&monitor->log, index == STREAM_ERR, monitor->output, (size_t)got,
			  mon_clock_ns(CLOCK_REALTIME));
	monitor->output_length = (size_t)got;
	monitor->output_type = index == STREAM_ERR ? ATTACH_STDERR : ATTACH_STDOUT;
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		struct monitor_client *client = &monitor->clients[i];

		client->pending = client->fd >= 0 &&
				  (index == STREAM_ERR ? client->want_stderr : client->want_stdout);
	}
	clients_deliver(monitor);
	return (int)got;
}

static enum monitor_state output_running(struct monitor *monitor, int index)
{
	if (monitor->output_length == 0 && monitor->stream_fds[index] >= 0)
		monitor_pump(monitor, index);
	return STATE_RUNNING;
}

static enum monitor_state input_room(struct monitor *monitor, int index)
{
	(void)index;
	input_write(monitor);
	return STATE_RUNNING;
}

static enum monitor_state init_ended(struct monitor *monitor, int index)
{
	siginfo_t info = { 0 };
	long result;

	(void)index;
	do
		result = MON_CALL(SYS_waitid, P_PID, monitor->config->init_pid, &info,
				  WEXITED | WNOHANG, 0);
	while (result == -EINTR);
	if (result == 0 && info.si_pid == 0)
		return STATE_RUNNING;

	monitor->ended = true;
	monitor->check_ns = 0;
	monitor->finished_ns = mon_clock_ns(CLOCK_REALTIME);
	if (info.si_code == CLD_EXITED) {
		monitor->exit_code = info.si_status;
	} else {
		monitor->signal = info.si_status;
		monitor->exit_code =
			monitor->timed_out ? MONITOR_EXIT_TIMED_OUT : 128 + info.si_status;
	}
	if (monitor->fds.events_fd >= 0 && monitor->config->died_text != NULL)
		monitor_event_died(monitor->fds.events_fd, monitor->config->died_text,
				   monitor->finished_ns, monitor->exit_code);
	/* the network helper ends, the terminal tells when it is empty, and nobody reads input any more */
	mon_close(&monitor->fds.exit_pipe_fd);
	mon_close(&monitor->peer_fd);
	if (!monitor->config->terminal)
		mon_close(&monitor->input_fd);
	monitor->input_length = monitor->input_done = 0;
	monitor->deadline_ns = mon_clock_ns(CLOCK_BOOTTIME) + DRAIN_LIMIT_NS;
	return STATE_DRAINING;
}

static void accept_client(struct monitor *monitor)
{
	int fd = mon_accept(monitor->fds.listen_fd, SOCK_CLOEXEC);

	if (fd >= 0)
		client_add(monitor, fd, false);
}

#define CLIENT_HANDLERS(name, stay)                                                                \
	static enum monitor_state connect_##name(struct monitor *monitor, int index)               \
	{                                                                                          \
		accept_client(monitor);                                                            \
		return stay(monitor, index);                                                       \
	}                                                                                          \
	static enum monitor_state client_input_##name(struct monitor *monitor, int index)          \
	{                                                                                          \
		client_read(monitor, &monitor->clients[index]);                                    \
		return stay(monitor, index);                                                       \
	}                                                                                          \
	static enum monitor_state client_room_##name(struct monitor *monitor, int index)           \
	{                                                                                          \
		clients_deliver(monitor);                                                          \
		return stay(monitor, index);                                                       \
	}                                                                                          \
	/* what it sent before it went is read to the end first */                                 \
	static enum monitor_state client_gone_##name(struct monitor *monitor, int index)           \
	{                                                                                          \
		while (client_read(monitor, &monitor->clients[index]) > 0)                         \
			;                                                                          \
		if (monitor->clients[index].fd >= 0)                                               \
			client_drop(&monitor->clients[index]);                                     \
		clients_deliver(monitor);                                                          \
		return stay(monitor, index);                                                       \
	}
CLIENT_HANDLERS(starting, stay_starting)
CLIENT_HANDLERS(running, stay_running)
CLIENT_HANDLERS(draining, stay_draining)
CLIENT_HANDLERS(lingering, stay_lingering)
CLIENT_HANDLERS(ending, stay_ending)

static enum monitor_state time_is_up(struct monitor *monitor, int index)
{
	(void)index;
	monitor->deadline_ns = 0;
	monitor->timed_out = true;
	MON_CALL(SYS_pidfd_send_signal, monitor->fds.init_pid_fd, SIGKILL, 0, 0, 0);
	return STATE_RUNNING;
}

static enum monitor_state check_due(struct monitor *monitor, int index)
{
	static const char *const words[] = { "healthcheck", "run", "--auto", NULL };

	(void)index;
	monitor->check_ns = 0;
	/* no process to be had now: later, perhaps */
	if (monitor_child_start(monitor->config, monitor->environment, words, &monitor->check) < 0)
		monitor_plan_check(monitor, false);
	return STATE_RUNNING;
}

static enum monitor_state check_ended(struct monitor *monitor, int index)
{
	int status = monitor_child_reap(&monitor->check);

	(void)index;
	if (status == CHECK_HEALTHY || status == CHECK_NOT_HEALTHY || status == CHECK_STARTUP)
		monitor->in_startup = status == CHECK_STARTUP;
	if (status == CHECK_HEALTHY && !monitor->ready &&
	    monitor->config->notify == NOTIFY_HEALTHY) {
		monitor_notify_ready(monitor->fds.notify_fd);
		monitor->ready = true;
	}
	monitor_plan_check(monitor, false);
	return STATE_RUNNING;
}

static enum monitor_state notify_running(struct monitor *monitor, int index)
{
	(void)index;
	monitor_notify_pass(monitor->fds.notify_fd, monitor->fds.notify_listen_fd);
	return STATE_RUNNING;
}

/* Those who only wait for the end need not wait for somebody else's output. */
static enum monitor_state publish_early(struct monitor *monitor, int index)
{
	(void)index;
	publish(monitor);
	tell_exit(monitor, false);
	return STATE_LINGERING;
}

static enum monitor_state publish_and_tell(struct monitor *monitor, int index)
{
	publish(monitor);
	return stay_ending(monitor, index);
}

/* clang-format off */
static const monitor_handler cells[STATE_COUNT][EVENT_COUNT] = {
	[STATE_STARTING] = {
		[EVENT_STARTED] = started,
		[EVENT_START_FAILED] = stay_done,
		[EVENT_CONSOLE] = console_starting,
		[EVENT_OUTPUT] = stay_starting,
		[EVENT_INPUT_ROOM] = stay_starting,
		[EVENT_INIT_ENDED] = stay_starting,
		[EVENT_NOTIFY] = stay_starting,
		[EVENT_CONNECT] = connect_starting,
		[EVENT_CLIENT_INPUT] = client_input_starting,
		[EVENT_CLIENT_ROOM] = client_room_starting,
		[EVENT_CLIENT_GONE] = client_gone_starting,
		[EVENT_DEADLINE] = stay_starting,
		[EVENT_CHECK_DUE] = stay_starting,
		[EVENT_CHECK_ENDED] = stay_starting,
		[EVENT_DRAINED] = stay_starting,
	},
	[STATE_RUNNING] = {
		[EVENT_STARTED] = stay_running,
		[EVENT_START_FAILED] = stay_running,
		[EVENT_CONSOLE] = console_running,
		[EVENT_OUTPUT] = output_running,
		[EVENT_INPUT_ROOM] = input_room,
		[EVENT_INIT_ENDED] = init_ended,
		[EVENT_NOTIFY] = notify_running,
		[EVENT_CONNECT] = connect_running,
		[EVENT_CLIENT_INPUT] = client_input_running,
		[EVENT_CLIENT_ROOM] = client_room_running,
		[EVENT_CLIENT_GONE] = client_gone_running,
		[EVENT_DEADLINE] = time_is_up,
		[EVENT_CHECK_DUE] = check_due,
		[EVENT_CHECK_ENDED] = check_ended,
		[EVENT_DRAINED] = stay_running,
	},
	[STATE_DRAINING] = {
		[EVENT_STARTED] = stay_draining,
		[EVENT_START_FAILED] = stay_draining,
		[EVENT_CONSOLE] = stay_draining,
		[EVENT_OUTPUT] = stay_draining,
		[EVENT_INPUT_ROOM] = stay_draining,
		[EVENT_INIT_ENDED] = stay_draining,
		[EVENT_NOTIFY] = stay_draining,
		[EVENT_CONNECT] = connect_draining,
		[EVENT_CLIENT_INPUT] = client_input_draining,
		[EVENT_CLIENT_ROOM] = client_room_draining,
		[EVENT_CLIENT_GONE] = client_gone_draining,
		[EVENT_DEADLINE] = publish_early,
		[EVENT_CHECK_DUE] = stay_draining,
		[EVENT_CHECK_ENDED] = stay_draining,
		[EVENT_DRAINED] = publish_and_tell,
	},
	[STATE_LINGERING] = {
		[EVENT_STARTED] = stay_lingering,
		[EVENT_START_FAILED] = stay_lingering,
		[EVENT_CONSOLE] = stay_lingering,
		[EVENT_OUTPUT] = stay_lingering,
		[EVENT_INPUT_ROOM] = stay_lingering,
		[EVENT_INIT_ENDED] = stay_lingering,
		[EVENT_NOTIFY] = stay_lingering,
		[EVENT_CONNECT] = connect_lingering,
		[EVENT_CLIENT_INPUT] = client_input_lingering,
		[EVENT_CLIENT_ROOM] = client_room_lingering,
		[EVENT_CLIENT_GONE] = client_gone_lingering,
		[EVENT_DEADLINE] = stay_lingering,
		[EVENT_CHECK_DUE] = stay_lingering,
		[EVENT_CHECK_ENDED] = stay_lingering,
		[EVENT_DRAINED] = stay_ending,
	},
	[STATE_ENDING] = {
		[EVENT_STARTED] = stay_ending,
		[EVENT_START_FAILED] = stay_ending,
		[EVENT_CONSOLE] = stay_ending,
		[EVENT_OUTPUT] = stay_ending,
		[EVENT_INPUT_ROOM] = stay_ending,
		[EVENT_INIT_ENDED] = stay_ending,
		[EVENT_NOTIFY] = stay_ending,
		[EVENT_CONNECT] = connect_ending,
		[EVENT_CLIENT_INPUT] = client_input_ending,
		[EVENT_CLIENT_ROOM] = client_room_ending,
		[EVENT_CLIENT_GONE] = client_gone_ending,
		[EVENT_DEADLINE] = stay_ending,
		[EVENT_CHECK_DUE] = stay_ending,
		[EVENT_CHECK_ENDED] = stay_ending,
		[EVENT_DRAINED] = stay_ending,
	},
	[STATE_DONE] = {
		[EVENT_STARTED] = stay_done,
		[EVENT_START_FAILED] = stay_done,
		[EVENT_CONSOLE] = stay_done,
		[EVENT_OUTPUT] = stay_done,
		[EVENT_INPUT_ROOM] = stay_done,
		[EVENT_INIT_ENDED] = stay_done,
		[EVENT_NOTIFY] = stay_done,
		[EVENT_CONNECT] = stay_done,
		[EVENT_CLIENT_INPUT] = stay_done,
		[EVENT_CLIENT_ROOM] = stay_done,
		[EVENT_CLIENT_GONE] = stay_done,
		[EVENT_DEADLINE] = stay_done,
		[EVENT_CHECK_DUE] = stay_done,
		[EVENT_CHECK_ENDED] = stay_done,
		[EVENT_DRAINED] = stay_done,
	},
};
/* clang-format on */

monitor_handler monitor_cell(enum monitor_state state, enum monitor_event event)
{
	return cells[state][event];
}
