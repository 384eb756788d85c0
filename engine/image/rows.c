/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/rows.c - the rows of `images`, filtered
 *
 * Filters of one key: any of them, of several keys: all of them; of label all, as everywhere. A row is an image and one of its
 * names: filters of names choose rows, the others choose images.
 */
#include "engine/image.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/container.h"

struct filters {
	struct engine *engine;
	const struct strv *names; /* IMAGE arguments */
	struct strv references, ids, labels;
	int dangling, containers, intermediate, read_only; /* -1: not asked */
	int64_t before_ns, since_ns, until_ns;		   /* 0: not asked */
};

static void filters_release(struct filters *filters)
{
	strv_release(&filters->references);
	strv_release(&filters->ids);
	strv_release(&filters->labels);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

static int parse_flag(const char *key, const char *value, int *ret, struct err *err)
{
	bool flag = false;

	if (parse_bool(value, &flag) < 0)
		return err_set(err, ERR_USAGE, "invalid filter '%s=%s': it is true or false", key,
			       value);
	*ret = flag;
	return 0;
}

static int parse_image_time(struct engine *engine, const char *value, int64_t *ret_ns,
			    struct err *err)
{
	cleanup_image struct image *image = NULL;
	int found = image_resolve(engine, value, &image, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", value);
	*ret_ns = image->created_ns;
	return 0;
}

static int add_filter(struct filters *filters, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	cleanup_free char *key =
		equals != NULL ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
	const char *value = equals != NULL ? equals + 1 : "";

	if (equals == NULL || *value == '\0')
		return err_set(err, ERR_USAGE, "invalid filter '%s': it has the form KEY=VALUE",
			       text);
	if (str_equal(key, "reference"))
		strv_add(&filters->references, value);
	else if (str_equal(key, "id"))
		strv_add(&filters->ids, str_after(value, "sha256:") ?: value);
	else if (str_equal(key, "label"))
		strv_add(&filters->labels, value);
	else if (str_equal(key, "dangling"))
		return parse_flag(key, value, &filters->dangling, err);
	else if (str_equal(key, "containers"))
		return parse_flag(key, value, &filters->containers, err);
	else if (str_equal(key, "intermediate"))
		return parse_flag(key, value, &filters->intermediate, err);
	else if (str_equal(key, "readonly"))
		return parse_flag(key, value, &filters->read_only, err);
	else if (str_equal(key, "before"))
		return parse_image_time(filters->engine, value, &filters->before_ns, err);
	else if (str_equal(key, "since") || str_equal(key, "after"))
		return parse_image_time(filters->engine, value, &filters->since_ns, err);
	else if (str_equal(key, "until")) {
		if (parse_time(value, &filters->until_ns) < 0)
			return err_set(err, ERR_USAGE,
				       "invalid filter 'until=%s': it is a time or a duration",
				       value);
	} else {
		err_set(err, ERR_USAGE, "unknown filter '%s'", key);
		return err_hint(err,
				"Filters of images are reference, id, label, dangling, before, "
				"since, until, containers, intermediate and readonly.");
	}
	return 0;
}

/* ---- images ------------------------------------------------------------------------------------------------------------ */

static bool label_matches(const struct image *image, const char *want)
{
	bool with_value = strchr(want, '=') != NULL;
	size_t length = strlen(want);

	for (size_t i = 0; i < image->labels.count; i++) {
		const char *label = image->labels.items[i];

		if (with_value ? str_equal(label, want)
			       : strncmp(label, want, length) == 0 && label[length] == '=')
			return true;
	}
	return false;
}

static bool id_matches(const struct image *image, const struct strv *ids)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (digest_is_set(&image->config) &&
		    str_after(digest_hex(&image->config), ids->items[i]) != NULL)
			return true;
	}
	return ids->count == 0;
}

