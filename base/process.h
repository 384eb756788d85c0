/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process.h - children that are killed and reaped, helpers that are started clean
 *
 * Never a shell, never popen. A child is known by its pidfd; pid numbers from records are used only together with the
 * process's start time (R25).
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct strv;
struct strbuf;

struct child {
	pid_t pid;  /* 0: none */
	int pid_fd; /* -1: unset */
};
#define CHILD_INIT                                                                                 \
	{                                                                                          \
		0, -1                                                                              \
	}

/** Kill (SIGKILL) and reap if it was not waited for. */
void child_release(struct child *child);
#define cleanup_child __attribute__((cleanup(child_release)))
/** Reap; wait status as from waitpid, or -errno. */
int child_wait(struct child *child, int *ret_wait_status);
/** Forget it without killing: somebody else is responsible, or it was handed over. */
void child_disown(struct child *child);

struct spawn {
	const char *
		path; /* absolute, or a name that is searched in PATH and then in /usr/sbin:/sbin */
	const struct strv *argv; /* argv[0] included */
	const struct strv
		*env; /* NULL: a clean one (PATH, HOME, USER, XDG_RUNTIME_DIR, LANG=C.UTF-8) */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
	const int *keep_fds;		    /* passed on as 3, 4, ... in this order */
	size_t keep_fd_count;
	bool new_session; /* setsid */
	int death_signal; /* 0: none */
	/* user namespace to execute it in, or -1: one of our own where our ids are 0, so that it starts with all capabilities there */
	int join_userns_fd;
};
#define SPAWN_INIT                                                                                 \
	{                                                                                          \
		.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .join_userns_fd = -1             \
	}

/** Start a program (vfork-like; signal mask and dispositions are reset). ERR_UNSUPPORTED when the program is missing. */
int process_spawn(const struct spawn *spawn, struct child *ret_child, struct err *err);
#define PROCESS_OUTPUT_LIMIT_BYTES (1U << 20)
/**
 * Start, wait, and give its exit status (0..255; 128+n for a signal). What it prints is appended to out and error_out; what
 * is more than PROCESS_OUTPUT_LIMIT_BYTES is read and dropped. With NULL the descriptor of spawn is used.
 */
int process_run(const struct spawn *spawn, struct strbuf *out, struct strbuf *error_out,
		int *ret_status, struct err *err);
/** Path of an executable: 1 found (yours), 0 not. Searches PATH, /usr/local/{bin,sbin}, /usr/{bin,sbin}, /bin, /sbin. */
int process_find_program(const char *name, char **ret_path);

/** Start time of a process in clock ticks since boot (/proc/PID/stat field 22), or -errno. */
int64_t process_start_time(pid_t pid);
/** pidfd of the process that has this pid and start time: fd, or -ESRCH when it is gone or somebody else. */
int process_open(pid_t pid, uint64_t start_time);
/** Kill by pidfd; 0 or -errno. */
int process_signal(int pid_fd, int signal_number);

/** Directory of our helper programs: $DHOW_LIBEXEC_DIR is not honoured; build/libexec/dhow beside the binary or the installed one. Borrowed. */
const char *process_libexec_dir(void);
/** Set by runtime_protect_self() for the sealed copy that it starts, which cannot find out by itself. Not honoured otherwise. */
#define PROCESS_LIBEXEC_ENV "DHOW_COPY_LIBEXEC_DIR"

/**
 * Run function(arg) in a child that borrows our memory: we sleep until it has executed a program or ended (vfork(2)). What it writes to memory
 * we see; descriptors, ids, namespaces and signal handlers are its own. It must not run what other threads could be in the middle of, and
 * frees nothing by dying. Returning ends it with that status, without flushing streams.
 * @return pid, to be waited for, or -errno
 */
pid_t process_borrow(int (*function)(void *arg), void *arg);

#endif
