/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/generate.c - `generate systemd`: a unit for a container
 *
 * Without --new the unit starts and stops the container that is there; the monitor's process is the service's. With --new it makes a
 * container at each start, by the command line that made this one, and removes it at the end.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/unit.h"
#include "engine/container.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* a container has its own time to stop; the service manager waits this much longer */
#define STOP_RESERVE_S 60
#define STOP_DEFAULT_S 10
#define ID_FILE	       "%t/%n.ctr-id"

static const char *const restart_words[] = { "no",	    "on-success",  "on-failure",
					     "on-abnormal", "on-watchdog", "on-abort",
					     "always",	    NULL };
static const char *const format_words[] = { "json", NULL };

struct generate_opts {
	bool files, name, make_new, no_header, template;
	char *container_prefix, *separator, *restart_policy, *format;
	struct strv after, wants, requires, env;
	int64_t restart_s, start_s, stop_s; /* -1: not given */
};

struct unit {
	const struct generate_opts *opts;
	const struct container *container;
	char *name, *program;
	struct strv globals; /* options of this call that stand before the command */
	int64_t stop_s;
	struct strbuf *out;
};

static void add_words(struct strbuf *out, const struct strv *words)
{
	for (size_t i = 0; i < words->count; i++) {
		strbuf_addc(out, ' ');
		unit_add_word(out, words->items[i]);
	}
}

static void add_program(const struct unit *unit, const char *key, const char *command)
{
	strbuf_addf(unit->out, "%s=", key);
	unit_add_word(unit->out, unit->program);
	add_words(unit->out, &unit->globals);
	strbuf_addf(unit->out, " %s", command);
}

/* The options of this call before its command: where the store is, above all. */
static void find_globals(struct cli *cli, struct unit *unit)
{
	char *const *words = strv_argv(&cli->command_line) + 1;
	cleanup_strv struct strv option_words = STRV_INIT;
	struct unit_option option = { NULL, NULL, STRV_INIT };
	size_t cluster = 0;

	while (unit_next_option(global_rows_of(cli), &words, &cluster, &option) > 0)
		strv_add_all(&unit->globals, &option.words);
	strv_release(&option.words);
}

/* ---- the command line of --new ---------------------------------------------------------------------------------------- */

/* What the unit says itself, or what would get in its way. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { "detach",	"rm",	       "replace",	 "cidfile",
					     "cgroups", "rmi",	       "conmon-pidfile", "pidfile",
					     "restart", "detach-keys", "attach" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_equal(names[i], name))
			return true;
	}
	return false;
}

static int not_known(const struct unit *unit, const char *why, struct err *err)
{
	err_set(err, ERR_STATE, "cannot make a unit that makes container '%s' anew: %s",
		unit->container->name, why);
	return err_hint(err, "Leave --new out, or create the container with `dhow create`.");
}

struct run_line {
	struct strv options, args; /* args: image and command */
	bool has_name, has_notify;
};

static int read_line(struct unit *unit, struct run_line *line, struct err *err)
{
	cleanup_strv struct strv all = STRV_INIT;
	struct unit_option option = { NULL, NULL, STRV_INIT };
	struct unit_option global = { NULL, NULL, STRV_INIT };
	size_t cluster = 0;
	const struct cmd *cmd;
	const char *path;
	const struct noun *noun;
	int status;

	(void)json_get_strv(json_object_get(unit->container->create, "asked"), "commandLine", &all);
	if (all.count < 2)
		return not_known(unit, "the command that made it is not on record", err);

	char *const *words = strv_argv(&all) + 1;

	while ((status = unit_next_option(docker_global_rows, &words, &cluster, &global)) > 0)
		;
	strv_release(&global.words);

	size_t used = status == 0 ? commands_find(words, &cmd, &path, &noun) : 0;

	if (used == 0 || (!str_equal(cmd->paths[0], "run") && !str_equal(cmd->paths[0], "create")))
		return not_known(unit, "it was not made by `run` or `create`", err);
	words += used;
	while ((status = unit_next_option(cmd->opts, &words, &cluster, &option)) > 0) {
		if (is_ours(option.name))
			continue;
		line->has_notify |= str_equal(option.name, "sdnotify");
		if (str_equal(option.name, "name")) {
			line->has_name = true;
			if (unit->opts->template) {
				strv_add(&line->options, "--name");
				strv_addf(&line->options, "%s-%%i", option.value);
				continue;
			}
		}
		strv_add_all(&line->options, &option.words);
	}
	strv_release(&option.words);
	/* options that stand before the command, among those of the command */
	if (status < 0)
		return not_known(unit, "the command that made it cannot be read", err);
	for (; *words != NULL; words++)
		strv_add(&line->args, *words);
	return 0;
}

