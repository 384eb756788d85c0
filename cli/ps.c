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

static json_t *command_text(const json_t *command, bool no_trunc)
{
	json_t *whole = joined(command, " ");
	const char *text = json_string_value(whole);

	if (no_trunc || strlen(text) <= COMMAND_MAX)
		return whole;

	size_t end = COMMAND_MAX;

	/* not within a character */
	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;

	cleanup_free char *cut = xasprintf("%.*s...", (int)end, text);

	json_decref(whole);
	return json_text(cut);
}

static void status_text(const struct container *container, int64_t now_ns, struct strbuf *out)
{
	const struct container_state *state = &container->state;
	enum health_status health;
	char duration[HUMAN_MAX];
	const char *word = container_status_name((int)state->status);

	switch (state->status) {
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

static bool is_published(const struct port_mappings *ports, uint16_t number, const char *protocol)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];

		if (number >= port->container_port && number < port->container_port + port->range &&
		    str_equal(port_protocol_name((int)port->protocol), protocol))
			return true;
	}
	return false;
}

/* "0.0.0.0:9091->80/tcp, 8080/tcp": what is published, then what is only exposed. */
static json_t *ports_text(const struct container *container, const json_t *exposed)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct port_mappings ports = { NULL, 0 };
	struct err err;
	const char *key;
	json_t *protocols;

	if (container_ports(container, &ports, &err) == 0)
		port_format(&ports, &out);
	json_object_foreach ((json_t *)exposed, key, protocols) {
		uint16_t number;
		size_t i;
		json_t *protocol;

		if (parse_u16(key, &number) < 0)
			continue;
		json_array_foreach (protocols, i, protocol) {
			if (!is_published(&ports, number, json_string_value(protocol)))
				strbuf_addf(&out, "%s%s/%s", out.length > 0 ? ", " : "", key,
					    json_string_value(protocol));
		}
	}
	port_mappings_release(&ports);
	return json_text(out.data);
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
	status_text(container, now_ns, &status);
	human_ago(container->created_ns, now_ns, created);
	json_put_string(summary, "CreatedAt", created);
	json_put_string(summary, "Status", status.data);
	return summary;
}

/* What templates see: the summary, with texts in the place of lists and numbers. */
static json_t *ps_row(const struct ps_opts *opts, const struct container *container,
		      json_t *summary)
{
	static const char *const namespaces[][2] = {
		{ "Cgroup", "Cgroup" }, { "IPC", "Ipc" },     { "MNT", "Mnt" }, { "NET", "Net" },
		{ "PIDNS", "Pidns" },	{ "USERNS", "User" }, { "UTS", "Uts" },
	};
	json_t *row = json_copy(summary);
	char time[TIME_TEXT_MAX];
	const json_t *created = json_object_get(summary, "CreatedAt");

	if (row == NULL)
		alloc_failed();
	json_put(row, "ID", format_id(container->id.text, opts->no_trunc));
	json_put(row, "ImageID",
		 format_id(json_get_string(summary, "", "ImageID", NULL), opts->no_trunc));
	json_put(row, "Pod", format_id(json_get_string(summary, "", "Pod", NULL), opts->no_trunc));
	json_put(row, "Command", command_text(json_object_get(summary, "Command"), opts->no_trunc));
	json_put(row, "Names", joined(json_object_get(summary, "Names"), ","));
	json_put(row, "Networks", joined(json_object_get(summary, "Networks"), ","));
	json_put(row, "Mounts", joined(json_object_get(summary, "Mounts"), ","));
	json_put(row, "Ports", ports_text(container, json_object_get(summary, "ExposedPorts")));
	json_put(row, "Size", size_text(json_object_get(summary, "Size")));
	json_put(row, "Created", json_incref((json_t *)created));
	json_put(row, "CreatedHuman", json_incref((json_t *)created));
	json_put(row, "RunningFor", json_incref((json_t *)created));
	time_format_rfc3339(container->created_ns, time);
	json_put_string(row, "CreatedAt", time);
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
	const struct container *container;
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
		    (filter == NULL || container_filter_match(filter, container))) {
			left--;
			continue;
		}
		container_free(container);
		list->items[i - 1] = NULL;
	}
	return 0;
}

static void print_ids(const struct container_list *list, bool no_trunc)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] != NULL)
			(void)printf("%.*s\n", no_trunc ? DIGEST_HEX : OBJECT_ID_SHORT,
				     list->items[i]->id.text);
	}
}

static void ps_table(const struct ps_opts *opts, struct strbuf *out)
{
	if (opts->namespaces) {
		strbuf_adds(out, "{{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.Cgroup}}\t{{.IPC}}\t{{.MNT}}\t"
				 "{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}");
		return;
	}
	strbuf_adds(out, "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t"
			 "{{.Ports}}\t{{.Names}}");
	if (opts->pod)
		strbuf_adds(out, "\t{{.Pod}}\t{{.PodName}}");
	if (opts->size)
		strbuf_adds(out, "\t{{.Size}}");
}

static const struct template_alias ps_headings[] = {
	{ "ID", "CONTAINER ID" }, { "CreatedHuman", "CREATED" }, { "Cgroup", "CGROUPNS" },
	{ "Pod", "POD ID" },	  { "PodName", "PODNAME" },	 { NULL, NULL },
};
static const struct template_alias ps_aliases[] = { { "ImageId", "ImageID" },
						    { "PID", "Pid" },
						    { NULL, NULL } };

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
		if (status == 0)
			json_array_append_new(
				rows, format_is_json(format)
					      ? json_incref(items[i].summary)
					      : ps_row(opts, items[i].container, items[i].summary));
		json_decref(items[i].summary);
	}
	if (status < 0)
		return -1;
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 2);
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
		.rules = { .aliases = ps_aliases, .heading = ps_headings },
	};

	if (opts->quiet && (opts->size || opts->namespaces))
		return err_set(err, ERR_USAGE, "--quiet and --size or --ns exclude each other");
	if (opts->latest && opts->last > 0)
		return err_set(err, ERR_USAGE, "--latest and --last exclude each other");
	ps_table(opts, &table);
	request.table = table.data;
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	opts->size = opts->size || (opts->format != NULL && !format_is_json(format) &&
				    format_mentions(format, ".Size"));
	if (container_list(cli->engine, &list, err) < 0 || choose(cli, opts, &list, err) < 0)
		return -1;

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
	OPT_REFUSED(0, "external", "there are no containers of other programs in this store"),
	OPT_REFUSED(0, "storage", "there are no containers of other programs in this store"),
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
