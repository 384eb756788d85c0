/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/format.c - --format of lists and of inspected objects
 */
#include "cli/format.h"

#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/table.h"

#include <ctype.h>
#include <stdio.h>

struct format {
	const struct format_request *request;
	struct template_rules rules;
	struct template *template; /* NULL: JSON */
	char *text;		   /* of the template */
	bool heading;
	bool columns; /* a table; what a template of the user's own prints stays as it is, tabs too */
	bool docker;
	bool lines; /* docker: JSON is one object a line */
};

/* "json", "{{json .}}", "{{ json }}" mean the whole list, as podman reads them. */
static bool means_json(const char *format)
{
	cleanup_strbuf struct strbuf packed = STRBUF_INIT;

	for (const char *p = format; *p != '\0'; p++) {
		if (!isspace((unsigned char)*p))
			strbuf_addc(&packed, *p);
	}
	return str_equal(packed.data, "json") || str_equal(packed.data, "{{json.}}") ||
	       str_equal(packed.data, "{{json}}");
}

/* Shells pass \t and \n on as two characters: they mean the one. In a table a blank between columns is a tab, too. */
static void unescape(const char *format, bool table, struct strbuf *out)
{
	unsigned inside = 0;

	for (const char *p = format; *p != '\0'; p++) {
		if (p[0] == '\\' && (p[1] == 't' || p[1] == 'n') && inside == 0)
			strbuf_addc(out, *++p == 't' ? '\t' : '\n');
		else if (*p == ' ' && table && inside == 0)
			strbuf_addc(out, '\t');
		else
			strbuf_addc(out, *p);
		if (p[0] == '{' && p[1] == '{')
			inside = 1;
		else if (p[0] == '}' && p[1] == '}')
			inside = 0;
	}
	if (out->length == 0 || out->data[out->length - 1] != '\n')
		strbuf_addc(out, '\n');
}

int format_new(const struct cli *cli, const struct format_request *request,
	       struct format **ret_format, struct err *err)
{
	cleanup_format struct format *format = xcalloc(1, sizeof(*format));
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *asked = request->format;
	const char *table = asked != NULL ? str_after(asked, "table ") : NULL;

	format->request = request;
	format->rules = request->rules;
	/* tables of our own say how they want their times */
	format->rules.go_times = !cli->as_docker && asked != NULL;
	format->docker = cli->as_docker;
	/* "table" alone is the built-in one */
	if (asked == NULL || str_equal(asked, "table") || *asked == '\0') {
		strbuf_adds(&text, request->table != NULL ? request->table : "");
		strbuf_addc(&text, '\n');
		format->heading = !request->no_heading;
		format->columns = true;
	} else if (table != NULL) {
		unescape(table, true, &text);
		format->heading = !request->no_heading;
		format->columns = true;
	} else if (means_json(asked)) {
		format->lines = cli->as_docker;
		*ret_format = TAKE_PTR(format);
		return 0;
	} else {
		unescape(asked, false, &text);
	}
	if (template_parse(text.data, &format->template, err) < 0)
		return -1;
	format->text = strbuf_take(&text);
	*ret_format = TAKE_PTR(format);
	return 0;
}

void format_free(struct format *format)
{
	if (format == NULL)
		return;
	template_free(format->template);
	free(format->text);
	free(format);
}

bool format_is_json(const struct format *format)
{
	return format->template == NULL && !format->lines;
}

bool format_is_lines(const struct format *format)
{
	return format->template == NULL && format->lines;
}

bool format_mentions(const struct format *format, const char *field)
{
	/* too often is harmless; a row that is printed whole has all fields */
	return format->text == NULL || strstr(format->text, field) != NULL ||
	       strstr(format->text, "json .}}") != NULL;
}

static bool is_one_of(const char *text, size_t length, const char *const *fields)
{
	for (size_t i = 0; fields[i] != NULL; i++) {
		if (strlen(fields[i]) == length && strncmp(fields[i], text, length) == 0)
			return true;
	}
	return false;
}

bool format_has_only(const struct format *format, const char *const *fields)
{
	const char *p = format->text;

	if (p == NULL)
		return false;
	while ((p = strstr(p, "{{")) != NULL) {
		size_t length;

		p += 2 + strspn(p + 2, " ");
		if (*p++ != '.')
			return false;
		length = strcspn(p, " }");
		if (!is_one_of(p, length, fields))
			return false;
		p += length;
		p += strspn(p, " ");
		if (str_after(p, "}}") == NULL)
			return false;
	}
	return true;
}

void format_json(const json_t *json, int indent)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	json_print(json, indent, &out);
	strbuf_addc(&out, '\n');
	(void)fwrite(out.data, 1, out.length, stdout);
}

int format_head(const struct format *format, struct strbuf *text, struct err *err)
{
	struct template_rules rules = format->rules;

	if (!format->heading)
		return 0;
	rules.headers = true;
	return template_run(format->template, NULL, &rules, text, err);
}

int format_row(const struct format *format, const json_t *row, struct strbuf *text, struct err *err)
{
	if (format->template != NULL)
		return template_run(format->template, row, &format->rules, text, err);
	format_json(row, 0);
	return 0;
}

void format_print(const struct format *format, const struct strbuf *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (text->length == 0)
		return;
	if (!format->columns) {
		(void)fwrite(text->data, 1, text->length, stdout);
		return;
	}
	if (format->docker)
		table_align_as(text->data, DOCKER_COLUMN_MIN, DOCKER_COLUMN_GAP, &out);
	else
		table_align(text->data, &out);
	(void)fwrite(out.data, 1, out.length, stdout);
}

int format_rows(const struct format *format, const json_t *rows, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	size_t i;
	json_t *row;

	if (format_head(format, &text, err) < 0)
		return -1;
	json_array_foreach (rows, i, row) {
		if (format_row(format, row, &text, err) < 0)
			return -1;
	}
	format_print(format, &text);
	return 0;
}

int format_object(const struct format *format, const json_t *object, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (format->template == NULL) {
		format_json(object, 0);
		return 0;
	}
	if (template_run(format->template, object, &format->rules, &out, err) < 0)
		return -1;
	(void)fwrite(out.data, 1, out.length, stdout);
	return 0;
}

json_t *format_id(const char *id, bool no_trunc)
{
	const char *hex = str_after(id, "sha256:");

	if (no_trunc)
		return json_text(id);
	hex = hex != NULL ? hex : id;

	cleanup_free char *cut = xstrndup(hex, OBJECT_ID_SHORT);

	return json_text(cut);
}
