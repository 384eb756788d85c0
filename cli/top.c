/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/top.c - `top`: the processes of a container; with --all, all containers (cli/ui.c)
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/ui_start.h"
#include "engine/processes.h"

#include <stdio.h>

struct top_opts {
	bool latest, all;
};

static void add_line(const struct strv *cells, struct strbuf *text)
{
	for (size_t i = 0; i < cells->count; i++) {
		if (i > 0)
			strbuf_addc(text, '\t');
		/* a process can call itself what it likes */
		strbuf_add_escaped(text, cells->items[i]);
	}
	strbuf_addc(text, '\n');
}

static int top_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct top_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	cleanup_top_table struct top_table table = { STRV_INIT, NULL, 0 };
	cleanup_strv struct strv columns = STRV_INIT;
	cleanup_strv struct strv name = STRV_INIT;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (opts->all) {
		if (opts->latest || args->count > 0)
			return err_set(err, ERR_USAGE,
				       "--all and a container or --latest exclude each other");
		return ui_start(cli, err);
	}
	if (!opts->latest && args->count > 0)
		strv_add(&name, args->items[0]);
	for (size_t i = name.count; i < args->count; i++)
		strv_add(&columns, args->items[i]);
	if (cli->as_docker && columns.count == 0)
		strv_add(&columns, "-ef");
	if (select_one(cli, &name, opts->latest, &container, err) < 0 ||
	    container_top(cli->engine, container, &columns, &table, err) < 0)
		return -1;

	add_line(&table.titles, &text);
	for (size_t i = 0; i < table.count; i++)
		add_line(&table.rows[i], &text);
	table_align(text.data, &out);
	(void)fwrite(out.data, 1, out.length, stdout);
	return 0;
}

static const struct opt top_opts[] = {
	OPT_FLAG(0, "all", struct top_opts, all, "a live view of all containers, as `dhow ui`"),
	OPT_FLAG('l', "latest", struct top_opts, latest, "the container created last"), OPT_END
};

const struct cmd cmd_top = {
	.paths = { "top", "container top" },
	.synopsis = "CONTAINER [COLUMN...|OPTIONS OF PS]",
	.help = "Show the processes of a container",
	.examples = "  dhow top web pid user args\n"
		    "  dhow top web -eo pid,comm\n"
		    "  dhow top --all\n"
		    "\n"
		    "Columns: args capamb capbnd capeff capinh capprm comm etime gid group groups "
		    "hgroup\n"
		    "hgroups hpid huser label nice nlwp pcpu pgid pid pmem ppid pri rgroup rss "
		    "ruser seccomp\n"
		    "sid state stime time tty uid user vsz\n",
	.section = SECTION_LOOK,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.complete_first_only = true,
	.needs = NEEDS_STORE,
	.opts = top_opts,
	.opts_size = sizeof(struct top_opts),
	.options_first = true,
	.run = top_run,
};
