/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui.h - the live view: what its files share
 *
 * `dhow ui` becomes libexec/dhow/ui, because ncurses is a shared library and dhow has none. That program knows nothing of stores and
 * containers: it runs `dhow ps` once a second, `dhow stats` all the time, and `dhow logs`, `restart` and `stop` on a key, so it shows
 * and does what these show and do.
 *
 *	ui_main.c	signals, keys and children in one loop
 *	ui_child.c	a command of dhow whose output comes line by line
 *	ui_table.c	containers, out of lines of `ps` and `stats`; the lines of a log
 *	ui_screen.c	both, drawn with ncurses
 *
 * Signals are blocked and read from a descriptor, so that the terminal is set back whichever way the program ends.
 */
#ifndef CLI_UI_H
#define CLI_UI_H

#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- what is shown ---------------------------------------------------------------------------------------------------- */

/** What `ps` and `stats` are asked for. Names and images cannot hold a tab. */
#define UI_PS_FORMAT	"{{.ID}}\t{{.Names}}\t{{.State}}\t{{.Status}}\t{{.Ports}}\t{{.Image}}"
#define UI_STATS_FORMAT "{{.ID}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.PIDs}}"

struct ui_row {
	char *id, *name, *state, *status, *ports, *image;
	char *health;		   /* "healthy", "unhealthy", "starting" or "" */
	char *cpu, *memory, *pids; /* "" until there are numbers */
};
struct ui_table {
	struct ui_row *rows;
	size_t count, size;
};
void ui_table_release(struct ui_table *table);
/** Replace the rows by those of the whole output of `ps`; numbers of those that still run stay. Lines that are none are left out. */
void ui_table_set(struct ui_table *table, const char *text);
/** Take in one line of `stats`. */
void ui_table_number(struct ui_table *table, const char *line);
/** Index of an id, or -1. */
int ui_table_find(const struct ui_table *table, const char *id);

/** The last lines of a log. */
#define UI_LOG_LINES 2000
struct ui_log {
	struct strv lines;
	size_t above; /* lines that are scrolled away below the screen: 0 shows the end */
};
/** Append a line: without what would move the cursor or change colours, tabs as blanks. */
void ui_log_add(struct ui_log *log, const char *line);

/* ---- commands --------------------------------------------------------------------------------------------------------- */

struct ui_child {
	struct child child;
	int out_fd; /* -1: it does not run */
	struct strbuf text;
};
#define UI_CHILD_INIT                                                                              \
	{                                                                                          \
		CHILD_INIT, -1, STRBUF_INIT                                                        \
	}
/**
 * Start a command: words are appended to command (dhow and its global options), ended by NULL. Its errors come in its output.
 * @param lasting  it goes on when we end
 */
int ui_child_start(struct ui_child *child, const struct strv *command, bool lasting,
		   struct err *err, ...) __attribute__((sentinel));
/** Read what is there: 1, or 0 when that was all and it has ended; *ret_status is its wait status then. */
int ui_child_read(struct ui_child *child, int *ret_status);
/** Take the next whole line out of .text; yours, or NULL. At its end (out_fd is -1) a line needs no newline. */
char *ui_child_line(struct ui_child *child);
/** Kill it. */
void ui_child_stop(struct ui_child *child);

/* ---- screen ----------------------------------------------------------------------------------------------------------- */

struct ui_view {
	const struct ui_table *table;
	const struct ui_log *log; /* shown instead of the table, or NULL */
	const char *title;	  /* of the log */
	const char *message;	  /* in the last line instead of the keys, or NULL */
	size_t selected, first;	  /* rows */
};
/** Begin; false, and nothing is changed, when the kind of terminal is not known. */
bool ui_screen_start(void);
/** The terminal as it was before. Does nothing when it was not begun. */
void ui_screen_end(void);
/** The size has changed. */
void ui_screen_resize(void);
/** Draw all. Moves view->first so that the selected row is visible. */
void ui_screen_draw(struct ui_view *view);
/** Rows of the table or lines of the log that fit. */
size_t ui_screen_height(void);
/** The next key that was typed, as ncurses names it, or -1. */
int ui_screen_key(void);

#endif
