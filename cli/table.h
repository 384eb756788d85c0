/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/table.h - lines of cells as columns
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>

struct strbuf;

/**
 * Lay text out: lines end in '\n', cells in '\t'. A column is as wide as its widest cell and two blanks, at least 12; the last cell of a
 * line is not padded. This is how podman aligns its tables. Appends to out.
 */
void table_align(const char *text, struct strbuf *out);
/** The same with other widths: these are docker's. */
#define DOCKER_COLUMN_MIN 10
#define DOCKER_COLUMN_GAP 3
void table_align_as(const char *text, size_t min, size_t gap, struct strbuf *out);

#endif
