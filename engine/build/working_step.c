/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/working_step.c - one step in a working container: RUN, COPY or ADD of a build that has no Dockerfile
 *
 * The container's state is a stage that is done; a second stage begins from it and has one instruction, which schedule.c does as ever. So
 * workers, signals, mounts and profile are those of builds. Line 0 says that there is no Dockerfile that a message could point to.
 */
#include "engine/build/working_step.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/build/remote.h"
#include "engine/files.h"
#include "storage/layer_make.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define IGNORE_LIMIT_BYTES (1U << 20)

enum { STAGE_OWN, STAGE_OTHER, STAGE_STEP, STAGE_COUNT };

/* ---- a build of one step ---- */

static void on_event(void *arg, const struct build_event *event)
{
	const struct working_step *step = arg;

	if (event->kind == BUILD_OUTPUT)
		step->output(step->arg, event->text, event->length, event->is_stderr);
	else if (event->kind == BUILD_WARNING)
		step->warning(step->arg, event->text);
}

/* The image in the making is the state's from now on, and the working container's again after end_state(). */
static void begin_state(struct working *working, struct state *state)
{
	*state = (struct state){ .image = working->image,
				 .base_layer_count = working->base_layer_count,
				 .base_history_count = working->base_history_count };
	working->image = (struct image_new){ 0 };
	cache_key_start(working->container->id.text, &state->key);
	if (json_get_strv(state_config(state), "Shell", &state->shell) < 0 ||
	    state->shell.count == 0) {
		strv_clear(&state->shell);
		strv_add(&state->shell, "/bin/sh");
		strv_add(&state->shell, "-c");
	}
}

static void end_state(struct working *working, struct state *state)
{
	working->image = state->image;
	state->image = (struct image_new){ 0 };
	state_release(state);
}

void working_build_begin(struct working *working, const struct build_opts *opts,
			 const struct working_step *step, struct build *build)
{
	*build = (struct build){ .engine = working->engine,
				 .opts = opts,
				 .event = on_event,
				 .event_arg = (void *)(uintptr_t)step,
				 .file = DOCKERFILE_INIT,
				 .target = STAGE_STEP,
				 .stage_count = STAGE_COUNT,
				 .needed_count = 1,
				 .pull = PULL_MISSING,
				 .keep_failed = true,
				 .userns_fd = -1 };
	build->file.name = xstrdup("builder");
	build->stages = xcalloc(STAGE_COUNT, sizeof(*build->stages));
	for (size_t i = 0; i < STAGE_COUNT; i++)
		build->stages[i] =
			(struct stage){ .phase = STAGE_DONE, .base_stage = -1, .base_context = -1 };
	begin_state(working, &build->stages[STAGE_OWN].state);
	struct err ignored = { 0 }; /* no cache is asked for, so none can be refused */
	if (remote_open(build, &ignored) < 0)
		BUG("a cache that nobody asked for");
}

void working_build_end(struct working *working, struct build *build)
{
	end_state(working, &build->stages[STAGE_OWN].state);
	build->stages[STAGE_OWN].state = (struct state){ 0 };
	build_release(build);
}

static int do_step(struct build *build, struct df_instruction *item, struct err *err)
{
	struct df_instruction from = { .kind = DF_FROM, .text = item->text };
	struct stage *stage = &build->stages[STAGE_STEP];
	struct state *own = &build->stages[STAGE_OWN].state;
	int status;

	build->file.items = item;
	build->file.count = 1;
	*stage = (struct stage){ .phase = STAGE_WAITING,
				 .base_stage = STAGE_OWN,
				 .base_context = -1,
				 .from = &from,
				 .first = 0,
				 .end = 1,
				 .needed = true,
				 .number = 1 };
	status = schedule_run(build, err);
	build->file.items = NULL;
	build->file.count = 0;
	stage->from = NULL;
	/* also after a program that failed: what it wrote stays */
	if (status == 0 || stage->state.image.layer_count > own->image.layer_count) {
		struct image_new before = own->image;

		own->image = stage->state.image;
		stage->state.image = before;
	}
	return status;
}

/* ---- what was written into the mount ---- */

static bool has_entries(int dir_fd, const char *name)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool found = false;

	if (dir == NULL)
		return false;
	(void)TAKE_FD(fd);
	while (!found && (entry = readdir(dir)) != NULL)
		found = !str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..");
	closedir(dir);
	return found;
}

int working_add_upper(struct working *working, struct err *err)
{
	const struct layer_source source = { .parent_fd = working->container->dir_fd,
					     .name = "upper" };
	struct layer_made made;

	if (!has_entries(source.parent_fd, source.name))
		return 0;
	if (layer_make(working->engine->store, &source, &made, err) < 0)
		return -1;
	image_new_add_layer(&working->image, &made);
	layer_meta_release(&made.meta);
	return 1;
}

