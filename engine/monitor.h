/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor.h - the one small process per container, and how to talk to it
 *
 * libexec/dhow/monitor is static, allocates at start only, never exits because something failed (it records, waits, retries), and is the
 * only parent of the container's init. It holds: the liveness lock, the log, the attach socket, the pty's master, the timers of --timeout
 * and of the health check, and the write end of the network helper's exit pipe.
 *
 * It is executed by a fork of the command line that has made the init already (engine/runtime.h), with fixed descriptors and words as arguments:
 *
 *	fd 3	liveness lock (open file description lock, held by having it open)
 *	fd 4	directory of the container in the store: the records `run` and `exit` are written here
 *	fd 5	pidfd of the init
 *	fd 6	started pipe, read end (engine/runtime.h)
 *	fd 7	listening attach socket (SOCK_SEQPACKET), or -1
 *	fd 8	attach connection of the command line that started it, or -1
 *	fd 9	container's stdin, write end; -1 with a terminal or without stdin
 *	fd 10	container's stdout, read end; with a terminal: the console socket that the pty's master comes through
 *	fd 11	container's stderr, read end
 *	fd 12	write end of the network helper's exit pipe, or -1
 *	fd 13	directory of the log file, or with journald a socket that is connected to the journal, or -1
 *	fd 14	cgroup of the container (its memory.events tell oomKilled), or -1
 *	fd 15	directory of the journal of events (engine/events.h), or -1
 *	fd 16	socket that is connected to the service manager, NOTIFY_SOCKET, or -1
 *	fd 17	socket that the container's messages for the service manager come to, or -1
 *
 * Records (base/record.h), JSON bodies written by hand:
 *	run	kind "container-run", version 1: {"pid":N,"startTicks":N,"monitorPid":N,"startedNs":N,"cgroup":"/..."}	when the program was executed
 *	exit	kind "container-exit", version 1: {"exitCode":N,"signal":N,"oomKilled":false,"startedNs":N,"finishedNs":N}
 * Both are removed by the next start when it has the lock. The lock is let go when the exit is published: the monitor may live a little
 * longer, to hand output to a slow client and to wait for one that cleans up. A --rm container whose end a client promised to clean up has no exit
 * record unless that client fails. The state follows from them and the lock (engine/container.h).
 *
 * What needs more than bare hands is done by the command line, executed with the global options that find the same store:
 *
 *	dhow ... healthcheck run --auto ID		as a child, when a check is due; its exit status is enum monitor_check. The next one is due an
 *							interval after it has ended, so checks never pile up
 *	dhow ... container restart-by-policy ID		in its own place, some time after an end that the restart policy means. The record of the end is
 *							published by then: the container is `exited` meanwhile
 *	dhow ... container cleanup --exit-code N ID	in its own place, after the end of a --rm container that no client removes
 * Its exit status is the container's: a unit of systemd that has it for its main process restarts and fails as the container does.
 *
 * Attach protocol: SOCK_SEQPACKET, each packet is one type byte and a payload (at most ATTACH_PAYLOAD_MAX):
 */
#ifndef ENGINE_MONITOR_H
#define ENGINE_MONITOR_H

#include "base/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum attach_type {
	/* from the monitor */
	ATTACH_STARTED = 'S', /* the program runs and the run record is published */
	ATTACH_STDOUT = 'o',
	ATTACH_STDERR = 'e',
	ATTACH_EXIT =
		'x', /* struct attach_exit; the exit record is published; nothing comes after it */
	/* to the monitor */
	ATTACH_HELLO = 'h', /* struct attach_hello; the first packet of every client */
	ATTACH_STDIN = 'i',
	ATTACH_STDIN_EOF = 'E',
	ATTACH_RESIZE = 'r', /* struct attach_resize */
	ATTACH_STDOUT_GONE =
		'O', /* nobody reads the client's stdout any more: for the one that started the container in the foreground
			the container's is closed, as in a pipeline of plain processes; others just get no more of it */
	ATTACH_STDERR_GONE = 'R',
	ATTACH_DETACH = 'd', /* the client goes, the container stays */
	ATTACH_CLEANUP =
		'c', /* the client promises to clean up (--rm); if it dies before EXIT was read the monitor does it */
	ATTACH_POLICY = 'p' /* struct attach_policy: `update` has changed it */
};
#define ATTACH_PAYLOAD_MAX 32768

