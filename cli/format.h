/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/format.h - --format of lists and of inspected objects
 *
 * A list command makes one JSON object per row, with the texts that people read; the built-in table is a template like the user's own.
 * "json" prints the list as it is for programs; "table TEMPLATE" puts headings above; any other text is a template for each row.
 */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include "cli/cmd.h"
#include "cli/template.h"

struct format_request {
	const char *format; /* --format, NULL: table */
	const char *table;  /* the template of the built-in table */
	bool no_heading;    /* --noheading */
	struct template_rules rules;
};
struct format;
/** Parse it before any work is done: ERR_USAGE. request is borrowed until format_free(). */
int format_new(const struct cli *cli, const struct format_request *request,
	       struct format **ret_format, struct err *err);
void format_free(struct format *format);
DEFINE_CLEANUP(format)
#define cleanup_format __attribute__((cleanup(format_free_ptr)))

/** True when JSON is wanted: the caller hands the list to format_json(). */
bool format_is_json(const struct format *format);
/** True when JSON is wanted one object a line, as docker prints it: format_rows() does that. */
bool format_is_lines(const struct format *format);
/** True when the template names this field: some fields cost something to know. */
bool format_mentions(const struct format *format, const char *field);
/** True when it is a template of nothing but {{.FIELD}} with fields of this list, which ends with NULL. */
bool format_has_only(const struct format *format, const char *const *fields);
/** Print rows (an array of objects), with headings if they are wanted. */
int format_rows(const struct format *format, const json_t *rows, struct err *err);
/**
 * The same row by row, for long lists: an object that is freed before the next is made leaves it memory that is warm. Headings, then each row, are
 * appended to text (JSON lines are printed at once), which format_print() aligns and prints.
 */
int format_head(const struct format *format, struct strbuf *text, struct err *err);
int format_row(const struct format *format, const json_t *row, struct strbuf *text,
	       struct err *err);
void format_print(const struct format *format, const struct strbuf *text);
/** Print JSON with this indent, and a newline. */
void format_json(const json_t *json, int indent);
/** Print one object by the template, and a newline: inspect, info, version. */
int format_object(const struct format *format, const json_t *object, struct err *err);

/** The first 12 digits of an id, without "sha256:"; whole with no_trunc. New reference. */
json_t *format_id(const char *id, bool no_trunc);

#endif
