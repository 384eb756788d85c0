/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/schedule.c - the steps of all stages, and the workers that do the large ones
 *
 * One loop. A stage goes on until it needs a worker or another stage; then the loop waits for output and for ends of workers, and
 * for the signals that end the build. Hits and instructions that change the configuration only are done at once.
 */
#include "engine/build/remote.h"
#include "engine/build/run_mount.h"
#include "engine/build/worker.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define TEXT_SHOWN 400
/* a layer that a remote cache knew is nowhere: begin again without it */
#define STEP_AGAIN 2

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int build_wrap(struct build *build, const struct df_instruction *item, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (item->first_line == 0)
		return -1;
	build->failed = item;
	strbuf_add_escaped(&text, item->text);
	return err_wrap(err, "%s:%u: %.*s", build->file.name, item->first_line, TEXT_SHOWN,
			text.data);
}

static bool uses_cache(const struct build *build, const struct stage *stage)
{
	const struct strv *filter = &build->opts->no_cache_filter;

	if (build->opts->no_cache || !build->opts->layers)
		return false;
	return stage->name == NULL || !strv_contains(filter, stage->name);
}

static int failed_run(struct build *build, const struct job *job, int exit_status, struct err *err)
{
	build->exit_status = exit_status;
	if (exit_status > 128 && signal_name(exit_status - 128) != NULL && exit_status < 160)
		err_set(err, ERR_FAILED, "the command was killed by SIG%s: exit status %d",
			signal_name(exit_status - 128), exit_status);
	else
		err_set(err, ERR_FAILED, "the command failed: exit status %d", exit_status);
	return build_wrap(build, job->item, err);
}

static int finish_job(struct schedule *schedule, struct stage *stage, struct err *err)
{
	struct build *build = schedule->build;
	struct worker *worker = stage->worker;
	const struct job *job = worker->job;
	struct job_result *result = &worker->result;
	int status = 0;

	if (worker->received != sizeof(*result)) {
		err_set(err, ERR_FAILED, "the process that did it ended without a result");
		status = build_wrap(build, job->item, err);
	} else if (result->status < 0) {
		*err = result->err;
		if (err->kind == ERR_NO_COMMAND)
			build->exit_status = 127;
		else if (err->kind == ERR_CANNOT_RUN)
			build->exit_status = 126;
		status = build_wrap(build, job->item, err);
	} else if (result->exit_status != 0 && !build->keep_failed) {
		status = failed_run(build, job, result->exit_status, err);
	} else {
		const struct cached cached = { .has_layer = result->has_layer,
					       .diff_id = result->diff_id,
					       .tar_bytes = result->tar_bytes,
					       .created_ns = build_created_ns(build),
					       .made_ns = time_now_ns() };
		struct build_event event = { .kind = BUILD_STEP_END,
					     .seconds = now_s() - job->started };

		if (build->opts->layers)
			cache_put(build, &job->key, &cached);
		state_take_layer(build, stage, job, &cached);
		event.id = cached.has_layer ? digest_hex(&cached.diff_id)
					    : digest_hex(&stage->state.key);
		event.stage = stage->number;
		event.stage_count = build->needed_count;
		event.step = stage->step;
		build->event(build->event_arg, &event);
		if (result->exit_status != 0)
			status = failed_run(build, job, result->exit_status, err);
	}
	worker_end(schedule, stage, false);
	return status;
}

/* ---- one instruction ---- */

static void emit_step(struct build *build, struct stage *stage, const struct df_instruction *item)
{
	struct build_event event = {
		.kind = BUILD_STEP,
		.stage = stage->number,
		.stage_count = build->needed_count,
		.step = ++stage->step,
		.step_count = (unsigned)(1 + stage->trigger_count + stage->end - stage->first),
		.text = item->text,
	};

	build->event(build->event_arg, &event);
}

static void emit_cached(struct build *build, struct stage *stage, const struct cached *cached)
{
	build_emit(build, stage, BUILD_CACHED, cached->remote,
		   cached->has_layer ? digest_hex(&cached->diff_id)
				     : digest_hex(&stage->state.key));
}

