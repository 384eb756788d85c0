/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ps.c - `ps`: the list of containers
 *
 * Reads records only: no process is started and no namespace made. JSON is the engine's summary with the two texts that depend on the
 * time of day; templates see the texts that the table shows.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/docker.h"
#include "cli/format.h"
#include "cli/human.h"
#include "engine/container.h"
#include "engine/health.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#define NS_PER_S    INT64_C(1000000000)
#define COMMAND_MAX 17

enum ps_sort {
	SORT_CREATED,
	SORT_COMMAND,
	SORT_ID,
	SORT_IMAGE,
	SORT_NAMES,
	SORT_POD,
	SORT_RUNNINGFOR,
	SORT_SIZE,
	SORT_STATUS,
	SORT_COUNT
};
static const char *const ps_sort_words[] = {
	[SORT_CREATED] = "created",
	[SORT_COMMAND] = "command",
	[SORT_ID] = "id",
	[SORT_IMAGE] = "image",
	[SORT_NAMES] = "names",
	[SORT_POD] = "pod",
	[SORT_RUNNINGFOR] = "runningfor",
	[SORT_SIZE] = "size",
	[SORT_STATUS] = "status",
	[SORT_COUNT] = NULL,
};

struct ps_opts {
	bool external;
	bool all, latest, no_trunc, no_heading, namespaces, pod, quiet, size, sync;
	struct strv filters;
	char *format;
	int64_t last;
	int sort;
};

/* ---- texts ---------------------------------------------------------------------------------------------------------- */

static json_t *joined(const json_t *list, const char *between)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item)
		strbuf_addf(&out, "%s%s", i > 0 ? between : "", json_string_value(item));
	return json_text(out.data);
}

static json_t *command_text(const char *text, bool no_trunc)
{
	if (no_trunc || strlen(text) <= COMMAND_MAX)
		return json_text(text);

	size_t end = COMMAND_MAX;

	/* not within a character */
	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;

	cleanup_free char *cut = xasprintf("%.*s...", (int)end, text);

	return json_text(cut);
}

static void status_text(const struct container_state *state, const struct container *container,
			int64_t now_ns, struct strbuf *out)
{
	enum health_status health;
	char duration[HUMAN_MAX];
	const char *word = container_state_name(state);

	switch (state->stopping ? CONTAINER_STATUS_COUNT : state->status) {
	case CONTAINER_RUNNING:
		human_duration(now_ns - state->started_ns, duration);
		strbuf_addf(out, "Up %s", duration);
		health = container_health_status(container);
		if (health != HEALTH_NONE)
			strbuf_addf(out, " (%s)", health_status_name((int)health));
		break;
	case CONTAINER_EXITED:
		human_duration(now_ns - state->finished_ns, duration);
		strbuf_addf(out, "Exited (%" PRId32 ") %s ago", state->exit_code, duration);
		break;
	default:
		strbuf_addf(out, "%c%s", toupper((unsigned char)word[0]), word + 1);
	}
}

