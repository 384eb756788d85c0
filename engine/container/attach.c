/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/attach.c - our streams are the container's: the client's end of an attachment
 *
 * One poll loop. Of each direction one packet is on its way at a time, so a slow side makes the other wait and nothing is lost. Standard
 * streams are shared with other processes and stay blocking: output to a pipe or terminal is written only when poll says that there is room, in
 * pieces that then do not block, so that signals are passed on meanwhile. Signals arrive through a signalfd. The terminal is
 * restored on every way out.
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/container/detach_keys.h"
#include "engine/container/terminal.h"
#include "engine/events.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* what a pipe takes without blocking when poll says that it takes anything */
#define PIECE_MAX PIPE_BUF

struct attach {
	struct engine *engine;
	struct container *container;
	const struct container_attach_opts *opts;
	int connection_fd;
	int signal_fd;
	bool stdin_open;
	bool broken[3];	      /* nobody reads this stream of ours any more */
	bool never_blocks[3]; /* a regular file: no need to ask */
	struct detach_keys keys;
	struct terminal terminal;
	sigset_t old_mask;

	/* a packet of the monitor that is being written */
	char output[1 + ATTACH_PAYLOAD_MAX];
	size_t output_length, output_done;
	/* typed, to be sent; the type byte first */
	char input[1 + ATTACH_PAYLOAD_MAX];
	size_t input_length; /* with the type byte; 0: free */

	bool ended, detached, lost;
	int deadly_signal; /* came, and is not for the container */
	struct attach_exit exit;
};

static void send_packet(struct attach *attach, char type, const void *data, size_t length)
{
	struct iovec iov[] = { { &type, 1 }, { (void *)data, length } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	/* a monitor that is gone is noticed when it is read from */
	while (sendmsg(attach->connection_fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void send_size(struct attach *attach)
{
	struct attach_resize size;

	if (attach->opts->terminal && terminal_size(&size.rows, &size.columns))
		send_packet(attach, ATTACH_RESIZE, &size, sizeof(size));
}

/* ---- signals ---- */

/* SIGKILL and SIGSTOP cannot be; faults are our own; job control stays with our shell; SIGPIPE is told by EPIPE. */
static bool is_passed_on(int signal_number)
{
	static const int ours[] = { SIGKILL, SIGSTOP, SIGCHLD, SIGURG,	SIGPIPE, SIGWINCH,
				    SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,	SIGABRT, SIGTRAP,
				    SIGSYS,  SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		if (ours[i] == signal_number)
			return false;
	}
	return true;
}

static int open_signals(struct attach *attach, struct err *err)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGPIPE); /* taken from the descriptor and forgotten */
	if (attach->opts->terminal)
		sigaddset(&mask, SIGWINCH);
	/* without a proxy they end this process, but a terminal has to be restored first */
	if (attach->opts->sig_proxy || attach->opts->terminal) {
		for (int number = 1; number <= SIGRTMAX; number++) {
			/* the C library keeps two for itself */
			if ((number < 32 || number >= SIGRTMIN) && is_passed_on(number))
				sigaddset(&mask, number);
		}
	}
	if (sigprocmask(SIG_BLOCK, &mask, &attach->old_mask) < 0)
		return err_sys(err, errno, "cannot block signals");
	attach->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (attach->signal_fd < 0)
		return err_sys(err, errno, "cannot listen for signals");
	return 0;
}

static void pass_on(struct attach *attach, int signal_number)
{
	struct err err = { 0 }; /* a container that is gone takes no signals */
	cleanup_fd int pid_fd = -1;

	if (container_refresh(attach->container, &err) < 0)
		return;
	pid_fd = container_open_init(attach->container);
	if (pid_fd >= 0)
		process_signal(pid_fd, signal_number);
}

static void take_signals(struct attach *attach)
{
	struct signalfd_siginfo info;

	while (read(attach->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int number = (int)info.ssi_signo;

		if (number == SIGWINCH)
			send_size(attach);
		else if (number == SIGPIPE)
			continue;
		else if (attach->opts->sig_proxy)
			pass_on(attach, number);
		else
			attach->deadly_signal = number;
	}
}

/* ---- output ---- */

static int output_target(const struct attach *attach)
{
	return attach->output[0] == ATTACH_STDERR ? STDERR_FILENO : STDOUT_FILENO;
}

static void output_broken(struct attach *attach, int target)
{
	attach->broken[target] = true;
	send_packet(attach, target == STDERR_FILENO ? ATTACH_STDERR_GONE : ATTACH_STDOUT_GONE, NULL,
		    0);
}

/* Write what poll allows. */
static void output_write(struct attach *attach)
{
	int target = output_target(attach);

	while (attach->output_done < attach->output_length) {
		size_t length = attach->output_length - attach->output_done;
		ssize_t put;

		if (attach->broken[target]) {
			attach->output_done = attach->output_length;
			break;
		}
		if (!attach->never_blocks[target] && length > PIECE_MAX)
			length = PIECE_MAX;
		put = write(target, attach->output + attach->output_done, length);
		if (put < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		if (put < 0) {
			output_broken(attach, target);
			continue;
		}
		attach->output_done += (size_t)put;
		if (!attach->never_blocks[target])
			break;
	}
	if (attach->output_done == attach->output_length)
		attach->output_length = 0;
}

static void receive(struct attach *attach)
{
	ssize_t got = recv(attach->connection_fd, attach->output, sizeof(attach->output), 0);

	if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNRESET))
		return; /* after a reset what was sent before it can still be read */
	if (got <= 0) {
		attach->lost = true;
		return;
	}
	switch (attach->output[0]) {
	case ATTACH_STDOUT:
	case ATTACH_STDERR:
		attach->output_length = (size_t)got;
		attach->output_done = 1;
		if (attach->never_blocks[output_target(attach)])
			output_write(attach);
		return;
	case ATTACH_EXIT:
		if (got == 1 + sizeof(attach->exit))
			memcpy(&attach->exit, attach->output + 1, sizeof(attach->exit));
		attach->ended = true;
		return;
	default:
		return;
	}
}

/* ---- input ---- */

static void input_send(struct attach *attach)
{
	ssize_t put = send(attach->connection_fd, attach->input, attach->input_length,
			   MSG_DONTWAIT | MSG_NOSIGNAL);

	if (put < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return;
	attach->input_length = 0;
}

static void input_read(struct attach *attach)
{
	char typed[ATTACH_PAYLOAD_MAX - DETACH_KEYS_MAX];
	ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));
	size_t length;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		attach->stdin_open = false;
		attach->input[0] = ATTACH_STDIN_EOF;
		attach->input_length = 1;
		input_send(attach);
		return;
	}
	if (detach_keys_feed(&attach->keys, typed, (size_t)got, attach->input + 1, &length))
		attach->detached = true;
	if (length == 0)
		return;
	attach->input[0] = ATTACH_STDIN;
	attach->input_length = 1 + length;
	input_send(attach);
}

