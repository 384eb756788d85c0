/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_state.h - the monitor's memory and its table of states (private to the monitor)
 *
 *	STARTING	the init exists, its program does not run yet: only the started pipe and the clients are listened to
 *	RUNNING		output goes to the log and the clients, input to the container
 *	DRAINING	the init has ended; what is left in the pipes is delivered
 *	LINGERING	the same, but a client is so slow that the end was published before it had everything
 *	ENDING		the end is published; clients are told, and one that cleans up is waited for
 *	DONE		the process ends
 *
 * Output passes through one buffer: the next read waits until every client that wants the piece has taken it. So a slow reader slows the
 * container down, nothing is lost and memory does not grow. Input passes through another one.
 */
#ifndef ENGINE_MONITOR_STATE_H
#define ENGINE_MONITOR_STATE_H

#include "engine/monitor.h"
#include "engine/monitor/monitor_child.h"
#include "engine/monitor/monitor_log.h"

#include <poll.h>

enum monitor_state {
	STATE_STARTING,
	STATE_RUNNING,
	STATE_DRAINING,
	STATE_LINGERING,
	STATE_ENDING,
	STATE_DONE,
	STATE_COUNT
};

enum monitor_event {
	EVENT_STARTED,	    /* the started pipe closed */
	EVENT_START_FAILED, /* it gave a byte */
	EVENT_CONSOLE,	    /* the pty's master arrives */
	EVENT_OUTPUT,	    /* the container wrote (index: which stream) */
	EVENT_INPUT_ROOM,   /* the container reads again */
	EVENT_INIT_ENDED,
	EVENT_NOTIFY,	    /* the container has something to say to the service manager */
	EVENT_CONNECT,	    /* somebody wants to attach */
	EVENT_CLIENT_INPUT, /* a packet of a client (index) */
	EVENT_CLIENT_ROOM,  /* a client (index) reads again */
	EVENT_CLIENT_GONE,
	EVENT_DEADLINE,
	EVENT_CHECK_DUE,   /* it is time for a health check */
	EVENT_CHECK_ENDED, /* the command line that made it has ended */
	EVENT_DRAINED,	   /* after the end: no output is left, and all of it is delivered */
	EVENT_COUNT
};

#define MONITOR_CLIENT_MAX 48

struct monitor_client {
	int fd; /* -1: free */
	bool hello, want_stdout, want_stderr, no_stdin_eof;
	bool starter; /* the command line that started the container */
	bool cleans;  /* has promised to clean up */
	bool pending; /* has not got the piece in output yet */
	bool told;    /* has got the exit */
};

enum { STREAM_OUT, STREAM_ERR, STREAM_COUNT };

struct monitor {
	const struct monitor_config *config;
	const char *const *environment; /* for the command line that is executed */
	struct monitor_fds fds;
	struct monitor_log log;
	int stream_fds[STREAM_COUNT]; /* to read: stdout or the master, stderr */
	int console_fd;		      /* the master comes through it */
	int input_fd; /* to write: the container's stdin or the master; -1: closed */
	int peer_fd; /* the pty's other side: kept open, so that a program that closes all of it does not end the terminal */
	int reserved_fd; /* room for the exit record */
	uint64_t start_ticks;
	int64_t started_ns, finished_ns;
	int64_t deadline_ns; /* CLOCK_BOOTTIME; 0: none */
	bool timed_out;	     /* killed because timeout_s was over */
	int64_t check_ns;    /* the same: when the next health check is due; 0: none is */
	struct attach_policy policy;
	bool in_startup; /* it is the start-up check's turn */
	bool ready;	 /* a check has said that it is well, and the service manager knows */
	struct monitor_child check;
	bool ended, recorded;
	int32_t exit_code, signal;
	struct attach_resize size; /* asked for before there was a terminal */
	struct monitor_client clients[MONITOR_CLIENT_MAX];

	size_t drained_bytes; /* read after the end of the init */
	size_t output_length; /* of the piece that some client has not taken; 0: the buffer is free */
	size_t input_length, input_done;
	bool input_end; /* close stdin when the input is written */
	char output_type;
	char output[ATTACH_PAYLOAD_MAX];
	char input[ATTACH_PAYLOAD_MAX + 1];
};

typedef enum monitor_state (*monitor_handler)(struct monitor *monitor, int index);

/** The handler of a cell; never NULL. */
monitor_handler monitor_cell(enum monitor_state state, enum monitor_event event);
/** Fill in the memory from what the monitor was told. */
void monitor_init(struct monitor *monitor, const struct monitor_config *config,
		  const struct monitor_fds *fds);
/** What is to be done when the loop has ended. */
enum monitor_after { AFTER_NOTHING, AFTER_CLEANUP, AFTER_RESTART };
/** Something has changed in the policy or the next check is to be planned: when it is due. first: just after the start. */
void monitor_plan_check(struct monitor *monitor, bool first);
/** The loop; returns when the state is DONE. */
enum monitor_after monitor_loop(struct monitor *monitor);
/** Wait before a restart, with nothing open but the container's directory. False when it is not wanted any more. */
bool monitor_wait_restart(const struct monitor *monitor);

/* monitor_table.c */

/** Read one piece of output, log it, offer it to the clients: its length, or 0 when there is nothing now or ever. */
int monitor_pump(struct monitor *monitor, int index);
/** No more of a stream is read. */
void monitor_stream_close(struct monitor *monitor, int index);
/** Write the exit record, once. */
void monitor_record_end(struct monitor *monitor);

/* clients, monitor_client.c */

/** Take a connection; closed when there is no room. */
void client_add(struct monitor *monitor, int fd_take, bool starter);
void client_drop(struct monitor_client *client);
/** Read one packet and act on it: 1 one was read, 0 there is none now, -1 the client is gone (and dropped). */
int client_read(struct monitor *monitor, struct monitor_client *client);
/** Send a packet: 1 sent, 0 no room now, -1 the client is gone (and dropped). */
int client_send(struct monitor_client *client, char type, const void *data, size_t length);
/** Offer the piece in output to those that have not got it; output_length becomes 0 when nobody is left. */
void clients_deliver(struct monitor *monitor);
/** Write as much input to the container as it takes. */
void input_write(struct monitor *monitor);

#endif