static json_t *size_text(const json_t *size)
{
	char own[HUMAN_MAX];
	char whole[HUMAN_MAX];

	if (!json_is_object(size))
		return json_text("");
	human_size((uint64_t)json_get_int(size, 0, "rwSize", NULL), own);
	human_size((uint64_t)json_get_int(size, 0, "rootFsSize", NULL), whole);

	cleanup_free char *text = xasprintf("%s (virtual %s)", own, whole);

	return json_text(text);
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

static json_t *ps_summary(struct cli *cli, const struct ps_opts *opts,
			  const struct container *container, bool size, int64_t now_ns,
			  struct err *err)
{
	cleanup_strbuf struct strbuf status = STRBUF_INIT;
	char created[HUMAN_MAX];
	json_t *summary = container_summary(cli->engine, container, size, opts->namespaces, err);

	if (summary == NULL)
		return NULL;
	status_text(&container->state, container, now_ns, &status);
	human_ago(container->created_ns, now_ns, created);
	json_put_string(summary, "CreatedAt", created);
	json_put_string(summary, "Status", status.data);
	return summary;
}

/* Fields of templates that cost nothing but the row itself. */
enum brief_field {
	BRIEF_ID,
	BRIEF_WHOLE_ID,
	BRIEF_IMAGE,
	BRIEF_IMAGE_ID,
	BRIEF_COMMAND,
	BRIEF_CREATED,
	BRIEF_CREATED_AT,
	BRIEF_CREATED_HUMAN,
	BRIEF_RUNNING_FOR,
	BRIEF_STATUS,
	BRIEF_STATE,
	BRIEF_PORTS,
	BRIEF_NAMES,
	BRIEF_PID,
	BRIEF_EXIT_CODE,
	BRIEF_COUNT
};
static const char *const brief_fields[] = {
	[BRIEF_ID] = "ID",
	[BRIEF_WHOLE_ID] = "Id",
	[BRIEF_IMAGE] = "Image",
	[BRIEF_IMAGE_ID] = "ImageID",
	[BRIEF_COMMAND] = "Command",
	[BRIEF_CREATED] = "Created",
	[BRIEF_CREATED_AT] = "CreatedAt",
	[BRIEF_CREATED_HUMAN] = "CreatedHuman",
	[BRIEF_RUNNING_FOR] = "RunningFor",
	[BRIEF_STATUS] = "Status",
	[BRIEF_STATE] = "State",
	[BRIEF_PORTS] = "Ports",
	[BRIEF_NAMES] = "Names",
	[BRIEF_PID] = "Pid",
	[BRIEF_EXIT_CODE] = "ExitCode",
	[BRIEF_COUNT] = NULL,
};

static json_t *brief_value(const struct ps_opts *opts, const struct container_brief *brief,
			   enum brief_field field, int64_t now_ns)
{
	const struct container_state *state = &brief->state;
	cleanup_strbuf struct strbuf status = STRBUF_INIT;
	char text[HUMAN_MAX + TIME_TEXT_MAX];

	switch (field) {
	case BRIEF_ID:
		return format_id(brief->id.text, opts->no_trunc);
	case BRIEF_WHOLE_ID:
		return json_text(brief->id.text);
	case BRIEF_IMAGE:
		return json_text(brief->image_name);
	case BRIEF_IMAGE_ID:
		return format_id(brief->image_id, opts->no_trunc);
	case BRIEF_COMMAND:
		return command_text(brief->command, opts->no_trunc);
	case BRIEF_CREATED:
	case BRIEF_CREATED_HUMAN:
	case BRIEF_RUNNING_FOR:
		human_ago(brief->created_ns, now_ns, text);
		return json_text(text);
	case BRIEF_CREATED_AT:
		time_format_rfc3339(brief->created_ns, text);
		return json_text(text);
	case BRIEF_STATUS:
		status_text(state, brief->container, now_ns, &status);
		return json_text(status.data);
	case BRIEF_STATE:
		return json_text(container_state_name(state));
	case BRIEF_PORTS:
		return json_text(brief->ports);
	case BRIEF_NAMES:
		return json_text(brief->name);
	case BRIEF_PID:
		return json_integer(state->pid);
	case BRIEF_EXIT_CODE:
		return json_integer(state->status == CONTAINER_EXITED ? state->exit_code : 0);
	case BRIEF_COUNT:
		break;
	}
	return json_null();
}

/* What templates see: the summary, with texts in the place of lists and numbers. */
static json_t *ps_row(const struct ps_opts *opts, struct container *container, json_t *summary,
		      int64_t now_ns)
{
	static const char *const namespaces[][2] = {
		{ "Cgroup", "Cgroup" }, { "IPC", "Ipc" },     { "MNT", "Mnt" }, { "NET", "Net" },
		{ "PIDNS", "Pidns" },	{ "USERNS", "User" }, { "UTS", "Uts" },
	};
	json_t *row = json_copy(summary);
	cleanup_json json_t *command = joined(json_object_get(summary, "Command"), " ");
	cleanup_strbuf struct strbuf ports = STRBUF_INIT;

	if (row == NULL)
		alloc_failed();
	container_ports_format(container, &ports);
	const struct container_brief brief = {
		.id = container->id,
		.name = container->name != NULL ? container->name : "",
		.image_name = container->image_name,
		.image_id = container->image_id,
		.command = json_string_value(command),
		.ports = ports.data,
		.created_ns = container->created_ns,
		.state = container->state,
		.container = container,
	};
	for (int field = 0; field < BRIEF_COUNT; field++)
		json_put(row, brief_fields[field], brief_value(opts, &brief, field, now_ns));
	json_put(row, "Pod", format_id(json_get_string(summary, "", "Pod", NULL), opts->no_trunc));
	json_put(row, "Networks", joined(json_object_get(summary, "Networks"), ","));
	json_put(row, "Mounts", joined(json_object_get(summary, "Mounts"), ","));
	json_put(row, "Size", size_text(json_object_get(summary, "Size")));
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		json_put_string(row, namespaces[i][0],
				json_get_string(summary, "", "Namespaces", namespaces[i][1], NULL));
	return row;
}

static int sort_compare(const json_t *a, const json_t *b, int sort)
{
	static const char *const texts[] = {
		[SORT_COMMAND] = "Command", [SORT_ID] = "Id",	[SORT_IMAGE] = "Image",
		[SORT_NAMES] = "Names",	    [SORT_POD] = "Pod", [SORT_STATUS] = "State",
		[SORT_COUNT] = NULL,
	};
	int64_t difference = 0;

	if (texts[sort] != NULL) {
		cleanup_json json_t *x =
			json_is_array(json_object_get(a, texts[sort]))
				? joined(json_object_get(a, texts[sort]), " ")
				: json_text(json_get_string(a, "", texts[sort], NULL));
		cleanup_json json_t *y =
			json_is_array(json_object_get(b, texts[sort]))
				? joined(json_object_get(b, texts[sort]), " ")
				: json_text(json_get_string(b, "", texts[sort], NULL));

		return strcmp(json_string_value(x), json_string_value(y));
	}
	if (sort == SORT_SIZE)
		difference = json_get_int(a, 0, "Size", "rwSize", NULL) -
			     json_get_int(b, 0, "Size", "rwSize", NULL);
	else if (sort == SORT_RUNNINGFOR)
		difference = json_get_int(a, 0, "StartedAt", NULL) -
			     json_get_int(b, 0, "StartedAt", NULL);
	return difference < 0 ? -1 : difference > 0;
}

struct ps_item {
	struct container *container;
	json_t *summary;
};

static int item_compare(const void *a, const void *b, void *sort)
{
	return sort_compare(((const struct ps_item *)a)->summary,
			    ((const struct ps_item *)b)->summary, *(int *)sort);
}

/* A filter by state means that all states are looked at. */
static bool filters_by_state(const struct strv *filters)
{
	for (size_t i = 0; i < filters->count; i++) {
		if (str_after(filters->items[i], "status=") != NULL ||
		    str_after(filters->items[i], "exited=") != NULL)
			return true;
	}
	return false;
}

/* Keep in list what is asked for, in its order: the others become NULL. */
static int choose(struct cli *cli, const struct ps_opts *opts, struct container_list *list,
		  struct err *err)
{
	cleanup_container_filter struct container_filter *filter = NULL;
	int64_t last = opts->latest ? 1 : opts->last;
	int64_t left = last > 0 ? last : INT64_MAX;
	bool all = opts->all || last > 0 || filters_by_state(&opts->filters);

	if (opts->filters.count > 0 &&
	    container_filter_new(cli->engine, &opts->filters, &filter, err) < 0)
		return -1;
	/* from the newest on, for --last */
	for (size_t i = list->count; i > 0; i--) {
		struct container *container = list->items[i - 1];
		bool is_up = container->state.status == CONTAINER_RUNNING ||
			     container->state.status == CONTAINER_PAUSED;

		if ((all || is_up) && left > 0 &&
		    (opts->external || !container_is_working(container)) &&
		    (filter == NULL || container_filter_match(filter, container))) {
			left--;
			continue;
		}
		container_free(container);
		list->items[i - 1] = NULL;
	}
	return 0;
}

/* docker shows the newest first. */
static void reverse(struct container_list *list)
{
	for (size_t i = 0; i < list->count / 2; i++) {
		struct container *other = list->items[list->count - 1 - i];

		list->items[list->count - 1 - i] = list->items[i];
		list->items[i] = other;
	}
}

static void print_ids(const struct container_list *list, bool no_trunc)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] != NULL)
			(void)printf("%.*s\n", no_trunc ? DIGEST_HEX : OBJECT_ID_SHORT,
				     list->items[i]->id.text);
	}
}