/* ---- the loop ---- */

enum { SLOT_CONNECTION, SLOT_SIGNAL, SLOT_STDIN, SLOT_OUTPUT, SLOT_COUNT };

static void step(struct attach *attach)
{
	bool writing = attach->output_length > 0;
	bool sending = attach->input_length > 0;
	short connection_events = (short)((writing ? 0 : POLLIN) | (sending ? POLLOUT : 0));
	bool reads_stdin = attach->stdin_open && !sending;
	struct pollfd fds[SLOT_COUNT] = {
		/* its hang-up comes with what it sent before: not before that is wanted */
		[SLOT_CONNECTION] = { connection_events == 0 ? -1 : attach->connection_fd,
				      connection_events, 0 },
		[SLOT_SIGNAL] = { attach->signal_fd, POLLIN, 0 },
		[SLOT_STDIN] = { reads_stdin ? STDIN_FILENO : -1, POLLIN, 0 },
		[SLOT_OUTPUT] = { writing ? output_target(attach) : -1, POLLOUT, 0 },
	};

	if (poll(fds, SLOT_COUNT, -1) < 0)
		return;
	if (fds[SLOT_SIGNAL].revents != 0)
		take_signals(attach);
	if (fds[SLOT_OUTPUT].revents != 0)
		output_write(attach);
	if (sending && fds[SLOT_CONNECTION].revents & (POLLOUT | POLLERR | POLLHUP))
		input_send(attach);
	if (!writing && fds[SLOT_CONNECTION].revents & (POLLIN | POLLERR | POLLHUP))
		receive(attach);
	if (fds[SLOT_STDIN].revents != 0)
		input_read(attach);
}

