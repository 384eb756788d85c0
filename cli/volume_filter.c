/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/volume_filter.c - --filter of `volume ls` and `volume prune`
 */
#include "cli/volume_filter.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/container.h"

#include <regex.h>

struct question {
	struct engine *engine;
	const struct volume *volume;
	const char *value;
	struct err *err;
};

/* Each answers 1, 0 or -1. */
static int match_name(const struct question *question)
{
	regex_t pattern;

	if (regcomp(&pattern, question->value, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(question->err, ERR_USAGE,
			       "invalid filter 'name=%s': no regular expression", question->value);

	int found = regexec(&pattern, question->volume->name, 0, NULL, 0) == 0;

	regfree(&pattern);
	return found;
}

/* NAME or NAME=VALUE in a list of NAME=VALUE. */
static int list_has(const struct strv *list, const char *value)
{
	const char *equal = strchr(value, '=');
	cleanup_free char *name =
		equal != NULL ? xstrndup(value, (size_t)(equal - value)) : xstrdup(value);
	const char *there = strv_env_get(list, name);

	return there != NULL && (equal == NULL || str_equal(there, equal + 1));
}

static int match_label(const struct question *question)
{
	return list_has(&question->volume->labels, question->value);
}

static int match_no_label(const struct question *question)
{
	return !list_has(&question->volume->labels, question->value);
}

static int match_option(const struct question *question)
{
	return list_has(&question->volume->options, question->value);
}

static int match_driver(const struct question *question)
{
	return str_equal_null(question->volume->driver, question->value);
}

static int match_scope(const struct question *question)
{
	return str_equal(question->value, "local");
}

static int parse_flag(const struct question *question, bool *ret)
{
	if (parse_bool(question->value, ret) < 0)
		return err_set(question->err, ERR_USAGE,
			       "invalid filter value '%s': true or false is wanted",
			       question->value);
	return 0;
}

static int match_anonymous(const struct question *question)
{
	bool wanted = false;

	if (parse_flag(question, &wanted) < 0)
		return -1;
	return question->volume->anonymous == wanted;
}

static int match_dangling(const struct question *question)
{
	cleanup_strv struct strv users = STRV_INIT;
	bool wanted = false;

	if (parse_flag(question, &wanted) < 0 ||
	    container_uses_volume(question->engine, question->volume->name, &users, question->err) <
		    0)
		return -1;
	return (users.count == 0) == wanted;
}

static int match_until(const struct question *question)
{
	int64_t until_ns;

	if (parse_time(question->value, &until_ns) < 0)
		return err_set(question->err, ERR_USAGE,
			       "invalid filter 'until=%s': a time or a duration is wanted",
			       question->value);
	return question->volume->created_ns < until_ns;
}

static const struct {
	const char *key;
	bool all; /* all values must match, not any */
	int (*match)(const struct question *question);
} keys[] = {
	{ "name", false, match_name },	       { "label", true, match_label },
	{ "label!", true, match_no_label },    { "opt", true, match_option },
	{ "driver", false, match_driver },     { "scope", false, match_scope },
	{ "dangling", false, match_dangling }, { "anonymous", false, match_anonymous },
	{ "until", false, match_until },
};

/* The value of a filter with this key, or NULL. "label!=x" is the key "label!". */
static const char *value_of(const char *filter, const char *key)
{
	const char *rest = str_after(filter, key);

	return rest != NULL && *rest == '=' ? rest + 1 : NULL;
}

int volume_filter_check(const struct strv *filters, struct err *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		bool known = false;

		for (size_t j = 0; j < ARRAY_SIZE(keys); j++)
			known = known || value_of(filters->items[i], keys[j].key) != NULL;
		if (known)
			continue;
		err_set(err, ERR_USAGE, "invalid filter '%s'", filters->items[i]);
		return err_hint(err, "Filters are name, label, label!, driver, scope, opt, "
				     "dangling, anonymous, until.");
	}
	return 0;
}

int volume_filter_match(struct engine *engine, const struct strv *filters,
			const struct volume *volume, struct err *err)
{
	for (size_t j = 0; j < ARRAY_SIZE(keys); j++) {
		bool asked = false;
		bool any = false;
		bool all = true;

		for (size_t i = 0; i < filters->count; i++) {
			const struct question question = {
				.engine = engine,
				.volume = volume,
				.value = value_of(filters->items[i], keys[j].key),
				.err = err,
			};

			if (question.value == NULL)
				continue;

			int found = keys[j].match(&question);

			if (found < 0)
				return -1;
			asked = true;
			any = any || found > 0;
			all = all && found > 0;
		}
		if (asked && !(keys[j].all ? all : any))
			return 0;
	}
	return 1;
}
