/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/runtime_main.c - dhow-runtime: our runtime with the command line that other engines expect of runc and crun
 *
 * One table of commands; each parses its own options and calls a function of runtime_state.h. Messages go to stderr, or to --log in
 * text or JSON.
 */
#include "engine/runtime/runtime_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/runtime.h"
#include "rootless/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct context {
	struct runtime_options options;
	const char *log_path;
	bool log_json;
};

struct command {
	const char *name, *synopsis, *help;
	int (*run)(struct context *context, int argc, char **argv, struct err *err);
};

static int usage(struct err *err, const char *command, const char *synopsis)
{
	return err_set(err, ERR_USAGE, "usage: dhow-runtime %s %s", command, synopsis);
}

static int bad_option(struct err *err, char **argv)
{
	return err_set(err, ERR_USAGE, "unknown option '%s' of '%s', or its value is missing",
		       argv[optind > 1 ? optind - 1 : 1], argv[0]);
}

static int get_count(const char *text, int64_t *ret, struct err *err)
{
	if (parse_i64(text, ret) < 0)
		return err_set(err, ERR_USAGE, "'%s' is not a number", text);
	return 0;
}

static int print_json(json_t *json_take)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(json_take, 2, &text);
	json_decref(json_take);
	puts(text.data);
	return 0;
}

/* ---- create, run ---- */

static int parse_create(int argc, char **argv, struct runtime_create_opts *opts,
			const char **ret_id, struct err *err)
{
	static const struct option options[] = {
		{ "bundle", required_argument, NULL, 'b' },
		{ "console-socket", required_argument, NULL, 'c' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ "preserve-fds", required_argument, NULL, 'f' },
		{ "detach", no_argument, NULL, 'd' },
		{ "keep", no_argument, NULL, 'k' },
		{ "no-pivot", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+:b:d", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			opts->bundle = optarg;
			break;
		case 'c':
			opts->console_socket = optarg;
			break;
		case 'p':
			opts->pid_file = optarg;
			break;
		case 'f':
			if (get_count(optarg, &opts->preserve_fds, err) < 0)
				return -1;
			break;
		case 'd':
			opts->detach = true;
			break;
		case 'k':
			opts->keep = true;
			break;
		case 'n':
			return err_set(err, ERR_UNSUPPORTED,
				       "--no-pivot is not supported: it lets containers out");
		default:
			return bad_option(err, argv);
		}
	}
	if (argc - optind != 1)
		return usage(err, argv[0],
			     "[--bundle DIR] [--pid-file FILE] [--console-socket "
			     "SOCKET] [--preserve-fds N] ID");
	*ret_id = argv[optind];
	return 0;
}

static int command_create(struct context *context, int argc, char **argv, struct err *err)
{
	struct runtime_create_opts opts = { 0 };
	const char *id;

	if (parse_create(argc, argv, &opts, &id, err) < 0)
		return -1;
	return runtime_command_create(&context->options, id, &opts, err);
}

static int command_run(struct context *context, int argc, char **argv, struct err *err)
{
	struct runtime_create_opts opts = { 0 };
	const char *id;

	if (parse_create(argc, argv, &opts, &id, err) < 0)
		return -1;
	return runtime_command_run(&context->options, id, &opts, err);
}

/* ---- one id ---- */

static int one_id(int argc, char **argv, const char **ret_id, struct err *err)
{
	static const struct option none[] = { { NULL, 0, NULL, 0 } };

	if (getopt_long(argc, argv, "+:", none, NULL) != -1)
		return bad_option(err, argv);
	if (argc - optind != 1)
		return usage(err, argv[0], "ID");
	*ret_id = argv[optind];
	return 0;
}

static int command_start(struct context *context, int argc, char **argv, struct err *err)
{
	const char *id;

	return one_id(argc, argv, &id, err) < 0 ? -1
						: runtime_command_start(&context->options, id, err);
}