static void ps_table(const struct cli *cli, const struct ps_opts *opts, struct strbuf *out)
{
	if (opts->namespaces) {
		strbuf_adds(out, "{{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.Cgroup}}\t{{.IPC}}\t{{.MNT}}\t"
				 "{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}");
		return;
	}
	strbuf_addf(
		out,
		"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.%s}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
		cli->as_docker ? "RunningFor" : "CreatedHuman");
	if (opts->pod)
		strbuf_adds(out, "\t{{.Pod}}\t{{.PodName}}");
	if (opts->size)
		strbuf_adds(out, "\t{{.Size}}");
}

static const struct template_alias ps_headings[] = {
	{ "ID", "CONTAINER ID" }, { "CreatedHuman", "CREATED" }, { "Cgroup", "CGROUPNS" },
	{ "Pod", "POD ID" },	  { "PodName", "PODNAME" },	 { NULL, NULL },
};
static const struct template_alias docker_headings[] = { { "ID", "CONTAINER ID" },
							 { "RunningFor", "CREATED" },
							 { NULL, NULL } };
static const struct template_alias ps_aliases[] = { { "ImageId", "ImageID" },
						    { "PID", "Pid" },
						    { NULL, NULL } };
/* without --ns these are empty */
static const struct template_absent ps_absent[] = {
	{ "", NULL, "CGROUPNS", '"' }, { "", NULL, "IPC", '"' },    { "", NULL, "MNT", '"' },
	{ "", NULL, "NET", '"' },      { "", NULL, "PIDNS", '"' },  { "", NULL, "USERNS", '"' },
	{ "", NULL, "UTS", '"' },      { "", NULL, "Health", '"' }, { NULL, NULL, NULL, 0 },
};

