/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/account.c - the accounts of the host: /etc/passwd, then NSS
 */
#include "rootless/account.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/host_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PASSWD_LIMIT_BYTES (4U << 20)

/* passwd(5): name:password:uid:gid:gecos:home:shell */
enum {
	FIELD_NAME,
	FIELD_PASSWORD,
	FIELD_UID,
	FIELD_GID,
	FIELD_GECOS,
	FIELD_HOME,
	FIELD_SHELL,
	FIELD_COUNT
};

void account_release(struct account *account)
{
	free(account->line);
	*account = (struct account)ACCOUNT_INIT;
}

static bool parse_line(const char *line, size_t length, struct account *ret_account)
{
	cleanup_account struct account account = { .line = xstrndup(line, length) };
	char *fields[FIELD_COUNT] = { account.line };
	uint32_t uid;
	uint32_t gid;

	for (size_t i = 1; i < FIELD_COUNT; i++) {
		char *colon = strchr(fields[i - 1], ':');

		if (colon == NULL)
			return false;
		*colon = '\0';
		fields[i] = colon + 1;
	}
	if (*fields[FIELD_NAME] == '\0' || parse_u32(fields[FIELD_UID], &uid) < 0 ||
	    parse_u32(fields[FIELD_GID], &gid) < 0)
		return false;
	*ret_account = (struct account){
		.line = TAKE_PTR(account.line),
		.name = fields[FIELD_NAME],
		.gecos = fields[FIELD_GECOS],
		.home = fields[FIELD_HOME],
		.shell = fields[FIELD_SHELL],
		.uid = uid,
		.gid = gid,
	};
	return true;
}

/* The first account of this name or number; a name goes before a number. */
static bool find_line(const char *text, const char *name_or_number, bool by_number,
		      struct account *ret_account)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		struct account account = ACCOUNT_INIT;
		uint32_t number;

		if (parse_line(text, length, &account)) {
			bool found = by_number ? parse_u32(name_or_number, &number) == 0 &&
							 number == account.uid
					       : str_equal(account.name, name_or_number);

			if (found) {
				*ret_account = account;
				return true;
			}
			account_release(&account);
		}
		text += length;
		text += *text == '\n';
	}
	return false;
}

int account_find(const char *name_or_number, struct account *ret_account, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv words = STRV_INIT;

	*ret_account = (struct account)ACCOUNT_INIT;
	if (fd_read_file(AT_FDCWD, "/etc/passwd", &text, PASSWD_LIMIT_BYTES) == 0 &&
	    (find_line(text.data, name_or_number, false, ret_account) ||
	     find_line(text.data, name_or_number, true, ret_account)))
		return 1;

	strv_add(&words, "account");
	strv_add(&words, name_or_number);
	strbuf_clear(&text);
	if (host_ask(&words, &text, err) < 0)
		return -1;
	return parse_line(text.data, strcspn(text.data, "\n"), ret_account) ? 1 : 0;
}

int account_find_own(struct account *ret_account, struct err *err)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", getuid());
	return account_find(number, ret_account, err);
}
