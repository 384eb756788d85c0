/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/seccomp.h - system call filters: from OCI's linux.seccomp to a program of the kernel (private to engine/runtime)
 *
 * libseccomp gives the numbers of system calls; the program is made by seccomp_compile.c, because libseccomp widens rules on i386's
 * socket() to a free socketcall(), compares 32-bit arguments as 64-bit ones, and needs 7 ms.
 */
#ifndef ENGINE_RUNTIME_SECCOMP_H
#define ENGINE_RUNTIME_SECCOMP_H

#include <jansson.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strv;

struct seccomp_filter {
	struct sock_filter *code; /* owned; NULL: none */
	size_t count;
	unsigned flags; /* of seccomp(2) */
};
#define SECCOMP_FILTER_INIT                                                                        \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}
void seccomp_filter_release(struct seccomp_filter *filter);

/** What can be seen without compiling: actions, operators, architectures. ERR_USAGE, ERR_UNSUPPORTED. */
int seccomp_profile_check(const json_t *seccomp, struct err *err);
/** Text of a profile file in docker's format as an OCI object, new reference. seccomp_profile_load() without the file. */
json_t *seccomp_profile_parse(const char *text, size_t length, const struct strv *capabilities,
			      struct err *err);
/* to be raised when profile_seccomp() gives another profile: a unit test says so */
#define SECCOMP_PROFILE_VERSION 1
/** What profile_seccomp_named() stands for, new reference; NULL: the object is a whole profile. */
json_t *seccomp_profile_expand(const json_t *seccomp);
/** Compile; a named profile is expanded. */
int seccomp_filter_compile(const json_t *seccomp, struct seccomp_filter *ret_filter,
			   struct err *err);
/**
 * The same through the cache in cache_dir_fd (-1: none). A cached program is used only when the record holds the very same profile text,
 * and its checksum is right. Trouble with the cache is no failure.
 */
int seccomp_filter_load(const json_t *seccomp, int cache_dir_fd, struct seccomp_filter *ret_filter,
			struct err *err);
/** Put it in force for this process. 0 or -errno. */
int seccomp_filter_apply(const struct seccomp_filter *filter);

#endif
