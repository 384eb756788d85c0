/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/attach.h - a started container and this terminal: what run, start and attach share
 */
#ifndef CLI_ATTACH_H
#define CLI_ATTACH_H

#include "cli/cmd.h"
#include "engine/container.h"

enum attach_stream {
	ATTACH_STREAM_STDIN = 1 << 0,
	ATTACH_STREAM_STDOUT = 1 << 1,
	ATTACH_STREAM_STDERR = 1 << 2,
};
/** Bit of "stdin", "stdout", "stderr" in any case, or -1. */
int attach_stream_parse(const char *name);
/** Bits of -a; an empty list means stdout and stderr. stdin only with interactive. */
unsigned attach_streams(const struct strv *names, bool interactive);

struct attach_session {
	unsigned streams;
	bool terminal; /* the container has one */
	bool sig_proxy;
	bool cleanup;		  /* the caller removes the container at its end */
	const int *preserved_fds; /* as in struct container_start_opts */
	size_t preserved_fd_count;
	bool preserve_numbers;
	unsigned listen_fd_count;
	const char *listen_fd_names;
	const char *detach_keys;
	bool detached; /* out: it goes on without us */
};
/** Start, attach, wait for the end: its exit status; 0 when detached; -1. */
int attach_start(struct cli *cli, struct container *container, struct attach_session *session,
		 struct err *err);
/** The same for one that runs. connection_fd: from container_start(), or -1. */
int attach_running(struct cli *cli, struct container *container, struct attach_session *session,
		   int connection_fd, struct err *err);

#endif
