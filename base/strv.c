/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/strv.c - a list of strings
 */
#include "base/strv.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"

void strv_init(struct strv *list)
{
	*list = (struct strv)STRV_INIT;
}

void strv_release(struct strv *list)
{
	strv_clear(list);
	free(list->items);
	strv_init(list);
}

void strv_clear(struct strv *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	list->count = 0;
	if (list->items != NULL)
		list->items[0] = NULL;
}

void strv_add(struct strv *list, const char *text)
{
	strv_add_take(list, xstrdup(text));
}

void strv_addf(struct strv *list, const char *format, ...)
{
	struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	strv_add_take(list, strbuf_take(&text));
}

void strv_add_take(struct strv *list, char *text)
{
	if (list->count + 1 >= list->size) {
		size_t size = list->size > 0 ? list->size * 2 : 8;

		list->items = xreallocarray(list->items, size, sizeof(*list->items));
		list->size = size;
	}
	list->items[list->count++] = text;
	list->items[list->count] = NULL;
}

void strv_add_all(struct strv *list, const struct strv *more)
{
	/* counted once: more may be the list itself */
	size_t count = more->count;

	for (size_t i = 0; i < count; i++)
		strv_add(list, more->items[i]);
}

void strv_copy(struct strv *list, const struct strv *from)
{
	if (list == from)
		return;
	strv_clear(list);
	strv_add_all(list, from);
}

void strv_remove(struct strv *list, size_t index)
{
	if (index >= list->count)
		BUG("item %zu of a list of %zu is removed", index, list->count);
	free(list->items[index]);
	/* the NULL at the end moves too */
	memmove(&list->items[index], &list->items[index + 1],
		(list->count - index) * sizeof(*list->items));
	list->count--;
}

bool strv_contains(const struct strv *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++) {
		if (str_equal(list->items[i], text))
			return true;
	}
	return false;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), compare_items);
}

void strv_split(struct strv *list, const char *text, char separator)
{
	for (;;) {
		const char *end = strchrnul(text, separator);

		strv_add_take(list, xstrndup(text, (size_t)(end - text)));
		if (*end == '\0')
			return;
		text = end + 1;
	}
}

char *strv_join(const struct strv *list, const char *separator)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			strbuf_adds(&text, separator);
		strbuf_adds(&text, list->items[i]);
	}
	return strbuf_take(&text);
}

char *const *strv_argv(const struct strv *list)
{
	static char *const empty[] = { NULL };

	return list->items != NULL ? list->items : empty;
}

/* Value of an item when it has this name of this length, or NULL. */
static const char *env_value(const char *item, const char *name, size_t length)
{
	if (strncmp(item, name, length) != 0 || item[length] != '=')
		return NULL;
	return item + length + 1;
}

const char *strv_env_get(const struct strv *env, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = env->count; i-- > 0;) {
		const char *value = env_value(env->items[i], name, length);

		if (value != NULL)
			return value;
	}
	return NULL;
}

/* Replace the first item of that name, drop the others, append when there is none. The item is taken. */
static void env_put_take(struct strv *env, size_t name_length, char *item)
{
	bool placed = false;

	for (size_t i = 0; i < env->count;) {
		if (env_value(env->items[i], item, name_length) == NULL) {
			i++;
		} else if (placed) {
			strv_remove(env, i);
		} else {
			free(env->items[i]);
			env->items[i++] = item;
			placed = true;
		}
	}
	if (!placed)
		strv_add_take(env, item);
}

void strv_env_set(struct strv *env, const char *name, const char *value)
{
	env_put_take(env, strlen(name), xasprintf("%s=%s", name, value));
}

void strv_env_put(struct strv *env, const char *name_and_value)
{
	const char *equals = strchr(name_and_value, '=');

	if (equals == NULL)
		BUG("'%s' has no value", name_and_value);
	env_put_take(env, (size_t)(equals - name_and_value), xstrdup(name_and_value));
}

void strv_env_unset(struct strv *env, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < env->count;) {
		if (env_value(env->items[i], name, length) != NULL)
			strv_remove(env, i);
		else
			i++;
	}
}