static int write_run(struct unit *unit, struct err *err)
{
	struct run_line line = { STRV_INIT, STRV_INIT, false, false };
	int status = read_line(unit, &line, err);
	struct strbuf *out = unit->out;
	bool after_name = false;

	if (status == 0) {
		add_program(unit, "ExecStart", "run");
		strbuf_adds(out,
			    " \\\n\t--cidfile=" ID_FILE " \\\n\t--cgroups=no-conmon \\\n\t--rm");
		if (!line.has_notify)
			strbuf_adds(out, " \\\n\t--sdnotify=conmon");
		if (line.has_name || unit->opts->name)
			strbuf_adds(out, " \\\n\t--replace");
		strbuf_adds(out, " \\\n\t-d");
		if (!line.has_name && unit->opts->name) {
			strbuf_adds(out, " \\\n\t--name ");
			unit_add_word(out, unit->container->name);
			strbuf_adds(out, unit->opts->template ? "-%i" : "");
		}
		for (size_t i = 0; i < line.options.count; i++) {
			const char *word = line.options.items[i];

			/* an option and its value stay on one line */
			strbuf_adds(out, word[0] == '-' && !after_name ? " \\\n\t" : " ");
			if (after_name && unit->opts->template)
				unit_add_raw_word(out, word);
			else
				unit_add_word(out, word);
			after_name = str_equal(word, "--name");
		}
		add_words(out, &line.args);
		strbuf_addc(out, '\n');
	}
	strv_release(&line.options);
	strv_release(&line.args);
	return status;
}

/* ---- the unit --------------------------------------------------------------------------------------------------------- */

static void add_list(struct strbuf *out, const char *key, const struct strv *values)
{
	if (values->count == 0)
		return;

	cleanup_free char *joined = strv_join(values, " ");

	strbuf_addf(out, "%s=%s\n", key, joined);
}

static void write_head(const struct unit *unit)
{
	struct strbuf *out = unit->out;
	const struct generate_opts *opts = unit->opts;
	char date[64] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%a %b %e %H:%M:%S UTC %Y", &tm);
	if (!opts->no_header)
		strbuf_addf(out, "# %s.service\n# autogenerated by dhow " DHOW_VERSION "\n# %s\n\n",
			    unit->name, date);
	strbuf_addf(out,
		    "[Unit]\nDescription=dhow %s.service\n"
		    "Documentation=man:dhow-generate-systemd(1)\n"
		    "Wants=network-online.target\nAfter=network-online.target\n",
		    unit->name);
	add_list(out, "Wants", &opts->wants);
	add_list(out, "After", &opts->after);
	add_list(out, "Requires", &opts->requires);
}

static void write_environment(const struct unit *unit)
{
	strbuf_adds(unit->out, "Environment=PODMAN_SYSTEMD_UNIT=%n\n");
	for (size_t i = 0; i < unit->opts->env.count; i++) {
		const char *item = unit->opts->env.items[i];
		const char *value = strchr(item, '=') == NULL ? getenv(item) : NULL;
		cleanup_free char *whole = strchr(item, '=') != NULL
						   ? xstrdup(item)
						   : xasprintf("%s=%s", item, value ? value : "");

		strbuf_adds(unit->out, "Environment=");
		unit_add_word(unit->out, whole);
		strbuf_addc(unit->out, '\n');
	}
}