static int print_rows(struct cli *cli, const struct ps_opts *opts, const struct format *format,
		      const struct container_list *list, struct err *err)
{
	cleanup_free struct ps_item *items = xcalloc(list->count + 1, sizeof(*items));
	cleanup_json json_t *rows = json_array();
	int64_t now_ns = time_now_ns();
	bool size = opts->size || opts->sort == SORT_SIZE;
	size_t count = 0;
	int sort = opts->sort;
	int status = 0;

	for (size_t i = 0; i < list->count && status == 0; i++) {
		if (list->items[i] == NULL)
			continue;
		items[count].container = list->items[i];
		items[count].summary = ps_summary(cli, opts, list->items[i], size, now_ns, err);
		status = items[count].summary != NULL ? 0 : -1;
		count += status == 0;
	}
	if (status == 0 && sort != SORT_CREATED)
		qsort_r(items, count, sizeof(*items), item_compare, &sort);
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_incref(items[i].summary);

		if (!format_is_json(format)) {
			row = ps_row(opts, items[i].container, items[i].summary, now_ns);
			json_decref(items[i].summary);
		}
		if (cli->as_docker && !opts->namespaces) {
			json_t *podman = row;

			row = docker_ps_row(podman, items[i].summary,
					    items[i].container->created_ns, opts->no_trunc);
			if (!format_is_lines(format))
				json_put(row, TEMPLATE_LABELS,
					 json_incref(json_object_get(items[i].summary, "Labels")));
			json_decref(podman);
		}
		json_array_append_new(rows, row);
		json_decref(items[i].summary);
	}
	if (status < 0)
		return -1;
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 2);
	return 0;
}

/* Nothing is asked for but fields that the index of containers has: no record of one that does not run is read. */
static bool is_brief(const struct ps_opts *opts, const struct format *format)
{
	return opts->filters.count == 0 && opts->last <= 0 && !opts->latest &&
	       opts->sort == SORT_CREATED && !opts->namespaces && !opts->size && !opts->pod &&
	       (opts->quiet || format_has_only(format, brief_fields));
}

static int print_brief(struct cli *cli, const struct ps_opts *opts, const struct format *format,
		       struct err *err)
{
	cleanup_container_brief_list struct container_brief_list list = { NULL, 0, NULL };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int64_t now_ns = time_now_ns();
	bool mentioned[BRIEF_COUNT];

	if (container_list_brief(cli->engine, &list, err) < 0)
		return -1;
	if (!opts->quiet && format_head(format, &text, err) < 0)
		return -1;
	for (size_t i = 0; i < BRIEF_COUNT; i++)
		mentioned[i] = format_mentions(format, brief_fields[i]);
	for (size_t i = 0; i < list.count; i++) {
		const struct container_brief *brief =
			&list.items[cli->as_docker ? list.count - 1 - i : i];
		bool is_up = brief->state.status == CONTAINER_RUNNING ||
			     brief->state.status == CONTAINER_PAUSED;

		if ((!opts->all && !is_up) || (brief->working && !opts->external))
			continue;
		if (opts->quiet) {
			(void)printf("%.*s\n", opts->no_trunc ? DIGEST_HEX : OBJECT_ID_SHORT,
				     brief->id.text);
			continue;
		}

		cleanup_json json_t *row = json_object();
		for (int field = 0; field < BRIEF_COUNT; field++) {
			if (mentioned[field])
				json_put(row, brief_fields[field],
					 brief_value(opts, brief, field, now_ns));
		}
		if (format_row(format, row, &text, err) < 0)
			return -1;
	}
	format_print(format, &text);
	return 0;
}

