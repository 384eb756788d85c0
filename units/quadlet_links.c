/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_links.c - what [Install] asks for: a generated unit is not enabled by hand, so the generator makes the links
 */
#include "units/quadlet.h"

#include "base/alloc.h"
#include "base/strbuf.h"

static bool is_unit_name(const char *name)
{
	return *name != '\0' && *name != '.' && strchr(name, '/') == NULL;
}

static void words_of(const struct quadlet *quadlet, const char *key, struct strv *words)
{
	const struct unit_line *line;
	size_t position = 0;

	while ((line = unit_next(&quadlet->unit, "Install", key, &position)) != NULL)
		(void)unit_split_words(line->value, words);
}

/* "many@100.service" for a template that has a default instance; the service itself for what is none; NULL for a template without one */
static char *instance_of(const struct quadlet *quadlet)
{
	const char *at = strchr(quadlet->service, '@');
	const char *instance = unit_value(&quadlet->unit, "Install", "DefaultInstance");

	if (at == NULL || at[1] != '.')
		return xstrdup(quadlet->service);
	if (instance == NULL || !is_unit_name(instance))
		return NULL;
	return xasprintf("%.*s%s%s", (int)(at + 1 - quadlet->service), quadlet->service, instance,
			 at + 1);
}

void quadlet_links(const struct quadlet *quadlet, quadlet_link link, void *arg)
{
	static const struct {
		const char *key, *folder;
	} kinds[] = { { "WantedBy", "wants" },
		      { "RequiredBy", "requires" },
		      { "UpheldBy", "upholds" } };
	cleanup_free char *instance = instance_of(quadlet);
	cleanup_strv struct strv aliases = STRV_INIT;

	words_of(quadlet, "Alias", &aliases);
	for (size_t i = 0; i < aliases.count; i++) {
		if (is_unit_name(aliases.items[i]))
			link(arg, aliases.items[i], quadlet->service);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && instance != NULL; i++) {
		cleanup_strv struct strv units = STRV_INIT;

		words_of(quadlet, kinds[i].key, &units);
		for (size_t j = 0; j < units.count; j++) {
			cleanup_free char *path =
				xasprintf("%s.%s/%s", units.items[j], kinds[i].folder, instance);
			cleanup_free char *target = xasprintf("../%s", quadlet->service);

			if (is_unit_name(units.items[j]))
				link(arg, path, target);
		}
	}
}
