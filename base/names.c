/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/names.c - the two directions of a name table
 */
#include "base/names.h"

#include <string.h>

const char *name_table_name(const char *const *table, size_t count, int value)
{
	if (value < 0 || (size_t)value >= count)
		return NULL;
	return table[value];
}

int name_table_parse(const char *const *table, size_t count, const char *text)
{
	if (text == NULL)
		return -1;

	for (size_t i = 0; i < count; i++) {
		if (table[i] != NULL && strcmp(table[i], text) == 0)
			return (int)i;
	}
	return -1;
}
