/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor.h - the one small process per container, and how to talk to it
 *
 * libexec/dhow/monitor is static, allocates at start only, never exits because something failed (it records, waits, retries), and is the
 * only parent of the container's init. It holds: the liveness lock, the log, the attach socket, the pty's master, the stop time-out
 * and the timer of --timeout, and the write end of the network helper's exit pipe.
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
 *	fd 13	directory of the log file, or -1
 *	fd 14	cgroup of the container (its memory.events tell oomKilled), or -1
 *	fd 15	directory of the journal of events (engine/events.h), or -1
 *
 * Records (base/record.h), JSON bodies written by hand:
 *	run	kind "container-run", version 1: {"pid":N,"startTicks":N,"monitorPid":N,"startedNs":N,"cgroup":"/..."}	when the program was executed
 *	exit	kind "container-exit", version 1: {"exitCode":N,"signal":N,"oomKilled":false,"startedNs":N,"finishedNs":N}
 * Both are removed by the next start when it has the lock. The lock is let go when the exit is published: the monitor may live a little
 * longer, to hand output to a slow client and to wait for one that cleans up. A --rm container whose end a client promised to clean up has no exit
 * record unless that client fails. The state follows from them and the lock (engine/container.h).
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
		'c' /* the client promises to clean up (--rm); if it dies before EXIT was read the monitor does it */
};
#define ATTACH_PAYLOAD_MAX 32768

struct attach_exit {
	int32_t exit_code;
	int32_t signal; /* 0 or the number that killed it */
};
struct attach_resize {
	uint16_t rows, columns;
};
struct attach_hello {
	uint8_t want_stdin, want_stdout, want_stderr;
	uint8_t no_stdin_eof; /* the end of this client's stdin does not close the container's */
};

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

/** Everything the monitor is told. */
struct monitor_config {
	const char *container_id;
	int log_driver; /* enum log_driver: the monitor writes k8s-file and json-file itself */
	const char *log_name;	/* file name in the log directory */
	int64_t log_max_bytes;	/* 0: no limit */
	uint32_t log_max_files; /* rotated files kept, 1: none besides the current */
	bool terminal;
	bool stdin_open;   /* keep the container's stdin open when a client goes */
	bool stdin_once;   /* close it when the first client goes */
	int64_t timeout_s; /* --timeout: kill after; 0: none */
	bool remove; /* --rm: execute `dhow container cleanup ID` at the end unless a client has promised to */
	const char *dhow_path;	      /* for that */
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
		stdout_fd, stderr_fd, exit_pipe_fd, log_dir_fd, cgroup_fd, events_fd;
};

/** Arrange the descriptors, close all others, execute the monitor. Returns only on failure (-errno). Call in M after runtime_clone(). */
int monitor_exec(const struct monitor_config *config, const struct monitor_fds *fds);

/** Path-free: listen on NAME in run_dir_fd. fd or -errno. */
int monitor_listen(int run_dir_fd, const char *name);
/** Connect to it: fd, -ECONNREFUSED or -ENOENT when nobody listens. */
int monitor_connect(int run_dir_fd, const char *name);

#endif
