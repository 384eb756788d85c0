/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_client.c - those who are attached
 *
 * A packet is a type byte and a payload (engine/monitor.h). Input of all clients goes through one buffer: while it is not written,
 * clients are not read, so a container that does not read makes its clients wait. One that goes meanwhile is noticed by its hang-up.
 */
#include "engine/monitor/monitor_state.h"

#include "engine/monitor/monitor_sys.h"

#include <string.h>
#include <sys/ioctl.h>

void client_add(struct monitor *monitor, int fd_take, bool starter)
{
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		struct monitor_client *client = &monitor->clients[i];

		if (client->fd >= 0)
			continue;
		*client = (struct monitor_client){ .fd = fd_take, .starter = starter };
		return;
	}
	mon_close(&fd_take);
}

void client_drop(struct monitor_client *client)
{
	mon_close(&client->fd);
	*client = (struct monitor_client){ .fd = -1 };
}

int client_send(struct monitor_client *client, char type, const void *data, size_t length)
{
	struct iovec iov[] = { { &type, 1 }, { (void *)data, length } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = length > 0 ? 2 : 1 };
	ssize_t put;

	do
		put = mon_sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (put == -EINTR);
	/* ENOBUFS and ENOMEM: the kernel has no room either, it will have */
	if (put == -EAGAIN || put == -ENOBUFS || put == -ENOMEM)
		return 0;
	if (put < 0) {
		client_drop(client);
		return -1;
	}
	return 1;
}

void clients_deliver(struct monitor *monitor)
{
	bool left = false;

	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		struct monitor_client *client = &monitor->clients[i];

		if (client->fd < 0 || !client->pending)
			continue;
		client->pending = client_send(client, monitor->output_type, monitor->output,
					      monitor->output_length) == 0;
		left |= client->pending;
	}
	if (!left)
		monitor->output_length = 0;
}

static void input_close(struct monitor *monitor)
{
	monitor->input_length = monitor->input_done = 0;
	monitor->input_end = false;
	/* a terminal has no end of file but the character, which the client's terminal has sent */
	if (!monitor->config->terminal)
		mon_close(&monitor->input_fd);
}

void input_write(struct monitor *monitor)
{
	if (monitor->input_fd < 0 && monitor->console_fd >= 0)
		return; /* the terminal is not there yet */

	while (monitor->input_done < monitor->input_length && monitor->input_fd >= 0) {
		ssize_t put = mon_write(monitor->input_fd, monitor->input + 1 + monitor->input_done,
					monitor->input_length - monitor->input_done);

		if (put == -EINTR)
			continue;
		if (put == -EAGAIN)
			return;
		if (put < 0) {
			/* nobody will ever read it: what is still coming is thrown away */
			input_close(monitor);
			return;
		}
		monitor->input_done += (size_t)put;
	}
	monitor->input_length = monitor->input_done = 0;
	if (monitor->input_end)
		input_close(monitor);
}

static void resize(struct monitor *monitor, const struct attach_resize *asked)
{
	struct winsize size = { .ws_row = asked->rows, .ws_col = asked->columns };

	if (!monitor->config->terminal)
		return;
	monitor->size = *asked;
	if (monitor->input_fd >= 0)
		mon_ioctl(monitor->input_fd, TIOCSWINSZ, &size);
}

static void say_hello(struct monitor *monitor, struct monitor_client *client,
		      const struct attach_hello *hello)
{
	client->hello = true;
	client->want_stdout = hello->want_stdout;
	client->want_stderr = hello->want_stderr;
	client->no_stdin_eof = hello->no_stdin_eof;
	if (monitor->started_ns != 0 && !monitor->ended)
		client_send(client, ATTACH_STARTED, NULL, 0);
}

/* The reader behind a client is gone. In the foreground the container is told in the way of pipes, if nobody else listens. */
static void reader_gone(struct monitor *monitor, struct monitor_client *client, int stream)
{
	bool wanted = false;

	if (stream == STREAM_OUT)
		client->want_stdout = false;
	else
		client->want_stderr = false;
	for (int i = 0; i < MONITOR_CLIENT_MAX; i++) {
		const struct monitor_client *other = &monitor->clients[i];

		wanted |= other->fd >= 0 &&
			  (stream == STREAM_OUT ? other->want_stdout : other->want_stderr);
	}
	if (client->starter && !wanted && !monitor->config->terminal)
		monitor_stream_close(monitor, stream);
}

/* The packet is in monitor->input, its type first. -1 when the client is gone now. */
static int act(struct monitor *monitor, struct monitor_client *client, size_t length)
{
	struct attach_hello hello = { 0 };
	struct attach_resize size;
	size_t payload = length - 1;

	switch (monitor->input[0]) {
	case ATTACH_HELLO:
		memcpy(&hello, monitor->input + 1,
		       payload < sizeof(hello) ? payload : sizeof(hello));
		say_hello(monitor, client, &hello);
		return client->fd < 0 ? -1 : 0;
	case ATTACH_STDIN:
		if (monitor->input_fd < 0 && !monitor->config->terminal)
			return 0;
		monitor->input_length = payload;
		monitor->input_done = 0;
		input_write(monitor);
		return 0;
	case ATTACH_STDIN_EOF:
		if (!client->no_stdin_eof)
			input_close(monitor);
		return 0;
	case ATTACH_RESIZE:
		if (payload == sizeof(size)) {
			memcpy(&size, monitor->input + 1, sizeof(size));
			resize(monitor, &size);
		}
		return 0;
	case ATTACH_STDOUT_GONE:
		reader_gone(monitor, client, STREAM_OUT);
		return 0;
	case ATTACH_STDERR_GONE:
		reader_gone(monitor, client, STREAM_ERR);
		return 0;
	case ATTACH_POLICY:
		if (payload == sizeof(monitor->policy)) {
			memcpy(&monitor->policy, monitor->input + 1, payload);
			/* one that is under way plans the next when it has ended */
			if (monitor->started_ns != 0 && !monitor->ended &&
			    monitor->check.pid_fd < 0)
				monitor_plan_check(monitor, false);
		}
		return 0;
	case ATTACH_CLEANUP:
		client->cleans = true;
		return 0;
	case ATTACH_DETACH:
		client_drop(client);
		return -1;
	default:
		return 0; /* a newer client; what it means is not known here */
	}
}

/* It went without a word: killed, or its terminal is gone. */
static void client_lost(struct monitor *monitor, struct monitor_client *client)
{
	client_drop(client);
	if (!monitor->config->stdin_once)
		return;
	if (monitor->input_length > 0)
		monitor->input_end = true;
	else
		input_close(monitor);
}

int client_read(struct monitor *monitor, struct monitor_client *client)
{
	/* while input waits, what comes is only looked at for its type: this is called then for a client that has hung up */
	bool busy = monitor->input_length > 0;
	char aside[1 + sizeof(struct attach_hello)];
	struct iovec iov = { busy ? aside : monitor->input,
			     busy ? sizeof(aside) : sizeof(monitor->input) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got;

	do
		got = mon_recvmsg(client->fd, &message, MSG_DONTWAIT);
	while (got == -EINTR);
	if (got == -EAGAIN)
		return 0;
	if (got <= 0) {
		client_lost(monitor, client);
		return -1;
	}
	if (busy) {
		if (aside[0] != ATTACH_DETACH)
			return 1;
		client_drop(client);
		return -1;
	}
	return act(monitor, client, (size_t)got) < 0 ? -1 : 1;
}
