/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/stats.c - `stats`: what running containers use, once or again and again
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/select.h"
#include "engine/processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S	   INT64_C(1000000000)
#define INTERVAL_S_DEFAULT 5
/* up and to the left, then everything below away */
#define CLEAR_SCREEN "\033[H\033[J"

struct stats_cli_opts {
	bool all, latest, no_reset, no_stream, no_trunc;
	int64_t interval_s;
	char *format;
};

/* A container, and the sample before. */
struct watched {
	struct container *container;
	struct container_stats stats;
	bool has_stats;
};

struct watch {
	struct watched *items;
	size_t count;
	bool follows_all; /* containers that start meanwhile are shown, too */
	bool told;	  /* the user knows where the numbers come from */
};

static void watch_release(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		container_free(watch->items[i].container);
	free(watch->items);
}
#define cleanup_watch __attribute__((cleanup(watch_release)))

static void watch_add(struct watch *watch, struct container *container_take)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (str_equal(watch->items[i].container->id.text, container_take->id.text)) {
			container_free(container_take);
			return;
		}
	}
	watch->items = xreallocarray(watch->items, watch->count + 1, sizeof(*watch->items));
	watch->items[watch->count++] = (struct watched){ .container = container_take };
}

static int watch_all(struct cli *cli, struct watch *watch, bool all, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };

	if (container_list(cli->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		enum container_status status = list.items[i]->state.status;

		if (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED ||
		    (all && status != CONTAINER_DAMAGED))
			watch_add(watch, TAKE_PTR(list.items[i]));
	}
	return 0;
}

static int watch_named(struct cli *cli, const struct stats_cli_opts *opts, const struct strv *args,
		       struct watch *watch, struct err *err)
{
	struct container *container = NULL;

	if (opts->latest || args->count == 0) {
		if (select_one(cli, args, opts->latest, &container, err) < 0)
			return -1;
		watch_add(watch, container);
	}
	for (size_t i = 0; i < args->count; i++) {
		if (container_get(cli->engine, args->items[i], &container, err) < 0)
			return -1;
		watch_add(watch, container);
	}
	return 0;
}

/* ---- texts ---- */

static char *pair(uint64_t first, uint64_t second)
{
	char first_text[HUMAN_MAX], second_text[HUMAN_MAX];

	human_size_precise(first, first_text);
	human_size_precise(second, second_text);
	return xasprintf("%s / %s", first_text, second_text);
}

/* "5.928ms", "1m3.2s": as Go prints a duration, without more digits than it can know. */
static char *cpu_time(uint64_t ns)
{
	if (ns < 1000000)
		return xasprintf("%" PRIu64 "\xc2\xb5s", ns / 1000);
	if (ns < 1000000000)
		return xasprintf("%g"
				 "ms",
				 (double)(ns / 1000) / 1000);
	uint64_t s = ns / 1000000000;
	double rest = (double)(s % 60) + (double)(ns % 1000000000 / 1000) / 1000000;

	if (s < 60)
		return xasprintf("%.8gs", rest);
	return s < 3600 ? xasprintf("%" PRIu64 "m%.8gs", s / 60, rest)
			: xasprintf("%" PRIu64 "h%" PRIu64 "m%.8gs", s / 3600, s / 60 % 60, rest);
}

static void put_take(json_t *object, const char *key, char *text_take)
{
	json_put_string(object, key, text_take);
	free(text_take);
}

static double memory_percent(const struct container_stats *stats)
{
	return stats->memory_limit_bytes > 0
		       ? (double)stats->memory_bytes / (double)stats->memory_limit_bytes * 100
		       : 0;
}

/* podman's JSON */
static json_t *stats_object(const struct watched *watched)
{
	const struct container_stats *stats = &watched->stats;
	json_t *object = json_object();

	json_put(object, "id", format_id(watched->container->id.text, false));
	json_put_string(object, "name", watched->container->name);
	put_take(object, "cpu_time", cpu_time(stats->cpu_ns));
	put_take(object, "cpu_percent", xasprintf("%.2f%%", stats->cpu_percent));
	put_take(object, "avg_cpu", xasprintf("%.2f%%", stats->cpu_average_percent));
	put_take(object, "mem_usage", pair(stats->memory_bytes, stats->memory_limit_bytes));
	put_take(object, "mem_percent", xasprintf("%.2f%%", memory_percent(stats)));
	put_take(object, "net_io", pair(stats->network_in_bytes, stats->network_out_bytes));
	put_take(object, "block_io", pair(stats->block_in_bytes, stats->block_out_bytes));
	put_take(object, "pids", xasprintf("%" PRIu64, stats->pids));
	return object;
}

