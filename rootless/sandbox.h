/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/sandbox.h - a child that parses hostile bytes and can do nothing else (R14)
 *
 * The child gives up, in this order: descriptors it was not given, dumpability, new privileges, files outside the given
 * directories (Landlock, as much as this kernel's version knows; a debug line tells what is missing), system calls outside
 * a short list (seccomp: no socket, no execve, no ptrace, no namespaces, no mount ...; kill on violation), and
 * resources (address space, descriptors, file size, processes 0).
 *
 * Landlock and seccomp look at different things, and neither sees everything: Landlock knows nothing of chmod, chown, xattrs and
 * O_PATH, seccomp cannot read a path. A child that may change files and that is root of a user namespace should
 * therefore also ask for change_root: then "/" and ".." end at the tree that it works on, and its capabilities are those for
 * owners and modes of files only. /proc is out of reach from there, /proc/self/fd too: work by descriptor.
 */
#ifndef ROOTLESS_SANDBOX_H
#define ROOTLESS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct sandbox {
	const int *write_dir_fds; /* trees that may be read and changed */
	size_t write_dir_count;
	const int *read_dir_fds; /* trees that may be read */
	size_t read_dir_count;
	const int *keep_fds; /* besides 0, 1, 2 */
	size_t keep_fd_count;
	uint64_t memory_limit_bytes; /* address space; 0: none */
	uint64_t file_limit_bytes;   /* size of one file that it writes; 0: none */
	bool change_root; /* "/" becomes the first of write_dir_fds; needs CAP_SYS_CHROOT */
	bool allow_files; /* the system calls that make, link, change and remove files */
	bool allow_network; /* for the fetcher: sockets and DNS; still no execve and no files but the given */
	bool allow_threads;
	/* programs below read_dir_fds may be executed; they are confined as this process is. System calls that are not in the list fail instead */
	bool allow_programs;
};

/**
 * Enter it: the calling process, for good. It must have a single thread. A violation kills the process with SIGSYS; opening
 * what is not given fails with EACCES. The descriptors stay open, those that are not named are closed.
 */
int sandbox_enter(const struct sandbox *sandbox, struct err *err);

#endif
