/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/journal.h - what a container has written to the journal of systemd, read back
 *
 * The journal's files are read by libsystemd only, so libexec/dhow/host reads them (host_journal.c) and writes lines in the form of the k8s-file driver
 * into a pipe: `TIME STREAM TAG TEXT`. An empty line says that all that is there now has been given. The journal takes entries some time after
 * they were sent; so the monitor sends a last one that has the container's id in JOURNAL_END_FIELD, and who reads the log of a container that has
 * ended goes on until that has come.
 */
#ifndef ROOTLESS_JOURNAL_H
#define ROOTLESS_JOURNAL_H

#include "base/process.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

#define JOURNAL_ID_FIELD   "CONTAINER_ID_FULL"
#define JOURNAL_PART_FIELD "CONTAINER_PARTIAL_MESSAGE"
#define JOURNAL_END_FIELD  "DHOW_CONTAINER_ENDED"

struct journal_reader {
	struct child child;
	int fd;	      /* the lines; -1: none */
	int go_on_fd; /* held open as long as entries are waited for */
	int failure_fd;
};
#define JOURNAL_READER_INIT                                                                        \
	{                                                                                          \
		CHILD_INIT, -1, -1, -1                                                             \
	}

struct journal_request {
	const char *container_id;
	int64_t since_ns, until_ns; /* 0: unset */
	int64_t tail;		    /* about the last lines only: at least so many; -1: all */
	bool follow;		    /* until journal_end() */
	bool ended;		    /* the container does not run: its last entry is waited for */
};
int journal_open(const struct journal_request *request, struct journal_reader *ret_reader,
		 struct err *err);
/** The container has ended: what is still on its way comes, then the end of the pipe. */
void journal_end(struct journal_reader *reader);
/** After the end of the pipe: 0, or -1 with why the journal could not be read. */
int journal_result(struct journal_reader *reader, struct err *err);
void journal_release(struct journal_reader *reader);

#endif
