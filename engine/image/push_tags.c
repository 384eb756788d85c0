/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/push_tags.c - push all names that a repository has here
 *
 * Each tag is a push by itself: what the first has sent the others name. It ends with the first failure; tags that were sent stay.
 */
#include "engine/files.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"

/* "localhost:5000/team/web" of "localhost:5000/team/web:1"; yours */
static char *repository_of(const char *name)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	struct err ignored; /* then it is in none */

	if (image_ref_parse(name, &ref, &ignored) < 0 || ref.registry == NULL)
		return NULL;
	return xasprintf("%s/%s", ref.registry, ref.path);
}

/* Is it what the user means: the whole of it, or its end? */
static bool is_meant(const char *repository, const char *text)
{
	size_t length = strlen(repository), part = strlen(text);

	return str_equal(repository, text) || (part < length && str_ends_with(repository, text) &&
					       repository[length - part - 1] == '/');
}

static int find_names(struct engine *engine, const char *text, struct strv *ret_names,
		      struct err *err)
{
	cleanup_strv struct strv all = STRV_INIT;
	cleanup_free char *chosen = NULL;

	if (image_all_names(engine->store, &all, err) < 0)
		return -1;
	strv_sort(&all);
	for (size_t i = 0; i < all.count; i++) {
		cleanup_free char *repository = repository_of(all.items[i]);

		if (repository == NULL || !is_meant(repository, text))
			continue;
		if (chosen != NULL && !str_equal(chosen, repository))
			return err_set(err, ERR_AMBIGUOUS, "'%s' is both '%s' and '%s'", text,
				       chosen, repository);
		if (chosen == NULL)
			chosen = TAKE_PTR(repository);
		strv_add(ret_names, all.items[i]);
	}
	if (ret_names->count == 0)
		return err_set(err, ERR_NOT_FOUND, "no image has a name in repository '%s'", text);
	return 0;
}

int image_push_all_tags(struct engine *engine, const char *text, const struct image_push_opts *opts,
			progress_function progress, void *progress_arg, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_image_ref struct image_ref ref = { 0 };
	struct digest digest;

	text = str_after(text, "docker://") ?: text;
	if (image_ref_parse(text, &ref, err) < 0)
		return -1;
	if (ref.tag != NULL || digest_is_set(&ref.digest))
		return err_set(err, ERR_USAGE, "cannot push all tags of '%s': it names one already",
			       text);
	if (find_names(engine, text, &names, err) < 0)
		return err_wrap(err, "cannot push all tags of '%s'", text);
	for (size_t i = 0; i < names.count; i++) {
		if (image_push(engine, names.items[i], names.items[i], opts, progress, progress_arg,
			       &digest, err) < 0)
			return -1;
	}
	return 0;
}
