/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/working_config.c - `builder config`: what the image of a working container says
 *
 * The words are buildah's: "NAME=VALUE" sets, "NAME-" takes away, "-" takes all away. All is checked before anything is changed: the
 * changes are made in a copy of the document.
 */
#include "engine/build/working_step.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <string.h>

struct change {
	json_t *document; /* a copy */
	json_t *annotations;
	struct strv notes; /* for the history, as lines of a Dockerfile */
};

static json_t *sub_object(json_t *parent, const char *key)
{
	json_t *object = json_object_get(parent, key);

	if (!json_is_object(object)) {
		json_put(parent, key, json_object());
		object = json_object_get(parent, key);
	}
	return object;
}

static json_t *config_of(struct change *change)
{
	return sub_object(change->document, "config");
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (*text == '\0')
		json_object_del(object, key);
	else
		json_put(object, key, json_text(text));
}

/* "NAME-": the name, yours; NULL: it is no removal. */
static char *removed_name(const char *text)
{
	size_t length = strlen(text);

	return length > 1 && text[length - 1] == '-' && strchr(text, '=') == NULL
		       ? xstrndup(text, length - 1)
		       : NULL;
}

/* ---- lists of pairs ---- */

static int change_map(json_t *map, const struct strv *texts, const char *option, struct err *err)
{
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i];
		cleanup_free char *removed = removed_name(text);
		const char *equal = strchr(text, '=');

		if (str_equal(text, "-")) {
			json_object_clear(map);
		} else if (removed != NULL) {
			json_object_del(map, removed);
		} else if (equal == text || *text == '\0') {
			return err_set(err, ERR_USAGE, "invalid %s '%s': the name is empty", option,
				       text);
		} else {
			cleanup_free char *name = xstrndup(text, strcspn(text, "="));

			json_object_set_new(map, name, json_text(equal != NULL ? equal + 1 : ""));
		}
	}
	return 0;
}

static int change_env(struct change *change, const struct strv *texts, struct err *err)
{
	cleanup_strv struct strv env = STRV_INIT;

	if (texts->count == 0)
		return 0;
	json_get_strv(config_of(change), "Env", &env);
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i];
		cleanup_free char *removed = removed_name(text);

		if (str_equal(text, "-"))
			strv_clear(&env);
		else if (removed != NULL)
			strv_env_unset(&env, removed);
		else if (*text == '\0' || *text == '=')
			return err_set(err, ERR_USAGE, "invalid --env '%s': the name is empty",
				       text);
		else if (strchr(text, '=') != NULL)
			strv_env_put(&env, text);
		else if (getenv(text) != NULL)
			strv_env_set(&env, text, getenv(text));
		else
			strv_env_unset(&env, text);
		strv_addf(&change->notes, "ENV %s", text);
	}
	json_put_strv(config_of(change), "Env", &env);
	return 0;
}

/* ---- what image_change() knows ---- */

/* A set of names: ExposedPorts, Volumes. */
static int change_set(struct change *change, const char *key, const char *instruction,
		      const struct strv *texts, struct err *err)
{
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i];
		json_t *set = sub_object(config_of(change), key);
		cleanup_free char *removed = removed_name(text);
		cleanup_free char *line = xasprintf("%s %s", instruction, text);

		if (str_equal(text, "-")) {
			json_object_clear(set);
		} else if (removed != NULL) {
			cleanup_free char *tcp = xasprintf("%s/tcp", removed);

			json_object_del(set, removed);
			json_object_del(set, tcp);
		} else if (image_change(change->document, line, err) < 0) {
			return -1;
		} else {
			strv_add(&change->notes, line);
		}
		if (json_object_size(sub_object(config_of(change), key)) == 0)
			json_object_del(config_of(change), key);
	}
	return 0;
}

static int change_onbuild(struct change *change, const struct strv *texts, struct err *err)
{
	for (size_t i = 0; i < texts->count; i++) {
		cleanup_free char *line = xasprintf("ONBUILD %s", texts->items[i]);

		if (str_equal(texts->items[i], "-"))
			json_object_del(config_of(change), "OnBuild");
		else if (image_change(change->document, line, err) < 0)
			return -1;
		else
			strv_add(&change->notes, line);
	}
	return 0;
}

