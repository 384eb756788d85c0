/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/filter.c - `--filter KEY=VALUE` over containers
 *
 * Values of one key are alternatives, keys add up; each label value must hold. One table says which keys there are and which
 * function tests one value. Values that can be wrong are checked when the filter is made, so a match cannot fail.
 */
#include "engine/container.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "engine/container/record.h"
#include "engine/container/state.h"
#include "engine/health.h"
#include "engine/image.h"

#include <fnmatch.h>
#include <regex.h>
#include <string.h>

struct filter_value {
	char *text;
	regex_t regex;
	bool has_regex;
	int64_t number;	       /* exit code, or a time in ns */
	struct strv manifests; /* ancestor: digests that match */
};

struct filter_key {
	const char *name;
	bool all_values; /* each value must hold, not any */
	int (*check)(struct engine *engine, struct filter_value *value,
		     struct err *err); /* NULL: any text */
	bool (*test)(const struct filter_value *value, const struct container *container);
};

struct container_filter {
	struct filter_entry {
		const struct filter_key *key;
		struct filter_value *values;
		size_t count;
	} * entries; /* one for each key of the table */
};

static int check_regex(struct engine *engine, struct filter_value *value, struct err *err)
{
	(void)engine;
	if (regcomp(&value->regex, value->text, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(err, ERR_USAGE,
			       "invalid filter value '%s': it is no regular expression",
			       value->text);
	value->has_regex = true;
	return 0;
}

static bool test_id(const struct filter_value *value, const struct container *container)
{
	return str_after(container->id.text, value->text) != NULL ||
	       regexec(&value->regex, container->id.text, 0, NULL, 0) == 0;
}

static bool test_name(const struct filter_value *value, const struct container *container)
{
	return container->name != NULL && regexec(&value->regex, container->name, 0, NULL, 0) == 0;
}

/* KEY or KEY=VALUE against an object; the key may be a pattern, as podman has it. */
static bool object_has(const json_t *object, const char *text)
{
	const char *equal = strchr(text, '=');
	cleanup_free char *pattern =
		equal == NULL ? xstrdup(text) : xstrndup(text, (size_t)(equal - text));
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)object, key, value)
		if (fnmatch(pattern, key, 0) == 0 &&
		    (equal == NULL || str_equal(equal + 1, json_string_value(value))))
			return true;
	return false;
}

static bool test_label(const struct filter_value *value, const struct container *container)
{
	return object_has(json_object_get(container->create, KEY_LABELS), value->text);
}

static bool test_label_not(const struct filter_value *value, const struct container *container)
{
	return !test_label(value, container);
}

