/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/user.h - who the program runs as, by the image's own passwd and group (R6, R7; private to engine/runtime)
 *
 * No NSS: the files are the image's, read through the root directory's descriptor, regular files of at most 1 MiB. A decimal number is
 * always a number, never the name of an account; everything else is a name that must be there.
 */
#ifndef ENGINE_RUNTIME_USER_H
#define ENGINE_RUNTIME_USER_H

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct strbuf;

#define ACCOUNT_FILE_LIMIT (1U << 20)

struct passwd_line {
	const char *name;
	uint32_t uid, gid;
	const char *home;
};
struct group_line {
	const char *name;
	uint32_t gid;
	const char *members; /* "a,b,c" */
};
/** The next well-formed line. The text is cut into pieces; *cursor moves on. False at the end. */
bool passwd_next(char **cursor, struct passwd_line *ret_line);
bool group_next(char **cursor, struct group_line *ret_line);

/** Read "etc/passwd" or "etc/group": 1, 0 when there is none, -1. */
int account_file_read(int root_fd, const char *path, struct strbuf *text, struct err *err);

struct identity {
	uint32_t uid, gid;
	gid_t *groups; /* supplementary; owned */
	size_t group_count;
	char *home; /* owned; "/" when there is no account */
};
#define IDENTITY_INIT                                                                              \
	{                                                                                          \
		0, 0, NULL, 0, NULL                                                                \
	}
void identity_release(struct identity *identity);

struct identity_request {
	const char *user; /* "NAME|UID[:GROUP|GID]"; NULL: uid and gid hold */
	uint32_t uid, gid;
	const struct strv *gids;      /* more groups, decimal */
	const struct strv *group_add; /* more groups, names or numbers */
};
/** ERR_CANNOT_RUN names the user or group that is not there. */
int identity_resolve(int root_fd, const struct identity_request *request,
		     struct identity *ret_identity, struct err *err);

#endif
