/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_loop.c - wait for something to happen, and look up what to do (engine/monitor/monitor_state.h)
 *
 * One ppoll() over everything that the state listens to; each ready descriptor is an event, each event a handler in the
 * table. The order of the slots is the order of handling: clients before output, so that a client that is there when the program starts
 * gets its first byte.
 */
#include "engine/monitor/monitor_journal.h"
#include "engine/monitor/monitor_state.h"

#include "engine/monitor/monitor_record.h"
#include "engine/monitor/monitor_sys.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>

#define SECOND_NS      1000000000LL
#define MILLISECOND_NS 1000000LL
/* a program that has run so long was well: the delays before restarts begin anew */
#define RESTART_LONG_NS	 (MONITOR_RESTART_LONG_S * SECOND_NS)
#define RESTART_SHORT_NS (MONITOR_RESTART_SHORT_MS * MILLISECOND_NS)
/* more than pipes hold: beyond it a process outside the pid namespace is writing, which may never end */
#define DRAIN_LIMIT_BYTES (4U << 20)
#define SLOT_MAX	  (12 + MONITOR_CLIENT_MAX)

struct slots {
	struct pollfd fds[SLOT_MAX];
	struct {
		enum monitor_event event;
		int index;
	} meaning[SLOT_MAX];
	int count;
};

static void listen_to(struct slots *slots, int fd, short events, enum monitor_event event,
		      int index)
{
	if (fd < 0)
		return;
	slots->fds[slots->count] = (struct pollfd){ .fd = fd, .events = events };
	slots->meaning[slots->count].event = event;
	slots->meaning[slots->count].index = index;
	slots->count++;
}

static bool has_free_client(const struct monitor *monitor)
{
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		if (monitor->clients[i].fd < 0)
			return true;
	}
	return false;
}

static void listen_to_clients(struct monitor *monitor, enum monitor_state state,
			      struct slots *slots)
{
	/* input waits for the container: nothing of the clients but their end */
	short input = monitor->input_length > 0 ? 0 : POLLIN;

	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		const struct monitor_client *client = &monitor->clients[i];
		bool wants_room = client->pending || (state == STATE_ENDING && !client->told);

		listen_to(slots, client->fd, (short)(input | (wants_room ? POLLOUT : 0)),
			  EVENT_CLIENT_INPUT, i);
	}
	if (has_free_client(monitor))
		listen_to(slots, monitor->fds.listen_fd, POLLIN, EVENT_CONNECT, 0);
}

static void listen_to_all(struct monitor *monitor, enum monitor_state state, struct slots *slots)
{
	slots->count = 0;
	listen_to_clients(monitor, state, slots);
	if (state == STATE_STARTING || state == STATE_RUNNING)
		listen_to(slots, monitor->console_fd, POLLIN, EVENT_CONSOLE, 0);
	if (state == STATE_STARTING)
		listen_to(slots, monitor->fds.started_fd, POLLIN, EVENT_STARTED, 0);
	if (state != STATE_RUNNING)
		return;

	if (monitor->output_length == 0) {
		for (int i = 0; i < STREAM_COUNT; i++)
			listen_to(slots, monitor->stream_fds[i], POLLIN, EVENT_OUTPUT, i);
	}
	if (monitor->input_length > 0)
		listen_to(slots, monitor->input_fd, POLLOUT, EVENT_INPUT_ROOM, 0);
	listen_to(slots, monitor->fds.notify_listen_fd, POLLIN, EVENT_NOTIFY, 0);
	listen_to(slots, monitor->check.pid_fd, POLLIN, EVENT_CHECK_ENDED, 0);
	listen_to(slots, monitor->fds.init_pid_fd, POLLIN, EVENT_INIT_ENDED, 0);
}

