/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/procfs.h - the procfs that we trust (R3; private to engine/runtime)
 *
 * It is the host's, opened before anything of the container is there and kept as a descriptor: "self" and "sys" mean the process that
 * opens them, so it serves after pivot_root and setns as well. The container's /proc is never used: a race or a volume could
 * have put something else there. A fresh procfs would do too, but the kernel does not give one to who joins a container whose own is masked.
 */
#ifndef ENGINE_RUNTIME_PROCFS_H
#define ENGINE_RUNTIME_PROCFS_H

struct err;

/** O_PATH fd of /proc, checked to be procfs. */
int procfs_open(struct err *err);
/** Write text to a file below it; no magic link, no mount above it is followed. 0 or -errno. */
int procfs_write(int proc_fd, const char *path, const char *text);

#endif
