/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/exec_terminal.c - a terminal for one more program in a container
 *
 * The command line itself holds the master: no monitor is needed for an exec. When the program is left with the detach keys somebody has to
 * hold it and to empty it, or the program would get a hang-up: that is a small fork of this process, which ends with the program.
 */
#include "engine/container/exec_terminal.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "engine/container/detach_keys.h"
#include "engine/container/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PIECE_MAX 4096

struct relay {
	int master_fd, child_fd, signal_fd;
	bool stdin_open, child_ended, detached, drained;
	int deadly_signal;
	struct detach_keys keys;
	struct terminal terminal;
	sigset_t old_mask;
	char typed[PIECE_MAX + DETACH_KEYS_MAX];
	size_t typed_length, typed_done;
};

static void follow_size(const struct relay *relay)
{
	struct winsize size = { 0 };
	uint16_t rows;
	uint16_t columns;

	if (!terminal_size(&rows, &columns))
		return;
	size.ws_row = rows;
	size.ws_col = columns;
	ioctl(relay->master_fd, TIOCSWINSZ, &size);
}

/* Signals that end us have to restore the terminal first. */
static int open_signals(struct relay *relay, struct err *err)
{
	static const int numbers[] = { SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&mask, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &mask, &relay->old_mask) < 0)
		return err_sys(err, errno, "cannot block signals");
	relay->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (relay->signal_fd < 0)
		return err_sys(err, errno, "cannot listen for signals");
	return 0;
}

static void take_signals(struct relay *relay)
{
	struct signalfd_siginfo info;

	while (read(relay->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			follow_size(relay);
		else
			relay->deadly_signal = (int)info.ssi_signo;
	}
}

static void read_typed(struct relay *relay)
{
	char data[PIECE_MAX];
	ssize_t got = read(STDIN_FILENO, data, sizeof(data));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		relay->stdin_open = false;
		return;
	}
	relay->typed_done = 0;
	relay->detached = detach_keys_feed(&relay->keys, data, (size_t)got, relay->typed,
					   &relay->typed_length);
}

static void write_typed(struct relay *relay)
{
	ssize_t put = write(relay->master_fd, relay->typed + relay->typed_done,
			    relay->typed_length - relay->typed_done);

	if (put < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (put > 0)
		relay->typed_done += (size_t)put;
	if (put < 0 || relay->typed_done == relay->typed_length)
		relay->typed_length = relay->typed_done = 0;
}

static void copy_output(struct relay *relay)
{
	char data[PIECE_MAX];
	ssize_t got = read(relay->master_fd, data, sizeof(data));

	if (got < 0 && errno == EINTR)
		return;
	if (got < 0 && errno == EAGAIN) {
		/* nothing is left when the program has ended; other programs may keep its terminal open */
		relay->drained = relay->child_ended;
		return;
	}
	if (got <= 0) {
		relay->drained = true;
		return;
	}
	if (fd_write_full(STDOUT_FILENO, data, (size_t)got) < 0)
		relay->deadly_signal = SIGPIPE;
}

enum { SLOT_MASTER, SLOT_STDIN, SLOT_SIGNAL, SLOT_CHILD, SLOT_COUNT };

static void step(struct relay *relay)
{
	bool typed = relay->typed_length > 0;
	struct pollfd fds[SLOT_COUNT] = {
		[SLOT_MASTER] = { relay->drained ? -1 : relay->master_fd,
				  (short)(POLLIN | (typed ? POLLOUT : 0)), 0 },
		[SLOT_STDIN] = { relay->stdin_open && !typed ? STDIN_FILENO : -1, POLLIN, 0 },
		[SLOT_SIGNAL] = { relay->signal_fd, POLLIN, 0 },
		[SLOT_CHILD] = { relay->child_ended ? -1 : relay->child_fd, POLLIN, 0 },
	};

	/* after the end only what is there already is of interest */
	if (poll(fds, SLOT_COUNT, relay->child_ended ? 0 : -1) < 0)
		return;
	if (fds[SLOT_SIGNAL].revents != 0)
		take_signals(relay);
	if (fds[SLOT_CHILD].revents != 0)
		relay->child_ended = true;
	if (fds[SLOT_STDIN].revents != 0)
		read_typed(relay);
	if (fds[SLOT_MASTER].revents & POLLOUT && relay->typed_length > 0)
		write_typed(relay);
	if (fds[SLOT_MASTER].revents & (POLLIN | POLLHUP | POLLERR) || relay->child_ended)
		copy_output(relay);
}

/* A fork that empties the terminal until its other side is closed. */
static void leave_holder(const struct relay *relay)
{
	char data[PIECE_MAX];
	int null_fd;

	if (fork() != 0)
		return;
	setsid();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null_fd >= 0; fd++)
		dup2(null_fd, fd);
	fd_set_nonblock(relay->master_fd, false);
	while (read(relay->master_fd, data, sizeof(data)) > 0)
		;
	_exit(0);
}

static int receive_master(int console_fd, struct err *err)
{
	char byte;
	int master_fd;

	if (fd_receive(console_fd, &byte, 1, &master_fd, 1) <= 0 || master_fd < 0)
		return err_set(err, ERR_FAILED, "the terminal did not arrive");
	fd_set_nonblock(master_fd, true);
	return master_fd;
}

int exec_terminal_relay(int console_fd, int child_fd, bool interactive, const char *detach_keys,
			struct err *err)
{
	struct relay relay = {
		.master_fd = -1, .child_fd = child_fd, .signal_fd = -1, .stdin_open = interactive
	};
	int status = -1;

	if (detach_keys_parse(detach_keys, &relay.keys, err) < 0)
		return -1;
	relay.master_fd = receive_master(console_fd, err);
	if (relay.master_fd < 0)
		return -1;
	if (open_signals(&relay, err) < 0)
		goto out;

	follow_size(&relay);
	if (interactive)
		terminal_raw(&relay.terminal);
	while (!(relay.child_ended && relay.drained) && !relay.detached && relay.deadly_signal == 0)
		step(&relay);
	terminal_restore(&relay.terminal);
	while (relay.detached && relay.typed_length > 0)
		write_typed(&relay);
	if (relay.detached)
		leave_holder(&relay);
	if (relay.deadly_signal != 0) {
		signal(relay.deadly_signal, SIG_DFL);
		raise(relay.deadly_signal);
	}
	sigprocmask(SIG_SETMASK, &relay.old_mask, NULL);
	status = relay.detached ? 0 : 1;
out:
	fd_close(&relay.signal_fd);
	fd_close(&relay.master_fd);
	return status;
}