/* What templates see. */
static json_t *stats_row(const struct watched *watched, bool no_trunc)
{
	const struct container_stats *stats = &watched->stats;
	json_t *row = json_object();
	const char *id = watched->container->id.text;

	json_put(row, "ID", format_id(id, no_trunc));
	json_put_string(row, "ContainerID", id);
	json_put(row, "Container", format_id(id, no_trunc));
	json_put_string(row, "Name", watched->container->name);
	put_take(row, "CPUPerc", xasprintf("%.2f%%", stats->cpu_percent));
	put_take(row, "CPU", xasprintf("%g", stats->cpu_percent));
	put_take(row, "AVGCPU", xasprintf("%.2f%%", stats->cpu_average_percent));
	put_take(row, "AvgCPU", xasprintf("%g", stats->cpu_average_percent));
	put_take(row, "CPUTime", cpu_time(stats->cpu_ns));
	put_take(row, "MemUsage", pair(stats->memory_bytes, stats->memory_limit_bytes));
	put_take(row, "MemUsageBytes",
		 xasprintf("%" PRIu64 "B / %" PRIu64 "B", stats->memory_bytes,
			   stats->memory_limit_bytes));
	put_take(row, "MemPerc", xasprintf("%.2f%%", memory_percent(stats)));
	put_take(row, "NetIO", pair(stats->network_in_bytes, stats->network_out_bytes));
	put_take(row, "BlockIO", pair(stats->block_in_bytes, stats->block_out_bytes));
	put_take(row, "PIDs", xasprintf("%" PRIu64, stats->pids));
	json_put_int(row, "MemLimit", (int64_t)stats->memory_limit_bytes);
	json_put_int(row, "CPUNano", (int64_t)stats->cpu_ns);
	json_put_int(row, "CPUSystemNano", (int64_t)stats->cpu_system_ns);
	json_put_int(row, "SystemNano", stats->time_ns);
	json_put_int(row, "BlockInput", (int64_t)stats->block_in_bytes);
	json_put_int(row, "BlockOutput", (int64_t)stats->block_out_bytes);
	json_put_int(row, "NetInput", (int64_t)stats->network_in_bytes);
	json_put_int(row, "NetOutput", (int64_t)stats->network_out_bytes);
	json_put_int(row, "UpTime", stats->up_ns);
	json_put_int(row, "Duration", stats->up_ns);
	return row;
}

/* ---- the loop ---- */

/* True when there is something to show; a container that has ended is all zeros. */
static void sample(struct cli *cli, struct watch *watch, struct watched *watched)
{
	const struct container_stats before = watched->stats;
	struct err err;

	if (container_refresh(watched->container, &err) < 0 ||
	    container_stats(cli->engine, watched->container, watched->has_stats ? &before : NULL,
			    &watched->stats, &err) < 0) {
		watched->stats = (struct container_stats){ 0 };
		watched->has_stats = false;
		return;
	}
	watched->has_stats = true;
	if (watched->stats.memory_of_processes && !watch->told) {
		watch->told = true;
		engine_warn(cli->engine,
			    "no cgroup with the memory controller: numbers are added up from the "
			    "processes that live now");
	}
}

static int print_watch(const struct stats_cli_opts *opts, const struct format *format,
		       const struct watch *watch, struct err *err)
{
	cleanup_json json_t *rows = json_array();

	for (size_t i = 0; i < watch->count; i++) {
		/* those that have ended leave the list of what runs */
		if (!watch->items[i].has_stats && watch->follows_all && !opts->all)
			continue;
		json_array_append_new(rows, format_is_json(format)
						    ? stats_object(&watch->items[i])
						    : stats_row(&watch->items[i], opts->no_trunc));
	}
	if (format_is_json(format)) {
		format_json(rows, 1);
		return 0;
	}
	return format_rows(format, rows, err);
}

