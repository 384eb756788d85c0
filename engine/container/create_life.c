/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_life.c - log, restart policy, init, time-outs, files that tell ids
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/process.h"
#include "engine/container/record.h"
#include "engine/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* A container that floods its log ends with a bounded one, also when nobody thought of it (R25). */
#define LOG_MAX_BYTES_DEFAULT (64U << 20)
#define LOG_MAX_FILES_DEFAULT 2

/* A path of the caller's, absolute from now on; NULL gives NULL. */
static char *absolute_path(const char *path)
{
	char cwd[PATH_MAX];

	if (path == NULL || path[0] == '/')
		return xstrdup_null(path);
	return xasprintf("%s/%s", getcwd(cwd, sizeof(cwd)) == NULL ? "" : cwd, path);
}

/* What docker and podman write into a tag, as templates: {{.Name}} and the like. Other templates are not known here. Yours, or NULL. */
static char *expand_tag(const struct create *create, const char *text, struct err *err)
{
	const char *image_id = create->image != NULL ? digest_hex(&create->image->config) : "";
	const char *image_name = json_get_string(create->record, "", KEY_IMAGE, KEY_NAME, NULL);
	const struct {
		const char *word, *value;
		int length;
	} words[] = {
		{ "{{.Name}}", create->name, INT_MAX },
		{ "{{.ID}}", create->id.text, OBJECT_ID_SHORT },
		{ "{{.Id}}", create->id.text, INT_MAX },
		{ "{{.FullID}}", create->id.text, INT_MAX },
		{ "{{.ImageName}}", image_name, INT_MAX },
		{ "{{.ImageID}}", image_id, OBJECT_ID_SHORT },
		{ "{{.ImageFullID}}", image_id, INT_MAX },
	};
	cleanup_strbuf struct strbuf tag = STRBUF_INIT;

	for (const char *at = text; *at != '\0';) {
		size_t i = 0;

		while (i < ARRAY_SIZE(words) && str_after(at, words[i].word) == NULL)
			i++;
		if (i < ARRAY_SIZE(words)) {
			strbuf_addf(&tag, "%.*s", words[i].length, words[i].value);
			at += strlen(words[i].word);
			continue;
		}
		if (str_after(at, "{{") != NULL || (unsigned char)*at < ' ') {
			err_set(err, ERR_USAGE, "invalid --log-opt 'tag=%s'", text);
			err_hint(err, "A tag is a text with {{.Name}}, {{.ID}}, {{.FullID}}, "
				      "{{.ImageName}}, {{.ImageID}} or {{.ImageFullID}} in it.");
			return NULL;
		}
		strbuf_addc(&tag, *at++);
	}
	return strbuf_take(&tag);
}

static int log_options(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	static const char *const drivers[] = { "k8s-file",    "json-file",	 "none",
					       "passthrough", "passthrough-tty", "journald" };
	const char *driver = opts->log_driver != NULL ? opts->log_driver : "k8s-file";
	cleanup_free char *path = NULL;
	cleanup_free char *tag = NULL;
	uint64_t max_bytes = LOG_MAX_BYTES_DEFAULT;
	uint32_t max_files = LOG_MAX_FILES_DEFAULT;
	const char *value;
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		known |= str_equal(driver, drivers[i]);
	if (!known) {
		err_set(err, ERR_USAGE, "invalid --log-driver '%s'", driver);
		return err_hint(err, "Use k8s-file, json-file, journald, none or passthrough.");
	}
	if (str_equal(driver, "passthrough") && opts->tty)
		return err_set(
			err, ERR_USAGE,
			"--log-driver passthrough cannot be used with --tty: use passthrough-tty");

	for (size_t i = 0; i < opts->log_opt.count; i++) {
		const char *text = opts->log_opt.items[i];

		if ((value = str_after(text, "path=")) != NULL && *value != '\0') {
			free(path);
			path = absolute_path(value);
		} else if ((value = str_after(text, "max-size=")) != NULL) {
			if (str_equal(value, "-1"))
				max_bytes = 0;
			else if (parse_bytes(value, &max_bytes) < 0)
				return err_set(err, ERR_USAGE,
					       "invalid --log-opt '%s': use a size such as 10mb",
					       text);
		} else if ((value = str_after(text, "max-file=")) != NULL) {
			if (parse_u32(value, &max_files) < 0 || max_files == 0 || max_files > 1000)
				return err_set(
					err, ERR_USAGE,
					"invalid --log-opt '%s': use a number from 1 to 1000",
					text);
		} else if ((value = str_after(text, "tag=")) != NULL) {
			free(tag);
			tag = expand_tag(create, value, err);
			if (tag == NULL)
				return -1;
		} else {
			err_set(err, ERR_USAGE, "invalid --log-opt '%s'", text);
			return err_hint(err,
					"Use path=FILE, max-size=SIZE, max-file=N or tag=TEXT.");
		}
	}
	if (str_equal(driver, "journald") && access(MONITOR_JOURNAL_PATH, W_OK) < 0) {
		err_sys(err, errno, "cannot use --log-driver journald: '%s'", MONITOR_JOURNAL_PATH);
		return err_hint(err, "Is systemd-journald running? --log-driver k8s-file needs "
				     "nobody.");
	}
	if (tag != NULL && !str_equal(driver, "journald"))
		return err_set(err, ERR_USAGE,
			       "--log-opt tag and --log-driver %s exclude each other: only the "
			       "entries of journald have a tag",
			       driver);
	json_t *log = json_object();

	json_put_string(log, KEY_DRIVER, driver);
	json_put_string(log, KEY_PATH, path);
	json_put_string(log, KEY_TAG, tag);
	json_put_int(log, KEY_MAX_BYTES, (int64_t)max_bytes);
	json_put_int(log, KEY_MAX_FILES, max_files);
	json_put(create->record, KEY_LOG, log);
	return 0;
}

