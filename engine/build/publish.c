/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/publish.c - from the state of the target stage to what was asked for
 */
#include "engine/build/publish.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/build/platform.h"
#include "engine/build/remote.h"
#include "storage/layer_make.h"
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- what the command line adds to the configuration ---- */

static int put_label(json_t *labels, const char *text, const char *option, struct err *err)
{
	const char *equal = strchr(text, '=');
	cleanup_free char *name =
		equal != NULL ? xstrndup(text, (size_t)(equal - text)) : xstrdup(text);

	if (*name == '\0')
		return err_set(err, ERR_USAGE, "invalid %s '%s': the name is empty", option, text);
	json_object_set_new(labels, name, json_text(equal != NULL ? equal + 1 : ""));
	return 0;
}

static json_t *labels_of(struct state *state)
{
	json_t *labels = json_object_get(state_config(state), "Labels");

	if (!json_is_object(labels)) {
		json_put(state_config(state), "Labels", json_object());
		labels = json_object_get(state_config(state), "Labels");
	}
	return labels;
}

static int change_labels(struct build *build, struct state *state, struct err *err)
{
	const struct build_opts *opts = build->opts;

	for (size_t i = 0; i < opts->unset_labels.count; i++)
		json_object_del(json_object_get(state_config(state), "Labels"),
				opts->unset_labels.items[i]);
	for (size_t i = 0; i < opts->labels.count; i++)
		if (put_label(labels_of(state), opts->labels.items[i], "--label", err) < 0)
			return -1;
	return 0;
}

static int change_env(struct build *build, struct state *state, struct err *err)
{
	const struct build_opts *opts = build->opts;
	cleanup_strv struct strv env = STRV_INIT;

	if (opts->env.count == 0 && opts->unset_env.count == 0)
		return 0;
	json_get_strv(state_config(state), "Env", &env);
	for (size_t i = 0; i < opts->unset_env.count; i++)
		strv_env_unset(&env, opts->unset_env.items[i]);
	for (size_t i = 0; i < opts->env.count; i++) {
		const char *text = opts->env.items[i];
		const char *equal = strchr(text, '=');

		if (equal == text || *text == '\0')
			return err_set(err, ERR_USAGE, "invalid --env '%s': the name is empty",
				       text);
		if (equal != NULL)
			strv_env_put(&env, text);
		else if (getenv(text) != NULL)
			strv_env_set(&env, text, getenv(text));
	}
	json_put_strv(state_config(state), "Env", &env);
	return 0;
}

static int change_annotations(struct build *build, struct state *state, struct err *err)
{
	const struct build_opts *opts = build->opts;

	if (opts->annotations.count > 0 && state->image.annotations == NULL)
		state->image.annotations = json_object();
	for (size_t i = 0; i < opts->unset_annotations.count; i++)
		json_object_del(state->image.annotations, opts->unset_annotations.items[i]);
	for (size_t i = 0; i < opts->annotations.count; i++) {
		if (strchr(opts->annotations.items[i], '=') == NULL)
			return err_set(err, ERR_USAGE,
				       "invalid --annotation '%s': it must be NAME=VALUE",
				       opts->annotations.items[i]);
		if (put_label(state->image.annotations, opts->annotations.items[i], "--annotation",
			      err) < 0)
			return -1;
	}
	return 0;
}

int publish_change(struct build *build, struct state *state, struct err *err)
{
	return change_labels(build, state, err) < 0 || change_env(build, state, err) < 0 ||
			       change_annotations(build, state, err) < 0
		       ? -1
		       : 0;
}

/* ---- --squash ---- */

/* All layers become one. */
int publish_squash_all(struct build *build, struct state *state, struct err *err)
{
	cleanup_free struct digest *layers = state_layers(state);
	struct layer_made made;

	if (image_squash(build->engine, layers, state->image.layer_count,
			 build->has_timestamp ? &build->timestamp_s : NULL, &made, err) < 0)
		return -1;
	image_new_clear_layers(&state->image);
	image_new_add_layer(&state->image, &made);
	image_new_add_history(&state->image, state->created_ns, "/bin/sh -c #(nop) squashed", NULL,
			      NULL, false);
	layer_meta_release(&made.meta);
	return 0;
}

/* ---- names and files ---- */

