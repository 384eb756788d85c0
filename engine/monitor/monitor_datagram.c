/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_datagram.c - send a datagram, with a little patience
 */
#include "engine/monitor/monitor_datagram.h"

#include "engine/monitor/monitor_sys.h"

#define WAIT_SECONDS 1

static bool wait_for_room(int fd)
{
	const struct timespec limit = { WAIT_SECONDS, 0 };
	struct pollfd poll = { .fd = fd, .events = POLLOUT };

	return mon_ppoll(&poll, 1, &limit) > 0;
}

bool monitor_datagram_send(int fd, const struct msghdr *message, const struct sockaddr_un *again)
{
	bool waited = false;

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
		if ((put == -ECONNREFUSED || put == -ENOTCONN) && again != NULL &&
		    MON_CALL(SYS_connect, fd, again, sizeof(*again), 0, 0) >= 0) {
			again = NULL;
			continue;
		}
		return false;
	}
}
