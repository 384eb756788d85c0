/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/events.c - `events`: what happened to containers, images, volumes
 *
 * Lines and JSON are podman's. Each event is written out at once, so that a program at the other end of a pipe can act on it.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "engine/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

struct events_cli_opts {
	struct strv filters;
	char *format, *since, *until;
	bool no_trunc, stream;
};

struct events_view {
	struct cli *cli;
	const struct events_cli_opts *opts;
	struct format *format; /* NULL: lines */
	struct err *err;
	bool failed;
};

static const char *member(const json_t *event, const char *key)
{
	return json_get_string(event, "", key, NULL);
}

/* "2026-11-23 23:34:05.139328925 +0000 UTC": a time as Go prints it, in the zone of the user. */
static void add_time(struct strbuf *out, int64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / NS_PER_S);
	struct tm parts;
	char text[64];

	localtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	strbuf_adds(out, text);
	if (time_ns % NS_PER_S != 0) {
		int length = snprintf(text, sizeof(text), ".%09" PRId64, time_ns % NS_PER_S);

		while (length > 1 && text[length - 1] == '0')
			text[--length] = '\0';
		strbuf_adds(out, text);
	}
	strftime(text, sizeof(text), " %z %Z", &parts);
	strbuf_adds(out, text);
}

static void add_id(struct strbuf *out, const char *id, bool no_trunc)
{
	cleanup_free char *cut = no_trunc ? xstrdup(id) : xstrndup(id, OBJECT_ID_SHORT);

	strbuf_addc(out, ' ');
	strbuf_add_escaped(out, cut);
}

static void add_pair(struct strbuf *out, const char *between, const char *name, const char *value)
{
	strbuf_adds(out, between);
	strbuf_add_escaped(out, name);
	strbuf_addc(out, '=');
	strbuf_add_escaped(out, value);
}

/* "(image=localhost/web:1, name=web, health_status=healthy, pod_id=..., LABEL=VALUE)" */
static void add_container(struct strbuf *out, const json_t *event, bool no_trunc)
{
	const char *key;
	json_t *value;

	add_id(out, member(event, "ID"), no_trunc);
	strbuf_adds(out, " (");
	add_pair(out, "", "image", member(event, "Image"));
	add_pair(out, ", ", "name", member(event, "Name"));
	if (*member(event, "HealthStatus") != '\0')
		add_pair(out, ", ", "health_status", member(event, "HealthStatus"));
	if (*member(event, "PodID") != '\0')
		add_pair(out, ", ", "pod_id", member(event, "PodID"));
	json_object_foreach (json_object_get(event, "Attributes"), key, value)
		add_pair(out, ", ", key, json_is_string(value) ? json_string_value(value) : "");
	strbuf_addc(out, ')');
}

static void event_text(const json_t *event, bool no_trunc, struct strbuf *out)
{
	add_time(out, json_get_int(event, 0, "timeNano", NULL));
	strbuf_addc(out, ' ');
	strbuf_add_escaped(out, member(event, "Type"));
	strbuf_addc(out, ' ');
	strbuf_add_escaped(out, member(event, "Status"));

	switch (event_type_parse(member(event, "Type"))) {
	case EVENT_TYPE_CONTAINER:
	case EVENT_TYPE_POD:
		add_container(out, event, no_trunc);
		break;
	case EVENT_TYPE_NETWORK:
		add_id(out, member(event, "ID"), no_trunc);
		strbuf_adds(out, " (");
		add_pair(out, "", "name", member(event, "network"));
		add_pair(out, ", ", "type",
			 json_get_string(event, "", "Attributes", "driver", NULL));
		strbuf_addc(out, ')');
		break;
	case EVENT_TYPE_IMAGE:
		add_id(out, member(event, "ID"), no_trunc);
		add_id(out, member(event, "Name"), true);
		break;
	case EVENT_TYPE_SECRET:
		add_id(out, member(event, "ID"), no_trunc);
		break;
	default:
		if (*member(event, "Name") != '\0')
			add_id(out, member(event, "Name"), true);
	}
	strbuf_addc(out, '\n');
}

static void copy_text(json_t *object, const json_t *event, const char *key)
{
	if (*member(event, key) != '\0')
		json_put_string(object, key, member(event, key));
}

static json_t *attributes(const json_t *event)
{
	json_t *value = json_object_get(event, "Attributes");

	return value != NULL ? json_incref(value) : json_null();
}

/* podman's object, in its order. New reference. */
static json_t *event_json(const json_t *event)
{
	json_t *object = json_object();
	int64_t time_ns = json_get_int(event, 0, "timeNano", NULL);
	json_t *code = json_object_get(event, "ContainerExitCode");

	if (code != NULL)
		json_put(object, "ContainerExitCode", json_incref(code));
	copy_text(object, event, "ID");
	copy_text(object, event, "Image");
	copy_text(object, event, "Name");
	copy_text(object, event, "network");
	copy_text(object, event, "Status");
	json_put_int(object, "time", time_ns / NS_PER_S);
	json_put_int(object, "timeNano", time_ns);
	copy_text(object, event, "Type");
	copy_text(object, event, "PodID");
	copy_text(object, event, "HealthStatus");
	copy_text(object, event, "Error");
	json_put(object, "Attributes", attributes(event));
	return object;
}