/* True when something is due at some time; *ret is how long that is. */
static bool time_left(const struct monitor *monitor, struct timespec *ret)
{
	int64_t next_ns = monitor->deadline_ns;
	int64_t left_ns;

	if (next_ns == 0 || (monitor->check_ns != 0 && monitor->check_ns < next_ns))
		next_ns = monitor->check_ns;
	if (next_ns == 0)
		return false;
	left_ns = next_ns - mon_clock_ns(CLOCK_BOOTTIME);
	if (left_ns < 0)
		left_ns = 0;
	ret->tv_sec = left_ns / SECOND_NS;
	ret->tv_nsec = left_ns % SECOND_NS;
	return true;
}

static enum monitor_state handle(struct monitor *monitor, enum monitor_state state,
				 enum monitor_event event, int index)
{
	return monitor_cell(state, event)(monitor, index);
}

/* The started pipe says how it went by a byte or by its end. */
static enum monitor_event read_started(const struct monitor *monitor)
{
	char byte;
	ssize_t got;

	do
		got = mon_read(monitor->fds.started_fd, &byte, 1);
	while (got == -EINTR);
	return got > 0 ? EVENT_START_FAILED : EVENT_STARTED;
}

static enum monitor_state handle_slot(struct monitor *monitor, enum monitor_state state,
				      enum monitor_event event, int index, short happened)
{
	if (event == EVENT_STARTED)
		event = read_started(monitor);
	if (event != EVENT_CLIENT_INPUT)
		return handle(monitor, state, event, index);

	if (monitor->clients[index].fd < 0)
		return state; /* went while another one was handled */
	if (happened & POLLOUT)
		state = handle(monitor, state, EVENT_CLIENT_ROOM, index);
	if (monitor->clients[index].fd < 0)
		return state;
	if (happened & (POLLHUP | POLLERR))
		return handle(monitor, state, EVENT_CLIENT_GONE, index);
	if (happened & POLLIN && monitor->input_length == 0)
		return handle(monitor, state, EVENT_CLIENT_INPUT, index);
	return state;
}

/* Looked at in every round, so that a container that never stops writing does not put them off. */
static enum monitor_state handle_timers(struct monitor *monitor, enum monitor_state state)
{
	int64_t now_ns;

	if (monitor->deadline_ns == 0 && monitor->check_ns == 0)
		return state;
	now_ns = mon_clock_ns(CLOCK_BOOTTIME);
	if (monitor->deadline_ns != 0 && now_ns >= monitor->deadline_ns)
		state = handle(monitor, state, EVENT_DEADLINE, 0);
	if (monitor->check_ns != 0 && now_ns >= monitor->check_ns)
		state = handle(monitor, state, EVENT_CHECK_DUE, 0);
	return state;
}

/* After the end of the init: take what is left. True when that was all. */
static bool drain(struct monitor *monitor)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		while (monitor->output_length == 0 && monitor->stream_fds[i] >= 0 &&
		       monitor->drained_bytes < DRAIN_LIMIT_BYTES) {
			int got = monitor_pump(monitor, i);

			if (got == 0)
				break;
			monitor->drained_bytes += (size_t)got;
		}
	}
	return monitor->output_length == 0;
}

/* The container's directory has a name as long as it was not removed. */
static bool is_removed(const struct monitor *monitor)
{
	struct statx st;

	if (MON_CALL(SYS_statx, monitor->fds.container_dir_fd, "", AT_EMPTY_PATH, STATX_NLINK,
		     &st) < 0)
		return false;
	return st.stx_nlink == 0;
}

/* The user has said that it shall not run (engine/container/record.h). */
static bool is_unwanted(const struct monitor *monitor)
{
	return is_removed(monitor) || MON_CALL(SYS_faccessat, monitor->fds.container_dir_fd,
					       MONITOR_STOPPED_NAME, 0, 0, 0) == 0;
}

static bool is_restarted(const struct monitor *monitor)
{
	switch (monitor->policy.restart) {
	case RESTART_ALWAYS:
		return !is_unwanted(monitor);
	case RESTART_ON_FAILURE:
		return monitor->exit_code != 0 && !is_unwanted(monitor);
	default:
		return false;
	}
}

