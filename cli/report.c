/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/report.c - what goes to stderr: failures and warnings
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/docker.h"

#include <stdio.h>
#include <unistd.h>

void cli_warning(void *arg, const char *text)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	(void)arg;
	strbuf_adds(&line, "Warning: ");
	strbuf_add_escaped(&line, text);
	strbuf_addc(&line, '\n');
	(void)fd_write_full(STDERR_FILENO, line.data, line.length);
}

int cli_error(const struct cli *cli, const struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (cli->as_docker) {
		cleanup_strbuf struct strbuf words = STRBUF_INIT;

		docker_error(err, &words);
		strbuf_add_escaped(&text, words.data);
	} else {
		strbuf_adds(&text, "Error: ");
		strbuf_add_escaped(&text, err->msg);
	}
	strbuf_addc(&text, '\n');
	if (err->hint[0] != '\0') {
		strbuf_add_escaped(&text, err->hint);
		strbuf_addc(&text, '\n');
	}
	if (err->kind == ERR_USAGE && cli->cmd != NULL)
		strbuf_addf(&text, "See '%s %s --help'\n", cli->program, cli->path);
	/* what stdout was told so far comes first where both go to one terminal; if it fails the end of main() will tell */
	(void)fflush(stdout);
	(void)fd_write_full(STDERR_FILENO, text.data, text.length);
	return cli->as_docker ? docker_exit_status(cli, err) : err_exit_status(err->kind);
}
