/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_journal.c - lines for the journal of systemd, in its native protocol
 *
 * An entry is one datagram of NAME=VALUE lines; a line of the container has no newline in it, so no value needs the protocol's other form. The time
 * is the journal's own. A journal that does not read makes the container wait for a moment, as a full pipe would; then the
 * entry is dropped and counted, because the monitor has more to do than to wait.
 */
#include "engine/monitor/monitor_journal.h"

#include "engine/monitor/monitor_sys.h"

#include <string.h>
#include <sys/un.h>

#define WAIT_SECONDS 1

/* The journal was restarted: its socket is a new one. */
static int connect_again(int fd)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX,
						    .sun_path = MONITOR_JOURNAL_PATH };

	return (int)MON_CALL(SYS_connect, fd, &address, sizeof(address), 0, 0);
}

static bool wait_for_room(int fd)
{
	const struct timespec limit = { WAIT_SECONDS, 0 };
	struct pollfd poll = { .fd = fd, .events = POLLOUT };

	return mon_ppoll(&poll, 1, &limit) > 0;
}

static bool send_entry(int fd, const struct msghdr *message)
{
	bool waited = false;
	bool connected = false;

	for (;;) {
		ssize_t put = mon_sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (put >= 0)
			return true;
		if (put == -EINTR)
			continue;
		if ((put == -EAGAIN || put == -ENOBUFS) && !waited) {
			waited = true;
			if (wait_for_room(fd))
				continue;
		}
		if ((put == -ECONNREFUSED || put == -ENOTCONN) && !connected) {
			connected = true;
			if (connect_again(fd) >= 0)
				continue;
		}
		return false;
	}
}

void monitor_journal_write(struct monitor_log *log, bool is_stderr, const char *data, size_t length)
{
	static const char head[] = "MESSAGE=";
	static const char out[] = "\nPRIORITY=6\n";
	static const char errors[] = "\nPRIORITY=3\n";
	static const char part[] = "CONTAINER_PARTIAL_MESSAGE=true\n";
	const char *fields = log->journal_fields == NULL ? "" : log->journal_fields;
	struct iovec iov[] = {
		{ (char *)head, sizeof(head) - 1 },
		{ NULL, 0 },
		{ (char *)(is_stderr ? errors : out), sizeof(out) - 1 },
		{ (char *)fields, strlen(fields) },
		{ (char *)part, sizeof(part) - 1 },
	};
	const size_t count = sizeof(iov) / sizeof(iov[0]);

	while (length > 0) {
		const char *end = memchr(data, '\n', length);
		size_t line = end == NULL ? length : (size_t)(end - data);
		struct msghdr message = { .msg_iov = iov,
					  .msg_iovlen = end == NULL ? count : count - 1 };

		iov[1] = (struct iovec){ (char *)data, line };
		if (!send_entry(log->dir_fd, &message))
			log->dropped_bytes += line;
		line += end != NULL;
		data += line;
		length -= line;
	}
}
