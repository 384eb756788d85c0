/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/search.c - look for images in registries
 */
#include "engine/image.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/image/pull_private.h"

/* ---- filters --------------------------------------------------------------------------------------------------------- */

struct search_filter {
	int64_t stars;
	int official, automated; /* -1: not asked */
};

static int parse_filters(const struct strv *texts, struct search_filter *ret, struct err *err)
{
	*ret = (struct search_filter){ 0, -1, -1 };
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i];
		const char *equals = strchr(text, '=');
		cleanup_free char *key =
			equals != NULL ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
		bool flag = true;
		uint32_t stars = 0;

		if (str_equal(key, "stars")) {
			if (equals == NULL || parse_u32(equals + 1, &stars) < 0)
				return err_set(err, ERR_USAGE,
					       "invalid filter '%s': it is stars=NUMBER", text);
			ret->stars = stars;
			continue;
		}
		if (!str_equal(key, "is-official") && !str_equal(key, "is-automated")) {
			err_set(err, ERR_USAGE, "unknown filter '%s'", key);
			return err_hint(
				err,
				"Filters of a search are stars, is-official and is-automated.");
		}
		if (equals != NULL && parse_bool(equals + 1, &flag) < 0)
			return err_set(err, ERR_USAGE, "invalid filter '%s': it is true or false",
				       text);
		*(str_equal(key, "is-official") ? &ret->official : &ret->automated) = flag;
	}
	return 0;
}

static bool passes(const struct search_filter *filter, const json_t *row)
{
	return json_get_int(row, 0, "stars", NULL) >= filter->stars &&
	       (filter->official < 0 ||
		filter->official == json_get_bool(row, false, "official", NULL)) &&
	       (filter->automated < 0 ||
		filter->automated == json_get_bool(row, false, "automated", NULL));
}

/* ---- one registry ---------------------------------------------------------------------------------------------------- */

static json_t *object_of(const char *registry, const json_t *row, bool as_docker)
{
	const char *name = json_get_string(row, "", "name", NULL);
	bool official = json_get_bool(row, false, "official", NULL);
	cleanup_strbuf struct strbuf full = STRBUF_INIT;
	json_t *object = json_object();

	/* what can be typed behind `pull` */
	if (!(as_docker && str_equal(registry, "docker.io")))
		strbuf_addf(&full, "%s/%s", registry,
			    str_equal(registry, "docker.io") && strchr(name, '/') == NULL
				    ? "library/"
				    : "");
	strbuf_adds(&full, name);
	json_put(object, "Index", json_text(registry));
	json_put(object, "Name", json_text(full.data));
	json_put(object, "Description", json_text(json_get_string(row, "", "description", NULL)));
	json_put_int(object, "Stars", json_get_int(row, 0, "stars", NULL));
	json_put_string(object, "Official", official ? "[OK]" : "");
	json_put_string(object, "Automated",
			json_get_bool(row, false, "automated", NULL) ? "[OK]" : "");
	return object;
}

static int run(struct engine *engine, const struct image_ref *ref, bool whole_registry,
	       const struct registries *registries, const struct image_search_opts *opts,
	       struct pull_result *result, struct err *err)
{
	cleanup_json json_t *request = NULL;
	json_t *source = NULL, *search;
	json_t *endpoint;
	size_t i;

	if (pull_registry_itself(registries, ref, &opts->registry, &source, err) < 0)
		return -1;
	json_array_foreach (json_object_get(source, "endpoints"), i, endpoint) {
		if (whole_registry)
			json_put_string(endpoint, "path", "");
	}
	if (pull_request(engine, whole_registry ? "search" : "tags", source, &opts->registry,
			 &request, err) < 0)
		return -1;
	search = json_object();
	json_put(search, "term", json_text(ref->path));
	json_put_int(search, "limit", opts->limit);
	json_put(request, "search", search);
	return pull_run(engine, request, NULL, NULL, result, err);
}