/* What systemd does when the container ends: as asked, else as the container itself would, else after failures. */
static const char *restart_word(const struct unit *unit)
{
	const char *own = json_get_string(unit->container->create, "no", "restart", "policy", NULL);

	if (unit->opts->restart_policy != NULL)
		return unit->opts->restart_policy;
	if (!unit->opts->make_new || str_equal(own, "no") || str_equal(own, "on-failure"))
		return "on-failure";
	return "always";
}

static int write_unit(struct cli *cli, struct unit *unit, struct err *err)
{
	struct strbuf *out = unit->out;
	const struct generate_opts *opts = unit->opts;
	const struct container *container = unit->container;
	const char *what = opts->name ? container->name : container->id.text;

	write_head(unit);
	strbuf_adds(out, "RequiresMountsFor=");
	unit_add_word(out, cli->engine->store->root_path);
	strbuf_adds(out, "\n\n[Service]\n");
	write_environment(unit);
	strbuf_addf(out, "Restart=%s\n", restart_word(unit));
	if (opts->restart_s >= 0)
		strbuf_addf(out, "RestartSec=%" PRId64 "\n", opts->restart_s);
	if (opts->start_s >= 0)
		strbuf_addf(out, "TimeoutStartSec=%" PRId64 "\n", opts->start_s);
	strbuf_addf(out, "TimeoutStopSec=%" PRId64 "\n", unit->stop_s + STOP_RESERVE_S);
	if (opts->make_new) {
		if (write_run(unit, err) < 0)
			return -1;
		add_program(unit, "ExecStop", "stop");
		strbuf_addf(out, " \\\n\t--ignore -t %" PRId64 " \\\n\t--cidfile=%s\n",
			    unit->stop_s, ID_FILE);
		add_program(unit, "ExecStopPost", "rm");
		strbuf_addf(out, " \\\n\t-f \\\n\t--ignore -t %" PRId64 " \\\n\t--cidfile=%s\n",
			    unit->stop_s, ID_FILE);
		strbuf_adds(out, "Type=notify\nNotifyAccess=all\n");
	} else {
		cleanup_free char *pid_file = container_pid_file(cli->engine, container);

		add_program(unit, "ExecStart", "start ");
		unit_add_word(out, what);
		for (int i = 0; i < 2; i++) {
			strbuf_addc(out, '\n');
			add_program(unit, i == 0 ? "ExecStop" : "ExecStopPost", "stop");
			strbuf_addf(out, " \\\n\t-t %" PRId64 " ", unit->stop_s);
			unit_add_word(out, what);
		}
		strbuf_adds(out, "\nPIDFile=");
		unit_add_word(out, pid_file);
		strbuf_adds(out, "\nType=forking\n");
	}
	strbuf_adds(out, "\n[Install]\nWantedBy=default.target\n");
	return 0;
}

static int write_file(const struct unit *unit, char **ret_path, struct err *err)
{
	cleanup_free char *cwd = getcwd(NULL, 0);
	cleanup_free char *path = xasprintf("%s/%s.service", cwd != NULL ? cwd : ".", unit->name);
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, errno, "cannot write the unit '%s'", path);

	int status = fd_write_full(fd, unit->out->data, unit->out->length);

	if (status < 0)
		return err_sys(err, -status, "cannot write the unit '%s'", path);
	*ret_path = TAKE_PTR(path);
	return 0;
}

static int print_unit(const struct unit *unit, struct err *err)
{
	const struct generate_opts *opts = unit->opts;
	cleanup_free char *path = NULL;
	cleanup_json json_t *object = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (opts->files && write_file(unit, &path, err) < 0)
		return -1;
	if (opts->format == NULL) {
		(void)fputs(path != NULL ? path : unit->out->data, stdout);
		if (path != NULL)
			(void)fputc('\n', stdout);
		return 0;
	}
	json_put_string(object, unit->name, path != NULL ? path : unit->out->data);
	json_print(object, 4, &text);
	(void)puts(text.data);
	return 0;
}

static bool is_word(const char *text, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (str_equal(text, *words))
			return true;
	}
	return false;
}

