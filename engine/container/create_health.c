/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_health.c - the health check: --health-* options and the image's HEALTHCHECK
 *
 * The options win over the image member by member, as docker has it: --health-interval alone changes the interval of the image's check. The words of
 * --health-cmd are read as podman reads them: a JSON list, "CMD ...", "CMD-SHELL ...", "none", or a line for the shell.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/container/health.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S       INT64_C(1000000000)
#define IMAGE_TEST_MAX 1000 /* words */
#define HEALTH_CMD_MAX (64U << 10)

static int duration(const char *option, const char *text, int64_t min_ns, const char *min_text,
		    json_t *object, const char *key, struct err *err)
{
	int64_t ns;

	if (text == NULL)
		return 0;
	if (parse_duration(text, &ns) < 0) {
		err_set(err, ERR_USAGE, "invalid %s '%s'", option, text);
		return err_hint(err, "Use a duration such as 30s or 1m30s.");
	}
	if (ns < min_ns)
		return err_set(err, ERR_USAGE, "invalid %s '%s': it must be at least %s", option,
			       text, min_text);
	json_put_int(object, key, ns);
	return 0;
}

/* "disable" is podman's word for 0. */
static int interval(const char *option, const char *text, json_t *object, struct err *err)
{
	if (text != NULL && str_equal(text, "disable"))
		text = "0s";
	return duration(option, text, 0, "0s", object, KEY_INTERVAL_NS, err);
}

static int number(const char *option, const char *text, uint32_t min, json_t *object,
		  const char *key, struct err *err)
{
	uint32_t value;

	if (text == NULL)
		return 0;
	if (parse_u32(text, &value) < 0 || value < min || value > INT32_MAX)
		return err_set(err, ERR_USAGE, "invalid %s '%s': use a number from %u on", option,
			       text, min);
	json_put_int(object, key, value);
	return 0;
}

/* Words between blanks. */
static void split_words(const char *text, struct strv *words)
{
	while (*text != '\0') {
		size_t length;

		text += strspn(text, " \t\n");
		length = strcspn(text, " \t\n");
		if (length > 0)
			strv_add_take(words, xstrndup(text, length));
		text += length;
	}
}

static int read_list(const char *text, struct strv *words)
{
	struct err ignored; /* not JSON: it is a line for the shell */
	cleanup_json json_t *list = json_parse(text, strlen(text), "--health-cmd", &ignored);
	size_t i;
	json_t *item;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return 0;
	json_array_foreach (list, i, item) {
		if (!json_is_string(item)) {
			strv_clear(words);
			return 0;
		}
		strv_add(words, json_string_value(item));
	}
	return 1;
}

/* ["CMD"|"CMD-SHELL", ...], or an empty list for none. */
static int parse_command(const char *option, const char *text, json_t **ret_test, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_strv struct strv test = STRV_INIT;

	if (strlen(text) > HEALTH_CMD_MAX)
		return err_set(err, ERR_LIMIT, "%s is longer than %u bytes", option,
			       HEALTH_CMD_MAX);
	bool list = read_list(text, &words) > 0;

	if (!list)
		split_words(text, &words);
	if (words.count == 0 || (words.count == 1 && strcasecmp(words.items[0], "none") == 0)) {
		*ret_test = json_array();
		return 0;
	}
	if (strcasecmp(words.items[0], "CMD") == 0 ||
	    strcasecmp(words.items[0], "CMD-SHELL") == 0) {
		bool shell = strlen(words.items[0]) > strlen("CMD");

		strv_add(&test, shell ? "CMD-SHELL" : "CMD");
		strv_remove(&words, 0);
		if (words.count == 0)
			return err_set(err, ERR_USAGE, "invalid %s '%s': a command is missing",
				       option, text);
		if (shell && !list) {
			/* the line as it was written, not its words */
			const char *line = text + strspn(text, " \t\n") + strlen("CMD-SHELL");

			strv_clear(&words);
			strv_add(&words, line + strspn(line, " \t\n"));
		}
		strv_add_all(&test, &words);
	} else if (list && words.count > 1) {
		strv_add(&test, "CMD");
		strv_add_all(&test, &words);
	} else {
		strv_add(&test, "CMD-SHELL");
		strv_add(&test, list ? words.items[0] : text);
	}
	*ret_test = json_from_strv(&test);
	return 0;
}