static bool any_lives(const struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->items[i].has_stats)
			return true;
	}
	return false;
}

static int show(struct cli *cli, const struct stats_cli_opts *opts, const struct format *format,
		struct watch *watch, struct err *err)
{
	bool clear = !opts->no_reset && !opts->no_stream && !format_is_json(format) &&
		     isatty(STDOUT_FILENO);

	for (;;) {
		if (watch->follows_all && watch_all(cli, watch, opts->all, err) < 0)
			return -1;
		for (size_t i = 0; i < watch->count; i++)
			sample(cli, watch, &watch->items[i]);
		if (clear)
			(void)printf(CLEAR_SCREEN);
		if (print_watch(opts, format, watch, err) < 0)
			return -1;
		/* nobody reads it any more; or the containers that were asked for are gone */
		if (fflush(stdout) != 0 || opts->no_stream ||
		    (!watch->follows_all && !any_lives(watch)))
			return 0;
		const struct timespec pause = { .tv_sec = (time_t)opts->interval_s };

		(void)nanosleep(&pause, NULL);
	}
}

static const struct template_alias stats_headings[] = {
	{ "CPUPerc", "CPU %" },
	{ "MemUsage", "MEM USAGE / LIMIT" },
	{ "MemUsageBytes", "MEM USAGE / LIMIT" },
	{ "MemPerc", "MEM %" },
	{ "NetIO", "NET IO" },
	{ "BlockIO", "BLOCK IO" },
	{ "PIDs", "PIDS" },
	{ "CPUTime", "CPU TIME" },
	{ "AVGCPU", "AVG CPU %" },
	{ NULL, NULL },
};
static const struct template_alias stats_aliases[] = { { "PIDS", "PIDs" },
						       { "Id", "ID" },
						       { NULL, NULL } };

static int stats_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct stats_cli_opts *opts = opts_;
	cleanup_format struct format *format = NULL;
	cleanup_watch struct watch watch = { NULL, 0, false, false };
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}"
			 "\t"
			 "{{.BlockIO}}\t{{.PIDs}}\t{{.CPUTime}}\t{{.AVGCPU}}",
		.rules = { .aliases = stats_aliases, .heading = stats_headings },
	};

	if (opts->all && (opts->latest || args->count > 0))
		return err_set(err, ERR_USAGE,
			       "--all and containers or --latest exclude each other");
	if (opts->interval_s <= 0)
		return err_set(err, ERR_USAGE,
			       "invalid argument '%" PRId64
			       "' for '-i, --interval': it is at least 1",
			       opts->interval_s);
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	watch.follows_all = !opts->latest && args->count == 0;
	if (!watch.follows_all && watch_named(cli, opts, args, &watch, err) < 0)
		return -1;
	return show(cli, opts, format, &watch, err);
}

static const struct opt stats_opts[] = {
	OPT_FLAG('a', "all", struct stats_cli_opts, all, "also those that do not run"),
	OPT_STRING(0, "format", struct stats_cli_opts, format, "FORMAT", "json, or a Go template"),
	OPT_SECONDS('i', "interval", struct stats_cli_opts, interval_s, "SECONDS",
		    "time between two samples"),
	OPT_FLAG('l', "latest", struct stats_cli_opts, latest, "the container created last"),
	OPT_FLAG(0, "no-reset", struct stats_cli_opts, no_reset,
		 "do not clear the screen between samples"),
	OPT_FLAG(0, "no-stream", struct stats_cli_opts, no_stream, "one sample"),
	OPT_FLAG(0, "no-trunc", struct stats_cli_opts, no_trunc, "do not shorten ids"),
	OPT_END
};

const struct cmd cmd_stats = {
	.paths = { "stats", "container stats" },
	.synopsis = "[CONTAINER...]",
	.help = "Show what running containers use",
	.section = SECTION_LOOK,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.needs = NEEDS_STORE,
	.opts = stats_opts,
	.opts_size = sizeof(struct stats_cli_opts),
	.defaults = &(const struct stats_cli_opts){ .interval_s = INTERVAL_S_DEFAULT },
	.run = stats_run,
};