/* Its content is a layer now. */
static int drop_upper(struct working *working, struct err *err)
{
	static const char *const names[] = { "upper", "work" };
	struct staging staging = STAGING_INIT;

	if (staging_new(working->engine->store, "old", &staging, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (renameat(working->container->dir_fd, names[i], staging.dir_fd, names[i]) < 0 &&
		    errno != ENOENT)
			debug("cannot remove '%s' of the working container", names[i]);
	staging_discard(working->engine->store, &staging);
	return 0;
}

/* ret_mounted: it is to be mounted again after the step, which the mount would not see. */
static int settle_upper(struct working *working, bool *ret_mounted, struct err *err)
{
	cleanup_free char *path = container_mount_point(working->engine, working->container);
	int status = working_add_upper(working, err);

	*ret_mounted = path != NULL;
	if (status < 0 || (status > 0 && working_save(working, err) < 0))
		return -1;
	if (path != NULL && mount_remove(path, true, err) < 0)
		return -1;
	return status > 0 ? drop_upper(working, err) : 0;
}

static int step(struct working *working, struct build *build, struct df_instruction *item,
		struct err *err)
{
	int status = do_step(build, item, err);
	struct err of_save = { 0 };

	working_build_end(working, build);
	if (working_save(working, &of_save) == 0)
		return status;
	if (status == 0)
		*err = of_save;
	return -1;
}

static int mount_again(struct working *working, bool mounted, int status, struct err *err)
{
	cleanup_free char *path = NULL;
	struct err of_mount = { 0 };
	cleanup_container struct container *fresh = NULL;

	if (!mounted)
		return status;
	if (container_get(working->engine, working->container->id.text, &fresh, &of_mount) == 0 &&
	    container_mount(working->engine, fresh, &path, &of_mount) == 0)
		return status;
	if (status >= 0)
		*err = of_mount;
	return -1;
}

/* A word of the user's, as it is after df_expand(). */
static char *quote(const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (; *text != '\0'; text++) {
		if (strchr("\\$\"'", *text) != NULL)
			strbuf_addc(&out, '\\');
		strbuf_addc(&out, *text);
	}
	return strbuf_take(&out);
}

static int open_context(struct build *build, const struct working_step *step, struct err *err)
{
	const char *path = step->context != NULL ? step->context : "/";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	build->contexts = xcalloc(1, sizeof(*build->contexts));
	build->context_count = 1;
	struct context *context = &build->contexts[0];

	*context = (struct context){ .staging = STAGING_INIT,
				     .what = step->context != NULL ? "the directory of --contextdir"
								   : "the files of this host" };
	context->dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (context->dir_fd < 0)
		return err_sys(err, errno, "cannot use --contextdir '%s'", path);
	if (step->ignorefile == NULL)
		return 0;
	if (step->context == NULL)
		return err_set(err, ERR_USAGE,
			       "--ignorefile needs --contextdir: its patterns are about that");
	int status = fd_read_file(AT_FDCWD, step->ignorefile, &text, IGNORE_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read --ignorefile '%s'", step->ignorefile);
	return ignore_parse(&context->ignore, text.data, step->ignorefile, err);
}

/* --from a working container: a stage of its name. */
static int add_other(struct working *working, struct build *build, const char *from,
		     struct err *err)
{
	struct stage *stage = &build->stages[STAGE_OTHER];
	cleanup_container struct container *container = NULL;
	struct working other = WORKING_INIT;
	int found = container_find(working->engine, from, &container, err);

	if (found < 0)
		return -1;
	if (found == 0 || !container_is_working(container) || stage->name != NULL)
		return 0;
	if (strcmp(container->id.text, working->container->id.text) == 0)
		return err_set(err, ERR_USAGE, "--from '%s' is the container itself", from);
	if (working_open(working->engine, container->id.text, &other, err) < 0)
		return -1;
	int status = working_add_upper(&other, err);

	stage->name = xstrdup(from);
	if (status >= 0)
		begin_state(&other, &stage->state);
	working_close(&other);
	return status < 0 ? -1 : 0;
}

static int add_other_of_mount(struct working *working, struct build *build, const char *mount,
			      struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	int status = 0;

	strv_split(&words, mount, ',');
	for (size_t i = 0; status == 0 && i < words.count; i++) {
		const char *from = str_after(words.items[i], "from=");

		if (from != NULL)
			status = add_other(working, build, from, err);
	}
	return status;
}

/* ---- run ---- */

int working_run(struct working *working, const struct strv *argv, const struct working_run *run,
		struct err *err)
{
	struct build_opts opts = { .run = *run->opts,
				   .omit_history = !run->step.add_history,
				   .http_proxy = run->opts->http_proxy,
				   .stdin_open = run->interactive };
	struct df_instruction item = { .kind = DF_RUN, .is_json = true };
	cleanup_free char *words = strv_join(argv, " ");
	struct build build;
	bool mounted;
	int exit_status;

	if (argv->count == 0)
		return err_set(err, ERR_USAGE, "a command to run is missing");
	if (settle_upper(working, &mounted, err) < 0)
		return -1;
	item.text = xasprintf("RUN %s", words);
	item.rest = xstrdup(words);
	strv_copy(&item.words, argv);
	for (size_t i = 0; run->mounts != NULL && i < run->mounts->count; i++) {
		cleanup_free char *text = quote(run->mounts->items[i]);

		strv_addf(&item.flags, "mount=%s", text);
	}
	working_build_begin(working, &opts, &run->step, &build);
	build.terminal = run->terminal;
	int status = open_context(&build, &run->step, err);

	for (size_t i = 0; status == 0 && run->mounts != NULL && i < run->mounts->count; i++)
		status = add_other_of_mount(working, &build, run->mounts->items[i], err);
	if (status == 0)
		status = step(working, &build, &item, err);
	else
		working_build_end(working, &build);
	exit_status = build.exit_status;
	df_instruction_release(&item);
	/* it has run: the status is the program's own */
	if (status < 0 && exit_status > 0 && err->kind == ERR_FAILED)
		status = exit_status;
	return mount_again(working, mounted, status, err);
}

/* ---- copy, add ---- */

/* A path of this machine: absolute, as the context is "/". */
static char *absolute(const char *word, struct err *err)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	cleanup_free char *here = NULL;
	cleanup_free char *whole = NULL;

	if (*word != '/') {
		here = realpath(".", NULL);
		if (here == NULL) {
			err_sys(err, errno, "cannot find this directory");
			return NULL;
		}
	}
	whole = here != NULL ? xasprintf("%s/%s", here, word) : xstrdup(word);
	path_clean(&clean, whole);
	return strbuf_take(&clean);
}

static int add_words(struct df_instruction *item, const struct strv *words,
		     const struct working_copy *copy, struct err *err)
{
	size_t sources = words->count > 1 ? words->count - 1 : words->count;
	bool here = copy->step.context == NULL && copy->from == NULL;

	for (size_t i = 0; i < sources; i++) {
		const char *word = words->items[i];
		bool is_url = copy->is_add && add_is_remote(word);
		cleanup_free char *path = here && !is_url ? absolute(word, err) : xstrdup(word);

		if (path == NULL)
			return -1;
		strv_add_take(&item->words, quote(path));
	}
	strv_add_take(&item->words,
		      words->count > 1 ? quote(words->items[words->count - 1]) : xstrdup("."));
	return 0;
}

int working_copy_quietly(struct working *working, const struct strv *words,
			 const struct working_copy *copy, struct digest *ret_layer, struct err *err)
{
	struct build_opts opts = { .omit_history = !copy->step.add_history,
				   .timestamp = (char *)(uintptr_t)copy->timestamp };
	struct df_instruction item = { .kind = copy->is_add ? DF_ADD : DF_COPY };
	size_t layers = working->image.layer_count;
	struct build build;

	opts.run.pull = *copy->pull;
	working_build_begin(working, &opts, &copy->step, &build);
	strv_copy(&item.flags, copy->flags);
	for (size_t i = 0; i < item.flags.count; i++) {
		char *quoted = quote(item.flags.items[i]);

		free(item.flags.items[i]);
		item.flags.items[i] = quoted;
	}
	if (copy->from != NULL)
		strv_addf(&item.flags, "from=%s", copy->from);
	int status = build_read_timestamp(&build, err);
	if (status == 0)
		status = open_context(&build, &copy->step, err);
	if (status == 0)
		status = add_words(&item, words, copy, err);
	if (status == 0 && copy->from != NULL)
		status = add_other(working, &build, copy->from, err);
	cleanup_free char *joined = strv_join(words, " ");
	item.text = xasprintf("%s %s", copy->is_add ? "ADD" : "COPY", joined);
	item.rest = xstrdup(joined);
	if (status == 0)
		status = do_step(&build, &item, err);
	working_build_end(working, &build);
	df_instruction_release(&item);
	if (status == 0 && working->image.layer_count > layers)
		*ret_layer = working->image.layers[working->image.layer_count - 1].diff_id;
	return status;
}

int working_copy(struct working *working, const struct strv *words, const struct working_copy *copy,
		 struct digest *ret_layer, struct err *err)
{
	bool mounted;

	*ret_layer = (struct digest){ 0 };
	if (words->count == 0)
		return err_set(err, ERR_USAGE, "a source to copy is missing");
	if (settle_upper(working, &mounted, err) < 0)
		return -1;
	int status = working_copy_quietly(working, words, copy, ret_layer, err);
	if (status == 0)
		status = working_save(working, err);
	return mount_again(working, mounted, status, err);
}
