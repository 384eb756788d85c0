/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/working_commit.c - the image of a working container
 *
 * All steps become one layer on top of the base's, as buildah does it. The container stays as it is: what lies in its mount is copied.
 */
#include "engine/build/platform.h"
#include "engine/build/publish.h"
#include "engine/build/working_step.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/events.h"
#include "engine/files.h"
#include "engine/manifest_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CREATED_BY "/bin/sh"

struct commit {
	struct working *working;
	const struct working_commit_opts *opts;
	struct build_opts build_opts;
	struct build build;
	int64_t created_ns;
	bool has_layer;
};

/* ---- files ---- */

static void ignore_output(void *arg, const char *text, size_t length, bool is_stderr)
{
	(void)arg;
	(void)text;
	(void)length;
	(void)is_stderr;
}

static void warn(void *arg, const char *text)
{
	struct engine *engine = arg;

	engine_warn(engine, "%s", text);
}

/* --add-file SOURCE:DESTINATION, in the image only */
static int add_file(struct commit *commit, const char *text, struct err *err)
{
	static const struct strv no_flags = STRV_INIT;
	const struct working_copy copy = { .step = { .output = ignore_output,
						     .warning = warn,
						     .arg = commit->working->engine },
					   .flags = &no_flags,
					   .timestamp = commit->opts->timestamp,
					   .pull = &commit->opts->registry };
	const char *colon = strrchr(text, ':');
	cleanup_strv struct strv words = STRV_INIT;
	struct digest made = { 0 };

	strv_add_take(&words,
		      colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text));
	strv_add(&words, colon != NULL ? colon + 1 : text);
	if (words.items[0][0] == '\0' || words.items[1][0] != '/') {
		err_set(err, ERR_USAGE, "invalid --add-file '%s'", text);
		return err_hint(err, "Write SOURCE:DESTINATION, or an absolute path.");
	}
	return working_copy_quietly(commit->working, &words, &copy, &made, err) < 0
		       ? err_wrap(err, "--add-file '%s'", text)
		       : 0;
}

static int make_layers(struct commit *commit, struct state *state, struct err *err)
{
	struct build *build = &commit->build;

	commit->has_layer = state->image.layer_count > state->base_layer_count;
	if (commit->opts->squash && state->image.layer_count > 0) {
		commit->has_layer = true;
		return publish_squash_all(build, state, err);
	}
	if (state->image.layer_count > state->base_layer_count + 1 ||
	    (commit->has_layer && build->has_timestamp))
		return publish_merge(build, state, err);
	return 0;
}

/* What was noted by --add-history made no layer of its own, since there is one of all. */
static void make_history(struct commit *commit, struct state *state, json_t *before)
{
	json_t *document = state->image.config;
	json_t *item;
	size_t i;

	if (commit->opts->squash || commit->opts->omit_history) {
		json_put(document, "history", json_array());
		json_decref(before);
	} else {
		json_put(document, "history", before);
	}
	json_array_foreach (json_object_get(document, "history"), i, item) {
		if (i >= state->base_history_count)
			json_put_bool(item, "empty_layer", true);
	}
	if (!commit->opts->omit_history)
		image_new_add_history(
			&state->image, commit->created_ns,
			json_get_string(document, CREATED_BY, WORKING_CREATED_BY, NULL),
			json_get_string(document, NULL, WORKING_HISTORY_COMMENT, NULL),
			json_get_string(document, NULL, "author", NULL), !commit->has_layer);
	json_object_del(document, WORKING_CREATED_BY);
	json_object_del(document, WORKING_HISTORY_COMMENT);
}

/* ---- configuration ---- */

static int make_config(struct commit *commit, struct state *state, struct err *err)
{
	const struct working_commit_opts *opts = commit->opts;
	json_t *document = state->image.config;
	char created[TIME_TEXT_MAX];

	if (opts->config_file != NULL &&
	    image_config_merge_file(state_config(state), opts->config_file, err) < 0)
		return -1;
	for (size_t i = 0; i < opts->changes.count; i++)
		if (image_change(document, opts->changes.items[i], err) < 0)
			return -1;
	commit->created_ns = build_created_ns(&commit->build);
	time_format_rfc3339(commit->created_ns, created);
	json_put_string(document, "created", created);
	if (opts->created_annotation > 0) {
		if (state->image.annotations == NULL)
			state->image.annotations = json_object();
		json_put_string(state->image.annotations, "org.opencontainers.image.created",
				created);
	}
	publish_drop_base_members(document);
	return 0;
}

static int choose_format(struct commit *commit, struct state *state, struct err *err)
{
	const char *format = commit->opts->format;

	if (format == NULL)
		return 0;
	state->image.docker = str_equal(format, "docker") || str_equal(format, "v2s2");
	if (!state->image.docker && !str_equal(format, "oci"))
		return err_set(err, ERR_USAGE, "invalid --format '%s': it is oci or docker",
			       format);
	return 0;
}

/* ---- where it goes ---- */

static bool has_transport(const char *name)
{
	static const char *const names[] = { "docker://",
					     "oci:", "oci-archive:", "docker-archive:", "dir:" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_after(name, names[i]) != NULL)
			return true;
	return false;
}