static int check_status(struct engine *engine, struct filter_value *value, struct err *err)
{
	static const char *const more[] = { "stopped",	"configured", "dead",	   "removing",
					    "stopping", "unknown",    "restarting" };

	(void)engine;
	if (container_status_parse(value->text) >= 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (str_equal(value->text, more[i]))
			return 0;
	err_set(err, ERR_USAGE, "'%s' is not a valid container status", value->text);
	return err_hint(err,
			"Use created, initialized, running, paused, stopping, exited or damaged.");
}

static bool test_status(const struct filter_value *value, const struct container *container)
{
	enum container_status status = container->state.status;

	if (str_equal(value->text, "stopped"))
		return status == CONTAINER_EXITED;
	if (str_equal(value->text, "configured"))
		return status == CONTAINER_CREATED;
	return str_equal(value->text, container_state_name(&container->state));
}

static int check_number(struct engine *engine, struct filter_value *value, struct err *err)
{
	(void)engine;
	if (parse_i64(value->text, &value->number) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid filter value 'exited=%s': an exit code is a number",
			       value->text);
	return 0;
}

static bool test_exited(const struct filter_value *value, const struct container *container)
{
	return container->state.status == CONTAINER_EXITED &&
	       container->state.exit_code == value->number;
}

static int check_ancestor(struct engine *engine, struct filter_value *value, struct err *err)
{
	struct image *image = NULL;
	int found = image_resolve(engine, value->text, &image, err);

	/* An image that is gone, or a text that names none, matches by the name in the records only. */
	if (found > 0)
		strv_add(&value->manifests, image->manifest.text);
	image_free(image);
	return 0;
}

static bool test_ancestor(const struct filter_value *value, const struct container *container)
{
	const char *after = str_after(container->image_name, value->text);

	return strv_contains(&value->manifests, container->image_manifest) ||
	       (after != NULL && (*after == '\0' || *after == ':')) ||
	       (strlen(value->text) >= OBJECT_ID_SHORT &&
		str_after(container->image_id, value->text) != NULL);
}

static int check_container_time(struct engine *engine, struct filter_value *value, struct err *err)
{
	cleanup_container struct container *container = NULL;

	if (container_get(engine, value->text, &container, err) < 0)
		return -1;
	value->number = container->created_ns;
	return 0;
}

static bool test_before(const struct filter_value *value, const struct container *container)
{
	return container->created_ns < value->number;
}

static bool test_since(const struct filter_value *value, const struct container *container)
{
	return container->created_ns > value->number;
}

static int check_time(struct engine *engine, struct filter_value *value, struct err *err)
{
	(void)engine;
	if (parse_time(value->text, &value->number) < 0) {
		err_set(err, ERR_USAGE, "invalid filter value 'until=%s'", value->text);
		return err_hint(err, "Use a time such as 2026-01-31T10:00:00Z, unix seconds, or a "
				     "duration such as 24h.");
	}
	return 0;
}

static bool test_until(const struct filter_value *value, const struct container *container)
{
	return container->created_ns <= value->number;
}

static bool test_volume(const struct filter_value *value, const struct container *container)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_MOUNTS), i, item)
		if (str_equal(json_get_string(item, "", "Name", NULL), value->text) ||
		    str_equal(json_get_string(item, "", "Source", NULL), value->text) ||
		    str_equal(json_get_string(item, "", "Destination", NULL), value->text))
			return true;
	return false;
}

static bool test_network(const struct filter_value *value, const struct container *container)
{
	const char *mode = json_get_string(container->create, "", KEY_NETWORK, KEY_MODE, NULL);
	const char *after = str_after(mode, value->text);

	return after != NULL && (*after == '\0' || *after == ':');
}

static bool test_command(const struct filter_value *value, const struct container *container)
{
	json_t *argv = json_object_get(container->create, KEY_ARGV);

	return regexec(&value->regex, json_string_value(json_array_get(argv, 0)) ?: "", 0, NULL,
		       0) == 0;
}

static bool test_restart_policy(const struct filter_value *value, const struct container *container)
{
	const char *policy =
		json_get_string(container->create, "no", KEY_RESTART, KEY_POLICY, NULL);

	if (*policy == '\0' || str_equal(policy, "no"))
		return str_equal(value->text, "no") || str_equal(value->text, "none");
	return str_equal(policy, value->text);
}

static int check_restart_policy(struct engine *engine, struct filter_value *value, struct err *err)
{
	static const char *const policies[] = { "no", "none", "always", "on-failure",
						"unless-stopped" };

	(void)engine;
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		if (str_equal(value->text, policies[i]))
			return 0;
	}
	err_set(err, ERR_USAGE, "%s invalid restart policy", value->text);
	return err_hint(err, "Use no, on-failure, always or unless-stopped.");
}

static int check_should_start(struct engine *engine, struct filter_value *value, struct err *err)
{
	(void)engine;
	if (str_equal(value->text, "true") || str_equal(value->text, "false"))
		return 0;
	return err_set(err, ERR_USAGE,
		       "invalid filter value 'should-start=%s': it can be true or false",
		       value->text);
}

static bool test_should_start(const struct filter_value *value, const struct container *container)
{
	return container_should_restart(container) == str_equal(value->text, "true");
}

static int check_health(struct engine *engine, struct filter_value *value, struct err *err)
{
	(void)engine;
	if (health_status_parse(value->text) >= 0)
		return 0;
	err_set(err, ERR_USAGE, "invalid filter value 'health=%s'", value->text);
	return err_hint(err, "Use starting, healthy, unhealthy or none.");
}