/* A JSON list, or words as a shell reads them; for_shell: not a list is one line for the shell. "" takes it away. */
static int change_command(struct change *change, const char *key, const char *instruction,
			  const char *text, bool for_shell, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (*text == '\0') {
		json_object_del(config_of(change), key);
		return 0;
	}
	if (!df_parse_json_words(text, &words)) {
		strv_clear(&words);
		if (for_shell) {
			strv_add(&words, "/bin/sh");
			strv_add(&words, "-c");
			strv_add(&words, text);
		} else if (image_split_words(text, &words) < 0) {
			return err_set(err, ERR_USAGE, "%s '%s': a quote is not closed",
				       instruction, text);
		}
	}
	json_put_strv(config_of(change), key, &words);
	strv_addf(&change->notes, "%s %s", instruction, text);
	return 0;
}

static int change_commands(struct change *change, const struct working_config_opts *opts,
			   struct err *err)
{
	if (opts->has_entrypoint &&
	    change_command(change, "Entrypoint", "ENTRYPOINT",
			   opts->entrypoint != NULL ? opts->entrypoint : "", true, err) < 0)
		return -1;
	if (opts->has_cmd && change_command(change, "Cmd", "CMD",
					    opts->cmd != NULL ? opts->cmd : "", false, err) < 0)
		return -1;
	return opts->shell == NULL
		       ? 0
		       : change_command(change, "Shell", "SHELL", opts->shell, false, err);
}

/* ---- health check ---- */

static int put_duration(json_t *check, const char *key, const char *text, const char *option,
			struct err *err)
{
	int64_t ns;

	if (text == NULL)
		return 0;
	if (parse_duration(text, &ns) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid %s '%s': a duration as 30s or 1m30s is wanted", option,
			       text);
	json_put_int(check, key, ns);
	return 0;
}

static int change_health(struct change *change, const struct working_config_opts *opts,
			 struct err *err)
{
	json_t *config = config_of(change);
	cleanup_strv struct strv test = STRV_INIT;
	uint32_t retries;

	if (opts->healthcheck == NULL && opts->healthcheck_interval == NULL &&
	    opts->healthcheck_timeout == NULL && opts->healthcheck_retries == NULL &&
	    opts->healthcheck_start_period == NULL && opts->healthcheck_start_interval == NULL)
		return 0;
	if (opts->healthcheck != NULL && *opts->healthcheck == '\0') {
		json_object_del(config, "Healthcheck");
		return 0;
	}
	json_t *check = sub_object(config, "Healthcheck");
	if (opts->healthcheck != NULL && image_split_words(opts->healthcheck, &test) < 0)
		return err_set(err, ERR_USAGE, "invalid --healthcheck '%s': a quote is not closed",
			       opts->healthcheck);
	if (test.count > 0 && !str_equal(test.items[0], "NONE") &&
	    !str_equal(test.items[0], "CMD") && !str_equal(test.items[0], "CMD-SHELL")) {
		err_set(err, ERR_USAGE, "invalid --healthcheck '%s'", opts->healthcheck);
		return err_hint(err, "Begin with CMD, CMD-SHELL or NONE.");
	}
	if (test.count > 0)
		json_put_strv(check, "Test", &test);
	else if (json_object_get(check, "Test") == NULL)
		json_put(check, "Test", json_pack("[s]", "NONE"));
	if (opts->healthcheck_retries != NULL) {
		if (parse_u32(opts->healthcheck_retries, &retries) < 0)
			return err_set(err, ERR_USAGE,
				       "invalid --healthcheck-retries '%s': it is no number",
				       opts->healthcheck_retries);
		json_put_int(check, "Retries", retries);
	}
	if (put_duration(check, "Interval", opts->healthcheck_interval, "--healthcheck-interval",
			 err) < 0 ||
	    put_duration(check, "Timeout", opts->healthcheck_timeout, "--healthcheck-timeout",
			 err) < 0 ||
	    put_duration(check, "StartPeriod", opts->healthcheck_start_period,
			 "--healthcheck-start-period", err) < 0 ||
	    put_duration(check, "StartInterval", opts->healthcheck_start_interval,
			 "--healthcheck-start-interval", err) < 0)
		return -1;
	strv_addf(&change->notes, "HEALTHCHECK %s",
		  opts->healthcheck != NULL ? opts->healthcheck : "");
	return 0;
}

