/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui_screen.c - the live view drawn with ncurses
 *
 * One line of sums, one of headings, the rows, and at the bottom the keys or the last message. Whatever the size is, down to one line of one
 * column, something sensible is drawn: columns on the right are cut first. Everything is cut by columns of the screen, not by bytes.
 */
#include "cli/ui.h"

#include "base/alloc.h"

#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define NAME_COLUMNS_MAX   24
#define STATUS_COLUMNS_MAX 26
#define PORTS_COLUMNS_MAX  40
#define HEAD_LINES	   2
#define FOOT_LINES	   1

static const char table_keys[] = "q quit  l logs  r restart  s stop  a all/running  up/down choose";
static const char log_keys[] = "q back  up/down/page scroll  end follow";

/* ---- begin and end --------------------------------------------------------------------------------------------------- */

static SCREEN *screen;

bool ui_screen_start(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return false;
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	set_escdelay(50);
	return true;
}

void ui_screen_end(void)
{
	if (screen == NULL)
		return;
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

void ui_screen_resize(void)
{
	struct winsize size;

	/* a terminal that does not know its size says 0 */
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		(void)resizeterm(size.ws_row, size.ws_col);
	(void)clearok(stdscr, TRUE);
}

size_t ui_screen_height(void)
{
	int lines = LINES - HEAD_LINES - FOOT_LINES;

	return lines > 0 ? (size_t)lines : 1;
}

int ui_screen_key(void)
{
	int key = getch();

	return key == ERR ? -1 : key;
}

/* ---- text ------------------------------------------------------------------------------------------------------------ */

/* Add text in at most width columns, then blanks up to width. What cannot be shown becomes a question mark. */
static void put(int line, int column, int width, const char *text)
{
	mbstate_t state = { 0 };
	size_t left = strlen(text);
	int used = 0;

	if (line < 0 || line >= LINES || column >= COLS)
		return;
	if (column + width > COLS)
		width = COLS - column;
	(void)move(line, column);
	while (left > 0) {
		wchar_t c;
		size_t length = mbrtowc(&c, text, left, &state);

		if (length == (size_t)-1 || length == (size_t)-2 || length == 0) {
			memset(&state, 0, sizeof(state));
			c = L'?';
			length = 1;
		}

		int columns = wcwidth(c);

		if (columns < 0) {
			c = L'?';
			columns = 1;
		}
		if (used + columns > width)
			break;
		(void)addnwstr(&c, 1);
		used += columns;
		text += length;
		left -= length;
	}
	for (; used < width; used++)
		(void)addch(' ');
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

struct column {
	const char *title;
	size_t offset; /* of the text in struct ui_row */
	int max;
	bool right;
};
#define COLUMN(title_, member, max_, right_)                                                       \
	{                                                                                          \
		.title = (title_), .offset = offsetof(struct ui_row, member), .max = (max_),       \
		.right = (right_)                                                                  \
	}
static const struct column columns[] = {
	COLUMN("NAME", name, NAME_COLUMNS_MAX, false),
	COLUMN("CPU %", cpu, 8, true),
	COLUMN("MEMORY", memory, 10, true),
	COLUMN("STATUS", status, STATUS_COLUMNS_MAX, false),
	COLUMN("HEALTH", health, 9, false),
	COLUMN("PIDS", pids, 6, true),
	COLUMN("PORTS", ports, PORTS_COLUMNS_MAX, false),
	COLUMN("IMAGE", image, 200, false),
};

static const char *cell(const struct ui_row *row, size_t index)
{
	return row == NULL ? columns[index].title
			   : *(char *const *)((const char *)row + columns[index].offset);
}

static void measure(const struct ui_table *table, int widths[ARRAY_SIZE(columns)])
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		widths[i] = (int)strlen(columns[i].title);
		for (size_t row = 0; row < table->count; row++) {
			int length = (int)strlen(cell(&table->rows[row], i));

			if (length > widths[i])
				widths[i] = length > columns[i].max ? columns[i].max : length;
		}
	}
}

/* row NULL: the titles */
static void draw_row(int line, const struct ui_row *row, const int widths[ARRAY_SIZE(columns)])
{
	int column = 0;

	for (size_t i = 0; i < ARRAY_SIZE(columns) && column < COLS; i++) {
		const char *text = cell(row, i);
		int length = (int)strlen(text);
		int blanks = columns[i].right && length < widths[i] ? widths[i] - length : 0;

		put(line, column, blanks, "");
		put(line, column + blanks, widths[i] - blanks + 2, text);
		column += widths[i] + 2;
	}
	if (column < COLS)
		put(line, column, COLS - column, "");
}

static void draw_table(struct ui_view *view)
{
	const struct ui_table *table = view->table;
	size_t height = ui_screen_height(), running = 0;
	int widths[ARRAY_SIZE(columns)];
	double cpu = 0;
	char sums[120];

	for (size_t i = 0; i < table->count; i++) {
		running += str_equal(table->rows[i].state, "running");
		cpu += strtod(table->rows[i].cpu, NULL);
	}
	(void)snprintf(sums, sizeof(sums), "dhow: %zu container%s, %zu running, CPU %.1f%%",
		       table->count, table->count == 1 ? "" : "s", running, cpu);
	(void)attron(A_BOLD);
	put(0, 0, COLS, sums);
	(void)attroff(A_BOLD);

	measure(table, widths);
	(void)attron(A_UNDERLINE);
	draw_row(1, NULL, widths);
	(void)attroff(A_UNDERLINE);

	if (view->selected < view->first)
		view->first = view->selected;
	if (view->selected >= view->first + height)
		view->first = view->selected - height + 1;
	for (size_t i = 0; i < height && view->first + i < table->count; i++) {
		size_t index = view->first + i;

		if (index == view->selected)
			(void)attron(A_REVERSE);
		draw_row(HEAD_LINES + (int)i, &table->rows[index], widths);
		(void)attroff(A_REVERSE);
	}
	if (table->count == 0)
		put(HEAD_LINES, 0, COLS, "no containers");
}

static void draw_log(const struct ui_view *view)
{
	const struct ui_log *log = view->log;
	size_t height = ui_screen_height(), end = log->lines.count - log->above;
	size_t begin = end > height ? end - height : 0;

	(void)attron(A_BOLD);
	put(0, 0, COLS, view->title);
	(void)attroff(A_BOLD);
	for (size_t i = begin; i < end; i++)
		put(HEAD_LINES + (int)(i - begin), 0, COLS, log->lines.items[i]);
}

void ui_screen_draw(struct ui_view *view)
{
	(void)erase();
	if (view->log != NULL)
		draw_log(view);
	else
		draw_table(view);

	const char *foot = view->message != NULL ? view->message
			   : view->log != NULL	 ? log_keys
						 : table_keys;

	if (LINES > HEAD_LINES) {
		(void)attron(view->message != NULL ? A_BOLD : A_DIM);
		put(LINES - 1, 0, COLS, foot);
		(void)attrset(A_NORMAL);
	}
	(void)refresh();
}
