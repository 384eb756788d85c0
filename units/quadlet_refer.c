/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_refer.c - names of services and objects, and units that refer to each other
 *
 * What a unit makes has the name that it says (ContainerName=, VolumeName=, ...) or one that tells where it comes from: systemd-NAME. An
 * instance of a template shares the unit's file, so its name holds the specifier of the instance.
 */
#include "units/quadlet_private.h"

#include "base/alloc.h"
#include "base/strbuf.h"

/* ---- names ------------------------------------------------------------------------------------------------------------ */

/* "web", "web@", "web@a" and a text behind the prefix: "web-volume@a". */
static char *service_name(const struct quadlet *quadlet, const char *stem, const char *instance)
{
	const char *said =
		unit_value(&quadlet->unit, quadlet_section(quadlet->type), "ServiceName");

	if (said != NULL)
		return xasprintf("%s.service", said);
	return xasprintf("%s%s%s%s%s.service", stem, quadlet->type == QUADLET_CONTAINER ? "" : "-",
			 quadlet->type == QUADLET_CONTAINER ? "" : quadlet_suffix(quadlet->type),
			 instance != NULL ? "@" : "", instance != NULL ? instance : "");
}

static const char *object_key(enum quadlet_type type)
{
	static const char *const keys[QUADLET_TYPE_COUNT] = {
		[QUADLET_CONTAINER] = "ContainerName", [QUADLET_VOLUME] = "VolumeName",
		[QUADLET_NETWORK] = "NetworkName",     [QUADLET_IMAGE] = "ImageTag",
		[QUADLET_BUILD] = "ImageTag",
	};

	return keys[type];
}

static char *object_name(const struct quadlet *quadlet, const char *stem, const char *instance)
{
	const char *section = quadlet_section(quadlet->type), *key = object_key(quadlet->type);
	const char *said = NULL;
	size_t position = 0;

	if (quadlet->type == QUADLET_BUILD) {
		const struct unit_line *first = unit_next(&quadlet->unit, section, key, &position);

		return xstrdup(first != NULL ? first->value : "");
	}
	if (key != NULL)
		said = unit_value(&quadlet->unit, section, key);
	if (said == NULL && quadlet->type == QUADLET_IMAGE)
		said = unit_value(&quadlet->unit, section, "Image");
	if (said != NULL)
		return xstrdup(said);
	if (quadlet->type == QUADLET_CONTAINER)
		return xstrdup(instance == NULL ? "systemd-%N" : "systemd-%p_%i");
	if (instance == NULL)
		return xasprintf("systemd-%s", stem);
	return xasprintf("systemd-%s_%s", stem, *instance != '\0' ? instance : "%i");
}

void quadlet_resolve(struct quadlet_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct quadlet *quadlet = set->items[i];
		size_t length = strlen(quadlet->name) - strlen(quadlet_suffix(quadlet->type)) - 1;
		cleanup_free char *stem = xstrndup(quadlet->name, length);
		char *at = strchr(stem, '@');

		if (at != NULL)
			*at++ = '\0';
		free(quadlet->service);
		free(quadlet->object);
		quadlet->service = service_name(quadlet, stem, at);
		quadlet->object = object_name(quadlet, stem, at);
	}
}

static struct quadlet *find_exactly(const struct quadlet_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (str_equal(set->items[i]->name, name))
			return set->items[i];
	}
	return NULL;
}

struct quadlet *quadlet_find(const struct quadlet_set *set, const char *name)
{
	struct quadlet *found = find_exactly(set, name);
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

	if (found != NULL || at == NULL || dot == NULL || dot < at)
		return found;

	cleanup_free char *template = xasprintf("%.*s@%s", (int)(at - name), name, dot);

	return find_exactly(set, template);
}

/* ---- references ------------------------------------------------------------------------------------------------------- */

struct quadlet *conversion_refer(struct conversion *conversion, const struct unit_line *line,
				 const char *name, char **ret_object)
{
	struct unit *made = &conversion->quadlet->made;
	struct quadlet *other = quadlet_find(conversion->set, name);
	cleanup_free char *service = NULL;

	*ret_object = NULL;
	if (other == NULL) {
		quadlet_problem(conversion, UNIT_ERROR, line, NULL, "there is no unit '%s'", name);
		return NULL;
	}
	if (str_equal(other->name, name)) {
		service = xstrdup(other->service);
		*ret_object = xstrdup(other->object);
	} else {
		const char *at = strchr(name, '@');
		cleanup_free char *stem = xstrndup(name, (size_t)(at - name));
		cleanup_free char *instance = xstrndup(at + 1, (size_t)(strrchr(at, '.') - at - 1));

		service = service_name(other, stem, instance);
		*ret_object = object_name(other, stem, instance);
	}
	/* its specifiers would be those of the unit that refers to it */
	if (other->type == QUADLET_CONTAINER && strchr(*ret_object, '%') != NULL &&
	    unit_value(&other->unit, "Container", "ContainerName") == NULL) {
		char *at = strchr(service, '@');
		int length = (int)(strlen(service) - strlen(".service"));

		free(*ret_object);
		*ret_object = xasprintf("systemd-%.*s", length, service);
		if (at != NULL)
			(*ret_object)[strlen("systemd-") + (size_t)(at - service)] = '_';
	}
	unit_add(made, "Unit", "Requires", service);
	unit_add(made, "Unit", "After", service);
	return other;
}