static int command_state(struct context *context, int argc, char **argv, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	const char *id;

	if (one_id(argc, argv, &id, err) < 0 ||
	    runtime_state_load(&context->options, id, &state, err) < 0)
		return -1;
	return print_json(runtime_state_json(&state, NULL));
}

static int command_pause(struct context *context, int argc, char **argv, struct err *err)
{
	const char *id;

	if (one_id(argc, argv, &id, err) < 0)
		return -1;
	return runtime_command_freeze(&context->options, id, str_equal(argv[0], "pause"), err);
}

static int command_ps(struct context *context, int argc, char **argv, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	struct cgroup cgroup = CGROUP_INIT;
	cleanup_free pid_t *pids = NULL;
	const char *id;
	int count = 0;

	if (one_id(argc, argv, &id, err) < 0 ||
	    runtime_state_load(&context->options, id, &state, err) < 0)
		return -1;
	if (state.cgroup_path == NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot list the processes of container '%s': it has no cgroup", id);
	if (cgroup_open(state.cgroup_path, &cgroup, err) == 1)
		count = cgroup_pids(&cgroup, &pids, err);
	cgroup_release(&cgroup);
	for (int i = 0; i < count; i++)
		printf("%d\n", pids[i]);
	return count < 0 ? -1 : 0;
}

/* ---- kill, delete, list ---- */

static int command_kill(struct context *context, int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	bool all = false;
	int option;

	while ((option = getopt_long(argc, argv, "+:a", options, NULL)) != -1) {
		if (option != 'a')
			return bad_option(err, argv);
		all = true;
	}
	if (argc - optind < 1 || argc - optind > 2)
		return usage(err, argv[0], "[--all] ID [SIGNAL]");
	return runtime_command_kill(&context->options, argv[optind],
				    argc - optind == 2 ? argv[optind + 1] : "TERM", all, err);
}

static int command_delete(struct context *context, int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' },
						 { NULL, 0, NULL, 0 } };
	bool force = false;
	int option;

	while ((option = getopt_long(argc, argv, "+:f", options, NULL)) != -1) {
		if (option != 'f')
			return bad_option(err, argv);
		force = true;
	}
	if (argc - optind != 1)
		return usage(err, argv[0], "[--force] ID");
	return runtime_command_delete(&context->options, argv[optind], force, err);
}

static int command_list(struct context *context, int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "quiet", no_argument, NULL, 'q' },
						 { "format", required_argument, NULL, 'f' },
						 { NULL, 0, NULL, 0 } };
	cleanup_strv struct strv ids = STRV_INIT;
	cleanup_json json_t *list = json_array();
	bool quiet = false, as_json = false;
	int option;

	while ((option = getopt_long(argc, argv, "+:qf:", options, NULL)) != -1) {
		if (option == 'q')
			quiet = true;
		else if (option == 'f' && (str_equal(optarg, "json") || str_equal(optarg, "table")))
			as_json = str_equal(optarg, "json");
		else
			return bad_option(err, argv);
	}
	if (runtime_state_list(&context->options, &ids, err) < 0)
		return -1;
	if (!quiet && !as_json)
		printf("%-20s %-10s %-10s %-30s %s\n", "NAME", "PID", "STATUS", "BUNDLE PATH",
		       "CREATED");
	for (size_t i = 0; i < ids.count; i++) {
		cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;

		/* one that cannot be read stops nothing (P7), and one that was deleted meanwhile is gone */
		if (runtime_state_load(&context->options, ids.items[i], &state, err) < 0)
			continue;
		cleanup_json json_t *json = runtime_state_json(&state, NULL);
		if (as_json)
			json_array_append(list, json);
		else if (quiet)
			puts(state.id);
		else
			printf("%-20s %-10d %-10s %-30s %s\n", state.id,
			       (int)json_get_int(json, 0, "pid", NULL),
			       json_get_string(json, "", "status", NULL),
			       json_get_string(json, "", "bundle", NULL),
			       json_get_string(json, "", "created", NULL));
	}
	return as_json ? print_json(TAKE_PTR(list)) : 0;
}