/* 1, 0, -1 */
static int image_passes(const struct filters *filters, const struct image *image, struct err *err)
{
	cleanup_strv struct strv users = STRV_INIT;
	bool is_dangling = image->names.count == 0;
	/* no image of ours is only a step on the way to another */
	bool is_intermediate = false;

	for (size_t i = 0; i < filters->labels.count; i++) {
		if (!label_matches(image, filters->labels.items[i]))
			return 0;
	}
	if (!id_matches(image, &filters->ids))
		return 0;
	if (filters->dangling >= 0 && filters->dangling != is_dangling)
		return 0;
	if (filters->intermediate >= 0 && filters->intermediate != is_intermediate)
		return 0;
	if (filters->read_only >= 0 && filters->read_only != image->read_only)
		return 0;
	if (filters->before_ns != 0 && image->created_ns >= filters->before_ns)
		return 0;
	if (filters->since_ns != 0 && image->created_ns <= filters->since_ns)
		return 0;
	if (filters->until_ns != 0 && image->created_ns >= filters->until_ns)
		return 0;
	if (filters->containers >= 0) {
		int used = container_uses_image(filters->engine, &image->manifest, &users, err);

		if (used < 0)
			return -1;
		if (filters->containers != (users.count > 0))
			return 0;
	}
	return 1;
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

/* Does what starts at some '/' (or the whole) match? With and without the tag. */
static bool name_matches(const char *name, const char *pattern)
{
	cleanup_free char *repository = xstrdup(name);
	char *at = strchr(repository, '@');
	char *colon = strrchr(repository, ':');
	const char *slash = NULL;

	if (at != NULL)
		*at = '\0';
	else if (colon != NULL && strchr(colon, '/') == NULL)
		*colon = '\0';
	for (const char *part = name; part != NULL; part = slash != NULL ? slash + 1 : NULL) {
		slash = strchr(part, '/');
		if (fnmatch(pattern, part, FNM_PATHNAME) == 0 ||
		    fnmatch(pattern, repository + (part - name), FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

static bool any_matches(const char *name, const struct strv *patterns)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (name_matches(name, patterns->items[i]))
			return true;
	}
	return patterns->count == 0;
}

static bool id_is_named(const struct image *image, const struct strv *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *text = str_after(names->items[i], "sha256:") ?: names->items[i];

		if (object_id_is_prefix(text) && strlen(text) >= OBJECT_ID_SHORT &&
		    digest_is_set(&image->config) &&
		    str_after(digest_hex(&image->config), text) != NULL)
			return true;
	}
	return false;
}

struct rows {
	struct image_row *items;
	size_t count, size;
};

static void add_row(struct rows *rows, const struct image *image, const char *name)
{
	if (rows->count == rows->size) {
		rows->size = rows->size * 2 + 16;
		rows->items = xreallocarray(rows->items, rows->size, sizeof(*rows->items));
	}
	rows->items[rows->count++] = (struct image_row){ image, name };
}

static void add_rows(struct rows *rows, const struct filters *filters, const struct image *image)
{
	bool named = id_is_named(image, filters->names);
	bool any_name = false;

	for (size_t i = 0; i < image->names.count; i++) {
		const char *name = image->names.items[i];

		if (any_matches(name, &filters->references) &&
		    (named || any_matches(name, filters->names))) {
			add_row(rows, image, name);
			any_name = true;
		}
	}
	/* an image without a name shows up when no name was asked for, or one of its digests */
	if (any_name || image->names.count > 0)
		return;
	for (size_t i = 0; i < image->digests.count; i++) {
		const char *name = image->digests.items[i];

		if (any_matches(name, &filters->references) &&
		    (named || any_matches(name, filters->names)))
			any_name = true;
	}
	if (any_name || (filters->references.count == 0 && (named || filters->names->count == 0)))
		add_row(rows, image, NULL);
}

int image_rows(struct engine *engine, const struct image_list *list, const struct strv *names,
	       const struct strv *filter_texts, struct image_row **ret_rows, size_t *ret_count,
	       struct err *err)
{
	struct filters filters = {
		.engine = engine,
		.names = names,
		.dangling = -1,
		.containers = -1,
		.intermediate = -1,
		.read_only = -1,
	};
	struct rows rows = { NULL, 0, 0 };
	int status = 0;

	for (size_t i = 0; i < filter_texts->count && status == 0; i++)
		status = add_filter(&filters, filter_texts->items[i], err);
	for (size_t i = 0; i < list->count && status == 0; i++) {
		int passes = image_passes(&filters, list->items[i], err);

		if (passes < 0)
			status = -1;
		else if (passes > 0)
			add_rows(&rows, &filters, list->items[i]);
	}
	filters_release(&filters);
	if (status < 0) {
		free(rows.items);
		return -1;
	}
	*ret_rows = rows.items;
	*ret_count = rows.count;
	return 0;
}
