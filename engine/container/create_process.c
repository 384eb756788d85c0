/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_process.c - what runs, as whom, where: from the options and the image
 *
 * Image metadata is data (R16): it gives defaults for program, environment, user, working directory, volumes, ports, stop signal and labels, and
 * nothing else.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "engine/container/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define FILE_LIMIT_BYTES (4U << 20)

/* --entrypoint: a JSON list, or one word. */
static int entrypoint_parse(const char *text, struct strv *words, struct err *err)
{
	if (*text == '\0')
		return 0;
	if (*text != '[') {
		strv_add(words, text);
		return 0;
	}
	struct err ignored = { 0 };
	cleanup_json json_t *list = json_parse(text, strlen(text), "--entrypoint", &ignored);
	cleanup_json json_t *holder = json_object();

	json_object_set(holder, "words", list);
	if (list == NULL || json_get_strv(holder, "words", words) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid --entrypoint '%s': it is no JSON list of strings", text);
	return 0;
}

static int process_argv(struct create *create, const struct strv *argv, struct err *err)
{
	const struct container_create_opts *opts = create->opts;

	if (opts->entrypoint != NULL) {
		if (entrypoint_parse(opts->entrypoint, &create->argv, err) < 0)
			return -1;
	} else if (json_get_strv(create->image_process, "Entrypoint", &create->argv) < 0) {
		return err_set(err, ERR_CORRUPT,
			       "the entrypoint of image '%s' is no list of strings",
			       create->image->config.text);
	}
	json_put_strv(create->record, "entrypoint", &create->argv);

	/* The image's CMD belongs to the image's ENTRYPOINT: another entrypoint drops it, as docker does. */
	if (argv->count > 0)
		strv_add_all(&create->argv, argv);
	else if (opts->entrypoint == NULL &&
		 json_get_strv(create->image_process, "Cmd", &create->argv) < 0)
		return err_set(err, ERR_CORRUPT, "the command of image '%s' is no list of strings",
			       create->image->config.text);

	if (create->argv.count == 0 || create->argv.items[0][0] == '\0') {
		err_set(err, ERR_USAGE, "no command was given, and the image has none");
		return err_hint(err, "Write the command behind the image: dhow run IMAGE COMMAND.");
	}
	return 0;
}

/* NAME or NAME=VALUE lines of a --label-file. */
static int labels_from_file(const char *path, struct strv *labels, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv lines = STRV_INIT;
	int rc = fd_read_file(AT_FDCWD, path, &text, FILE_LIMIT_BYTES);

	if (rc < 0)
		return err_sys(err, -rc, "cannot read the label file '%s'", path);
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *line = lines.items[i] + strspn(lines.items[i], " \t");

		if (*line != '\0' && *line != '#')
			strv_add(labels, line);
	}
	return 0;
}

static int put_pair(json_t *object, const char *text, const char *option, struct err *err)
{
	const char *equal = strchr(text, '=');
	cleanup_free char *key =
		equal == NULL ? xstrdup(text) : xstrndup(text, (size_t)(equal - text));

	if (*key == '\0')
		return err_set(err, ERR_USAGE, "invalid %s '%s': the name is empty", option, text);
	json_object_set_new(object, key, json_text(equal == NULL ? "" : equal + 1));
	return 0;
}

static int process_labels(struct create *create, struct err *err)
{
	cleanup_strv struct strv labels = STRV_INIT;
	json_t *object = json_object();

	json_put(create->record, KEY_LABELS, object);
	json_object_update(object, json_object_get(create->image_process, "Labels"));
	for (size_t i = 0; i < create->opts->label_files.count; i++)
		if (labels_from_file(create->opts->label_files.items[i], &labels, err) < 0)
			return -1;
	/* by it, auto-update finds the service whose restart makes the container anew */
	if (!str_is_empty(getenv(SYSTEMD_UNIT_LABEL)))
		strv_addf(&labels, SYSTEMD_UNIT_LABEL "=%s", getenv(SYSTEMD_UNIT_LABEL));
	strv_add_all(&labels, &create->opts->labels);
	for (size_t i = 0; i < labels.count; i++)
		if (put_pair(object, labels.items[i], "--label", err) < 0)
			return -1;

	json_t *annotations = json_object();
	json_put(create->record, "annotations", annotations);
	for (size_t i = 0; i < create->opts->annotations.count; i++) {
		if (strchr(create->opts->annotations.items[i], '=') == NULL)
			return err_set(err, ERR_USAGE,
				       "invalid --annotation '%s': it must be NAME=VALUE",
				       create->opts->annotations.items[i]);
		if (put_pair(annotations, create->opts->annotations.items[i], "--annotation", err) <
		    0)
			return -1;
	}
	json_object_set(create->spec, "annotations", annotations);
	return 0;
}