static bool test_health(const struct filter_value *value, const struct container *container)
{
	return (int)container_health_status(container) == health_status_parse(value->text);
}

static const struct filter_key filter_keys[] = {
	{ "id", false, check_regex, test_id },
	{ "name", false, check_regex, test_name },
	{ "label", true, NULL, test_label },
	{ "label!", true, NULL, test_label_not },
	{ "status", false, check_status, test_status },
	{ "exited", false, check_number, test_exited },
	{ "ancestor", false, check_ancestor, test_ancestor },
	{ "before", false, check_container_time, test_before },
	{ "since", false, check_container_time, test_since },
	{ "until", false, check_time, test_until },
	{ "volume", false, NULL, test_volume },
	{ "network", false, NULL, test_network },
	{ "command", false, check_regex, test_command },
	{ "restart-policy", false, check_restart_policy, test_restart_policy },
	{ "should-start", false, check_should_start, test_should_start },
	{ "health", false, check_health, test_health },
};

void container_filter_free(struct container_filter *filter)
{
	if (filter == NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(filter_keys); i++) {
		for (size_t k = 0; k < filter->entries[i].count; k++) {
			struct filter_value *value = &filter->entries[i].values[k];

			free(value->text);
			strv_release(&value->manifests);
			if (value->has_regex)
				regfree(&value->regex);
		}
		free(filter->entries[i].values);
	}
	free(filter->entries);
	free(filter);
}

static int filter_add(struct engine *engine, struct container_filter *filter, const char *text,
		      struct err *err)
{
	const char *equal = strchr(text, '=');
	size_t key_length = equal == NULL ? strlen(text) : (size_t)(equal - text);

	if (equal == NULL) {
		err_set(err, ERR_USAGE, "invalid filter '%s'", text);
		return err_hint(err, "A filter is KEY=VALUE.");
	}
	/* label!=x is the key "label!" */
	if (key_length > 0 && text[key_length - 1] == '!' && !str_after(text, "label!"))
		key_length--;

	for (size_t i = 0; i < ARRAY_SIZE(filter_keys); i++) {
		const struct filter_key *key = &filter_keys[i];
		struct filter_entry *entry = &filter->entries[i];

		if (strlen(key->name) != key_length || strncmp(key->name, text, key_length) != 0)
			continue;
		entry->key = key;
		entry->values =
			xreallocarray(entry->values, entry->count + 1, sizeof(*entry->values));
		struct filter_value *value = &entry->values[entry->count++];

		*value =
			(struct filter_value){ .text = xstrdup(equal + 1), .manifests = STRV_INIT };
		return key->check != NULL ? key->check(engine, value, err) : 0;
	}

	err_set(err, ERR_USAGE, "'%.*s' is an invalid filter for containers", (int)key_length,
		text);
	return err_hint(err, "Use id, name, label, status, exited, ancestor, before, since, until, "
			     "volume, network, "
			     "command, restart-policy, should-start or health.");
}

int container_filter_new(struct engine *engine, const struct strv *filters,
			 struct container_filter **ret_filter, struct err *err)
{
	cleanup_container_filter struct container_filter *filter = xcalloc(1, sizeof(*filter));

	filter->entries = xcalloc(ARRAY_SIZE(filter_keys), sizeof(*filter->entries));
	for (size_t i = 0; i < filters->count; i++)
		if (filter_add(engine, filter, filters->items[i], err) < 0)
			return -1;

	*ret_filter = TAKE_PTR(filter);
	return 0;
}

bool container_filter_match(const struct container_filter *filter,
			    const struct container *container)
{
	for (size_t i = 0; i < ARRAY_SIZE(filter_keys); i++) {
		const struct filter_entry *entry = &filter->entries[i];
		size_t held = 0;

		for (size_t k = 0; k < entry->count; k++)
			held += entry->key->test(&entry->values[k], container);
		if (entry->count > 0 && (entry->key->all_values ? held < entry->count : held == 0))
			return false;
	}
	return true;
}
