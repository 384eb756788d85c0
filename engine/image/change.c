/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/change.c - --change of commit and import: one instruction of a Dockerfile changes a configuration
 *
 * Words are split as a shell would, without variables: blanks separate, quotes and backslashes protect. CMD, ENTRYPOINT and SHELL take a
 * JSON list too; a text that is none becomes ["/bin/sh", "-c", TEXT].
 */
#include "engine/image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

struct change {
	json_t *document, *config; /* config: its member of that name */
	const char *name, *rest;
};

static int refuse(const struct change *change, const char *expected, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, change->rest);
	return err_set(err, ERR_USAGE, "invalid change '%s %s': expected %s", change->name,
		       shown.data, expected);
}

/* ---- words ----------------------------------------------------------------------------------------------------------- */

/* The next word without its quotes: 1, 0 at the end, -1 a quote has no end. */
static int next_word(const char **at, struct strbuf *word)
{
	const char *text = *at;
	char quote = '\0';

	strbuf_clear(word);
	while (isspace((unsigned char)*text))
		text++;
	if (*text == '\0')
		return 0;
	for (; *text != '\0' && (quote != '\0' || !isspace((unsigned char)*text)); text++) {
		if (quote == '\0' && (*text == '"' || *text == '\''))
			quote = *text;
		else if (quote != '\0' && *text == quote)
			quote = '\0';
		else if (*text == '\\' && quote != '\'' && text[1] != '\0')
			strbuf_addc(word, *++text);
		else
			strbuf_addc(word, *text);
	}
	*at = text;
	return quote != '\0' ? -1 : 1;
}

int image_split_words(const char *text, struct strv *words)
{
	cleanup_strbuf struct strbuf word = STRBUF_INIT;
	int status;

	while ((status = next_word(&text, &word)) > 0)
		strv_add(words, word.data);
	return status;
}

static int split_words(const struct change *change, struct strv *words, struct err *err)
{
	if (image_split_words(change->rest, words) < 0)
		return refuse(change, "a quote to end", err);
	return words->count > 0 ? 0 : refuse(change, "a value", err);
}

/* A JSON list of texts: new reference, or NULL. */
static json_t *as_list(const char *text)
{
	cleanup_json json_t *list = NULL;
	struct err ignored; /* then it is a command line */
	const json_t *item;
	size_t i;

	if (*text != '[')
		return NULL;
	list = json_parse(text, strlen(text), "list", &ignored);
	if (!json_is_array(list))
		return NULL;
	json_array_foreach (list, i, item) {
		if (!json_is_string(item))
			return NULL;
	}
	return TAKE_PTR(list);
}

/* ---- instructions ---------------------------------------------------------------------------------------------------- */

static json_t *command(const char *text)
{
	json_t *list = as_list(text);

	if (list != NULL)
		return list;
	list = json_array();
	json_array_append_new(list, json_string("/bin/sh"));
	json_array_append_new(list, json_string("-c"));
	json_array_append_new(list, json_text(text));
	return list;
}

static int change_cmd(const struct change *change, struct err *err)
{
	if (*change->rest == '\0')
		return refuse(change, "a command", err);
	json_put(change->config, "Cmd", command(change->rest));
	return 0;
}

static int change_entrypoint(const struct change *change, struct err *err)
{
	json_put(change->config, "Entrypoint",
		 *change->rest == '\0' ? json_array() : command(change->rest));
	return 0;
}

static int change_shell(const struct change *change, struct err *err)
{
	json_t *list = as_list(change->rest);

	if (list == NULL)
		return refuse(change, "a JSON list of strings", err);
	json_put(change->config, "Shell", list);
	return 0;
}

/* "NAME=VALUE..." or the old "NAME VALUE". */
static int read_pairs(const struct change *change, struct strv *pairs, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (split_words(change, &words, err) < 0)
		return -1;
	if (strchr(words.items[0], '=') == NULL) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (words.count < 2)
			return refuse(change, "NAME=VALUE", err);
		for (size_t i = 1; i < words.count; i++)
			strbuf_addf(&text, "%s%s", i > 1 ? " " : "", words.items[i]);
		strv_addf(pairs, "%s=%s", words.items[0], text.data);
		return 0;
	}
	for (size_t i = 0; i < words.count; i++) {
		if (strchr(words.items[i], '=') == NULL || *words.items[i] == '=')
			return refuse(change, "NAME=VALUE", err);
		strv_add(pairs, words.items[i]);
	}
	return 0;
}

