/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui_main.c - libexec/dhow/ui DHOW [GLOBAL OPTION...]: the live view (see cli/ui.h)
 *
 * One loop over the keyboard, a descriptor of signals and four commands: `ps` once a second, `stats`, the log that is shown, and what the
 * last key asked for. That one goes on when the view ends: what was asked for is done.
 */
#include "cli/ui.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"

#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_MS     1000
#define STATS_INTERVAL "2"
#define LOG_TAIL       "500"
#define KEY_CTRL_L     12
#define KEY_ESCAPE     27

struct ui {
	struct strv command; /* dhow and its global options */
	struct ui_table table;
	struct ui_log log;
	struct ui_view view;
	struct ui_child ps, stats, logs, action;
	char *selected_id; /* what the mark is on, wherever it moves to */
	char *title, *message, *doing;
	char asked; /* 's' or 'r' while the question is open, and about which container */
	char *asked_id;
	bool all, log_shown;
	int signal_fd, status;
	bool ended;
};

static void say(struct ui *ui, char *text_take)
{
	free(ui->message);
	ui->message = text_take;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- commands -------------------------------------------------------------------------------------------------------- */

/* What went wrong with a command that is our eyes is told in the last line; the next try may work. */
static void start_ps(struct ui *ui)
{
	struct err err = { 0 };

	if (ui->ps.out_fd >= 0)
		return;
	if (ui_child_start(&ui->ps, &ui->command, false, &err, "ps",
			   ui->all ? "--all" : "--all=false", "--format", UI_PS_FORMAT, NULL) < 0)
		say(ui, xstrdup(err.msg));
}

static void start_stats(struct ui *ui)
{
	struct err err = { 0 };

	if (ui_child_start(&ui->stats, &ui->command, false, &err, "stats", "--interval",
			   STATS_INTERVAL, "--format", UI_STATS_FORMAT, NULL) < 0)
		say(ui, xstrdup(err.msg));
}

static void select_row(struct ui *ui, size_t index)
{
	if (ui->table.count == 0)
		index = 0;
	else if (index >= ui->table.count)
		index = ui->table.count - 1;
	ui->view.selected = index;
	free(ui->selected_id);
	ui->selected_id = ui->table.count > 0 ? xstrdup(ui->table.rows[index].id) : NULL;
}

static void read_ps(struct ui *ui)
{
	int status;

	if (ui_child_read(&ui->ps, &status) == 1)
		return;
	if (status != 0) { /* what it said instead */
		cleanup_free char *line = ui_child_line(&ui->ps);

		say(ui, xstrdup(line != NULL ? line : "dhow ps failed without a word"));
	} else {
		ui_table_set(&ui->table, ui->ps.text.data);
	}
	strbuf_clear(&ui->ps.text);

	int index = ui->selected_id != NULL ? ui_table_find(&ui->table, ui->selected_id) : -1;

	select_row(ui, index >= 0 ? (size_t)index : ui->view.selected);
}

static void read_stats(struct ui *ui)
{
	int status;
	char *line;

	(void)ui_child_read(&ui->stats, &status);
	while ((line = ui_child_line(&ui->stats)) != NULL) {
		ui_table_number(&ui->table, line);
		free(line);
	}
}

static void read_logs(struct ui *ui)
{
	int status;
	char *line;

	bool open = ui_child_read(&ui->logs, &status) == 1;

	while ((line = ui_child_line(&ui->logs)) != NULL) {
		ui_log_add(&ui->log, line);
		free(line);
	}
	if (!open)
		say(ui, xstrdup("the log has ended; q goes back"));
}

static void read_action(struct ui *ui)
{
	int status;

	if (ui_child_read(&ui->action, &status) == 1)
		return;

	char *line, *last = NULL;

	while ((line = ui_child_line(&ui->action)) != NULL) {
		/* the sentence that says why is better than the hint behind it */
		if (last == NULL || strncmp(line, "Error: ", 7) == 0) {
			free(last);
			last = line;
		} else {
			free(line);
		}
	}
	if (status == 0)
		say(ui, xasprintf("%s: done", ui->doing));
	else
		say(ui, xasprintf("%s: %s", ui->doing, last != NULL ? last : "it failed"));
	free(last);
	start_ps(ui);
}

static void act(struct ui *ui, const char *verb)
{
	struct err err = { 0 };
	int index = ui_table_find(&ui->table, ui->asked_id);

	if (index < 0) {
		say(ui, xstrdup("it is gone"));
		return;
	}

	const struct ui_row *row = &ui->table.rows[index];

	if (ui->action.out_fd >= 0) {
		say(ui, xasprintf("still busy: %s", ui->doing));
		return;
	}
	free(ui->doing);
	ui->doing = xasprintf("%s %s", verb, row->name);
	say(ui, xasprintf("%s ...", ui->doing));
	if (ui_child_start(&ui->action, &ui->command, true, &err, verb, row->id, NULL) < 0)
		say(ui, xstrdup(err.msg));
}

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

static void show_log(struct ui *ui)
{
	struct err err = { 0 };
	const struct ui_row *row = &ui->table.rows[ui->view.selected];

	strv_clear(&ui->log.lines);
	ui->log.above = 0;
	free(ui->title);
	ui->title = xasprintf("log of %s", row->name);
	if (ui_child_start(&ui->logs, &ui->command, false, &err, "logs", "--follow", "--tail",
			   LOG_TAIL, row->id, NULL) < 0)
		say(ui, xstrdup(err.msg));
	else
		ui->log_shown = true;
}

static void log_key(struct ui *ui, int key)
{
	size_t page = ui_screen_height(), *above = &ui->log.above;
	size_t most = ui->log.lines.count > page ? ui->log.lines.count - page : 0;

	switch (key) {
	case 'q':
	case 'l':
	case KEY_ESCAPE:
		ui_child_stop(&ui->logs);
		ui->log_shown = false;
		break;
	case KEY_UP:
	case 'k':
		++*above;
		break;
	case KEY_DOWN:
	case 'j':
		*above -= *above > 0;
		break;
	case KEY_PPAGE:
		*above += page;
		break;
	case KEY_NPAGE:
	case ' ':
		*above -= *above > page ? page : *above;
		break;
	case KEY_HOME:
	case 'g':
		*above = most;
		break;
	case KEY_END:
	case 'G':
		*above = 0;
		break;
	}
	if (*above > most)
		*above = most;
}

static void table_key(struct ui *ui, int key)
{
	size_t selected = ui->view.selected, page = ui_screen_height();
	bool any = ui->table.count > 0;

	switch (key) {
	case 'q':
	case KEY_ESCAPE:
		ui->ended = true;
		break;
	case KEY_UP:
	case 'k':
		select_row(ui, selected - (selected > 0));
		break;
	case KEY_DOWN:
	case 'j':
		select_row(ui, selected + 1);
		break;
	case KEY_PPAGE:
		select_row(ui, selected > page ? selected - page : 0);
		break;
	case KEY_NPAGE:
		select_row(ui, selected + page);
		break;
	case KEY_HOME:
	case 'g':
		select_row(ui, 0);
		break;
	case KEY_END:
	case 'G':
		select_row(ui, SIZE_MAX);
		break;
	case 'a':
		ui->all = !ui->all;
		start_ps(ui);
		break;
	case 'l':
	case '\n':
	case '\r':
	case KEY_ENTER:
		if (any)
			show_log(ui);
		break;
	case 's':
	case 'r':
		if (any) {
			ui->asked = (char)key;
			free(ui->asked_id);
			ui->asked_id = xstrdup(ui->selected_id);
			say(ui, xasprintf("%s %s? y/n", key == 's' ? "stop" : "restart",
					  ui->table.rows[selected].name));
		}
		break;
	}
}

static void read_keys(struct ui *ui)
{
	int key;

	while ((key = ui_screen_key()) != -1) {
		char asked = ui->asked;

		say(ui, NULL);
		ui->asked = 0;
		if (key == KEY_CTRL_L)
			ui_screen_resize();
		else if (asked != 0 && (key == 'y' || key == 'Y'))
			act(ui, asked == 's' ? "stop" : "restart");
		else if (asked == 0 && ui->log_shown)
			log_key(ui, key);
		else if (asked == 0)
			table_key(ui, key);
	}
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

static void read_signal(struct ui *ui)
{
	struct signalfd_siginfo info;

	if (read(ui->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		ui_screen_resize();
		return;
	}
	ui->ended = true;
	ui->status = 128 + (int)info.ssi_signo;
}

static void loop(struct ui *ui)
{
	int64_t next_ms = 0;

	while (!ui->ended) {
		int64_t now = now_ms();

		if (now >= next_ms) {
			start_ps(ui);
			if (ui->stats.out_fd < 0)
				start_stats(ui);
			next_ms = now + REFRESH_MS;
		}
		ui->view.log = ui->log_shown ? &ui->log : NULL;
		ui->view.title = ui->title;
		ui->view.message = ui->message;
		ui_screen_draw(&ui->view);

		struct pollfd fds[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = ui->signal_fd, .events = POLLIN },
			{ .fd = ui->ps.out_fd, .events = POLLIN },
			{ .fd = ui->stats.out_fd, .events = POLLIN },
			{ .fd = ui->logs.out_fd, .events = POLLIN },
			{ .fd = ui->action.out_fd, .events = POLLIN },
		};

		if (poll(fds, ARRAY_SIZE(fds), (int)(next_ms - now)) <= 0)
			continue;
		if (fds[1].revents != 0)
			read_signal(ui);
		if (fds[2].revents != 0)
			read_ps(ui);
		if (fds[3].revents != 0)
			read_stats(ui);
		if (fds[4].revents != 0)
			read_logs(ui);
		if (fds[5].revents != 0)
			read_action(ui);
		if (fds[0].revents & POLLIN)
			read_keys(ui);
		else if (fds[0].revents != 0) /* the terminal is gone */
			ui->ended = true;
	}
}

int main(int argc, char **argv)
{
	struct ui ui = {
		.command = STRV_INIT,
		.log = { .lines = STRV_INIT },
		.ps = UI_CHILD_INIT,
		.stats = UI_CHILD_INIT,
		.logs = UI_CHILD_INIT,
		.action = UI_CHILD_INIT,
		.all = true,
	};
	sigset_t signals;

	if (argc < 2) {
		(void)fputs("Error: this program is run by dhow only\n", stderr);
		return 125;
	}
	for (int i = 1; i < argc; i++)
		strv_add(&ui.command, argv[i]);
	ui.view.table = &ui.table;
	(void)setlocale(LC_CTYPE, "");

	(void)sigemptyset(&signals);
	for (size_t i = 0; i < 5; i++)
		(void)sigaddset(&signals,
				(const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH }[i]);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	ui.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ui.signal_fd < 0 || !ui_screen_start()) {
		const char *kind = getenv("TERM");

		(void)fprintf(
			stderr,
			"Error: cannot show the live view: the kind of terminal '%s' is not known\n"
			"Set TERM to what the terminal is, for example: TERM=xterm dhow ui\n",
			kind != NULL ? kind : "");
		return 125;
	}
	loop(&ui);
	ui_screen_end();

	ui_child_stop(&ui.ps);
	ui_child_stop(&ui.stats);
	ui_child_stop(&ui.logs);
	child_disown(&ui.action.child);
	ui_child_stop(&ui.action);
	ui_table_release(&ui.table);
	strv_release(&ui.log.lines);
	strv_release(&ui.command);
	free(ui.selected_id);
	free(ui.asked_id);
	free(ui.title);
	free(ui.message);
	free(ui.doing);
	return ui.status;
}
