/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui.c - `ui`, and `top --all`: the live view of all containers
 *
 * It is a program of its own (cli/ui.h), which this one becomes: nothing of dhow stays behind it, and the terminal is its alone.
 */
#include "cli/ui_start.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The options of this call that say which store and how; what is left of the words are the command's own. */
static void add_globals(struct cli *cli, struct strv *argv)
{
	char *const *words = strv_argv(&cli->command_line) + 1;
	cleanup_strv struct strv path = STRV_INIT;
	struct unit_option option = { NULL, NULL, STRV_INIT };
	size_t cluster = 0;

	while (unit_next_option(global_rows_of(cli), &words, &cluster, &option) > 0)
		strv_add_all(argv, &option.words);
	strv_release(&option.words);
	strv_split(&path, cli->path, ' ');
	for (size_t i = 0; i < path.count && *words != NULL; i++)
		words++;
	for (; *words != NULL; words++) {
		if (str_after(*words, "--all") == NULL)
			strv_add(argv, *words);
	}
}

int ui_start(struct cli *cli, struct err *err)
{
	cleanup_free char *program = xasprintf("%s/ui", process_libexec_dir());
	cleanup_free char *self = NULL;
	cleanup_strv struct strv argv = STRV_INIT;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, ERR_UNSUPPORTED,
			"the live view needs a terminal for input and output");
		return err_hint(
			err, "`dhow ps --all` and `dhow stats --no-stream` print the same once.");
	}
	if (unit_program(&self, err) < 0)
		return -1;
	strv_add(&argv, program);
	strv_add(&argv, self);
	add_globals(cli, &argv);
	(void)execv(program, strv_argv(&argv));
	return err_sys(err, errno, "cannot execute the live view '%s'", program);
}

static int ui_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return ui_start(cli, err);
}

const struct cmd cmd_ui = {
	.paths = { "ui" },
	.synopsis = "",
	.help = "Show all containers live: what they use, their health and logs",
	.section = SECTION_LOOK,
	.needs = NEEDS_STORE,
	.run = ui_run,
};