static int complete_names(struct build *build, struct image_new *image, struct err *err)
{
	const struct strv *tags = &build->opts->tags;

	strv_clear(&image->names);
	if (platform_makes_list(build))
		return 0;
	for (size_t i = 0; i < tags->count; i++) {
		char *name = image_name_complete(build->engine, tags->items[i], err);

		if (name == NULL)
			return -1;
		if (strv_contains(&image->names, name))
			free(name);
		else
			strv_add_take(&image->names, name);
	}
	return 0;
}

static int write_text(const char *path, const char *text, const char *option, struct err *err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	int status = fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));

	return status < 0 ? err_sys(err, -status, "cannot write %s '%s'", option, path) : 0;
}

static int write_metadata(const struct build *build, const struct image *image, struct err *err)
{
	cleanup_json json_t *json = json_object();
	cleanup_free char *names = strv_join(&image->names, ",");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *descriptor = json_object();

	if (build->opts->metadata_file == NULL)
		return 0;
	json_put_string(json, "containerimage.config.digest", image->config.text);
	json_put_string(json, "containerimage.digest", image->manifest.text);
	json_put_string(descriptor, "mediaType", image->media_type);
	json_put_string(descriptor, "digest", image->manifest.text);
	json_put(json, "containerimage.descriptor", descriptor);
	json_put_string(json, "image.name", names);
	json_print(json, 2, &text);
	strbuf_addc(&text, '\n');
	return write_text(build->opts->metadata_file, text.data, "--metadata-file", err);
}

static void put_created(struct build *build, struct state *state)
{
	char when[TIME_TEXT_MAX];

	if (build->has_timestamp)
		state->created_ns = build->timestamp_s * INT64_C(1000000000);
	if (state->created_ns == 0)
		state->created_ns = time_now_ns();
	time_format_rfc3339(state->created_ns, when);
	json_put_string(state->image.config, "created", when);
	if (build->opts->created_annotation <= 0)
		return;
	if (state->image.annotations == NULL)
		state->image.annotations = json_object();
	json_put_string(state->image.annotations, "org.opencontainers.image.created", when);
}

/* What the base said about docker's own things is not true for this image. */
void publish_drop_base_members(json_t *config)
{
	static const char *const names[] = {
		"id", "parent", "container", "container_config", "docker_version", "throwaway"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		json_object_del(config, names[i]);
}

static int choose_format(struct build *build, struct image_new *image, struct err *err)
{
	const char *format = build->opts->format;

	if (format == NULL)
		format = build->engine->options.as_docker ? "docker" : "oci";
	if (str_equal(format, "docker") || str_equal(format, "v2s2")) {
		image->docker = true;
		return 0;
	}
	image->docker = false;
	if (str_equal(format, "oci") || str_equal(format, "oci-archive"))
		return 0;
	return err_set(err, ERR_USAGE, "invalid --format '%s': it must be oci or docker", format);
}

static int publish_image(struct build *build, struct state *state, struct build_result *result,
			 struct err *err)
{
	cleanup_image struct image *image = NULL;

	build_emit(build, NULL, BUILD_COMMIT,
		   build->opts->tags.count > 0 ? build->opts->tags.items[0] : NULL, NULL);
	if (image_publish(build->engine, &state->image, &image, err) < 0)
		return -1;
	free(result->id);
	result->id = xstrdup(digest_hex(&image->config));
	strv_add(&build->made, image->manifest.text);
	build_emit(build, NULL, BUILD_STEP_END, NULL, result->id);
	for (size_t i = 0; i < state->image.names.count; i++)
		build_emit(build, NULL, BUILD_TAGGED, state->image.names.items[i], NULL);
	if (build->opts->iidfile != NULL &&
	    image_write_iidfile(build->opts->iidfile, image->config.text, err) < 0)
		return -1;
	return write_metadata(build, image, err);
}

int publish_result(struct build *build, struct build_result *result, struct err *err)
{
	struct state *state = &build->stages[build->target].state;
	bool squash = build->opts->squash || !build->opts->layers;

	if (publish_change(build, state, err) < 0 || choose_format(build, &state->image, err) < 0 ||
	    complete_names(build, &state->image, err) < 0)
		return -1;
	if (build->opts->squash_all && publish_squash_all(build, state, err) < 0)
		return -1;
	if (!build->opts->squash_all && squash && publish_squash(build, state, err) < 0)
		return -1;
	publish_drop_base_members(state->image.config);
	if (build->opts->squash_all || squash)
		json_object_del(state->image.config, REMOTE_MEMBER);
	else
		remote_note(build, state->image.config);
	put_created(build, state);
	if (build->opts->outputs.count > 0)
		return publish_outputs(build, state, err);
	return publish_image(build, state, result, err);
}
