/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/opt_help.c - what else comes from a table of options: the lines of --help, and the check that the table is sound
 */
#include "cli/opt.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <inttypes.h>

struct row {
	const struct opt *opt;
	size_t base;
};
struct row_list {
	struct row *rows;
	size_t count;
};

static int collect_row(void *arg, const struct opt *opt, size_t base)
{
	struct row_list *list = arg;

	list->rows = xreallocarray(list->rows, list->count + 1, sizeof(*list->rows));
	list->rows[list->count++] = (struct row){ opt, base };
	return 0;
}

static int row_compare(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->opt->name, ((const struct row *)b)->opt->name);
}

void opt_default(const struct opt *opt, size_t base, const void *defaults, struct strbuf *out)
{
	if (defaults == NULL)
		return;

	const void *member = (const char *)defaults + base + opt->offset;

	switch (opt->kind) {
	case OPT_KIND_FLAG:
		if (*(const bool *)member)
			strbuf_adds(out, "true");
		break;
	case OPT_KIND_TRI:
		if (*(const int *)member == 1)
			strbuf_adds(out, "true");
		break;
	case OPT_KIND_STRING:
		if (*(char *const *)member != NULL)
			strbuf_addf(out, "\"%s\"", *(char *const *)member);
		break;
	case OPT_KIND_CHOICE:
		if (*(const int *)member >= 0)
			strbuf_addf(out, "\"%s\"", opt->words[*(const int *)member]);
		break;
	case OPT_KIND_INT:
	case OPT_KIND_UINT:
	case OPT_KIND_SECONDS:
		if (*(const int64_t *)member > 0)
			strbuf_addf(out, "%" PRId64, *(const int64_t *)member);
		break;
	default:
		break;
	}
}

static void add_left(const struct opt *opt, struct strbuf *out)
{
	if (opt->letter != '\0')
		strbuf_addf(out, "  -%c, --%s", opt->letter, opt->name);
	else
		strbuf_addf(out, "      --%s", opt->name);
	if (opt->value != NULL)
		strbuf_addf(out, " %s", opt->value);
}

/* the widest terminal that everybody has; options longer than LEFT_MAX do not push the texts of all others to the right */
#define HELP_COLUMNS 100
#define LEFT_MAX     38

/* Append words behind what stands in the line already; further lines begin below the first word. */
static void add_wrapped(const char *text, size_t column, size_t indent, struct strbuf *out)
{
	bool first = true;

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		if (!first && column + 1 + length > HELP_COLUMNS) {
			strbuf_addf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			strbuf_addc(out, ' ');
			column++;
		}
		strbuf_add(out, text, length);
		column += length;
		text += length + (text[length] == ' ');
		first = false;
	}
	strbuf_addc(out, '\n');
}

void opts_help(const struct opt *rows, const void *defaults, struct strbuf *out)
{
	struct row_list list = { NULL, 0 };
	size_t width = 0;

	opts_each(rows, 0, collect_row, &list);
	if (list.count > 1)
		qsort(list.rows, list.count, sizeof(*list.rows), row_compare);
	for (size_t i = 0; i < list.count; i++) {
		cleanup_strbuf struct strbuf left = STRBUF_INIT;

		if (list.rows[i].opt->hidden)
			continue;
		add_left(list.rows[i].opt, &left);
		if (left.length > width && left.length <= LEFT_MAX)
			width = left.length;
	}
	for (size_t i = 0; i < list.count; i++) {
		cleanup_strbuf struct strbuf left = STRBUF_INIT;

		if (list.rows[i].opt->hidden)
			continue;
		add_left(list.rows[i].opt, &left);
		strbuf_addf(out, "%-*s  ", (int)width, left.data);

		cleanup_strbuf struct strbuf value = STRBUF_INIT, text = STRBUF_INIT;

		opt_default(list.rows[i].opt, list.rows[i].base, defaults, &value);
		strbuf_adds(&text, list.rows[i].opt->help);
		if (value.length > 0)
			strbuf_addf(&text, " (default %s)", value.data);
		add_wrapped(text.data, (left.length > width ? left.length : width) + 2, width + 2,
			    out);
	}
	free(list.rows);
}

static bool choice_is_sound(const struct row *row, const void *defaults)
{
	int count = 0;

	if (row->opt->words == NULL)
		return false;
	while (row->opt->words[count] != NULL)
		count++;
	if (defaults == NULL)
		return count > 0;

	int value = *(const int *)((const char *)defaults + row->base + row->opt->offset);

	return value >= -1 && value < count;
}

static int check_row(const struct row *row, const struct opt *all, const void *defaults,
		     struct err *err)
{
	const struct opt *opt = row->opt;
	size_t base;

	if (str_is_empty(opt->name))
		return err_set(err, ERR_FAILED, "a row has no name");
	for (const char *p = opt->name; *p != '\0'; p++) {
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return err_set(err, ERR_FAILED, "--%s is an odd name", opt->name);
	}
	if (opt->kind == OPT_KIND_ALIAS) {
		const struct opt *of = opts_find(all, opt->name, &base);

		if (of == NULL || of->kind == OPT_KIND_ALIAS)
			return err_set(err, ERR_FAILED, "--%s stands for nothing", opt->name);
		return 0;
	}
	if (str_is_empty(opt->help))
		return err_set(err, ERR_FAILED, "--%s has no help", opt->name);
	if (isupper((unsigned char)opt->help[0]) && islower((unsigned char)opt->help[1]))
		return err_set(err, ERR_FAILED, "the help of --%s begins in upper case", opt->name);
	if (str_ends_with(opt->help, "."))
		return err_set(err, ERR_FAILED, "the help of --%s ends in a full stop", opt->name);
	if (opt->kind != OPT_KIND_REFUSED && opt_takes_value(opt) != (opt->value != NULL))
		return err_set(err, ERR_FAILED, "--%s and the name of its value do not agree",
			       opt->name);
	if (opt->kind == OPT_KIND_CHOICE && !choice_is_sound(row, defaults))
		return err_set(err, ERR_FAILED, "--%s has no words, or an odd default", opt->name);
	return 0;
}

int opts_check(const struct opt *rows, const void *defaults, struct err *err)
{
	struct row_list list = { NULL, 0 };
	int status = 0;

	opts_each(rows, 0, collect_row, &list);
	for (size_t i = 0; i < list.count && status == 0; i++) {
		const struct opt *opt = list.rows[i].opt;

		status = check_row(&list.rows[i], rows, defaults, err);
		for (size_t j = 0; j < i && status == 0; j++) {
			if (str_equal(list.rows[j].opt->name, opt->name))
				status = err_set(err, ERR_FAILED, "--%s is there twice", opt->name);
			else if (opt->letter != '\0' && list.rows[j].opt->letter == opt->letter)
				status =
					err_set(err, ERR_FAILED, "-%c is there twice", opt->letter);
		}
	}
	free(list.rows);
	return status;
}
