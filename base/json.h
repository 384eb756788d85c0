/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json.h - jansson with limits, and access that cannot fail half way
 *
 * Documents from outside are parsed with json_parse(): size and depth limits, duplicate keys refused (two readers could
 * see two documents; R12), NUL in strings refused by jansson. Getters walk a path of keys ended by NULL and give a default
 * when a part is missing or has another type; the *_checked ones tell.
 *
 *	const char *arch = json_get_string(config, "", "architecture", NULL);
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct strv;
struct strbuf;

#define JSON_LIMIT_BYTES (4U << 20) /* R13: manifest, config, token */
#define JSON_LIMIT_DEPTH 64

/**
 * Parse a whole document that must be an object or array. what is named in the message ("manifest 'sha256:...'").
 * New reference, or NULL with ERR_CORRUPT.
 */
json_t *json_parse(const char *text, size_t length, const char *what, struct err *err);
/** The same with another limit, for documents of our own. */
json_t *json_parse_limited(const char *text, size_t length, size_t limit_bytes, const char *what,
			   struct err *err);

/**
 * Integers from 2^63 to 2^64-1, which other writers use for "no limit", become 2^63-1 in place: jansson refuses them. What is no JSON stays
 * what it is.
 */
void json_clamp_integers(char *text);

static inline void json_decref_ptr(json_t **json)
{
	json_decref(*json);
}
#define cleanup_json __attribute__((cleanup(json_decref_ptr)))

/** Borrowed value at the path of keys, or NULL. */
json_t *json_at(const json_t *object, ...) __attribute__((sentinel));
/** Borrowed text, or fallback. */
const char *json_get_string(const json_t *object, const char *fallback, ...)
	__attribute__((sentinel));
int64_t json_get_int(const json_t *object, int64_t fallback, ...) __attribute__((sentinel));
/** fallback is a bool; C does not allow one before varying arguments. */
bool json_get_bool(const json_t *object, int fallback, ...) __attribute__((sentinel));
/** Append the strings of the array at key. 0, also when it is missing or null; -EINVAL when it is something else. */
int json_get_strv(const json_t *object, const char *key, struct strv *list);

/* building: the value is taken; NULL text makes null. All end the process when memory is out. */
void json_put(json_t *object, const char *key, json_t *value_take);
void json_put_string(json_t *object, const char *key, const char *text);
void json_put_int(json_t *object, const char *key, int64_t value);
void json_put_bool(json_t *object, const char *key, bool value);
/** An array of strings, also when empty. */
void json_put_strv(json_t *object, const char *key, const struct strv *list);
json_t *json_from_strv(const struct strv *list);
/** A string that may hold bytes that are no UTF-8: those are replaced by U+FFFD. New reference. */
json_t *json_text(const char *text);
/** An object of NAME=VALUE items. */
json_t *json_from_env(const struct strv *list);

/**
 * Give JSON values an allocator of their own, which is fast and returns nothing to the system before the process ends: for the command
 * line, once, before the first value. json_dumps() is then not to be used: its text must not be passed to free().
 */
void json_alloc_start(void);

/** Append compact (indent 0) or indented text. */
void json_print(const json_t *json, int indent, struct strbuf *out);

#endif
