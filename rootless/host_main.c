/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_main.c - libexec/dhow/host: questions to the host's libraries (see host_ask.h)
 */
#include "rootless/host_ask.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FAILURE_FD 3

static int answer_account(const char *name_or_number, struct strbuf *answer, struct err *err)
{
	const struct passwd *account;
	uint32_t number;

	errno = 0;
	account = getpwnam(name_or_number);
	if (account == NULL && parse_u32(name_or_number, &number) == 0) {
		errno = 0;
		account = getpwuid(number);
	}
	if (account != NULL)
		strbuf_addf(answer, "%s:*:%u:%u:%s:%s:%s\n", account->pw_name, account->pw_uid,
			    account->pw_gid, account->pw_gecos, account->pw_dir, account->pw_shell);
	/* getpwnam(3): many numbers mean that there is none */
	if (account == NULL &&
	    (errno == EIO || errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return err_sys(err, errno, "cannot look for the account '%s'", name_or_number);
	return 0;
}

static int answer_scope(char *const *words, struct strbuf *answer, struct err *err)
{
	cleanup_strv struct strv texts = STRV_INIT;
	struct pid_list pids = { NULL, 0 };

	strv_split(&texts, words[0], ',');
	pids.items = xcalloc(texts.count, sizeof(*pids.items));
	for (; pids.count < texts.count; pids.count++) {
		const char *text = texts.items[pids.count];

		if (parse_u32(text, &pids.items[pids.count]) < 0) {
			free(pids.items);
			return err_set(err, ERR_USAGE, "invalid process id '%s'", text);
		}
	}

	cleanup_free char *path = host_scope(&pids, words[1], words[2], err);
	free(pids.items);
	if (path == NULL)
		return -1;
	strbuf_addf(answer, "%s\n", path);
	return 0;
}

static int answer_attach(char *const *words, struct err *err)
{
	uint32_t pid;

	if (parse_u32(words[0], &pid) < 0)
		return err_set(err, ERR_USAGE, "invalid process id '%s'", words[0]);
	return host_attach((pid_t)pid, words[1], words[2], err);
}

static int answer_words(int count, char *const *words, struct strbuf *answer, struct err *err)
{
	if (count == 2 && str_equal(words[0], "ranges"))
		return host_ranges(words[1], answer, err);
	if (count == 2 && str_equal(words[0], "account"))
		return answer_account(words[1], answer, err);
	if (count == 4 && str_equal(words[0], "scope"))
		return answer_scope(words + 1, answer, err);
	if (count == 6 && str_equal(words[0], "journal"))
		return host_journal(words + 1, err);
	if (count == 4 && str_equal(words[0], "attach"))
		return answer_attach(words + 1, err);
	return err_set(err, ERR_USAGE, "this program is run by dhow only");
}

int main(int argc, char **argv)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	struct err err = { 0 };

	if (answer_words(argc - 1, argv + 1, &answer, &err) == 0 &&
	    fd_write_full(STDOUT_FILENO, answer.data, answer.length) >= 0)
		return 0;
	if (err_send(FAILURE_FD, &err) < 0)
		fprintf(stderr, "Error: %s\n", err.msg);
	return 1;
}