static void look_at_streams(struct attach *attach)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat st;

		attach->never_blocks[fd] = fstat(fd, &st) < 0 || S_ISREG(st.st_mode);
	}
}

/* ERR_STATE when there is nobody to attach to. */
static int open_connection(struct attach *attach, struct err *err)
{
	const struct attach_hello hello = {
		.want_stdin = attach->opts->stdin_on,
		.want_stdout = attach->opts->stdout_on,
		.want_stderr = attach->opts->stderr_on,
	};
	int status;

	attach->connection_fd = attach->opts->connection_fd;
	if (attach->connection_fd >= 0)
		return 0;
	if (container_refresh(attach->container, err) < 0)
		return -1;
	attach->connection_fd = container_is_up(attach->container)
					? container_connect(attach->engine, attach->container, err)
					: -2;
	if (attach->connection_fd == -1)
		return -1;
	if (attach->connection_fd < 0) {
		attach->connection_fd = -1;
		return err_set(err, ERR_STATE,
			       "you can only attach to running containers: container '%s' is %s",
			       attach->container->name,
			       container_status_name((int)attach->container->state.status));
	}
	status = container_hello(attach->connection_fd, &hello);
	if (status < 0)
		return err_sys(err, -status, "cannot attach to container '%s'",
			       attach->container->name);
	return 0;
}

static void run_loop(struct attach *attach)
{
	if (attach->opts->cleanup)
		send_packet(attach, ATTACH_CLEANUP, NULL, 0);
	send_size(attach);
	while (!attach->ended && !attach->lost && !attach->detached && attach->deadly_signal == 0)
		step(attach);
	if (attach->detached || attach->deadly_signal != 0) {
		/* what was typed before the keys */
		if (attach->input_length > 0)
			input_send(attach);
		send_packet(attach, ATTACH_DETACH, NULL, 0);
	}
}

/* As if it had never been blocked. */
static void die_by_signal(const struct attach *attach)
{
	sigset_t only;

	signal(attach->deadly_signal, SIG_DFL);
	raise(attach->deadly_signal);
	sigemptyset(&only);
	sigaddset(&only, attach->deadly_signal);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}

static int finish(struct attach *attach, int32_t *ret_exit_code, struct err *err)
{
	if (attach->deadly_signal != 0)
		die_by_signal(attach);
	if (attach->detached || attach->deadly_signal != 0)
		return ATTACH_DETACHED;
	/* the connection stays open meanwhile: its end tells the monitor that the container is removed or that it has to do it */
	if (attach->opts->cleanup && attach->ended &&
	    container_cleanup(attach->engine, attach->container, true, err) < 0)
		return -1;
	if (attach->ended) {
		*ret_exit_code = attach->exit.exit_code;
		return ATTACH_ENDED;
	}
	if (container_refresh(attach->container, err) < 0)
		return -1;
	*ret_exit_code = attach->container->state.exit_code;
	return ATTACH_BROKEN;
}

int container_attach(struct engine *engine, struct container *container,
		     const struct container_attach_opts *opts, int32_t *ret_exit_code,
		     struct err *err)
{
	cleanup_free struct attach *attach = xcalloc(1, sizeof(*attach));
	int status = -1;

	attach->engine = engine;
	attach->container = container;
	attach->opts = opts;
	attach->signal_fd = -1;
	attach->connection_fd = opts->connection_fd;
	attach->stdin_open = opts->stdin_on;
	/* in a stream that nobody types no keys are looked for: any byte may be in it */
	if (detach_keys_parse(container->terminal || isatty(STDIN_FILENO) ? opts->detach_keys : "",
			      &attach->keys, err) < 0)
		goto out;
	if (open_connection(attach, err) < 0 || open_signals(attach, err) < 0)
		goto out;
	if (opts->stdin_on || opts->stdout_on || opts->stderr_on)
		event_container(engine, container, EVENT_ATTACH);
	look_at_streams(attach);
	if (opts->terminal)
		terminal_raw(&attach->terminal);
	run_loop(attach);
	terminal_restore(&attach->terminal);
	sigprocmask(SIG_SETMASK, &attach->old_mask, NULL);
	status = finish(attach, ret_exit_code, err);
out:
	fd_close(&attach->signal_fd);
	fd_close(&attach->connection_fd);
	return status;
}
