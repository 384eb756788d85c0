/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_view.c - lines of a build, as podman prints them
 *
 * Steps and what programs print go where they belong: stdout, and stderr for errors and warnings. When several stages run at once, their
 * lines are kept whole and get the number of their stage.
 */
#include "cli/build_view.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

#define STREAMS	     2
#define LINE_MAX_LEN 65536

struct build_view {
	bool quiet;
	struct strbuf (*lines)[STREAMS]; /* begun and not ended, by stage */
	bool *busy;			 /* a step of the stage runs */
	unsigned stage_count;
};

struct build_view *build_view_new(bool quiet)
{
	struct build_view *view = xcalloc(1, sizeof(*view));

	view->quiet = quiet;
	return view;
}

static void make_room(struct build_view *view, unsigned stage_count)
{
	if (stage_count <= view->stage_count)
		return;
	view->lines = xreallocarray(view->lines, stage_count + 1, sizeof(*view->lines));
	view->busy = xreallocarray(view->busy, stage_count + 1, sizeof(*view->busy));
	for (unsigned i = view->stage_count == 0 ? 0 : view->stage_count + 1; i <= stage_count;
	     i++) {
		view->busy[i] = false;
		for (size_t k = 0; k < STREAMS; k++)
			strbuf_init(&view->lines[i][k]);
	}
	view->stage_count = stage_count;
}

void build_view_free(struct build_view *view)
{
	if (view == NULL)
		return;
	for (unsigned i = 0; view->stage_count > 0 && i <= view->stage_count; i++)
		for (size_t k = 0; k < STREAMS; k++)
			strbuf_release(&view->lines[i][k]);
	free(view->lines);
	free(view->busy);
	free(view);
}

static FILE *stream_of(size_t which)
{
	return which == 0 ? stdout : stderr;
}

static bool is_parallel(const struct build_view *view)
{
	unsigned busy = 0;

	for (unsigned i = 0; view->stage_count > 0 && i <= view->stage_count; i++)
		busy += view->busy[i];
	return busy > 1;
}

static void print_line(const struct build_view *view, unsigned stage, size_t which,
		       const char *text, size_t length)
{
	FILE *stream = stream_of(which);

	if (is_parallel(view))
		(void)fprintf(stream, "[%u/%u] ", stage, view->stage_count);
	(void)fwrite(text, 1, length, stream);
}

static void end_line(struct build_view *view, unsigned stage, size_t which)
{
	struct strbuf *line = &view->lines[stage][which];

	if (line->length == 0)
		return;
	print_line(view, stage, which, line->data, line->length);
	(void)fputc('\n', stream_of(which));
	strbuf_clear(line);
}

static void show_output(struct build_view *view, const struct build_event *event)
{
	size_t which = event->is_stderr ? 1 : 0;
	struct strbuf *line = &view->lines[event->stage][which];
	const char *text = event->text;
	const char *end = text + event->length;

	if (view->quiet && which == 0)
		return;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline + 1 : end;

		strbuf_add(line, text, (size_t)(stop - text));
		text = stop;
		/* alone, a prompt without a newline is seen at once */
		if (newline != NULL || !is_parallel(view) || line->length > LINE_MAX_LEN) {
			print_line(view, event->stage, which, line->data, line->length);
			strbuf_clear(line);
		}
	}
	(void)fflush(stream_of(which));
}

static void end_stage(struct build_view *view, unsigned stage)
{
	for (size_t k = 0; k < STREAMS; k++)
		end_line(view, stage, k);
}

static void show_step(struct build_view *view, const struct build_event *event)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	view->busy[event->stage] = true;
	if (view->quiet)
		return;
	strbuf_add_escaped(&text, event->text);
	if (event->stage_count > 1)
		(void)printf("[%u/%u] ", event->stage, event->stage_count);
	(void)printf("STEP %u/%u: %s\n", event->step, event->step_count, text.data);
	(void)fflush(stdout);
}

static void show_end(struct build_view *view, const struct build_event *event)
{
	end_stage(view, event->stage);
	view->busy[event->stage] = false;
	if (view->quiet || event->id == NULL)
		return;
	(void)printf("--> %.12s\n", event->id);
	(void)fflush(stdout);
}

void build_view_end(struct build_view *view)
{
	for (unsigned i = 0; view->stage_count > 0 && i <= view->stage_count; i++)
		end_stage(view, i);
	(void)fflush(stdout);
}

static void show_finding(const char *both)
{
	const char *newline = strchr(both, '\n');
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_add_escaped(&text, newline + 1);
	(void)fprintf(stderr, "WARNING: %.*s\n%s\n", (int)(newline - both), both, text.data);
}

void build_view_event(void *arg, const struct build_event *event)
{
	struct build_view *view = arg;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	make_room(view, event->stage_count > event->stage ? event->stage_count : event->stage + 1);
	switch (event->kind) {
	case BUILD_STEP:
		show_step(view, event);
		break;
	case BUILD_CACHED:
		if (!view->quiet)
			(void)printf("--> %s %s\n",
				     event->text != NULL ? "Cache pulled from remote"
							 : "Using cache",
				     event->text != NULL ? event->text : event->id);
		show_end(view, event);
		break;
	case BUILD_OUTPUT:
		show_output(view, event);
		break;
	case BUILD_STEP_END:
		show_end(view, event);
		break;
	case BUILD_COMMIT:
		if (!view->quiet)
			(void)printf("COMMIT%s%s\n", event->text != NULL ? " " : "",
				     event->text != NULL ? event->text : "");
		break;
	case BUILD_TAGGED:
		if (!view->quiet)
			(void)printf("Successfully tagged %s\n", event->text);
		break;
	case BUILD_EXCERPT:
		build_view_end(view);
		if (!view->quiet)
			(void)fputs(event->text, stderr);
		break;
	case BUILD_FINDING:
		show_finding(event->text);
		break;
	case BUILD_WARNING:
		strbuf_add_escaped(&text, event->text);
		(void)fprintf(stderr, "[Warning] %s\n", text.data);
		break;
	case BUILD_NOTE:
		strbuf_add_escaped(&text, event->text);
		if (!view->quiet)
			(void)printf("%s\n", text.data);
		break;
	case BUILD_TICK:
	case BUILD_EVENT_COUNT:
		break;
	}
}