/* ---- single values ---- */

static int change_lines(struct change *change, const struct working_config_opts *opts,
			struct err *err)
{
	const struct {
		const char *instruction, *key, *text;
	} rows[] = {
		{ "USER", "User", opts->user },
		{ "WORKDIR", "WorkingDir", opts->workdir },
		{ "STOPSIGNAL", "StopSignal", opts->stop_signal },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *line = NULL;

		if (rows[i].text == NULL)
			continue;
		if (*rows[i].text == '\0') {
			json_object_del(config_of(change), rows[i].key);
			continue;
		}
		line = xasprintf("%s %s", rows[i].instruction, rows[i].text);
		if (image_change(change->document, line, err) < 0)
			return -1;
		strv_add(&change->notes, line);
	}
	return 0;
}

static void change_texts(struct change *change, const struct working_config_opts *opts)
{
	const struct {
		const char *key, *text;
		bool in_config;
	} rows[] = {
		{ "architecture", opts->arch, false },
		{ "os", opts->os, false },
		{ "os.version", opts->os_version, false },
		{ "variant", opts->variant, false },
		{ "author", opts->author, false },
		{ "comment", opts->comment, false },
		{ WORKING_CREATED_BY, opts->created_by, false },
		{ WORKING_HISTORY_COMMENT, opts->history_comment, false },
		{ "Hostname", opts->hostname, true },
		{ "Domainname", opts->domainname, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].text != NULL)
			set_text(rows[i].in_config ? config_of(change) : change->document,
				 rows[i].key, rows[i].text);
}

/* ---- the verb ---- */

static int change_all(struct change *change, const struct working_config_opts *opts,
		      struct err *err)
{
	json_t *labels = sub_object(config_of(change), "Labels");

	if (change_map(change->annotations, &opts->annotations, "--annotation", err) < 0 ||
	    change_map(labels, &opts->labels, "--label", err) < 0)
		return -1;
	for (size_t i = 0; i < opts->unset_annotations.count; i++)
		json_object_del(change->annotations, opts->unset_annotations.items[i]);
	for (size_t i = 0; i < opts->unset_labels.count; i++)
		json_object_del(labels, opts->unset_labels.items[i]);
	for (size_t i = 0; i < opts->labels.count; i++)
		strv_addf(&change->notes, "LABEL %s", opts->labels.items[i]);
	if (json_object_size(labels) == 0)
		json_object_del(config_of(change), "Labels");
	change_texts(change, opts);
	if (change_env(change, &opts->env, err) < 0 ||
	    change_set(change, "ExposedPorts", "EXPOSE", &opts->ports, err) < 0 ||
	    change_set(change, "Volumes", "VOLUME", &opts->volumes, err) < 0 ||
	    change_onbuild(change, &opts->onbuild, err) < 0 ||
	    change_commands(change, opts, err) < 0 || change_lines(change, opts, err) < 0)
		return -1;
	return change_health(change, opts, err);
}

int working_config(struct working *working, const struct working_config_opts *opts, struct err *err)
{
	struct image_new *image = &working->image;
	struct change change = { .notes = STRV_INIT };
	int status;

	change.document = json_deep_copy(image->config);
	change.annotations =
		image->annotations != NULL ? json_deep_copy(image->annotations) : json_object();
	if (change.document == NULL || change.annotations == NULL)
		alloc_failed();
	status = change_all(&change, opts, err);
	if (status == 0) {
		json_decref(image->config);
		json_decref(image->annotations);
		image->config = json_incref(change.document);
		image->annotations = json_object_size(change.annotations) > 0
					     ? json_incref(change.annotations)
					     : NULL;
		for (size_t i = 0; opts->add_history && i < change.notes.count; i++) {
			cleanup_free char *text =
				xasprintf("/bin/sh -c #(nop) %s", change.notes.items[i]);

			image_new_add_history(image, time_now_ns(), text, NULL, NULL, true);
		}
		status = working_save(working, err);
	}
	json_decref(change.document);
	json_decref(change.annotations);
	strv_release(&change.notes);
	return status;
}