/* ---- exec ---- */

static int command_exec(struct context *context, int argc, char **argv, struct err *err)
{
	static const struct option options[] = {
		{ "process", required_argument, NULL, 'p' },
		{ "console-socket", required_argument, NULL, 'C' },
		{ "pid-file", required_argument, NULL, 'P' },
		{ "user", required_argument, NULL, 'u' },
		{ "cwd", required_argument, NULL, 'w' },
		{ "env", required_argument, NULL, 'e' },
		{ "cap", required_argument, NULL, 'c' },
		{ "tty", no_argument, NULL, 't' },
		{ "detach", no_argument, NULL, 'd' },
		{ "no-new-privs", no_argument, NULL, 'n' },
		{ "preserve-fds", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct runtime_exec_opts opts = { 0 };
	int option;
	int r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, "+:p:u:e:c:td", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			opts.process_file = optarg;
			break;
		case 'C':
			opts.console_socket = optarg;
			break;
		case 'P':
			opts.pid_file = optarg;
			break;
		case 'u':
			opts.user = optarg;
			break;
		case 'w':
			opts.cwd = optarg;
			break;
		case 'e':
			strv_env_put(&opts.env, optarg);
			break;
		case 'c':
			strv_add(&opts.caps, optarg);
			break;
		case 't':
			opts.tty = true;
			break;
		case 'd':
			opts.detach = true;
			break;
		case 'n':
			opts.no_new_privileges = true;
			break;
		case 'f':
			r = get_count(optarg, &opts.preserve_fds, err);
			break;
		default:
			r = bad_option(err, argv);
		}
	}
	if (r == 0 && (argc - optind < 1 || (argc - optind < 2 && opts.process_file == NULL)))
		r = usage(err, argv[0], "[OPTIONS] ID COMMAND [ARGUMENT...]");
	if (r == 0) {
		opts.argv = argv + optind + 1;
		r = runtime_command_exec(&context->options, argv[optind], &opts, err);
	}
	strv_release(&opts.env);
	strv_release(&opts.caps);
	return r;
}

/* ---- spec, features, help ---- */

static int command_spec(struct context *context, int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "bundle", required_argument, NULL, 'b' },
						 { "rootless", no_argument, NULL, 'r' },
						 { NULL, 0, NULL, 0 } };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	bool rootless = false;
	int option;

	while ((option = getopt_long(argc, argv, "+:b:", options, NULL)) != -1) {
		if (option == 'b' && chdir(optarg) < 0)
			return err_sys(err, errno, "cannot enter '%s'", optarg);
		if (option == 'r')
			rootless = true;
		if (option != 'b' && option != 'r')
			return bad_option(err, argv);
	}

	cleanup_fd int fd = open("config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "cannot make 'config.json'");
	cleanup_json json_t *config = runtime_spec_new(rootless);
	json_print(config, 2, &text);
	strbuf_addc(&text, '\n');
	int r = fd_write_full(fd, text.data, text.length);
	return r < 0 ? err_sys(err, -r, "cannot write 'config.json'") : 0;
}

static int command_features(struct context *context, int argc, char **argv, struct err *err)
{
	return print_json(runtime_features());
}

static const struct command commands[] = {
	{ "create", "[OPTIONS] ID", "create a container", command_create },
	{ "start", "ID", "start a created container", command_start },
	{ "run", "[OPTIONS] ID", "create and start, and wait for the end", command_run },
	{ "state", "ID", "print the state of a container", command_state },
	{ "kill", "[--all] ID [SIGNAL]", "signal the init of a container", command_kill },
	{ "delete", "[--force] ID", "remove a container", command_delete },
	{ "exec", "[OPTIONS] ID COMMAND...", "run one more program in a container", command_exec },
	{ "list", "[--quiet] [--format table|json]", "list containers", command_list },
	{ "ps", "ID", "list the processes of a container", command_ps },
	{ "pause", "ID", "freeze a container", command_pause },
	{ "resume", "ID", "thaw a container", command_pause },
	{ "spec", "[--bundle DIR] [--rootless]", "write a config.json to start from",
	  command_spec },
	{ "features", "", "print what this runtime can do", command_features },
};

