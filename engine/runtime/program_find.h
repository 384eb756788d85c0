/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/program_find.h - which file a command is (private to engine/runtime)
 */
#ifndef ENGINE_RUNTIME_PROGRAM_FIND_H
#define ENGINE_RUNTIME_PROGRAM_FIND_H

struct err;

/**
 * In the container, as its user: a name without '/' is searched in path. Yours; NULL with ERR_NO_COMMAND (127) or ERR_CANNOT_RUN (126).
 * @param path  the container's PATH, or NULL
 */
char *program_find(const char *name, const char *path, struct err *err);

/** Why execve failed. */
int program_exec_failed(const char *file, int errno_value, struct err *err);

#endif