/* What templates see. New reference. */
static json_t *event_row(const json_t *event, bool no_trunc)
{
	static const char *const texts[][2] = {
		{ "Image", "Image" },	  { "Name", "Name" },
		{ "Status", "Status" },	  { "Action", "Status" },
		{ "Type", "Type" },	  { "PodID", "PodID" },
		{ "Error", "Error" },	  { "HealthStatus", "HealthStatus" },
		{ "Network", "network" },
	};
	cleanup_strbuf struct strbuf time = STRBUF_INIT;
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	json_t *row = json_object(), *actor = json_object();
	int64_t time_ns = json_get_int(event, 0, "timeNano", NULL);
	json_t *code = json_object_get(event, "ContainerExitCode");

	add_time(&time, time_ns);
	event_text(event, no_trunc, &line);
	strbuf_truncate(&line, line.length - 1);
	/* --no-trunc is about the lines of its own */
	json_put_string(row, "ID", member(event, "ID"));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_put_string(row, texts[i][0], member(event, texts[i][1]));
	json_put_string(row, "Time", time.data);
	json_put_int(row, "TimeNano", time_ns);
	json_put(row, "ContainerExitCode", code != NULL ? json_incref(code) : json_null());
	json_put(row, "Attributes", attributes(event));
	json_put_string(row, "ToHumanReadable", line.data);
	/* docker's names */
	json_put_string(actor, "ID", member(event, "ID"));
	json_put(actor, "Attributes", attributes(event));
	json_put(row, "Actor", actor);
	json_put_string(row, "From", member(event, "Image"));
	json_put_string(row, "Scope", "local");
	return row;
}

static int print_formatted(struct events_view *view, const json_t *event)
{
	cleanup_json json_t *rows = json_array();

	if (format_is_json(view->format)) {
		cleanup_json json_t *object = event_json(event);

		format_json(object, 0);
		return 0;
	}
	json_array_append_new(rows, event_row(event, view->opts->no_trunc));
	return format_rows(view->format, rows, view->err);
}

static int print_event(void *arg, const json_t *event)
{
	struct events_view *view = arg;

	if (view->format != NULL) {
		if (print_formatted(view, event) < 0) {
			view->failed = true;
			return -1;
		}
	} else {
		cleanup_strbuf struct strbuf line = STRBUF_INIT;

		event_text(event, view->opts->no_trunc, &line);
		(void)fwrite(line.data, 1, line.length, stdout);
	}
	return fflush(stdout) == 0 ? 0 : -1;
}

static int parse_moment(const char *text, const char *option, bool ahead, int64_t *ret_ns,
			struct err *err)
{
	int64_t span_ns;

	if (text == NULL || *text == '\0')
		return 0;
	/* "10m" is ten minutes ago for --since, and in ten minutes for --until; digits alone are seconds since 1970 */
	if (ahead && strspn(text, "0123456789.") < strlen(text) &&
	    parse_duration(text, &span_ns) == 0) {
		*ret_ns = time_now_ns() + span_ns;
		return 0;
	}
	if (parse_time(text, ret_ns) == 0)
		return 0;
	err_set(err, ERR_USAGE, "invalid argument '%s' for '%s'", text, option);
	return err_hint(err, "Use a time such as 2026-11-24T10:00:00, seconds since 1970, or a "
			     "span such as 10m.");
}

static int events_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct events_cli_opts *opts = opts_;
	cleanup_format struct format *format = NULL;
	const struct format_request request = { .format = opts->format, .no_heading = true };
	struct events_view view = { .cli = cli, .opts = opts, .err = err };
	struct events_opts read = { .filters = &opts->filters, .follow = opts->stream };

	if (!str_is_empty(opts->format)) {
		if (format_new(cli, &request, &format, err) < 0)
			return -1;
		view.format = format;
	}
	if (parse_moment(opts->since, "--since", false, &read.since_ns, err) < 0 ||
	    parse_moment(opts->until, "--until", true, &read.until_ns, err) < 0)
		return -1;
	/* who follows and names no start gets what happens from now on; with an end the past is meant, too */
	if (opts->stream && read.since_ns == 0 && read.until_ns == 0)
		read.since_ns = time_now_ns();

	int status = events_read(cli->engine, &read, print_event, &view, err);

	return view.failed ? -1 : status;
}

static const struct opt events_opts[] = {
	OPT_LIST('f', "filter", struct events_cli_opts, filters, "NAME=VALUE",
		 "those that match: container, event, image, label, network, pod, secret, type, "
		 "volume"),
	OPT_STRING(0, "format", struct events_cli_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG(0, "no-trunc", struct events_cli_opts, no_trunc, "do not shorten ids"),
	OPT_STRING(0, "since", struct events_cli_opts, since, "TIME", "from then on"),
	OPT_FLAG(0, "stream", struct events_cli_opts, stream, "wait for more"),
	OPT_STRING(0, "until", struct events_cli_opts, until, "TIME", "up to then"),
	OPT_END
};

const struct cmd cmd_events = {
	.paths = { "events", "system events" },
	.synopsis = "",
	.help = "Show what happens",
	.examples =
		"  dhow events --since 10m --stream=false\n"
		"  dhow events --filter event=died --format '{{.Name}} {{.ContainerExitCode}}'\n",
	.section = SECTION_LOOK,
	.needs = NEEDS_WRITING,
	.opts = events_opts,
	.opts_size = sizeof(struct events_cli_opts),
	.defaults = &(const struct events_cli_opts){ .no_trunc = true, .stream = true },
	.run = events_run,
};