static int help(void)
{
	puts("dhow-runtime executes containers by the OCI runtime specification\n\n"
	     "usage: dhow-runtime [--root DIR] [--log FILE] [--log-format text|json]\n"
	     "                    [--cgroup-manager systemd|cgroupfs|disabled] COMMAND\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-9s %-34s %s\n", commands[i].name, commands[i].synopsis,
		       commands[i].help);
	return 0;
}

static int parse_manager(const char *text, int *ret, struct err *err)
{
	if (str_equal(text, "systemd"))
		*ret = CGROUP_MANAGER_SYSTEMD;
	else if (str_equal(text, "cgroupfs"))
		*ret = CGROUP_MANAGER_CGROUPFS;
	else if (str_equal(text, "disabled"))
		*ret = CGROUP_MANAGER_NONE;
	else
		return err_set(err, ERR_USAGE,
			       "'%s' is no cgroup manager: systemd, cgroupfs or disabled", text);
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct err *err)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "log", required_argument, NULL, 'l' },
		{ "log-format", required_argument, NULL, 'f' },
		{ "log-level", required_argument, NULL, 'L' },
		{ "cgroup-manager", required_argument, NULL, 'c' },
		{ "systemd-cgroup", no_argument, NULL, 's' },
		{ "debug", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+:vh", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			context->options.root = optarg;
			break;
		case 'l':
			context->log_path = optarg;
			break;
		case 'f':
			context->log_json = str_equal(optarg, "json");
			break;
		case 'L':
			if (str_equal(optarg, "debug"))
				debug_set_level(DEBUG_DEBUG);
			break;
		case 'c':
			if (parse_manager(optarg, &context->options.cgroup_manager, err) < 0)
				return -1;
			break;
		case 's':
			context->options.cgroup_manager = CGROUP_MANAGER_SYSTEMD;
			break;
		case 'd':
			debug_set_level(DEBUG_DEBUG);
			break;
		case 'v':
			puts("dhow-runtime version " DHOW_VERSION "\nspec: 1.2.0");
			return 0;
		case 'h':
			return help();
		default:
			return bad_option(err, argv);
		}
	}
	if (optind == argc)
		return err_set(err, ERR_USAGE, "no command: try --help");

	const char *name = argv[optind];
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!str_equal(name, commands[i].name))
			continue;
		argc -= optind;
		argv += optind;
		optind = 0;
		return commands[i].run(context, argc, argv, err);
	}
	return err_set(err, ERR_USAGE, "unknown command '%s': try --help", name);
}

static void report(const struct context *context, const struct err *err)
{
	FILE *stream = context->log_path != NULL ? fopen(context->log_path, "ae") : stderr;

	if (stream == NULL)
		stream = stderr;
	if (context->log_json) {
		char now[TIME_TEXT_MAX];
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_json json_t *json = json_object();

		time_format_rfc3339(time_now_ns(), now);
		json_put(json, "msg", json_text(err->msg));
		json_put_string(json, "level", "error");
		json_put_string(json, "time", now);
		json_print(json, 0, &text);
		fprintf(stream, "%s\n", text.data);
	} else {
		fprintf(stream, "Error: %s\n", err->msg);
		if (err->hint[0] != '\0')
			fprintf(stream, "%s\n", err->hint);
	}
	fflush(stream);
}

int main(int argc, char **argv)
{
	struct context context = { .options.cgroup_manager = CGROUP_MANAGER_AUTO };
	struct err err = { 0 };

	fd_ensure_stdio();
	int r = runtime_protect_self(argv, &err);
	if (r == 0)
		r = run(&context, argc, argv, &err);
	if (r >= 0)
		return r;
	report(&context, &err);
	return err.kind == ERR_NO_COMMAND || err.kind == ERR_CANNOT_RUN ? err_exit_status(err.kind)
									: 1;
}