char *conversion_image(struct conversion *conversion, const struct unit_line *line)
{
	const char *value = line->value;
	int type = quadlet_type_of(value);
	char *object;

	if (type != QUADLET_IMAGE && type != QUADLET_BUILD)
		return xstrdup(value);
	/* a registry could have a name with such an end, a path behind it tells */
	if (strchr(value, '/') != NULL)
		return xstrdup(value);
	(void)conversion_refer(conversion, line, value, &object);
	if (object != NULL && *object == '\0') {
		quadlet_problem(conversion, UNIT_ERROR, line, NULL, "'%s' gives its image no name",
				value);
		free(object);
		return NULL;
	}
	return object;
}

void conversion_networks(struct conversion *conversion)
{
	const struct unit_line *line;
	size_t position = 0;

	while ((line = conversion_next(conversion, "Network", &position)) != NULL) {
		size_t length = strcspn(line->value, ":");
		cleanup_free char *name = xstrndup(line->value, length), *object = NULL;
		int type = quadlet_type_of(name);
		cleanup_free char *value = NULL;

		if (type != QUADLET_NETWORK && type != QUADLET_CONTAINER) {
			conversion_option(conversion, line, "--network", line->value);
			continue;
		}
		if (conversion_refer(conversion, line, name, &object) == NULL)
			continue;
		if (type == QUADLET_CONTAINER && line->value[length] != '\0') {
			quadlet_problem(conversion, UNIT_ERROR, line, NULL,
					"the network of a container takes no options");
			continue;
		}
		if (type == QUADLET_NETWORK)
			quadlet_problem(
				conversion, UNIT_REFUSED, line, NULL,
				"dhow has no networks with names, so '%s' cannot start: say "
				"slirp4netns, host, none, or NAME.container",
				name);
		value = xasprintf("%s%s%s", type == QUADLET_CONTAINER ? "container:" : "", object,
				  line->value + length);
		conversion_option(conversion, line, "--network", value);
	}
}

void conversion_volumes(struct conversion *conversion)
{
	const struct unit_line *line;
	size_t position = 0;

	while ((line = conversion_next(conversion, "Volume", &position)) != NULL) {
		const char *colon = strchr(line->value, ':');
		cleanup_free char *source =
			colon != NULL ? xstrndup(line->value, (size_t)(colon - line->value)) : NULL;
		cleanup_free char *object = NULL, *value = NULL;

		if (source == NULL) {
			conversion_option(conversion, line, "-v", line->value);
			continue;
		}
		if (quadlet_type_of(source) == QUADLET_VOLUME && strchr(source, '/') == NULL)
			(void)conversion_refer(conversion, line, source, &object);
		else
			object = source[0] == '.' ? quadlet_path(conversion->quadlet, source)
						  : xstrdup(source);
		if (object == NULL)
			continue;
		value = xasprintf("%s%s", object, colon);
		conversion_option(conversion, line, "-v", value);
	}
}

/* One "source=..." of a mount, as the kind of mount reads it; NULL: it was reported. */
static char *mount_source(struct conversion *conversion, const struct unit_line *line,
			  const char *kind, const char *source)
{
	int type = strchr(source, '/') == NULL ? quadlet_type_of(source) : -1;
	bool unit = (str_equal(kind, "volume") && type == QUADLET_VOLUME) ||
		    (str_equal(kind, "image") && (type == QUADLET_IMAGE || type == QUADLET_BUILD));
	char *object;

	if (unit) {
		(void)conversion_refer(conversion, line, source, &object);
		return object;
	}
	if (source[0] == '.' && (str_equal(kind, "bind") || str_equal(kind, "glob")))
		return quadlet_path(conversion->quadlet, source);
	return xstrdup(source);
}

void conversion_mounts(struct conversion *conversion)
{
	const struct unit_line *line;
	size_t position = 0;

	while ((line = conversion_next(conversion, "Mount", &position)) != NULL) {
		cleanup_strv struct strv parts = STRV_INIT;
		const char *kind = "volume", *rest;
		bool failed = false;

		strv_split(&parts, line->value, ',');
		for (size_t i = 0; i < parts.count; i++) {
			rest = str_after(parts.items[i], "type=");
			kind = rest != NULL ? rest : kind;
		}
		for (size_t i = 0; i < parts.count; i++) {
			rest = str_after(parts.items[i], "source=");
			if (rest == NULL)
				rest = str_after(parts.items[i], "src=");
			if (rest == NULL)
				continue;

			cleanup_free char *source = mount_source(conversion, line, kind, rest);

			failed |= source == NULL;
			if (source != NULL) {
				free(parts.items[i]);
				parts.items[i] = xasprintf("source=%s", source);
			}
		}

		cleanup_free char *value = strv_join(&parts, ",");

		if (!failed)
			conversion_option(conversion, line, "--mount", value);
	}
}