/* True when the instruction needs a stage that is not done. */
static bool must_wait(const struct build *build, const struct stage *stage,
		      const struct df_instruction *item)
{
	size_t index = (size_t)(stage - build->stages);
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_strv struct strv mounts = STRV_INIT;

	if (item->kind == DF_COPY && df_flag(item, "from") != NULL)
		strv_add(&names, df_flag(item, "from"));
	if (item->kind == DF_RUN)
		df_flag_list(item, "mount", &mounts);
	for (size_t i = 0; i < mounts.count; i++) {
		cleanup_strv struct strv words = STRV_INIT;

		strv_split(&words, mounts.items[i], ',');
		for (size_t k = 0; k < words.count; k++)
			if (str_after(words.items[k], "from=") != NULL)
				strv_add(&names, words.items[k] + 5);
	}
	for (size_t i = 0; i < names.count; i++) {
		ssize_t found = graph_find_context(build, names.items[i]) >= 0
					? -1
					: graph_find(build, names.items[i], index);

		if (found >= 0 && build->stages[found].phase != STAGE_DONE)
			return true;
	}
	return false;
}

/* 1 a hit, 0, -1 */
static int find_cached(struct build *build, struct stage *stage, const struct digest *key,
		       bool config_only, struct cached *ret_cached, struct err *err)
{
	if (!uses_cache(build, stage))
		return 0;
	if (cache_find(build, key, ret_cached) > 0)
		return 1;
	return remote_find(build, config_only ? NULL : stage, key, ret_cached, err);
}

/* What a worker is going to read: layers of the stage, of those that it copies from. */
static int need_layers(struct build *build, const struct job *job, struct err *err)
{
	int status = remote_need(build, job->layers, job->layer_count, err);

	for (size_t i = 0; status == 0 && i < job->source_count; i++)
		status = remote_need(build, job->sources[i].layers, job->sources[i].layer_count,
				     err);
	for (size_t i = 0; status == 0 && i < job->mount_count; i++)
		status = remote_need(build, job->mounts[i].bind.layers,
				     job->mounts[i].bind.layer_count, err);
	return status;
}

static int plan_workdir(struct build *build, struct job *job, struct err *err)
{
	struct state *state = &job->stage->state;
	cleanup_free char *text = state_expand(build, state, job->item->rest, err);

	if (text == NULL)
		return -1;
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "'%s' is empty after expansion", job->item->rest);
	job->destination = state_join_workdir(state, text);
	const char *const texts[] = { "WORKDIR", job->destination };

	cache_key_next(&state->key, texts, ARRAY_SIZE(texts), &job->key);
	json_put(state_config(state), "WorkingDir", json_text(job->destination));
	return 0;
}

static int plan_job(struct build *build, struct job *job, struct err *err)
{
	switch (job->kind) {
	case JOB_RUN:
		return job_plan_run(build, job, err);
	case JOB_COPY:
		return job_plan_copy(build, job, err);
	case JOB_WORKDIR:
		break;
	}
	return plan_workdir(build, job, err);
}

static int do_job(struct schedule *schedule, struct stage *stage, enum job_kind kind,
		  const struct df_instruction *item, struct err *err)
{
	struct build *build = schedule->build;
	struct job *job = xcalloc(1, sizeof(*job));
	struct cached cached;

	*job = (struct job){ .kind = kind,
			     .item = item,
			     .stage = stage,
			     .staging = STAGING_INIT,
			     .fetched = STAGING_INIT,
			     .started = now_s() };
	object_id_new(&job->id);
	if (plan_job(build, job, err) < 0) {
		worker_drop_job(build, job);
		return build_wrap(build, item, err);
	}
	int found = find_cached(build, stage, &job->key, false, &cached, err);
	if (found < 0) {
		worker_drop_job(build, job);
		return -1;
	}
	if (found > 0) {
		emit_cached(build, stage, &cached);
		if (cached.remote != NULL)
			cache_put(build, &job->key, &cached);
		state_take_layer(build, stage, job, &cached);
		worker_drop_job(build, job);
		return 0;
	}
	job->layers = state_layers(&stage->state);
	job->layer_count = stage->state.image.layer_count;
	int missing = need_layers(build, job, err);
	if (missing != 0) {
		worker_drop_job(build, job);
		return missing < 0 ? build_wrap(build, item, err) : STEP_AGAIN;
	}
	if (worker_start(schedule, stage, job, err) < 0)
		return build_wrap(build, item, err);
	return 0;
}

/* What changes the configuration only is done whether it is a hit or not; a hit says when it was done first. */
static int do_change(struct build *build, struct stage *stage, const struct df_instruction *item,
		     struct err *err)
{
	struct state *state = &stage->state;
	struct cached cached = { .created_ns = build_created_ns(build), .made_ns = time_now_ns() };
	cleanup_strbuf struct strbuf config = STRBUF_INIT;

	if (state_change(build, state, item, err) < 0)
		return build_wrap(build, item, err);
	/* ARG: its value counts where it is used */
	if (item->kind != DF_ARG)
		json_print(state_config(state), 0, &config);
	const char *const texts[] = { item->text, config.data };

