/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/names.h - one table per enum makes both directions
 *
 *	static const char *const pull_policy_names[] = { [PULL_MISSING] = "missing", ... };
 *	NAME_TABLE(pull_policy, PULL_POLICY_COUNT)
 *
 * makes pull_policy_name(value) (NULL when out of range) and pull_policy_parse(text) (value or -1), and checks that the
 * table has no more and no fewer places than the enum. A header declares them with NAME_TABLE_DECLARE(pull_policy).
 */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stddef.h>

const char *name_table_name(const char *const *table, size_t count, int value);
int name_table_parse(const char *const *table, size_t count, const char *text);

#define NAME_TABLE_DECLARE(type)                                                                   \
	const char *type##_name(int value);                                                        \
	int type##_parse(const char *text);

#define NAME_TABLE(type, value_count)                                                              \
	_Static_assert(sizeof(type##_names) / sizeof(type##_names[0]) == (value_count),            \
		       #type " table");                                                            \
	const char *type##_name(int value)                                                         \
	{                                                                                          \
		return name_table_name(type##_names, (value_count), value);                        \
	}                                                                                          \
	int type##_parse(const char *text)                                                         \
	{                                                                                          \
		return name_table_parse(type##_names, (value_count), text);                        \
	}

#endif