struct attach_exit {
	int32_t exit_code;
	int32_t signal; /* 0 or the number that killed it */
};
struct attach_resize {
	uint16_t rows, columns;
};
/** What the monitor does by itself. */
struct attach_policy {
	int32_t restart; /* enum monitor_restart */
	int32_t reserved;
	int64_t restart_delay_ms;			/* that is waited before */
	int64_t check_interval_ns, startup_interval_ns; /* 0: there is no such check */
};
struct attach_hello {
	uint8_t want_stdin, want_stdout, want_stderr;
	uint8_t no_stdin_eof; /* the end of this client's stdin does not close the container's */
};

/** Exit status of `healthcheck run --auto`: what the monitor does next. Any other one is a failure, and nothing is known. */
enum monitor_check {
	CHECK_HEALTHY = 0,
	CHECK_NOT_HEALTHY = 1,
	CHECK_STARTUP =
		3, /* the start-up check has not succeeded often enough: its interval holds */
	CHECK_NOTHING = 4, /* the container is paused, or has ended meanwhile */
};

/** When the service manager is told that the container is ready (--sdnotify). */
enum monitor_notify {
	NOTIFY_NEVER,	  /* it is not told anything */
	NOTIFY_STARTED,	  /* when the program was executed */
	NOTIFY_CONTAINER, /* when the container says so */
	NOTIFY_HEALTHY,	  /* when a health check has said so */
};

/** Which ends of the program are followed by a restart. */
enum monitor_restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
/** A file of this name in the container's directory says that the user wants it to be down: it is not restarted. */
#define MONITOR_STOPPED_NAME "stopped"
/** The delay before a restart is doubled each time, from this on; a program that has run long enough was well, and it begins anew. */
#define MONITOR_RESTART_SHORT_MS 100
#define MONITOR_RESTART_MAX_MS	 60000
#define MONITOR_RESTART_LONG_S	 10

enum log_driver {
	LOG_K8S_FILE,
	LOG_JSON_FILE,
	LOG_JOURNALD,
	LOG_NONE,
	LOG_PASSTHROUGH,
	LOG_PASSTHROUGH_TTY,
	LOG_DRIVER_COUNT
};
NAME_TABLE_DECLARE(log_driver)

/** Where the journal of systemd listens. */
#define MONITOR_JOURNAL_PATH "/run/systemd/journal/socket"

/* exit code of a container whose --timeout was over, as podman has it */
#define MONITOR_EXIT_TIMED_OUT 255

/** Everything the monitor is told. */
struct monitor_config {
	const char *container_id;
	int log_driver; /* enum log_driver: the monitor writes k8s-file, json-file and journald */
	const char *journal_fields; /* journald: NAME=VALUE lines that each entry has */
	const char *log_name;	    /* file name in the log directory */
	int64_t log_max_bytes;	    /* 0: no limit */
	uint32_t log_max_files;	    /* rotated files kept, 1: none besides the current */
	bool terminal;
	bool stdin_open;   /* keep the container's stdin open when a client goes */
	bool stdin_once;   /* close it when the first client goes */
	int64_t timeout_s; /* --timeout: kill after, exit code MONITOR_EXIT_TIMED_OUT; 0: none */
	bool remove; /* --rm: execute `dhow container cleanup ID` at the end unless a client has promised to */
	struct attach_policy policy;
	int notify;		      /* enum monitor_notify */
	const char *dhow_path;	      /* to do these */
	const char *const *dhow_args; /* global options for that, ended by NULL */
	const char *cgroup_path; /* as rootless/cgroup.h names it, for the run record; NULL: none */
	const char
		*died_text; /* event_died_text(): the end of the line for the journal; NULL: none */
	pid_t init_pid;
	const char *pid_file,
		*conmon_pid_file; /* written by the monitor when started; NULL: none */
};

struct monitor_fds {
	int alive_fd, container_dir_fd, init_pid_fd, started_fd, listen_fd, client_fd, stdin_fd,
		stdout_fd, stderr_fd, exit_pipe_fd, log_dir_fd, cgroup_fd, events_fd, notify_fd,
		notify_listen_fd;
};

/** Arrange the descriptors, close all others, execute the monitor. Returns only on failure (-errno). Call in M after runtime_clone(). */
int monitor_exec(const struct monitor_config *config, const struct monitor_fds *fds);

/** Path-free: listen on NAME in run_dir_fd. fd or -errno. */
int monitor_listen(int run_dir_fd, const char *name);
/** Connect to it: fd, -ECONNREFUSED or -ENOENT when nobody listens. */
int monitor_connect(int run_dir_fd, const char *name);

#endif