static int change_env(const struct change *change, struct err *err)
{
	cleanup_strv struct strv pairs = STRV_INIT, env = STRV_INIT;

	if (read_pairs(change, &pairs, err) < 0)
		return -1;
	json_get_strv(change->config, "Env", &env);
	for (size_t i = 0; i < pairs.count; i++)
		strv_env_put(&env, pairs.items[i]);
	json_put_strv(change->config, "Env", &env);
	return 0;
}

/* The object at key, made if it is not there. Borrowed. */
static json_t *object_at(const struct change *change, const char *key)
{
	if (!json_is_object(json_object_get(change->config, key)))
		json_put(change->config, key, json_object());
	return json_object_get(change->config, key);
}

static int change_label(const struct change *change, struct err *err)
{
	cleanup_strv struct strv pairs = STRV_INIT;
	json_t *labels = object_at(change, "Labels");

	if (read_pairs(change, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; i < pairs.count; i++) {
		char *equal = strchr(pairs.items[i], '=');

		*equal = '\0';
		json_put(labels, pairs.items[i], json_text(equal + 1));
	}
	return 0;
}

static int change_expose(const struct change *change, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	json_t *ports = object_at(change, "ExposedPorts");

	if (split_words(change, &words, err) < 0)
		return -1;
	for (size_t i = 0; i < words.count; i++) {
		cleanup_free char *port = xstrdup(words.items[i]);
		char *slash = strchr(port, '/');
		const char *protocol = slash != NULL ? slash + 1 : "tcp";
		uint16_t number;

		if (slash != NULL)
			*slash = '\0';
		if (parse_u16(port, &number) < 0 || number == 0 ||
		    !(str_equal(protocol, "tcp") || str_equal(protocol, "udp") ||
		      str_equal(protocol, "sctp")))
			return refuse(change, "PORT[/tcp|udp|sctp]", err);
		cleanup_free char *key = xasprintf("%u/%s", number, protocol);
		json_put(ports, key, json_object());
	}
	return 0;
}

static int change_volume(const struct change *change, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_json json_t *list = as_list(change->rest);
	json_t *volumes = object_at(change, "Volumes");
	const json_t *item;
	size_t at;

	json_array_foreach (list, at, item)
		strv_add(&words, json_string_value(item));
	if (list == NULL && split_words(change, &words, err) < 0)
		return -1;
	for (size_t i = 0; i < words.count; i++)
		json_put(volumes, words.items[i], json_object());
	return 0;
}

static int change_workdir(const struct change *change, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_strbuf struct strbuf path = STRBUF_INIT;

	if (split_words(change, &words, err) < 0)
		return -1;
	if (words.items[0][0] != '/') {
		cleanup_free char *joined =
			xasprintf("%s/%s", json_get_string(change->config, "/", "WorkingDir", NULL),
				  words.items[0]);

		path_clean(&path, joined);
	} else {
		path_clean(&path, words.items[0]);
	}
	json_put(change->config, "WorkingDir", json_text(path.data));
	return 0;
}

static int change_user(const struct change *change, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (split_words(change, &words, err) < 0)
		return -1;
	json_put(change->config, "User", json_text(words.items[0]));
	return 0;
}

static int change_stop_signal(const struct change *change, struct err *err)
{
	int number;

	if (parse_signal(change->rest, &number) < 0)
		return refuse(change, "a signal", err);
	json_put(change->config, "StopSignal", json_text(change->rest));
	return 0;
}

static int change_onbuild(const struct change *change, struct err *err)
{
	cleanup_strv struct strv list = STRV_INIT;

	if (*change->rest == '\0')
		return refuse(change, "an instruction", err);
	json_get_strv(change->config, "OnBuild", &list);
	strv_add(&list, change->rest);
	json_put_strv(change->config, "OnBuild", &list);
	return 0;
}

static int change_maintainer(const struct change *change, struct err *err)
{
	json_put(change->document, "author", json_text(change->rest));
	return 0;
}

static const struct {
	const char *option, *member;
	bool is_count;
} health_options[] = {
	{ "--interval=", "Interval", false },
	{ "--timeout=", "Timeout", false },
	{ "--start-period=", "StartPeriod", false },
	{ "--start-interval=", "StartInterval", false },
	{ "--retries=", "Retries", true },
};

/* 1 one was read, 0 it is no option, -1 */
static int health_option(const struct change *change, const char *word, json_t *check,
			 struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(health_options); i++) {
		const char *value = str_after(word, health_options[i].option);
		int64_t number;

		if (value == NULL)
			continue;
		if ((health_options[i].is_count ? parse_i64(value, &number)
						: parse_duration(value, &number)) < 0)
			return refuse(change, "a duration such as 30s, and a number for --retries",
				      err);
		json_put_int(check, health_options[i].member, number);
		return 1;
	}
	return 0;
}

