/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/events/filter.c - `events --filter NAME=VALUE`
 *
 * Names and meanings are podman's: values of one name are alternatives, names add up. Besides its own words for what happened, docker's
 * are understood (die, destroy), which podman has not.
 */
#include "engine/events/parts.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <string.h>

struct filter_name {
	const char *name;
	/* NULL: any text */
	int (*check)(const char *value, struct err *err);
	bool (*test)(const char *value, const json_t *event);
};

struct event_filters {
	struct strv *values; /* a list for each name of the table */
};

static const char *member(const json_t *event, const char *key)
{
	return json_get_string(event, "", key, NULL);
}

static bool is_type(const json_t *event, enum event_type type)
{
	return str_equal(member(event, "Type"), event_type_name((int)type));
}

/* By its name, or the start of its id. */
static bool is_object(const json_t *event, const char *value)
{
	const char *id = member(event, "ID");

	return str_equal(member(event, "Name"), value) ||
	       (*id != '\0' && *value != '\0' && str_after(id, value) != NULL);
}

static bool test_container(const char *value, const json_t *event)
{
	return is_type(event, EVENT_TYPE_CONTAINER) && is_object(event, value);
}

static bool test_volume(const char *value, const json_t *event)
{
	return is_type(event, EVENT_TYPE_VOLUME) && is_object(event, value);
}

static bool test_network(const char *value, const json_t *event)
{
	return is_type(event, EVENT_TYPE_NETWORK) &&
	       (is_object(event, value) || str_equal(member(event, "network"), value));
}

static bool test_secret(const char *value, const json_t *event)
{
	return is_type(event, EVENT_TYPE_SECRET) && is_object(event, value);
}

static bool test_pod(const char *value, const json_t *event)
{
	const char *pod_id = member(event, "PodID");

	if (is_type(event, EVENT_TYPE_POD))
		return is_object(event, value);
	return *pod_id != '\0' && *value != '\0' && str_after(pod_id, value) != NULL;
}

/* Also by a name without its registry or tag: "alpine" is docker.io/library/alpine:3.20. */
static bool test_image(const char *value, const json_t *event)
{
	const char *name = member(event, "Name");
	const char *id = str_after(value, "sha256:");

	if (!is_type(event, EVENT_TYPE_IMAGE))
		return false;
	if (is_object(event, id != NULL ? id : value))
		return true;
	size_t length = strlen(value);

	for (const char *at = strstr(name, value); length > 0 && at != NULL;
	     at = strstr(at + 1, value)) {
		char behind = at[length];

		if ((at == name || at[-1] == '/') &&
		    (behind == '\0' || behind == '@' ||
		     (behind == ':' && strchr(at + length, '/') == NULL)))
			return true;
	}
	return false;
}

static const char *status_word(const char *value)
{
	static const struct {
		const char *docker, *podman;
	} words[] = { { "die", "died" },
		      { "destroy", "remove" },
		      { "delete", "remove" },
		      { "exec_die", "exec_died" },
		      { "load", "loadfromarchive" } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (str_equal(value, words[i].docker))
			return words[i].podman;
	}
	return value;
}

static int check_event(const char *value, struct err *err)
{
	if (event_status_parse(status_word(value)) >= 0)
		return 0;
	err_set(err, ERR_USAGE, "invalid filter 'event=%s': there is no such event", value);
	return err_hint(err,
			"Use create, start, died, remove, pull ... as podman-events(1) has them.");
}

static bool test_event(const char *value, const json_t *event)
{
	return str_equal(member(event, "Status"), status_word(value));
}

static int check_type(const char *value, struct err *err)
{
	if (event_type_parse(value) >= 0)
		return 0;
	err_set(err, ERR_USAGE, "invalid filter 'type=%s'", value);
	return err_hint(err, "Use container, image, network, pod, secret, system or volume.");
}

static bool test_type(const char *value, const json_t *event)
{
	return str_equal(member(event, "Type"), value);
}

static bool test_label(const char *value, const json_t *event)
{
	const char *equals = strchrnul(value, '=');
	cleanup_free char *key = xstrndup(value, (size_t)(equals - value));
	const char *text = json_get_string(event, NULL, "Attributes", key, NULL);

	return text != NULL && (*equals == '\0' || str_equal(text, equals + 1));
}

static const struct filter_name filter_names[] = {
	{ "container", NULL, test_container },
	{ "event", check_event, test_event },
	{ "status", check_event, test_event },
	{ "image", NULL, test_image },
	{ "label", NULL, test_label },
	{ "network", NULL, test_network },
	{ "pod", NULL, test_pod },
	{ "secret", NULL, test_secret },
	{ "type", check_type, test_type },
	{ "volume", NULL, test_volume },
};

static int add_filter(struct event_filters *filters, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL)
		return err_set(err, ERR_USAGE, "invalid filter '%s': it is not NAME=VALUE", text);
	cleanup_free char *name = xstrndup(text, (size_t)(equals - text));

	for (size_t i = 0; i < ARRAY_SIZE(filter_names); i++) {
		if (!str_equal(filter_names[i].name, name))
			continue;
		if (filter_names[i].check != NULL && filter_names[i].check(equals + 1, err) < 0)
			return -1;
		strv_add(&filters->values[i], equals + 1);
		return 0;
	}
	err_set(err, ERR_USAGE, "invalid filter '%s': there is no filter '%s'", text, name);
	return err_hint(
		err, "Use container, event, image, label, network, pod, secret, type or volume.");
}

int event_filters_new(const struct strv *filters, struct event_filters **ret_filters,
		      struct err *err)
{
	cleanup_event_filters struct event_filters *made = xcalloc(1, sizeof(*made));

	made->values = xcalloc(ARRAY_SIZE(filter_names), sizeof(*made->values));
	for (size_t i = 0; filters != NULL && i < filters->count; i++) {
		if (add_filter(made, filters->items[i], err) < 0)
			return -1;
	}
	*ret_filters = TAKE_PTR(made);
	return 0;
}

bool event_filters_match(const struct event_filters *filters, const json_t *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(filter_names); i++) {
		const struct strv *values = &filters->values[i];
		bool any = values->count == 0;

		for (size_t j = 0; j < values->count && !any; j++)
			any = filter_names[i].test(values->items[j], event);
		if (!any)
			return false;
	}
	return true;
}

void event_filters_free(struct event_filters *filters)
{
	if (filters == NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(filter_names); i++)
		strv_release(&filters->values[i]);
	free(filters->values);
	free(filters);
}
