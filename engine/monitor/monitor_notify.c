/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_notify.c - tell the service manager about the container
 *
 * The main process of the service is the monitor: it ends with the container, and the number of a process in there would mean nothing outside.
 * So the container may say how it is, and not who it is; descriptors that it sends along are closed by the kernel, because no room is
 * given for them.
 */
#include "engine/monitor/monitor_notify.h"

#include "engine/monitor/monitor_datagram.h"
#include "engine/monitor/monitor_sys.h"

#include <string.h>

#define MESSAGE_MAX 4096

static const char *const allowed[] = {
	"READY=",    "RELOADING=",     "STOPPING=",	  "STATUS=",
	"ERRNO=",    "BUSERROR=",      "VARLINKERROR=",	  "EXIT_STATUS=",
	"WATCHDOG=", "WATCHDOG_USEC=", "MONOTONIC_USEC=", "EXTEND_TIMEOUT_USEC=",
};

static void send_text(int fd, const char *text, size_t length)
{
	struct iovec iov = { (char *)text, length };
	const struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	/* the manager is gone or does not read: nobody else could be told */
	if (fd >= 0)
		(void)monitor_datagram_send(fd, &message, NULL);
}

void monitor_notify_main(int notify_fd, pid_t pid, bool ready)
{
	static const char head[] = "MAINPID=";
	static const char tail[] = "\nREADY=1";
	char text[sizeof(head) + 16 + sizeof(tail)];
	char digits[16];
	size_t length = sizeof(head) - 1;
	size_t count = 0;

	memcpy(text, head, length);
	do {
		digits[count++] = (char)('0' + pid % 10);
		pid /= 10;
	} while (pid != 0);
	while (count > 0)
		text[length++] = digits[--count];
	if (ready) {
		memcpy(text + length, tail, sizeof(tail) - 1);
		length += sizeof(tail) - 1;
	}
	send_text(notify_fd, text, length);
}

void monitor_notify_ready(int notify_fd)
{
	static const char text[] = "READY=1";

	send_text(notify_fd, text, sizeof(text) - 1);
}

static bool is_allowed(const char *line, size_t length)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		size_t name = strlen(allowed[i]);

		if (length > name && memcmp(line, allowed[i], name) == 0)
			return true;
	}
	return false;
}

void monitor_notify_pass(int notify_fd, int listen_fd)
{
	char text[MESSAGE_MAX];
	char out[MESSAGE_MAX];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got = mon_recvmsg(listen_fd, &message, MSG_DONTWAIT);
	size_t length = 0;

	if (got <= 0 || (message.msg_flags & MSG_TRUNC))
		return;
	for (const char *line = text; line < text + got;) {
		size_t left = (size_t)(text + got - line);
		const char *end = memchr(line, '\n', left);
		size_t size = end == NULL ? left : (size_t)(end - line);

		if (is_allowed(line, size)) {
			if (length > 0)
				out[length++] = '\n';
			memcpy(out + length, line, size);
			length += size;
		}
		line += size + 1;
	}
	if (length > 0)
		send_text(notify_fd, out, length);
}
