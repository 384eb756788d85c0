/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/progress.c - one line per layer
 *
 * On a terminal the lines of all layers are drawn again in place, at most ten times a second, whatever the rate of events; each line
 * is cut to the width of the terminal, because a wrapped line would break the arithmetic of going up. More layers than the
 * terminal has lines are shown as the last ones. Elsewhere a line is printed when a layer begins and when it is done.
 */
#include "cli/progress.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/human.h"

#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_NS   (INT64_C(100) * 1000 * 1000)
#define BAR_WIDTH   30
#define SHORT_BYTES 12

struct layer_line {
	char *id;
	uint64_t done_bytes, total_bytes;
	enum progress_kind kind;
};

struct progress_view {
	bool terminal;
	struct layer_line *lines;
	size_t count;
	size_t drawn; /* lines that are on the screen, below which the cursor stands */
	int64_t drawn_ns;
	bool dirty;
};

struct progress_view *progress_view_new(void)
{
	struct progress_view *view = xcalloc(1, sizeof(*view));

	view->terminal = isatty(STDERR_FILENO);
	return view;
}

void progress_view_free(struct progress_view *view)
{
	if (view == NULL)
		return;
	for (size_t i = 0; i < view->count; i++)
		free(view->lines[i].id);
	free(view->lines);
	free(view);
}

static void print(const struct strbuf *text)
{
	/* progress that cannot be shown is no reason to fail */
	(void)fd_write_full(STDERR_FILENO, text->data, text->length);
}

static void add_line_text(struct strbuf *out, const struct layer_line *line, size_t width)
{
	size_t start = out->length;
	const char *id = str_after(line->id, "sha256:");
	char size[HUMAN_MAX];
	char total[HUMAN_MAX];

	strbuf_addf(out, "Copying blob %.*s ", SHORT_BYTES, id != NULL ? id : line->id);
	if (line->kind == PROGRESS_LAYER_DONE) {
		strbuf_adds(out, "done");
	} else if (line->kind == PROGRESS_LAYER_SKIPPED) {
		strbuf_adds(out, "skipped: already exists");
	} else {
		human_size(line->done_bytes, size);
		human_size(line->total_bytes, total);
		if (line->total_bytes > 0 && width >= 79) {
			uint64_t done = line->done_bytes < line->total_bytes ? line->done_bytes
									     : line->total_bytes;
			size_t filled = (size_t)(done * BAR_WIDTH / line->total_bytes);

			strbuf_addc(out, '[');
			for (size_t i = 0; i < BAR_WIDTH; i++)
				strbuf_addc(out, i < filled ? '=' : i == filled ? '>' : '-');
			strbuf_adds(out, "] ");
		}
		strbuf_addf(out, "%s / %s", size, line->total_bytes > 0 ? total : "?");
	}
	if (out->length - start > width)
		strbuf_truncate(out, start + width);
}

static void redraw(struct progress_view *view, bool now)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int64_t time_ns = time_now_ns();

	if (!view->dirty || (!now && time_ns - view->drawn_ns < REDRAW_NS))
		return;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 2 || size.ws_col < 20)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };

	size_t room = (size_t)size.ws_row - 1;
	size_t first = view->count > room ? view->count - room : 0;

	if (view->drawn > 0)
		strbuf_addf(&out, "\033[%zuA", view->drawn);
	for (size_t i = first; i < view->count; i++) {
		add_line_text(&out, &view->lines[i], (size_t)size.ws_col - 1);
		strbuf_adds(&out, "\033[K\n");
	}
	view->drawn = view->count - first;
	view->drawn_ns = time_ns;
	view->dirty = false;
	print(&out);
}

/* Text goes above the lines of the layers. */
static void print_event_text(struct progress_view *view, const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (view->drawn > 0)
		strbuf_addf(&out, "\033[%zuA", view->drawn);
	strbuf_add_escaped(&out, text);
	strbuf_adds(&out, view->terminal ? "\033[K\n" : "\n");
	print(&out);
	view->drawn = 0;
	if (view->terminal && view->count > 0) {
		view->dirty = true;
		redraw(view, true);
	}
}

static struct layer_line *line_of(struct progress_view *view, const char *id)
{
	for (size_t i = 0; i < view->count; i++) {
		if (str_equal(view->lines[i].id, id))
			return &view->lines[i];
	}
	view->lines = xreallocarray(view->lines, view->count + 1, sizeof(*view->lines));
	view->lines[view->count] =
		(struct layer_line){ .id = xstrdup(id), .kind = PROGRESS_KIND_COUNT };
	return &view->lines[view->count++];
}

static void print_plain(const struct layer_line *line, enum progress_kind before)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	strbuf_adds(&out, "Copying blob ");
	strbuf_add_escaped(&out, line->id);
	if (line->kind == PROGRESS_LAYER_DONE)
		strbuf_adds(&out, " done");
	else if (line->kind == PROGRESS_LAYER_SKIPPED)
		strbuf_adds(&out, " skipped: already exists");
	else if (before != PROGRESS_KIND_COUNT)
		return;
	strbuf_addc(&out, '\n');
	print(&out);
}

void progress_view_event(void *arg, const struct progress *progress)
{
	struct progress_view *view = arg;

	if (view == NULL)
		return;
	if (progress->kind == PROGRESS_TEXT) {
		print_event_text(view, progress->text != NULL ? progress->text : "");
		return;
	}

	struct layer_line *line = line_of(view, progress->id != NULL ? progress->id : "");
	enum progress_kind before = line->kind;

	line->kind = progress->kind;
	if (progress->total_bytes > 0)
		line->total_bytes = progress->total_bytes;
	if (progress->kind == PROGRESS_LAYER_BYTES)
		line->done_bytes = progress->done_bytes;
	view->dirty = true;
	if (!view->terminal) {
		if (before != line->kind)
			print_plain(line, before);
		return;
	}
	redraw(view, before != line->kind && progress->kind != PROGRESS_LAYER_BYTES);
}

void progress_view_end(struct progress_view *view)
{
	if (view != NULL && view->terminal)
		redraw(view, true);
}
