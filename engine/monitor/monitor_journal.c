/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_journal.c - lines for the journal of systemd, in its native protocol
 *
 * An entry is one datagram of NAME=VALUE lines; a line of the container has no newline in it, so no value needs the protocol's other form. The time
 * is the journal's own. What a journal that does not read has no room for is dropped and counted.
 */
#include "engine/monitor/monitor_journal.h"

#include "engine/monitor/monitor_datagram.h"
#include "engine/monitor/monitor_sys.h"
#include "rootless/journal.h"

#include <string.h>

static const struct sockaddr_un journal = { .sun_family = AF_UNIX,
					    .sun_path = MONITOR_JOURNAL_PATH };

void monitor_journal_write(struct monitor_log *log, bool is_stderr, const char *data, size_t length)
{
	static const char head[] = "MESSAGE=";
	static const char out[] = "\nPRIORITY=6\n";
	static const char errors[] = "\nPRIORITY=3\n";
	static const char part[] = JOURNAL_PART_FIELD "=true\n";
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
		if (!monitor_datagram_send(log->dir_fd, &message, &journal))
			log->dropped_bytes += line;
		line += end != NULL;
		data += line;
		length -= line;
	}
}

void monitor_journal_end(struct monitor_log *log, const char *container_id)
{
	static const char head[] = "MESSAGE=the log of the container is complete\nPRIORITY=7\n"
				   "SYSLOG_IDENTIFIER=dhow\n" JOURNAL_END_FIELD "=";
	static const char newline[] = "\n";
	struct iovec iov[] = {
		{ (char *)head, sizeof(head) - 1 },
		{ (char *)container_id, strlen(container_id) },
		{ (char *)newline, 1 },
	};
	const struct msghdr message = { .msg_iov = iov,
					.msg_iovlen = sizeof(iov) / sizeof(iov[0]) };

	/* who waits for it waits in vain, but not for long */
	(void)monitor_datagram_send(log->dir_fd, &message, &journal);
}