static int search_one(struct engine *engine, const char *registry, const char *term,
		      const struct registries *registries, const struct image_search_opts *opts,
		      const struct search_filter *filter, json_t *list, struct err *err)
{
	struct image_ref ref = { .registry = (char *)registry, .path = (char *)term };
	cleanup_json json_t *found = json_array();
	struct pull_result result = { .tags = STRV_INIT, .found = found };
	const json_t *row;
	size_t i;

	if (run(engine, &ref, true, registries, opts, &result, err) < 0)
		return err_wrap(err, "cannot search for '%s' in '%s'", term, registry);
	json_array_foreach (found, i, row) {
		if (passes(filter, row))
			json_array_append_new(list,
					      object_of(registry, row, engine->options.as_docker));
	}
	return 0;
}

static int list_tags(struct engine *engine, const struct image_ref *ref,
		     const struct registries *registries, const struct image_search_opts *opts,
		     json_t *list, struct err *err)
{
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_free char *name = xasprintf("%s/%s", ref->registry, ref->path);
	int status = run(engine, ref, false, registries, opts, &result, err);

	for (size_t i = 0; i < result.tags.count && (int64_t)i < opts->limit; i++) {
		json_t *object = json_object();

		json_put(object, "Name", json_text(name));
		json_put(object, "Tag", json_text(result.tags.items[i]));
		json_array_append_new(list, object);
	}
	strv_release(&result.tags);
	return status < 0 ? err_wrap(err, "cannot list the tags of '%s'", name) : 0;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

/* Where to look for a term that names no registry. */
static int search_registries(struct engine *engine, const char *term, struct strv *ret,
			     struct err *err)
{
	cleanup_json json_t *json = image_registries_json(engine, err);

	if (json == NULL)
		return -1;
	json_get_strv(json, "search", ret);
	if (ret->count == 0 && engine->options.as_docker)
		strv_add(ret, "docker.io");
	if (ret->count > 0)
		return 0;
	err_set(err, ERR_USAGE,
		"cannot search for '%s': no unqualified-search registries are configured", term);
	return err_hint(err, "Say which registry: docker.io/%.150s", term);
}

static int search_all(struct engine *engine, const char *term, const struct registries *registries,
		      const struct image_search_opts *opts, const struct search_filter *filter,
		      json_t *list, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	size_t failures = 0;

	if (search_registries(engine, term, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct err one;

		if (search_one(engine, names.items[i], term, registries, opts, filter, list,
			       &one) == 0)
			continue;
		*err = one;
		if (++failures == names.count || one.kind == ERR_INTERRUPTED)
			return -1;
		engine_warn(engine, "%s", one.msg);
	}
	return 0;
}

json_t *image_search(struct engine *engine, const char *term, const struct image_search_opts *opts,
		     struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_json json_t *list = json_array();
	struct search_filter filter;
	int status;

	if (parse_filters(&opts->filters, &filter, err) < 0 ||
	    registries_load(engine->options.registries_conf, &registries, err) < 0)
		return NULL;
	term = str_after(term, "docker://") ?: term;
	if (image_ref_parse(term, &ref, err) < 0)
		return NULL;
	if (ref.registry == NULL && opts->list_tags) {
		cleanup_strv struct strv names = STRV_INIT;

		if (registries_expand(registries, &ref, engine->options.as_docker, &names, err) < 0)
			return NULL;
		image_ref_release(&ref);
		if (image_ref_parse(names.items[0], &ref, err) < 0)
			return NULL;
	}
	status = opts->list_tags ? list_tags(engine, &ref, registries, opts, list, err)
		 : ref.registry != NULL
			 ? search_one(engine, ref.registry, ref.path, registries, opts, &filter,
				      list, err)
			 : search_all(engine, term, registries, opts, &filter, list, err);
	return status < 0 ? NULL : TAKE_PTR(list);
}