int create_restart(struct create *create, struct err *err)
{
	const char *text = create->opts->restart != NULL ? create->opts->restart : "no";
	const char *colon = strchr(text, ':');
	cleanup_free char *policy =
		colon == NULL ? xstrdup(text) : xstrndup(text, (size_t)(colon - text));
	uint32_t max = 0;

	if (*policy == '\0' || str_equal(policy, "never")) {
		free(policy);
		policy = xstrdup("no");
	}
	if (!str_equal(policy, "no") && !str_equal(policy, "always") &&
	    !str_equal(policy, "on-failure") && !str_equal(policy, "unless-stopped")) {
		err_set(err, ERR_USAGE, "invalid --restart '%s'", text);
		return err_hint(err, "Use no, on-failure[:N], always or unless-stopped.");
	}
	if (colon != NULL && (!str_equal(policy, "on-failure") || parse_u32(colon + 1, &max) < 0))
		return err_set(err, ERR_USAGE,
			       "invalid --restart '%s': only on-failure takes a number of tries",
			       text);
	if (json_get_bool(create->record, false, KEY_REMOVE, NULL) && !str_equal(policy, "no"))
		return err_set(err, ERR_USAGE, "--rm and --restart %s exclude each other", policy);
	const char *driver = json_get_string(create->record, "", KEY_LOG, KEY_DRIVER, NULL);

	if (!str_equal(policy, "no") && str_after(driver, "passthrough") != NULL)
		return err_set(err, ERR_USAGE,
			       "--restart %s and --log-driver %s exclude each other: the streams "
			       "are gone when the container is restarted",
			       policy, driver);
	json_t *restart = json_object();

	json_put_string(restart, KEY_POLICY, policy);
	json_put_int(restart, KEY_MAX, max);
	json_put(create->record, KEY_RESTART, restart);
	return 0;
}

static int init_option(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	cleanup_free char *path = NULL;

	if (!opts->init && opts->init_path == NULL)
		return 0;
	if (opts->init_path != NULL)
		path = absolute_path(opts->init_path);
	else
		path = xasprintf("%s/init", process_libexec_dir());
	if (access(path, X_OK) < 0)
		return err_set(err, ERR_NOT_FOUND,
			       "cannot use '%s' as the init of the container: it is not there or "
			       "cannot be executed",
			       path);
	if (opts->init)
		json_put_string(json_object_get(create->record, KEY_RUNTIME), KEY_INIT_PATH, path);
	return 0;
}

/* "healthy" is checked by create_health(), which knows whether there is a check. */
static int sdnotify_option(struct create *create, struct err *err)
{
	static const char *const modes[] = { "container", "conmon", "healthy", "ignore" };
	const char *mode = create->opts->sdnotify != NULL ? create->opts->sdnotify : modes[0];

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (str_equal(mode, modes[i])) {
			json_put_string(create->record, KEY_SDNOTIFY, mode);
			return 0;
		}
	}
	err_set(err, ERR_USAGE, "invalid --sdnotify '%s'", mode);
	return err_hint(err, "Use container, conmon, healthy or ignore.");
}

int create_life(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	cleanup_free char *cid_file = absolute_path(opts->cidfile);
	cleanup_free char *pid_file = absolute_path(opts->pidfile);
	cleanup_free char *conmon_pid_file = absolute_path(opts->conmon_pidfile);

	json_put_bool(create->record, KEY_REMOVE, opts->rm);
	if (log_options(create, err) < 0 || create_restart(create, err) < 0 ||
	    init_option(create, err) < 0 || sdnotify_option(create, err) < 0)
		return -1;
	json_put_bool(create->record, KEY_REMOVE_IMAGE, opts->rmi);
	json_put_string(create->record, KEY_DETACH_KEYS, opts->detach_keys);
	json_put_int(create->record, KEY_TIMEOUT_S, opts->timeout_s);
	json_put_string(create->record, KEY_CID_FILE, cid_file);
	json_put_string(create->record, KEY_PID_FILE, pid_file);
	json_put_string(create->record, KEY_CONMON_PID_FILE, conmon_pid_file);
	return 0;
}