	cache_key_next(&state->key, texts, ARRAY_SIZE(texts), &state->key);
	int found = find_cached(build, stage, &state->key, true, &cached, err);
	if (found < 0)
		return -1;
	if (found > 0)
		emit_cached(build, stage, &cached);
	if (build->opts->layers && (found == 0 || cached.remote != NULL))
		cache_put(build, &state->key, &cached);
	cached.config_only = true;
	remote_add_step(build, &state->key, &cached);
	state->created_ns = build->has_timestamp ? build_created_ns(build) : cached.created_ns;
	state_add_history(build, stage, NULL, item, true);
	return 0;
}

static const struct df_instruction *next_instruction(struct build *build, struct stage *stage)
{
	if (stage->next_trigger < stage->trigger_count)
		return &stage->triggers[stage->next_trigger];
	return stage->next < stage->end ? &build->file.items[stage->next] : NULL;
}

static int do_instruction(struct schedule *schedule, struct stage *stage,
			  const struct df_instruction *item, struct err *err)
{
	struct build *build = schedule->build;

	if (stage->next_trigger < stage->trigger_count)
		stage->next_trigger++;
	else
		stage->next++;
	emit_step(build, stage, item);
	switch (item->kind) {
	case DF_RUN:
		return do_job(schedule, stage, JOB_RUN, item, err);
	case DF_COPY:
	case DF_ADD:
		return do_job(schedule, stage, JOB_COPY, item, err);
	case DF_WORKDIR:
		return do_job(schedule, stage, JOB_WORKDIR, item, err);
	default:
		return do_change(build, stage, item, err);
	}
}

/* ---- stages ---- */

static int read_triggers(struct build *build, struct stage *stage, struct err *err)
{
	const struct strv *texts = &stage->state.onbuild;
	const char *directory =
		stage->base_context >= 0 && build->contexts[stage->base_context].image == NULL
			? build->contexts[stage->base_context].name
			: NULL;

	stage->triggers = xcalloc(texts->count + 1, sizeof(*stage->triggers));
	/* a directory as base: nothing, and all its files */
	if (directory != NULL) {
		cleanup_free char *text = xasprintf("COPY --from=%s / /", directory);

		if (df_parse_one(build->file.name, stage->from->first_line, text, '\\',
				 &stage->triggers[0], err) < 0)
			return -1;
		stage->trigger_count = 1;
	}
	for (size_t i = 0; i < texts->count; i++) {
		if (df_parse_one("ONBUILD of the base image", (unsigned)(i + 1), texts->items[i],
				 '\\', &stage->triggers[stage->trigger_count], err) < 0)
			return -1;
		stage->trigger_count++;
	}
	return 0;
}

static int begin_stage(struct build *build, struct stage *stage, struct err *err)
{
	int status = 0;

	if (stage->base_stage >= 0)
		state_copy(&stage->state, &build->stages[stage->base_stage].state);
	else
		status = state_from_image(build, stage->base_image, &stage->state, err);
	if (status == 0)
		status = read_triggers(build, stage, err);
	if (status < 0)
		return build_wrap(build, stage->from, err);
	stage->phase = STAGE_RUNNING;
	stage->next = stage->first;
	emit_step(build, stage, stage->from);
	return 0;
}

/* Go on as far as possible: 1 something was done; STEP_AGAIN. */
static int advance(struct schedule *schedule, struct stage *stage, struct err *err)
{
	struct build *build = schedule->build;
	int done = 0;

	if (!stage->needed || stage->phase == STAGE_DONE || stage->worker != NULL)
		return 0;
	if (stage->phase == STAGE_WAITING) {
		if (stage->base_stage >= 0 && build->stages[stage->base_stage].phase != STAGE_DONE)
			return 0;
		if (begin_stage(build, stage, err) < 0)
			return -1;
		done = 1;
	}
	while (stage->worker == NULL) {
		const struct df_instruction *item = next_instruction(build, stage);

		if (item == NULL) {
			stage->phase = STAGE_DONE;
			return 1;
		}
		if (must_wait(build, stage, item) || schedule->running >= schedule->limit)
			return done;
		int status = do_instruction(schedule, stage, item, err);

		if (status != 0)
			return status;
		done = 1;
	}
	return done;
}

/* ---- the loop ---- */

