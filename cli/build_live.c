/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_live.c - a build on a terminal: steps that are done above, steps that run below, with their time and their last lines
 *
 * What is done is printed once and scrolls away as usual. Below it the running steps are drawn again in place, at most ten times a second.
 * Each drawing is one write that leaves the terminal as every program expects it (wrapping on, cursor below, no modes), so there is
 * nothing to restore, whatever kills us. What programs print is shown without their control sequences.
 */
#include "cli/build_live.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_NS  (INT64_C(100) * 1000 * 1000)
#define LINES_KEPT 60 /* shown when the step fails */
#define LINES_LIVE 6  /* shown while it runs */
#define LINE_KEPT  1000
#define NS_PER_S   1e9

struct live_stage {
	bool busy;
	unsigned step, step_count;
	char *text;
	int64_t started_ns;
	struct strbuf line; /* begun and not ended */
	char *lines[LINES_KEPT];
	size_t first, count; /* of the ring */
};

struct build_live {
	struct live_stage *stages; /* by number; 0 is the build itself */
	unsigned stage_count;
	size_t drawn; /* lines that are on the screen, below which the cursor stands */
	int64_t drawn_ns;
};

bool build_live_can(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && !str_is_empty(term) &&
	       !str_equal(term, "dumb");
}

struct build_live *build_live_new(void)
{
	return xcalloc(1, sizeof(struct build_live));
}

static void clear_lines(struct live_stage *stage)
{
	for (size_t i = 0; i < LINES_KEPT; i++) {
		free(stage->lines[i]);
		stage->lines[i] = NULL;
	}
	stage->first = stage->count = 0;
	strbuf_clear(&stage->line);
}

void build_live_free(struct build_live *live)
{
	if (live == NULL)
		return;
	for (unsigned i = 0; i < live->stage_count; i++) {
		clear_lines(&live->stages[i]);
		strbuf_release(&live->stages[i].line);
		free(live->stages[i].text);
	}
	free(live->stages);
	free(live);
}

static struct live_stage *stage_of(struct build_live *live, unsigned number)
{
	while (live->stage_count <= number) {
		live->stages =
			xreallocarray(live->stages, live->stage_count + 1, sizeof(*live->stages));
		live->stages[live->stage_count] = (struct live_stage){ .line = STRBUF_INIT };
		live->stage_count++;
	}
	return &live->stages[number];
}

/* ---- drawing ----------------------------------------------------------------------------------------------------------- */

static void print(const struct strbuf *text)
{
	/* a terminal that went away is no reason to fail */
	(void)fd_write_full(STDOUT_FILENO, text->data, text->length);
}

static void add_clear(struct build_live *live, struct strbuf *out)
{
	if (live->drawn > 0)
		strbuf_addf(out, "\033[%zuA\033[J", live->drawn);
	live->drawn = 0;
}

void build_live_clear(struct build_live *live)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	(void)fflush(stdout);
	add_clear(live, &out);
	print(&out);
}

static void add_name(const struct build_live *live, const struct live_stage *stage,
		     struct strbuf *out)
{
	size_t number = (size_t)(stage - live->stages);

	if (live->stage_count > 2)
		strbuf_addf(out, "[%zu/%u] ", number, live->stage_count - 1);
	strbuf_addf(out, "STEP %u/%u: %s", stage->step, stage->step_count,
		    stage->text != NULL ? stage->text : "");
}

static double seconds_of(const struct live_stage *stage)
{
	return (double)(time_now_ns() - stage->started_ns) / NS_PER_S;
}

static void draw(struct build_live *live, bool now)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int64_t time_ns = time_now_ns();
	size_t busy = 0, drawn = 0;

	if (!now && time_ns - live->drawn_ns < REDRAW_NS)
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 4)
		size.ws_row = 24;
	for (unsigned i = 0; i < live->stage_count; i++)
		busy += live->stages[i].busy;
	size_t room = (size_t)size.ws_row - 2;
	size_t lines = busy == 0 ? 0 : room / busy > 1 ? room / busy - 1 : 0;
	if (lines > LINES_LIVE)
		lines = LINES_LIVE;
	add_clear(live, &out);
	/* long lines end at the edge: a wrapped one would break the arithmetic of going up */
	if (busy > 0)
		strbuf_adds(&out, "\033[?7l");
	for (unsigned i = 0; i < live->stage_count && drawn < room; i++) {
		const struct live_stage *stage = &live->stages[i];
		size_t shown = stage->count < lines ? stage->count : lines;

		if (!stage->busy)
			continue;
		strbuf_addf(&out, "\033[36m=> %5.1fs ", seconds_of(stage));
		add_name(live, stage, &out);
		strbuf_adds(&out, "\033[0m\n");
		drawn++;
		for (size_t k = stage->count - shown; k < stage->count && drawn < room; k++) {
			strbuf_addf(&out, "\033[2m   | %s\033[0m\n",
				    stage->lines[(stage->first + k) % LINES_KEPT]);
			drawn++;
		}
	}
	if (busy > 0)
		strbuf_adds(&out, "\033[?7h");
	live->drawn = drawn;
	live->drawn_ns = time_ns;
	print(&out);
}

/* A line that stays, above what is drawn. */
static void print_above(struct build_live *live, const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	add_clear(live, &out);
	strbuf_adds(&out, text);
	strbuf_addc(&out, '\n');
	print(&out);
	draw(live, true);
}

