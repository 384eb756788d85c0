/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/program.h - the last steps: from a process of ours inside of the container to the program (private to engine/runtime)
 *
 * Used by the container's init and by exec. The caller is in all namespaces, its root and working directory are the container's root, it is
 * root of the container's user namespace with all capabilities, and nothing of the container has run in this process.
 */
#ifndef ENGINE_RUNTIME_PROGRAM_H
#define ENGINE_RUNTIME_PROGRAM_H

#include "engine/runtime/plan.h"
#include "engine/runtime/seccomp.h"

struct err;

struct program_run {
	const struct program *program;
	const struct seccomp_filter *filter; /* NULL: none */
	int proc_fd;			     /* our own procfs (R3), or -1: none is needed */
	int stdio_fds[3];
	int terminal_fd; /* peer of the pty: becomes the controlling terminal and the three streams; -1 */
	int *kept_fds
		[3]; /* descriptors of ours that must last until exec: moved out of the way; NULL: none */
	bool dies_with_parent;
	/* Called when all is ready but the filter; may block. NULL: none. */
	int (*ready)(void *arg, struct err *err);
	void *arg;
};

/** True when something of it is written to procfs. */
bool program_needs_proc(const struct program *program);
/**
 * Write that for this process: OOM score, security labels. Not as the last step, because a process that is not dumpable may no more.
 * @param proc_fd  of procfs_open()
 */
int program_write_proc(const struct program *program, int proc_fd, struct err *err);
/** Returns on failure only. */
int program_run(struct program_run *run, struct err *err);

#endif