static int add_to_list(struct commit *commit, const struct image *image, struct err *err)
{
	const struct manifest_list_opts plain = { .registry = commit->opts->registry };
	struct engine *engine = commit->working->engine;
	cleanup_image struct image *list = NULL;
	cleanup_strv struct strv images = STRV_INIT;
	const char *name = commit->opts->manifest;
	int found = manifest_list_find(engine, name, &list, err);

	if (found < 0)
		return -1;
	strv_add(&images, digest_hex(&image->config));
	return found == 0 ? manifest_list_create(engine, name, &images, &plain, NULL, err)
			  : manifest_list_add(engine, name, &images, &plain, NULL, err);
}

static int send(struct commit *commit, struct state *state, const char *name,
		progress_function progress, void *progress_arg, char **ret_id, struct err *err)
{
	const struct image_push_opts push = { .registry = commit->opts->registry,
					      .compression_level = -1 };
	struct engine *engine = commit->working->engine;
	const struct image_rm_opts rm = { 0 };
	cleanup_image struct image *image = NULL;
	cleanup_strv struct strv untagged = STRV_INIT, deleted = STRV_INIT;
	struct err of_rm = { 0 }; /* an image without a name that stays is told by `images` */
	struct digest digest;

	if (image_publish(engine, &state->image, &image, err) < 0)
		return -1;
	int status = image_push(engine, digest_hex(&image->config), name, &push, progress,
				progress_arg, &digest, err);
	if (status == 0)
		*ret_id = xstrdup(digest_hex(&image->config));
	/* it was made to be sent: without a name nobody looks for it here */
	if (image->names.count == 0)
		(void)image_rm(engine, digest_hex(&image->config), &rm, &untagged, &deleted,
			       &of_rm);
	return status;
}

static int publish(struct commit *commit, struct state *state, const char *name,
		   progress_function progress, void *progress_arg, char **ret_id, struct err *err)
{
	struct engine *engine = commit->working->engine;
	cleanup_image struct image *image = NULL;

	if (name != NULL && has_transport(name))
		return send(commit, state, name, progress, progress_arg, ret_id, err);
	if (name != NULL) {
		const char *plain = str_after(name, "containers-storage:") ?: name;
		char *full = image_name_complete(engine, plain, err);

		if (full == NULL)
			return -1;
		strv_add_take(&state->image.names, full);
	}
	if (image_publish(engine, &state->image, &image, err) < 0)
		return -1;
	if (commit->opts->manifest != NULL && add_to_list(commit, image, err) < 0)
		return err_wrap(err, "--manifest");
	*ret_id = xstrdup(digest_hex(&image->config));
	return 0;
}

static int walk(struct commit *commit, const char *name, progress_function progress,
		void *progress_arg, char **ret_id, struct err *err)
{
	struct state *state = &commit->build.stages[0].state;
	json_t *before;

	if (build_read_timestamp(&commit->build, err) < 0 ||
	    choose_format(commit, state, err) < 0 ||
	    publish_change(&commit->build, state, err) < 0 || make_config(commit, state, err) < 0)
		return -1;
	state->created_ns = commit->created_ns;
	before = json_deep_copy(json_object_get(state->image.config, "history"));
	if (make_layers(commit, state, err) < 0) {
		json_decref(before);
		return -1;
	}
	make_history(commit, state, before != NULL ? before : json_array());
	return publish(commit, state, name, progress, progress_arg, ret_id, err);
}

static int write_id(const char *path, const char *hex, struct err *err)
{
	cleanup_free char *id = xasprintf("sha256:%s", hex);

	return image_write_iidfile(path, id, err);
}

int working_commit(struct working *working, const char *name,
		   const struct working_commit_opts *opts, progress_function progress,
		   void *progress_arg, char **ret_id, struct err *err)
{
	static const struct working_step quiet = { .output = ignore_output, .warning = warn };
	struct working_step step = quiet;
	struct commit commit = { .working = working,
				 .opts = opts,
				 .build_opts = { .annotations = opts->annotations,
						 .unset_annotations = opts->unset_annotations,
						 .unset_env = opts->unset_env,
						 .timestamp = opts->timestamp,
						 .source_date_epoch = opts->source_date_epoch } };
	cleanup_free char *id = NULL;
	int status = working_add_upper(working, err) < 0 ? -1 : 0;

	step.arg = working->engine;
	for (size_t i = 0; status == 0 && i < opts->add_files.count; i++)
		status = add_file(&commit, opts->add_files.items[i], err);
	if (status == 0) {
		working_build_begin(working, &commit.build_opts, &step, &commit.build);
		status = walk(&commit, name, progress, progress_arg, &id, err);
		working_build_end(working, &commit.build);
	}
	if (status == 0 && opts->iidfile != NULL)
		status = write_id(opts->iidfile, id, err);
	if (status < 0)
		return err_wrap(err, "cannot commit the working container '%s'",
				working->container->name);
	event_container(working->engine, working->container, EVENT_COMMIT);
	*ret_id = TAKE_PTR(id);
	return 0;
}