static int wait_for_workers(struct schedule *schedule, struct err *err)
{
	struct build *build = schedule->build;
	size_t count = 1 + build->stage_count * WORKER_FDS;
	cleanup_free struct pollfd *polls = xcalloc(count, sizeof(*polls));

	polls[0] = (struct pollfd){ .fd = schedule->signal_fd, .events = POLLIN };
	for (size_t i = 0; i < build->stage_count; i++)
		for (size_t k = 0; k < WORKER_FDS; k++)
			polls[1 + i * WORKER_FDS + k] = (struct pollfd){
				.fd = build->stages[i].worker != NULL
					      ? build->stages[i].worker->fds[k]
					      : -1,
				.events = POLLIN,
			};
	int ready = poll(polls, count, build->opts->tick_ms > 0 ? (int)build->opts->tick_ms : -1);

	if (build->opts->tick_ms > 0)
		build_emit(build, NULL, BUILD_TICK, NULL, NULL);
	if (ready < 0)
		return errno == EINTR ? 0 : err_sys(err, errno, "cannot wait for the steps");
	if (polls[0].revents != 0)
		return err_set(err, ERR_INTERRUPTED, "the %s was interrupted",
			       build->keep_failed ? "step" : "build");
	for (size_t i = 0; i < build->stage_count; i++) {
		struct stage *stage = &build->stages[i];

		for (size_t k = 0; stage->worker != NULL && k < WORKER_FDS; k++)
			if (polls[1 + i * WORKER_FDS + k].revents != 0)
				worker_read(build, stage, k);
		if (stage->worker != NULL && worker_has_ended(stage->worker) &&
		    finish_job(schedule, stage, err) < 0)
			return -1;
	}
	return 0;
}

/* The image is whole here: all its layers are in the store. */
static int need_result(struct build *build, struct err *err)
{
	const struct state *state = &build->stages[build->target].state;
	cleanup_free struct digest *layers = state_layers(state);
	int status = remote_need(build, layers, state->image.layer_count, err);

	return status > 0 ? STEP_AGAIN : status;
}

static int run_once(struct schedule *schedule, struct err *err)
{
	struct build *build = schedule->build;

	for (;;) {
		int done = 0;
		bool all = true;

		for (size_t i = 0; i < build->stage_count; i++) {
			int one = advance(schedule, &build->stages[i], err);

			if (one < 0 || one == STEP_AGAIN)
				return one;
			done |= one;
			all &= !build->stages[i].needed || build->stages[i].phase == STAGE_DONE;
		}
		if (all)
			return need_result(build, err);
		if (done && schedule->running == 0)
			continue;
		if (schedule->running == 0)
			return err_set(err, ERR_USAGE, "the stages wait for each other");
		if (wait_for_workers(schedule, err) < 0)
			return -1;
	}
}

static void reset_stage(struct stage *stage)
{
	state_release(&stage->state);
	for (size_t i = 0; i < stage->trigger_count; i++)
		df_instruction_release(&stage->triggers[i]);
	free(stage->triggers);
	stage->triggers = NULL;
	stage->trigger_count = stage->next_trigger = 0;
	stage->phase = STAGE_WAITING;
	stage->step = 0;
	stage->remote_missed = false;
}

/* Each round forgets a layer at least, so it ends. */
static int run_all(struct schedule *schedule, struct err *err)
{
	struct build *build = schedule->build;
	int status;

	while ((status = run_once(schedule, err)) == STEP_AGAIN) {
		build_emit(build, NULL, BUILD_NOTE,
			   "The cache lacks layers that are needed: beginning again without them",
			   NULL);
		for (size_t i = 0; i < build->stage_count; i++) {
			worker_end(schedule, &build->stages[i], true);
			reset_stage(&build->stages[i]);
		}
		remote_forget_steps(build);
	}
	return status;
}

static int open_signals(struct schedule *schedule, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &schedule->old_mask);
	schedule->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return schedule->signal_fd < 0 ? err_sys(err, errno, "cannot wait for signals") : 0;
}

int schedule_run(struct build *build, struct err *err)
{
	struct schedule schedule = { .build = build, .signal_fd = -1 };
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	schedule.limit = build->opts->jobs > 0 ? (size_t)build->opts->jobs
			 : processors > 4      ? (size_t)processors
					       : 4;
	run_mounts_sweep(build);
	int status = open_signals(&schedule, err);
	if (status == 0)
		status = run_all(&schedule, err);
	for (size_t i = 0; i < build->stage_count; i++)
		worker_end(&schedule, &build->stages[i], true);
	fd_close(&schedule.signal_fd);
	/* a second signal that came meanwhile has nothing left to end */
	while (status < 0 && err->kind == ERR_INTERRUPTED) {
		const struct timespec none = { 0, 0 };
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGHUP);
		if (sigtimedwait(&set, NULL, &none) < 0)
			break;
	}
	sigprocmask(SIG_SETMASK, &schedule.old_mask, NULL);
	return status;
}
