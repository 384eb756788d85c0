/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/strv.h - a list of strings, each owned by the list
 *
 * items[count] is always NULL once something was added, so items can be handed to exec.
 */
#ifndef BASE_STRV_H
#define BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

struct strv {
	char **items; /* NULL when empty; else terminated by NULL */
	size_t count;
	size_t size;
};
#define STRV_INIT                                                                                  \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

void strv_init(struct strv *list);
void strv_release(struct strv *list);
void strv_clear(struct strv *list);
void strv_add(struct strv *list, const char *text);
void strv_addf(struct strv *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The list owns text (from malloc) from now on. */
void strv_add_take(struct strv *list, char *text);
void strv_add_all(struct strv *list, const struct strv *more);
/** Copy: list is replaced by the items of from. */
void strv_copy(struct strv *list, const struct strv *from);
void strv_remove(struct strv *list, size_t index);
bool strv_contains(const struct strv *list, const char *text);
void strv_sort(struct strv *list);
/** Append the parts of text between separators; empty parts are kept. */
void strv_split(struct strv *list, const char *text, char separator);
/** The items joined; yours to free, "" for an empty list. */
char *strv_join(const struct strv *list, const char *separator);
/** Never NULL: what execve takes. */
char *const *strv_argv(const struct strv *list);

/* lists of NAME=VALUE, such as an environment or labels */

/** Value of the last item NAME=VALUE, or NULL; borrowed. */
const char *strv_env_get(const struct strv *env, const char *name);
/** Replace or append NAME=VALUE. */
void strv_env_set(struct strv *env, const char *name, const char *value);
/** Replace or append an item that already has the form NAME=VALUE. */
void strv_env_put(struct strv *env, const char *name_and_value);
void strv_env_unset(struct strv *env, const char *name);

#define cleanup_strv __attribute__((cleanup(strv_release)))

#endif