static int ps_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct ps_opts *opts = opts_;
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_strbuf struct strbuf table = STRBUF_INIT;
	cleanup_format struct format *format = NULL;
	struct format_request request = {
		.format = opts->format,
		.no_heading = opts->no_heading,
		.rules = { .aliases = ps_aliases, .absent = ps_absent, .heading = ps_headings },
	};

	if (opts->quiet && (opts->size || opts->namespaces))
		return err_set(err, ERR_USAGE, "--quiet and --size or --ns exclude each other");
	if (opts->latest && opts->last > 0)
		return err_set(err, ERR_USAGE, "--latest and --last exclude each other");
	ps_table(cli, opts, &table);
	request.table = table.data;
	if (cli->as_docker)
		request.rules.heading = docker_headings;
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	if (is_brief(opts, format) && (opts->quiet || !cli->as_docker))
		return print_brief(cli, opts, format, err);
	opts->size = opts->size || (opts->format != NULL && !format_is_json(format) &&
				    format_mentions(format, ".Size"));
	if (container_list(cli->engine, &list, err) < 0 || choose(cli, opts, &list, err) < 0)
		return -1;
	if (cli->as_docker)
		reverse(&list);

	if (opts->quiet && opts->sort == SORT_CREATED) {
		print_ids(&list, opts->no_trunc);
		return 0;
	}
	if (opts->quiet) {
		format_free(TAKE_PTR(format));
		request.format = "{{.ID}}";
		if (format_new(cli, &request, &format, err) < 0)
			return -1;
	}
	return print_rows(cli, opts, format, &list, err);
}

static const struct opt ps_opts[] = {
	OPT_FLAG('a', "all", struct ps_opts, all, "also those that do not run"),
	OPT_LIST('f', "filter", struct ps_opts, filters, "NAME=VALUE", "those that match"),
	OPT_STRING(0, "format", struct ps_opts, format, "FORMAT", "json, or a Go template"),
	OPT_INT('n', "last", struct ps_opts, last, "N", "the last N that were created"),
	OPT_FLAG('l', "latest", struct ps_opts, latest, "the container created last"),
	OPT_FLAG(0, "no-trunc", struct ps_opts, no_trunc, "do not shorten ids and commands"),
	OPT_FLAG(0, "noheading", struct ps_opts, no_heading, "no headings"),
	OPT_FLAG(0, "ns", struct ps_opts, namespaces, "show the namespaces"),
	OPT_FLAG('p', "pod", struct ps_opts, pod, "show the pods"),
	OPT_FLAG('q', "quiet", struct ps_opts, quiet, "ids only"),
	OPT_FLAG('s', "size", struct ps_opts, size, "show what they have written"),
	OPT_CHOICE(0, "sort", struct ps_opts, sort, "BY", ps_sort_words,
		   "created, command, id, image, names, pod, runningfor, size, status"),
	OPT_FLAG(0, "sync", struct ps_opts, sync, "read all states again (that is always so)"),
	OPT_ALIAS("notruncate", "no-trunc"),
	OPT_ALIAS("namespace", "ns"),
	OPT_FLAG(0, "external", struct ps_opts, external,
		 "with --all: also working containers of `builder from`"),
	OPT_ALIAS("storage", "external"),
	OPT_REFUSED_VALUE('w', "watch", "the program `watch` does that"),
	OPT_END
};

const struct cmd cmd_ps = {
	.paths = { "ps", "container ls", "container list", "container ps" },
	.synopsis = "",
	.help = "List containers",
	.examples = "  dhow ps -a --filter status=exited\n"
		    "  dhow ps --format '{{.Names}} {{.Ports}}'\n",
	.section = SECTION_LOOK,
	.needs = NEEDS_STORE,
	.opts = ps_opts,
	.opts_size = sizeof(struct ps_opts),
	.run = ps_run,
};