/* ---- output of steps --------------------------------------------------------------------------------------------------- */

/* Without what moves the cursor or changes colours; a carriage return begins the line again. */
static char *plain_line(const char *text, size_t length)
{
	cleanup_strbuf struct strbuf raw = STRBUF_INIT, shown = STRBUF_INIT;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\033' && i + 1 < length && text[i + 1] == '[') {
			i += 2;
			while (i < length && !(text[i] >= '@' && text[i] <= '~'))
				i++;
			continue;
		}
		if (text[i] == '\r' && i + 1 < length)
			strbuf_clear(&raw);
		else if (text[i] == '\t')
			strbuf_adds(&raw, "    ");
		else if (text[i] != '\r' && text[i] != '\0')
			strbuf_addc(&raw, text[i]);
	}
	strbuf_add_escaped(&shown, raw.data);
	return strbuf_take(&shown);
}

static void end_line(struct live_stage *stage)
{
	char *text = plain_line(stage->line.data, stage->line.length);

	strbuf_clear(&stage->line);
	if (stage->count == LINES_KEPT) {
		free(stage->lines[stage->first]);
		stage->lines[stage->first] = text;
		stage->first = (stage->first + 1) % LINES_KEPT;
		return;
	}
	stage->lines[(stage->first + stage->count++) % LINES_KEPT] = text;
}

static void take_output(struct live_stage *stage, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			end_line(stage);
		else if (stage->line.length < LINE_KEPT)
			strbuf_addc(&stage->line, text[i]);
		else if (text[i] == '\r')
			strbuf_clear(&stage->line);
	}
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

static void begin_step(struct build_live *live, const struct build_event *event)
{
	struct live_stage *stage = stage_of(live, event->stage);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	(void)stage_of(live, event->stage_count);
	stage = &live->stages[event->stage];
	/* one that only changed the configuration has no end of its own */
	if (stage->busy) {
		cleanup_strbuf struct strbuf name = STRBUF_INIT;

		add_name(live, stage, &name);
		stage->busy = false;
		print_above(live, name.data);
	}
	strbuf_add_escaped(&text, event->text);
	free(stage->text);
	stage->text = strbuf_take(&text);
	stage->step = event->step;
	stage->step_count = event->step_count;
	stage->started_ns = time_now_ns();
	stage->busy = true;
	clear_lines(stage);
	draw(live, false);
}

static void end_step(struct build_live *live, const struct build_event *event, const char *how)
{
	struct live_stage *stage = stage_of(live, event->stage);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (event->stage == 0 || !stage->busy)
		return;
	add_name(live, stage, &text);
	if (how != NULL)
		strbuf_addf(&text, " \033[2m(%s)\033[0m", how);
	else
		strbuf_addf(&text, " \033[2m(%.1f s)\033[0m", seconds_of(stage));
	stage->busy = false;
	print_above(live, text.data);
}

static void end_stages(struct build_live *live)
{
	for (unsigned i = 1; i < live->stage_count; i++) {
		const struct build_event event = { .stage = i };

		end_step(live, &event, "done");
	}
}

/* Which step it was, and what it said last: on stderr, where the error follows. */
static void print_failed(struct build_live *live)
{
	build_live_clear(live);
	for (unsigned i = 0; i < live->stage_count; i++) {
		struct live_stage *stage = &live->stages[i];
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (!stage->busy)
			continue;
		if (stage->line.length > 0)
			end_line(stage);
		add_name(live, stage, &text);
		(void)fprintf(stderr, "%s \033[2m(%.1f s)\033[0m\n", text.data, seconds_of(stage));
		for (size_t k = 0; k < stage->count; k++)
			(void)fprintf(stderr, "   | %s\n",
				      stage->lines[(stage->first + k) % LINES_KEPT]);
		stage->busy = false;
	}
}

void build_live_event(void *arg, const struct build_event *event)
{
	struct build_live *live = arg;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	switch (event->kind) {
	case BUILD_STEP:
		begin_step(live, event);
		break;
	case BUILD_CACHED:
		end_step(live, event, event->text != NULL ? "cached in the registry" : "cached");
		break;
	case BUILD_OUTPUT:
		take_output(stage_of(live, event->stage), event->text, event->length);
		draw(live, false);
		break;
	case BUILD_TICK:
		draw(live, false);
		break;
	case BUILD_STEP_END:
		end_step(live, event, NULL);
		break;
	case BUILD_COMMIT:
		end_stages(live);
		strbuf_addf(&text, "COMMIT%s%s", event->text != NULL ? " " : "",
			    event->text != NULL ? event->text : "");
		print_above(live, text.data);
		break;
	case BUILD_TAGGED:
		strbuf_addf(&text, "Successfully tagged %s", event->text);
		print_above(live, text.data);
		break;
	case BUILD_EXCERPT:
		print_failed(live);
		(void)fputs(event->text, stderr);
		break;
	case BUILD_FINDING:
		break;
	case BUILD_WARNING:
		strbuf_adds(&text, "\033[33m[Warning]\033[0m ");
		strbuf_add_escaped(&text, event->text);
		print_above(live, text.data);
		break;
	case BUILD_NOTE:
		strbuf_add_escaped(&text, event->text);
		print_above(live, text.data);
		break;
	case BUILD_EVENT_COUNT:
		break;
	}
}

void build_live_end(struct build_live *live, bool failed)
{
	if (!failed)
		end_stages(live);
	build_live_clear(live);
}