static int check(const struct generate_opts *opts, struct err *err)
{
	if (opts->restart_policy != NULL && !is_word(opts->restart_policy, restart_words)) {
		err_set(err, ERR_USAGE, "invalid argument '%s' for '--restart-policy'",
			opts->restart_policy);
		return err_hint(err,
				"It can be no, on-success, on-failure, on-abnormal, on-watchdog, "
				"on-abort, always.");
	}
	if (opts->format != NULL && !is_word(opts->format, format_words))
		return err_set(err, ERR_USAGE,
			       "invalid argument '%s' for '--format': it can be json",
			       opts->format);
	return 0;
}

static int generate_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct generate_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct unit unit = { .opts = opts, .out = &out };
	int status;

	if (check(opts, err) < 0)
		return -1;
	/* a template makes containers: there is no one container for its instances */
	opts->make_new |= opts->template;
	if (container_get(cli->engine, args->items[0], &container, err) < 0)
		return -1;
	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT, "the record of container '%s' is damaged",
			       args->items[0]);
	unit.container = container;
	unit.stop_s = opts->stop_s >= 0 ? opts->stop_s
					: json_get_int(container->create, STOP_DEFAULT_S, "stop",
						       "timeoutS", NULL);
	unit.name = xasprintf("%s%s%s%s", opts->container_prefix,
			      *opts->container_prefix != '\0' ? opts->separator : "",
			      opts->name ? container->name : container->id.text,
			      opts->template ? "@" : "");
	status = unit_program(&unit.program, err);
	if (status == 0) {
		find_globals(cli, &unit);
		status = write_unit(cli, &unit, err);
	}
	if (status == 0)
		status = print_unit(&unit, err);
	free(unit.name);
	free(unit.program);
	strv_release(&unit.globals);
	return status;
}

#define T struct generate_opts
static const struct opt generate_opts[] = {
	OPT_LIST(0, "after", T, after, "UNIT", "start after this unit"),
	OPT_STRING(0, "container-prefix", T, container_prefix, "TEXT", "how names of units begin"),
	OPT_LIST('e', "env", T, env, "NAME[=VALUE]", "a variable of the service"),
	OPT_FLAG('f', "files", T, files,
		 "write files into the current directory, print their paths"),
	OPT_STRING_OF(0, "format", T, format, "FORMAT", format_words, "json"),
	OPT_FLAG('n', "name", T, name, "use the container's name, not its id"),
	OPT_FLAG(0, "new", T, make_new, "make a container at each start, remove it at the end"),
	OPT_FLAG(0, "no-header", T, no_header, "without the lines that tell what made it"),
	OPT_LIST(0, "requires", T, requires, "UNIT", "a unit without which it cannot run"),
	OPT_STRING_OF(0, "restart-policy", T, restart_policy, "POLICY", restart_words,
		      "when systemd starts it again: no, on-failure, always and others"),
	OPT_SECONDS(0, "restart-sec", T, restart_s, "SECONDS", "wait before a restart"),
	OPT_STRING(0, "separator", T, separator, "TEXT", "stands between prefix and name"),
	OPT_SECONDS(0, "start-timeout", T, start_s, "SECONDS", "time that a start may take"),
	OPT_SECONDS('t', "stop-timeout", T, stop_s, "SECONDS", "time that a stop may take"),
	OPT_FLAG(0, "template", T, template, "a unit for several instances: NAME@.service"),
	OPT_LIST(0, "wants", T, wants, "UNIT", "a unit that is started along"),
	OPT_ALIAS("time", "stop-timeout"),
	OPT_REFUSED_VALUE(0, "pod-prefix", "there are no pods"),
	OPT_END
};

const struct cmd cmd_generate_systemd = {
	.paths = { "generate systemd" },
	.synopsis = "CONTAINER",
	.help = "Write a unit of systemd for a container",
	.examples = "  dhow generate systemd --new --files --name web\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_STORE,
	.opts = generate_opts,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .container_prefix = (char *)"container",
				.separator = (char *)"-",
				.restart_s = -1,
				.start_s = -1,
				.stop_s = -1 },
	.run = generate_run,
};
