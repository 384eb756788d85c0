/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/registries_alias.c - short-name-aliases.conf: what the user chose that short names mean
 *
 * A cache of other engines, too ($XDG_CACHE_HOME/containers, or ~/.cache/containers): [aliases] with a line each. It is written anew as a whole;
 * of two that write at once one wins, and the other's user is asked again.
 */
#include "engine/image/registries.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/engine.h"
#include "engine/image/toml.h"

#define FILE_NAME "short-name-aliases.conf"

static char *alias_directory(void)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (!str_is_empty(cache))
		return xasprintf("%s/containers", cache);
	return xasprintf("%s/.cache/containers", str_is_empty(home) ? "/nonexistent" : home);
}

char *registries_alias_file(void)
{
	cleanup_free char *directory = alias_directory();

	return xasprintf("%s/" FILE_NAME, directory);
}

/* Both are parts of image names, so nothing in them needs to be escaped. */
static void print_aliases(const json_t *aliases, struct strbuf *out)
{
	cleanup_strv struct strv names = STRV_INIT;
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)aliases, name, value)
		strv_add(&names, name);
	strv_sort(&names);
	strbuf_adds(out, "[aliases]\n");
	for (size_t i = 0; i < names.count; i++)
		strbuf_addf(out, "  \"%s\" = \"%s\"\n", names.items[i],
			    json_get_string(aliases, "", names.items[i], NULL));
}

static int write_choice(const char *short_name, const char *full_name, struct err *err)
{
	cleanup_free char *directory = alias_directory();
	cleanup_free char *file = registries_alias_file();
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *toml = NULL;
	cleanup_fd int directory_fd = -1;

	if (image_ref_parse(full_name, &ref, err) < 0 || toml_read(file, &toml, err) < 0)
		return -1;
	if (toml == NULL)
		toml = json_object();
	if (json_object_get(toml, "aliases") == NULL)
		json_put(toml, "aliases", json_object());
	json_put(json_object_get(toml, "aliases"), short_name,
		 json_sprintf("%s/%s", ref.registry, ref.path));
	print_aliases(json_object_get(toml, "aliases"), &text);
	directory_fd = path_make_dirs(directory, 0700);
	if (directory_fd < 0)
		return err_sys(err, -directory_fd, "cannot make directory '%s'", directory);
	return record_publish_raw(directory_fd, FILE_NAME, text.data, text.length, 0600, 0, err);
}

void registries_remember(struct engine *engine, const char *chosen, const char *full_name)
{
	struct err err = { 0 };

	if (chosen != NULL && write_choice(chosen, full_name, &err) < 0)
		engine_warn(engine, "cannot remember what '%s' means: %s", chosen, err.msg);
}

static int choose_name(const struct engine *engine, const char *short_name, struct strv *names,
		       struct err *err)
{
	cleanup_free char *question = xasprintf("The short name '%s' may mean:", short_name);
	int chosen = engine->choose(question, names);

	if (chosen < 0 || (size_t)chosen >= names->count)
		return err_set(err, ERR_INTERRUPTED,
			       "short name '%s' may mean several images, and none was chosen",
			       short_name);
	cleanup_free char *name = xstrdup(names->items[chosen]);
	strv_clear(names);
	strv_add(names, name);
	return 0;
}

int registries_meant(const struct engine *engine, const struct registries *registries,
		     const char *text, struct strv *ret_names, char **ret_chosen, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	bool docker_hub = engine->options.as_docker;

	if (image_ref_parse(text, &ref, err) < 0)
		return -1;
	if (ref.registry != NULL) {
		strv_add_take(ret_names, image_ref_full(&ref, ref.registry));
		return 0;
	}
	if (engine->choose == NULL || !registries_may_ask(registries))
		return registries_expand(registries, &ref, docker_hub, ret_names, err);
	if (registries_candidates(registries, &ref, docker_hub, ret_names, err) < 0)
		return -1;
	if (ret_names->count < 2)
		return 0;
	if (choose_name(engine, ref.path, ret_names, err) < 0)
		return -1;
	*ret_chosen = xstrdup(ref.path);
	return 0;
}
