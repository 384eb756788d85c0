/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui_table.c - what the live view knows: containers, and the lines of a log
 */
#include "cli/ui.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define TAB_STOP 8

static void row_release(struct ui_row *row)
{
	char *const texts[] = { row->id,    row->name,	 row->state, row->status, row->ports,
				row->image, row->health, row->cpu,   row->memory, row->pids };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
}

void ui_table_release(struct ui_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		row_release(&table->rows[i]);
	free(table->rows);
	*table = (struct ui_table){ 0 };
}

int ui_table_find(const struct ui_table *table, const char *id)
{
	for (size_t i = 0; i < table->count; i++) {
		if (str_equal(table->rows[i].id, id))
			return (int)i;
	}
	return -1;
}

/* "Up 3 minutes (healthy)": the word in the parentheses at its end becomes a column of its own */
static char *take_health(char *status)
{
	static const char *const words[] = { "healthy", "unhealthy", "starting" };
	char *open = strrchr(status, '(');

	for (size_t i = 0; open != NULL && i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i]);

		if (strncmp(open + 1, words[i], length) != 0 || !str_equal(open + 1 + length, ")"))
			continue;
		while (open > status && open[-1] == ' ')
			open--;
		*open = '\0';
		return xstrdup(words[i]);
	}
	return xstrdup("");
}

static void table_add(struct ui_table *table, const struct ui_table *before, const char *line)
{
	cleanup_strv struct strv cells = STRV_INIT;

	strv_split(&cells, line, '\t');
	if (cells.count != 6 || cells.items[0][0] == '\0')
		return;
	if (table->count == table->size) {
		table->size = table->size * 2 + 16;
		table->rows = xreallocarray(table->rows, table->size, sizeof(*table->rows));
	}

	int known = ui_table_find(before, cells.items[0]);
	bool runs = str_equal(cells.items[2], "running") || str_equal(cells.items[2], "paused");
	const struct ui_row *old = known >= 0 && runs ? &before->rows[known] : NULL;
	char *status = xstrdup(cells.items[3]);

	table->rows[table->count++] = (struct ui_row){
		.id = xstrdup(cells.items[0]),
		.name = xstrdup(cells.items[1]),
		.state = xstrdup(cells.items[2]),
		.health = take_health(status),
		.status = status,
		.ports = xstrdup(cells.items[4]),
		.image = xstrdup(cells.items[5]),
		.cpu = xstrdup(old != NULL ? old->cpu : ""),
		.memory = xstrdup(old != NULL ? old->memory : ""),
		.pids = xstrdup(old != NULL ? old->pids : ""),
	};
}

void ui_table_set(struct ui_table *table, const char *text)
{
	cleanup_strv struct strv lines = STRV_INIT;
	struct ui_table next = { 0 };

	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count; i++)
		table_add(&next, table, lines.items[i]);
	ui_table_release(table);
	*table = next;
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = xstrdup(by);
}

void ui_table_number(struct ui_table *table, const char *line)
{
	cleanup_strv struct strv cells = STRV_INIT;

	strv_split(&cells, line, '\t');
	if (cells.count != 4)
		return;

	int index = ui_table_find(table, cells.items[0]);
	if (index < 0)
		return;

	char *limit = strstr(cells.items[2], " / ");
	if (limit != NULL)
		*limit = '\0';
	replace(&table->rows[index].cpu, cells.items[1]);
	replace(&table->rows[index].memory, cells.items[2]);
	replace(&table->rows[index].pids, cells.items[3]);
}

/* ---- a log ---------------------------------------------------------------------------------------------------------- */

/* Behind an escape character: the end of a sequence such as "[1;31m". */
static const char *skip_sequence(const char *text)
{
	if (*text == '[') {
		text++;
		while (*text != '\0' && (*text < '@' || *text > '~'))
			text++;
	}
	return *text != '\0' ? text + 1 : text;
}

void ui_log_add(struct ui_log *log, const char *line)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;

	while (*line != '\0') {
		unsigned char c = (unsigned char)*line++;

		if (c == '\033') {
			line = skip_sequence(line);
		} else if (c == '\t') {
			do
				strbuf_addc(&clean, ' ');
			while (clean.length % TAB_STOP != 0);
		} else if (c >= ' ' && c != 127) {
			strbuf_addc(&clean, (char)c);
		}
	}
	if (log->lines.count >= UI_LOG_LINES)
		strv_remove(&log->lines, 0);
	strv_add(&log->lines, clean.data);
	/* who has scrolled up goes on seeing the same lines */
	if (log->above > 0 && log->above < log->lines.count - 1)
		log->above++;
}