static int process_cwd(struct create *create, struct err *err)
{
	const char *image_cwd = json_get_string(create->image_process, "", "WorkingDir", NULL);
	const char *cwd = create->opts->workdir;
	json_t *runtime = json_object_get(create->record, KEY_RUNTIME);

	if (cwd != NULL && cwd[0] != '/')
		return err_set(err, ERR_USAGE, "invalid --workdir '%s': the path must be absolute",
			       cwd);
	/* A relative WORKDIR of an image counts from the root. */
	cleanup_free char *absolute =
		cwd != NULL ? xstrdup(cwd)
			    : xasprintf("%s%s", image_cwd[0] == '/' ? "" : "/", image_cwd);

	json_put_bool(runtime, KEY_CREATE_CWD, cwd == NULL);
	json_put_string(create_spec_object(create, "process"), "cwd", absolute);
	return 0;
}

/* systemd as the program: by its name, as podman decides it. */
static bool argv_is_systemd(const struct strv *argv)
{
	static const char *const names[] = { "/sbin/init", "/usr/sbin/init",
					     "/usr/local/sbin/init" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal(argv->items[0], names[i]))
			return true;
	return str_equal(argv->items[0], "systemd") || str_ends_with(argv->items[0], "/systemd");
}

static int process_systemd(struct create *create, struct err *err)
{
	const char *mode = create->opts->systemd;
	bool on;

	if (str_equal_null(mode, "always"))
		create->systemd = true;
	else if (mode == NULL || (parse_bool(mode, &on) == 0 && on))
		create->systemd = argv_is_systemd(&create->argv);
	else if (parse_bool(mode, &on) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid --systemd '%s': it must be true, false or always", mode);

	if (create->systemd && create->opts->init)
		return err_set(err, ERR_USAGE,
			       "--init and --systemd exclude each other: systemd is an init");
	return 0;
}

static int process_stop(struct create *create, struct err *err)
{
	const char *text =
		create->opts->stop_signal != NULL
			? create->opts->stop_signal
			: json_get_string(create->image_process, NULL, "StopSignal", NULL);
	int number = create->systemd ? SIGRTMIN + 3 : SIGTERM;
	int64_t timeout_s = 10;

	if (text != NULL && *text != '\0' && parse_signal(text, &number) < 0) {
		if (create->opts->stop_signal != NULL)
			return err_set(err, ERR_USAGE,
				       "invalid --stop-signal '%s': there is no such signal", text);
		return err_set(err, ERR_CORRUPT, "the image's stop signal '%s' is no signal", text);
	}
	if (create->opts->stop_timeout != NULL &&
	    parse_seconds(create->opts->stop_timeout, true, &timeout_s) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid --stop-timeout '%s': it must be a number of seconds",
			       create->opts->stop_timeout);

	json_t *stop = json_object();
	json_put_int(stop, KEY_SIGNAL, number);
	json_put_int(stop, "timeoutS", timeout_s);
	json_put(create->record, KEY_STOP, stop);
	return 0;
}

static int process_user(struct create *create, struct err *err)
{
	const char *user = create->opts->user != NULL
				   ? create->opts->user
				   : json_get_string(create->image_process, "", "User", NULL);
	json_t *runtime = json_object_get(create->record, KEY_RUNTIME);

	(void)err;
	/* keep-id runs as the caller unless somebody else was asked for; create_namespaces() knows the numbers */
	json_put_string(runtime, KEY_USER, *user == '\0' ? NULL : user);
	json_put_string(create->record, "imageUser",
			json_get_string(create->image_process, "", "User", NULL));
	json_put_bool(runtime, KEY_SET_HOME, true);
	json_put_strv(runtime, KEY_GROUP_ADD, &create->opts->group_add);
	return 0;
}

static int process_umask(struct create *create, struct err *err)
{
	mode_t mask = 0022;

	if (create->opts->umask != NULL &&
	    (parse_mode(create->opts->umask, &mask) < 0 || mask > 0777))
		return err_set(err, ERR_USAGE,
			       "invalid --umask '%s': it must be octal, 0000 to 0777",
			       create->opts->umask);
	json_t *user = json_object();

	json_put_int(user, "uid", 0);
	json_put_int(user, "gid", 0);
	json_put_int(user, "umask", mask);
	json_put(create_spec_object(create, "process"), "user", user);
	return 0;
}

int create_process(struct create *create, const struct strv *argv, struct err *err)
{
	json_t *process = create_spec_object(create, "process");

	if (process_argv(create, argv, err) < 0 || process_labels(create, err) < 0 ||
	    process_cwd(create, err) < 0 || process_systemd(create, err) < 0 ||
	    process_stop(create, err) < 0 || process_user(create, err) < 0 ||
	    process_umask(create, err) < 0)
		return -1;

	create->terminal = create->opts->tty;
	json_put_bool(process, "terminal", create->terminal);
	json_put_strv(process, "args", &create->argv);
	json_put_strv(create->record, KEY_ARGV, &create->argv);
	json_put_bool(create->record, KEY_TERMINAL, create->terminal);
	json_put_bool(create->record, KEY_INTERACTIVE, create->opts->interactive);
	return 0;
}