/* The image's check, as far as it makes sense: what is odd in it is left out (R16). New reference, or NULL. */
static json_t *image_health(struct create *create)
{
	const json_t *image = json_object_get(create->image_process, "Healthcheck");
	static const struct {
		const char *image, *key;
		int64_t min;
	} members[] = {
		{ "Interval", KEY_INTERVAL_NS, 1 },
		{ "Timeout", KEY_TIMEOUT_NS, 1 },
		{ "StartPeriod", KEY_START_PERIOD_NS, 0 },
		{ "Retries", KEY_RETRIES, 1 },
	};
	cleanup_strv struct strv test = STRV_INIT;

	if (json_get_strv(image, "Test", &test) < 0 || test.count < 2 ||
	    test.count > IMAGE_TEST_MAX ||
	    (!str_equal(test.items[0], "CMD") && !str_equal(test.items[0], "CMD-SHELL")))
		return NULL;
	json_t *health = json_object();

	json_put_strv(health, KEY_TEST, &test);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		int64_t value = json_get_int(image, 0, members[i].image, NULL);

		if (value >= members[i].min)
			json_put_int(health, members[i].key, value);
	}
	return health;
}

static const char *first_given(const struct container_create_opts *opts, bool startup_only)
{
	const struct {
		const char *name, *value;
		bool startup;
	} options[] = {
		{ "--health-startup-cmd", opts->health_startup_cmd, true },
		{ "--health-startup-interval", opts->health_startup_interval, true },
		{ "--health-startup-timeout", opts->health_startup_timeout, true },
		{ "--health-startup-retries", opts->health_startup_retries, true },
		{ "--health-startup-success", opts->health_startup_success, true },
		{ "--health-cmd", opts->health_cmd, false },
		{ "--health-interval", opts->health_interval, false },
		{ "--health-timeout", opts->health_timeout, false },
		{ "--health-start-period", opts->health_start_period, false },
		{ "--health-on-failure", opts->health_on_failure, false },
		{ "--health-log-destination", opts->health_log_destination, false },
		{ "--health-retries", opts->health_retries, false },
		{ "--health-max-log-count", opts->health_max_log_count, false },
		{ "--health-max-log-size", opts->health_max_log_size, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (options[i].value != NULL && (!startup_only || options[i].startup))
			return options[i].name;
	}
	return NULL;
}

static int log_destination(const char *text, json_t *health, struct err *err)
{
	char cwd[PATH_MAX];
	struct stat st;

	if (text == NULL || str_equal(text, "local"))
		return 0;
	if (str_equal(text, "events_logger")) {
		err_set(err, ERR_UNSUPPORTED, "cannot use --health-log-destination '%s'", text);
		return err_hint(
			err, "Changes of the health are events anyway. Use local, or a directory.");
	}
	if (stat(text, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "invalid --health-log-destination '%s': it is neither local nor a "
			       "directory",
			       text);
	cleanup_free char *path =
		text[0] == '/'
			? xstrdup(text)
			: xasprintf("%s/%s", getcwd(cwd, sizeof(cwd)) == NULL ? "" : cwd, text);

	json_put_string(health, KEY_LOG_DIRECTORY, path);
	return 0;
}

static int on_failure(const struct container_create_opts *opts, json_t *health, struct err *err)
{
	const char *text = opts->health_on_failure != NULL
				   ? opts->health_on_failure
				   : json_get_string(health, "none", KEY_ON_FAILURE, NULL);

	if (health_action_parse(text) < 0) {
		err_set(err, ERR_USAGE, "invalid --health-on-failure '%s'", text);
		return err_hint(err, "Use none, kill, restart or stop.");
	}
	json_put_string(health, KEY_ON_FAILURE, text);
	return 0;
}

static void put_default(json_t *health, const char *key, int64_t value)
{
	if (json_object_get(health, key) == NULL)
		json_put_int(health, key, value);
}

static int startup(const struct container_create_opts *opts, json_t *health, struct err *err)
{
	const char *given = first_given(opts, true);
	json_t *old = json_object_get(health, KEY_STARTUP);
	cleanup_json json_t *object = json_is_object(old) ? json_deep_copy(old) : json_object();
	json_t *test = NULL;

	if (given == NULL)
		return 0;
	if (opts->health_startup_cmd == NULL && !json_is_object(old))
		return err_set(err, ERR_USAGE, "%s needs --health-startup-cmd", given);
	if (opts->health_startup_cmd != NULL) {
		if (parse_command("--health-startup-cmd", opts->health_startup_cmd, &test, err) < 0)
			return -1;
		json_put(object, KEY_TEST, test);
	}
	bool none = json_array_size(json_object_get(object, KEY_TEST)) == 0;

	put_default(object, KEY_INTERVAL_NS, HEALTH_INTERVAL_NS);
	put_default(object, KEY_TIMEOUT_NS, HEALTH_TIMEOUT_NS);
	if (interval("--health-startup-interval", opts->health_startup_interval, object, err) < 0 ||
	    duration("--health-startup-timeout", opts->health_startup_timeout, NS_PER_S, "1s",
		     object, KEY_TIMEOUT_NS, err) < 0 ||
	    number("--health-startup-retries", opts->health_startup_retries, 0, object, KEY_RETRIES,
		   err) < 0 ||
	    number("--health-startup-success", opts->health_startup_success, 0, object, KEY_SUCCESS,
		   err) < 0)
		return -1;
	if (none)
		json_object_del(health, KEY_STARTUP);
	else
		json_put(health, KEY_STARTUP, json_incref(object));
	return 0;
}

/* What is not in the test: times, numbers, the log. */
static int settings(const struct container_create_opts *opts, json_t *health, struct err *err)
{
	put_default(health, KEY_INTERVAL_NS, HEALTH_INTERVAL_NS);
	put_default(health, KEY_TIMEOUT_NS, HEALTH_TIMEOUT_NS);
	put_default(health, KEY_START_PERIOD_NS, 0);
	put_default(health, KEY_RETRIES, HEALTH_RETRIES);
	put_default(health, KEY_LOG_COUNT, HEALTH_LOG_COUNT);
	put_default(health, KEY_LOG_BYTES, HEALTH_LOG_BYTES);
	if (interval("--health-interval", opts->health_interval, health, err) < 0 ||
	    duration("--health-timeout", opts->health_timeout, NS_PER_S, "1s", health,
		     KEY_TIMEOUT_NS, err) < 0 ||
	    duration("--health-start-period", opts->health_start_period, 0, "0s", health,
		     KEY_START_PERIOD_NS, err) < 0 ||
	    number("--health-retries", opts->health_retries, 1, health, KEY_RETRIES, err) < 0 ||
	    number("--health-max-log-count", opts->health_max_log_count, 0, health, KEY_LOG_COUNT,
		   err) < 0 ||
	    number("--health-max-log-size", opts->health_max_log_size, 0, health, KEY_LOG_BYTES,
		   err) < 0)
		return -1;
	return log_destination(opts->health_log_destination, health, err);
}

/* Nobody would ever say that it is ready. */
static int check_sdnotify(const struct create *create, struct err *err)
{
	const json_t *health = json_object_get(create->record, KEY_HEALTH);

	if (!str_equal(json_get_string(create->record, "", KEY_SDNOTIFY, NULL), "healthy") ||
	    json_get_int(health, 0, KEY_INTERVAL_NS, NULL) > 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--sdnotify healthy needs a health check that runs by itself: give "
		       "--health-cmd, and an interval");
}

/* The options' changes to the check that there is, or NULL; into the record. */
static int with_options(struct create *create, json_t *health_take, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	const char *given = first_given(opts, false);
	cleanup_json json_t *health = health_take;
	json_t *test = NULL;

	if (opts->health_cmd != NULL) {
		if (parse_command("--health-cmd", opts->health_cmd, &test, err) < 0)
			return -1;
		if (health == NULL)
			health = json_object();
		json_put(health, KEY_TEST, test);
	}
	/* podman's sentence, which scripts look for */
	if (health == NULL && opts->health_on_failure != NULL &&
	    !str_equal(opts->health_on_failure, "none"))
		return err_set(err, ERR_USAGE,
			       "cannot set on-failure action to %s without a health check",
			       opts->health_on_failure);
	if (health == NULL && given != NULL)
		return err_set(err, ERR_USAGE,
			       "%s needs a health check: give --health-cmd, there is none yet",
			       given);
	/* the others are checked also when there is nothing to do */
	if (health != NULL && (settings(opts, health, err) < 0 ||
			       on_failure(opts, health, err) < 0 || startup(opts, health, err) < 0))
		return -1;
	if (health != NULL && json_array_size(json_object_get(health, KEY_TEST)) > 0)
		json_put(create->record, KEY_HEALTH, json_incref(health));
	else
		json_object_del(create->record, KEY_HEALTH);
	return check_sdnotify(create, err);
}

static int without_check(struct create *create, struct err *err)
{
	const char *given = first_given(create->opts, false);

	if (given != NULL)
		return err_set(err, ERR_USAGE, "--no-healthcheck and %s exclude each other", given);
	json_object_del(create->record, KEY_HEALTH);
	return check_sdnotify(create, err);
}

int create_health(struct create *create, struct err *err)
{
	if (create->opts->no_healthcheck)
		return without_check(create, err);
	return with_options(create, image_health(create), err);
}

int create_health_update(struct create *create, struct err *err)
{
	if (create->opts->no_healthcheck)
		return without_check(create, err);
	if (first_given(create->opts, false) == NULL)
		return 0;
	return with_options(create, json_deep_copy(json_object_get(create->record, KEY_HEALTH)),
			    err);
}