bool monitor_wait_restart(const struct monitor *monitor)
{
	int64_t left_ns = monitor->policy.restart_delay_ms * MILLISECOND_NS;

	/* it was well for a while: this is no row of failures */
	if (monitor->finished_ns - monitor->started_ns >= RESTART_LONG_NS &&
	    left_ns > RESTART_SHORT_NS)
		left_ns = RESTART_SHORT_NS;
	/* in pieces, to be gone soon when it is not wanted */
	while (left_ns > 0) {
		int64_t piece_ns = left_ns > SECOND_NS ? SECOND_NS : left_ns;
		struct timespec piece = { piece_ns / SECOND_NS, piece_ns % SECOND_NS };

		mon_ppoll(NULL, 0, &piece);
		if (is_unwanted(monitor))
			return false;
		left_ns -= piece_ns;
	}
	return true;
}

enum monitor_after monitor_loop(struct monitor *monitor)
{
	enum monitor_state state = STATE_STARTING;
	struct slots slots;

	while (state != STATE_DONE) {
		struct timespec left;
		bool has_timer;
		int ready;

		if ((state == STATE_DRAINING || state == STATE_LINGERING) && drain(monitor)) {
			if (monitor->log.driver == LOG_JOURNALD)
				monitor_journal_end(&monitor->log, monitor->config->container_id);
			state = handle(monitor, state, EVENT_DRAINED, 0);
			continue;
		}
		listen_to_all(monitor, state, &slots);
		has_timer = time_left(monitor, &left);
		ready = mon_ppoll(slots.fds, (size_t)slots.count, has_timer ? &left : NULL);
		for (int i = 0; ready > 0 && i < slots.count; i++) {
			if (slots.fds[i].revents != 0)
				state = handle_slot(monitor, state, slots.meaning[i].event,
						    slots.meaning[i].index, slots.fds[i].revents);
		}
		state = handle_timers(monitor, state);
	}
	if (!monitor->ended)
		return AFTER_NOTHING;
	if (is_restarted(monitor))
		return AFTER_RESTART;
	if (!monitor->config->remove || is_removed(monitor))
		return AFTER_NOTHING;
	monitor_record_end(monitor);
	return AFTER_CLEANUP;
}

void monitor_init(struct monitor *monitor, const struct monitor_config *config,
		  const struct monitor_fds *fds)
{
	bool terminal = config->terminal;

	monitor->config = config;
	monitor->fds = *fds;
	monitor->log = (struct monitor_log){
		.driver = fds->log_dir_fd < 0 ? LOG_NONE : config->log_driver,
		.dir_fd = fds->log_dir_fd,
		.fd = -1,
		.name = config->log_name,
		.journal_fields = config->journal_fields,
		.max_bytes = config->log_max_bytes,
		.max_files = config->log_max_files == 0 ? 1 : config->log_max_files,
	};
	monitor->console_fd = terminal ? fds->stdout_fd : -1;
	monitor->stream_fds[STREAM_OUT] = terminal ? -1 : fds->stdout_fd;
	monitor->stream_fds[STREAM_ERR] = terminal ? -1 : fds->stderr_fd;
	monitor->input_fd = terminal ? -1 : fds->stdin_fd;
	monitor->peer_fd = -1;
	monitor->reserved_fd = -1;
	monitor->check.pid_fd = -1;
	monitor->policy = config->policy;
	monitor->in_startup = config->policy.startup_interval_ns > 0;
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++)
		monitor->clients[i].fd = -1;
	for (int i = 0; i < STREAM_COUNT; i++) {
		if (monitor->stream_fds[i] >= 0)
			mon_fcntl(monitor->stream_fds[i], F_SETFL, O_NONBLOCK);
	}
	if (monitor->input_fd >= 0)
		mon_fcntl(monitor->input_fd, F_SETFL, O_NONBLOCK | O_WRONLY);
	if (fds->client_fd >= 0)
		client_add(monitor, fds->client_fd, true);
	if (config->init_pid > 0)
		monitor->start_ticks = monitor_start_ticks(config->init_pid);
	monitor_log_open(&monitor->log);
}
