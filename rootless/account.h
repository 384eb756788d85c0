/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/account.h - the accounts of the host
 *
 * /etc/passwd is read first; who is not there is asked for through NSS by libexec/dhow/host, since dhow has no shared libraries.
 */
#ifndef ROOTLESS_ACCOUNT_H
#define ROOTLESS_ACCOUNT_H

#include <sys/types.h>

struct err;

struct account {
	char *line; /* owned; the texts are in it */
	const char *name, *gecos, *home, *shell;
	uid_t uid;
	gid_t gid;
};
#define ACCOUNT_INIT                                                                               \
	{                                                                                          \
		NULL, NULL, NULL, NULL, NULL, 0, 0                                                 \
	}
void account_release(struct account *account);
#define cleanup_account __attribute__((cleanup(account_release)))
/** By name, or by number. 1 found, 0 there is no such account, -1. */
int account_find(const char *name_or_number, struct account *ret_account, struct err *err);
/** Of the real user id. */
int account_find_own(struct account *ret_account, struct err *err);

#endif
