/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/doctor.c - `system doctor` and `config check`: what is wrong with this machine and its files, a line a finding
 *
 * The store is opened by the doctor itself: that it cannot be opened is a finding like others.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "engine/config.h"
#include "engine/doctor.h"

#include <stdio.h>
#include <unistd.h>

/* ---- both --------------------------------------------------------------------------------------------------------------- */

struct report_opts {
	char *format;
	bool quiet;
};

struct report {
	json_t *list; /* NULL: lines */
	bool quiet, colour;
};

static const struct opt report_rows[] = {
	OPT_STRING('f', "format", struct report_opts, format, "FORMAT", "json: a list"),
	OPT_FLAG('q', "quiet", struct report_opts, quiet, "only what is wrong"), OPT_END
};

static int report_begin(const struct report_opts *opts, struct report *report, struct err *err)
{
	const char *no_colour = getenv("NO_COLOR");

	if (opts->format != NULL && !str_equal(opts->format, "json"))
		return err_set(err, ERR_USAGE, "invalid --format '%s': it can be json",
			       opts->format);
	report->list = opts->format != NULL ? json_array() : NULL;
	report->quiet = opts->quiet;
	report->colour = str_is_empty(no_colour) && isatty(STDOUT_FILENO);
	return 0;
}

static void report_end(struct report *report)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (report->list == NULL)
		return;
	json_print(report->list, 2, &out);
	(void)printf("%s\n", out.data);
	json_decref(report->list);
}

/* Text of others on a terminal. */
static void put_escaped(const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	strbuf_add_escaped(&out, text);
	(void)fputs(out.data, stdout);
}

/* ---- doctor ------------------------------------------------------------------------------------------------------------- */

static void print_finding(void *arg, const struct doctor_finding *finding)
{
	static const char *const colours[] = { "\033[32m", "\033[36m", "\033[33m", "\033[31m" };
	const struct report *report = arg;
	const char *level = doctor_level_name((int)finding->level);

	if (report->quiet && finding->level == DOCTOR_OK)
		return;
	if (report->list != NULL) {
		json_t *object = json_object();

		json_put_string(object, "check", finding->check);
		json_put_string(object, "level", level);
		json_put(object, "message", json_text(finding->text));
		json_put(object, "cure", json_text(finding->cure));
		json_array_append_new(report->list, object);
		return;
	}
	(void)printf("%s%-4s%s  %s: ", report->colour ? colours[finding->level] : "", level,
		     report->colour ? "\033[0m" : "", finding->check);
	put_escaped(finding->text);
	if (*finding->cure != '\0') {
		(void)fputs(" -- cure: ", stdout);
		put_escaped(finding->cure);
	}
	(void)putchar('\n');
	(void)fflush(stdout);
}

static int doctor_command(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	struct report report;

	if (report_begin(opts, &report, err) < 0)
		return -1;

	enum doctor_level worst = doctor_run(&cli->options, print_finding, &report);

	report_end(&report);
	return worst == DOCTOR_FAIL ? 1 : 0;
}

const struct cmd cmd_system_doctor = {
	.paths = { "system doctor" },
	.synopsis = "",
	.help = "Look for what keeps containers from running, and tell what cures it",
	.section = SECTION_NONE,
	.opts = report_rows,
	.opts_size = sizeof(struct report_opts),
	.run = doctor_command,
};

/* ---- config check --------------------------------------------------------------------------------------------------------- */

static void print_config(void *arg, const struct config_finding *finding)
{
	const struct report *report = arg;

	if (report->list != NULL) {
		json_t *object = json_object();

		json_put(object, "file", json_text(finding->file));
		json_put_int(object, "line", finding->line);
		json_put_string(object, "level", finding->warning ? "warn" : "fail");
		json_put(object, "message", json_text(finding->text));
		json_put(object, "cure", json_text(finding->hint));
		json_array_append_new(report->list, object);
		return;
	}
	put_escaped(finding->file);
	if (finding->line > 0)
		(void)printf(":%u", finding->line);
	(void)printf(": %s", finding->warning ? "warning: " : "");
	put_escaped(finding->text);
	if (*finding->hint != '\0') {
		(void)fputs(" -- cure: ", stdout);
		put_escaped(finding->hint);
	}
	(void)putchar('\n');
}

static void print_visit(void *arg, const char *file, const char *kind)
{
	const struct report *report = arg;

	if (report->list != NULL || report->quiet)
		return;
	put_escaped(file);
	(void)printf(": %s\n", kind);
}

static int config_command(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	struct report report;
	const struct config_check check = { print_config, print_visit, &report };
	int errors = 0;

	if (report_begin(opts, &report, err) < 0)
		return -1;
	if (args->count == 0)
		errors = config_check_all(&check);
	for (size_t i = 0; i < args->count && errors >= 0; i++) {
		int more = config_check_file(&check, args->items[i], err);

		errors = more < 0 ? -1 : errors + more;
	}
	report_end(&report);
	return errors < 0 ? -1 : errors > 0;
}

const struct cmd cmd_config_check = {
	.paths = { "config check" },
	.synopsis = "[FILE...]",
	.help = "Check registries.conf, policy.json, credentials and seccomp profiles",
	.section = SECTION_NONE,
	.max_args = -1,
	.complete = COMPLETE_FILES,
	.opts = report_rows,
	.opts_size = sizeof(struct report_opts),
	.run = config_command,
};