static int change_healthcheck(const struct change *change, struct err *err)
{
	cleanup_json json_t *check = json_object();
	cleanup_strbuf struct strbuf word = STRBUF_INIT;
	const char *at = change->rest;
	json_t *test = json_array();
	int status = 1;

	json_put(check, "Test", test);
	do {
		status = next_word(&at, &word);
		if (status < 0)
			return refuse(change, "a quote to end", err);
		if (status > 0)
			status = health_option(change, word.data, check, err);
		if (status < 0)
			return -1;
	} while (status > 0);
	if (str_equal(word.data, "NONE")) {
		json_array_append_new(test, json_string("NONE"));
	} else if (str_equal(word.data, "CMD")) {
		while (isspace((unsigned char)*at))
			at++;
		cleanup_json json_t *list = as_list(at);

		if (*at == '\0')
			return refuse(change, "a command behind CMD", err);
		json_array_append_new(test, json_string(list != NULL ? "CMD" : "CMD-SHELL"));
		if (list != NULL)
			json_array_extend(test, list);
		else
			json_array_append_new(test, json_text(at));
	} else {
		return refuse(change, "[--interval=...] CMD COMMAND, or NONE", err);
	}
	json_object_set(change->config, "Healthcheck", check);
	return 0;
}

static const struct {
	const char *name;
	int (*apply)(const struct change *change, struct err *err);
} instructions[] = {
	{ "CMD", change_cmd },
	{ "ENTRYPOINT", change_entrypoint },
	{ "ENV", change_env },
	{ "EXPOSE", change_expose },
	{ "HEALTHCHECK", change_healthcheck },
	{ "LABEL", change_label },
	{ "MAINTAINER", change_maintainer },
	{ "ONBUILD", change_onbuild },
	{ "SHELL", change_shell },
	{ "STOPSIGNAL", change_stop_signal },
	{ "USER", change_user },
	{ "VOLUME", change_volume },
	{ "WORKDIR", change_workdir },
};

int image_change(json_t *document, const char *line, struct err *err)
{
	size_t length;

	while (isspace((unsigned char)*line))
		line++;
	length = strcspn(line, " \t=");
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		struct change change = { .document = document, .name = instructions[i].name };

		if (strlen(change.name) != length || strncasecmp(line, change.name, length) != 0)
			continue;
		if (!json_is_object(json_object_get(document, "config")))
			json_put(document, "config", json_object());
		change.config = json_object_get(document, "config");
		change.rest = line + length + (line[length] == '=');
		while (isspace((unsigned char)*change.rest))
			change.rest++;
		return instructions[i].apply(&change, err);
	}
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, line);
	err_set(err, ERR_USAGE, "invalid change '%s': unknown instruction", shown.data);
	return err_hint(err, "It is one of CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL MAINTAINER "
			     "ONBUILD SHELL STOPSIGNAL USER VOLUME WORKDIR.");
}

int image_config_merge_file(json_t *config, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *file = NULL;
	int status = fd_read_file(AT_FDCWD, path, &text, JSON_LIMIT_BYTES);

	if (status < 0)
		return err_sys(err, -status, "cannot read --config '%s'", path);
	file = json_parse(text.data, text.length, "the file of --config", err);
	if (file == NULL)
		return -1;
	if (!json_is_object(file))
		return err_set(err, ERR_USAGE, "invalid --config '%s': it is no JSON object", path);
	json_object_update(config, file);
	return 0;
}

int image_write_iidfile(const char *path, const char *id, struct err *err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	int status = fd < 0 ? -errno : fd_write_full(fd, id, strlen(id));

	return status < 0 ? err_sys(err, -status, "cannot write --iidfile '%s'", path) : 0;
}
