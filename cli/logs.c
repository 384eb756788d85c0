/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/logs.c - `logs`: what containers have written, each stream to its own
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/select.h"

#include <errno.h>
#include <stdio.h>

struct logs_opts {
	struct container_logs_opts logs;
	bool latest;
	char *since, *until;
	char *tail;
};

struct logs_view {
	const struct container_logs_opts *opts;
	bool several;
	/* the last line of each stream had no newline: the next text belongs to it */
	bool open[2];
	const struct container *last[2];
};

static const int colors[] = { 37, 31, 32, 33, 34, 35, 36 };

/* Color of a container by its id: the same one in every call. */
static int color_of(const struct container *container)
{
	unsigned sum = 0;

	for (const char *p = container->id.text; *p != '\0'; p++)
		sum = sum * 31 + (unsigned char)*p;
	return colors[sum % ARRAY_SIZE(colors)];
}

static void print_prefix(const struct logs_view *view, const struct log_line *line, FILE *stream)
{
	char time[TIME_TEXT_MAX];

	if (view->opts->color)
		(void)fprintf(stream, "\033[%dm", color_of(line->container));
	if (view->opts->names && line->container->name != NULL)
		(void)fprintf(stream, "%s ", line->container->name);
	else if (view->several)
		(void)fprintf(stream, "%.*s ", OBJECT_ID_SHORT, line->container->id.text);
	if (view->opts->timestamps) {
		time_format_rfc3339(line->time_ns, time);
		(void)fprintf(stream, "%s ", time);
	}
}

static int print_line(void *arg, const struct log_line *line)
{
	struct logs_view *view = arg;

	if (line == NULL) /* nobody shall wait for what is known */
		return fflush(stdout) == 0 ? 0 : -EPIPE;
	FILE *stream = line->is_stderr ? stderr : stdout;
	size_t which = line->is_stderr;

	/* both may go to one place: they stay in their order */
	if (line->is_stderr)
		(void)fflush(stdout);

	/* a line that was begun by another container cannot be continued */
	if (view->open[which] && view->last[which] != line->container) {
		(void)fputc('\n', stream);
		view->open[which] = false;
	}
	if (!view->open[which])
		print_prefix(view, line, stream);
	(void)fwrite(line->text, 1, line->length, stream);
	if (!line->partial)
		(void)fputs(view->opts->color ? "\033[0m\n" : "\n", stream);
	view->open[which] = line->partial;
	view->last[which] = line->container;
	if (line->is_stderr)
		(void)fflush(stream);
	return ferror(stream) ? -EPIPE : 0;
}

static int parse_bound(const char *name, const char *text, int64_t *ret_ns, struct err *err)
{
	if (text == NULL || parse_time(text, ret_ns) == 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "invalid argument '%s' for '--%s': a time or a duration is wanted", text,
		       name);
}

static int parse_tail(const char *text, int64_t *ret_tail, struct err *err)
{
	if (text == NULL || str_equal(text, "all")) {
		*ret_tail = -1;
		return 0;
	}
	if (parse_i64(text, ret_tail) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid argument '%s' for '--tail': a number or all is wanted",
			       text);
	if (*ret_tail < 0)
		*ret_tail = -1;
	return 0;
}

static int logs_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct logs_opts *opts = opts_;
	cleanup_selection struct selection selection = { NULL, 0, 0, 0 };
	const struct select_request request = { .args = args, .latest = opts->latest };

	if (parse_bound("since", opts->since, &opts->logs.since_ns, err) < 0 ||
	    parse_bound("until", opts->until, &opts->logs.until_ns, err) < 0 ||
	    parse_tail(opts->tail, &opts->logs.tail, err) < 0)
		return -1;
	if (select_containers(cli, &request, &selection, err) < 0)
		return -1;
	if (selection.count == 0)
		return selection.status;

	cleanup_free struct container **containers =
		xcalloc(selection.count, sizeof(struct container *));
	struct logs_view view = { .opts = &opts->logs, .several = selection.count > 1 };

	for (size_t i = 0; i < selection.count; i++)
		containers[i] = selection.items[i].container;
	if (container_logs(cli->engine, containers, selection.count, &opts->logs, print_line, &view,
			   err) < 0)
		return -1;
	return selection.status;
}

static const struct opt logs_opts[] = {
	OPT_FLAG('f', "follow", struct logs_opts, logs.follow, "go on until the container ends"),
	OPT_FLAG('t', "timestamps", struct logs_opts, logs.timestamps, "time of each line"),
	OPT_FLAG('n', "names", struct logs_opts, logs.names, "name of the container of each line"),
	OPT_FLAG(0, "color", struct logs_opts, logs.color, "a color for each container"),
	OPT_STRING(0, "since", struct logs_opts, since, "TIME", "from this time on"),
	OPT_STRING(0, "until", struct logs_opts, until, "TIME", "up to this time"),
	OPT_STRING(0, "tail", struct logs_opts, tail, "N", "only the last N lines"),
	OPT_FLAG('l', "latest", struct logs_opts, latest, "the container created last"),
	OPT_REFUSED(0, "details", "log lines have no more attributes"),
	OPT_END
};

const struct cmd cmd_logs = {
	.paths = { "logs", "container logs" },
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Show what containers have written",
	.section = SECTION_LOOK,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.opts = logs_opts,
	.opts_size = sizeof(struct logs_opts),
	.run = logs_run,
};
