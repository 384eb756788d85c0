/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/state.c - what a stage knows between two instructions
 */
#include "engine/build/remote.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "storage/layer_make.h"

#include <string.h>

void state_release(struct state *state)
{
	image_new_release(&state->image);
	strv_release(&state->args);
	strv_release(&state->shell);
	strv_release(&state->onbuild);
	*state = (struct state){ 0 };
}

static void copy_image(struct image_new *to, const struct image_new *from)
{
	*to = (struct image_new){ .docker = from->docker, .layer_count = from->layer_count };
	to->config = json_deep_copy(from->config);
	to->annotations = json_deep_copy(from->annotations);
	if (to->config == NULL)
		alloc_failed();
	to->layers = xcalloc(from->layer_count + 1, sizeof(*to->layers));
	for (size_t i = 0; i < from->layer_count; i++) {
		to->layers[i] = from->layers[i];
		to->layers[i].media_type = xstrdup(from->layers[i].media_type);
	}
	strv_copy(&to->names, &from->names);
}

void state_copy(struct state *to, const struct state *from)
{
	*to = (struct state){
		.key = from->key,
		.created_ns = from->created_ns,
		.base_id = from->base_id,
		.base_layer_count = from->base_layer_count,
		.base_history_count = from->base_history_count,
	};
	copy_image(&to->image, &from->image);
	/* ARG ends with its stage, SHELL does not */
	strv_copy(&to->shell, &from->shell);
}

json_t *state_config(const struct state *state)
{
	json_t *config = json_object_get(state->image.config, "config");

	if (!json_is_object(config)) {
		config = json_object();
		json_put(state->image.config, "config", config);
	}
	return config;
}

static void read_shell(struct state *state)
{
	if (json_get_strv(state_config(state), "Shell", &state->shell) == 0 &&
	    state->shell.count > 0)
		return;
	strv_clear(&state->shell);
	strv_add(&state->shell, "/bin/sh");
	strv_add(&state->shell, "-c");
}

/* Of an image from nothing. */
static void put_platform(const struct build *build, json_t *config)
{
	json_put_string(config, "os", build->os);
	json_put_string(config, "architecture", build->arch);
	json_object_del(config, "variant");
	if (!str_is_empty(build->variant))
		json_put_string(config, "variant", build->variant);
}

int state_from_image(struct build *build, const struct image *image, struct state *ret_state,
		     struct err *err)
{
	struct state state = { 0 };

	if (image_new_from(build->engine, image, &state.image, err) < 0)
		return -1;
	if (image == NULL)
		put_platform(build, state.image.config);
	cache_key_start(image != NULL ? image->config.text : "scratch", &state.key);
	if (image != NULL) {
		state.base_id = image->config;
		state.created_ns = image->created_ns;
		if (json_get_strv(state_config(&state), "OnBuild", &state.onbuild) < 0)
			strv_clear(&state.onbuild);
		json_object_del(state_config(&state), "OnBuild");
	}
	if (image != NULL && build->opts->inherit_annotations > 0) {
		cleanup_json json_t *manifest = NULL;

		if (image_manifest(build->engine->store, image, &manifest, err) < 0) {
			state_release(&state);
			return -1;
		}
		if (json_is_object(json_object_get(manifest, "annotations")))
			state.image.annotations =
				json_deep_copy(json_object_get(manifest, "annotations"));
	}
	if (!build->opts->inherit_labels)
		json_object_del(state_config(&state), "Labels");
	state.base_layer_count = state.image.layer_count;
	state.base_history_count = json_array_size(json_object_get(state.image.config, "history"));
	read_shell(&state);
	*ret_state = state;
	return 0;
}

const char *state_lookup(const struct state *state, const char *name)
{
	const json_t *list = json_object_get(state_config(state), "Env");
	size_t length = strlen(name);
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);

		if (text != NULL && strncmp(text, name, length) == 0 && text[length] == '=')
			return text + length + 1;
	}
	return strv_env_get(&state->args, name);
}

const char *state_workdir(const struct state *state)
{
	const char *text = json_get_string(state_config(state), "", "WorkingDir", NULL);

	return *text != '\0' ? text : "/";
}

const char *state_user(const struct state *state)
{
	return json_get_string(state_config(state), "", "User", NULL);
}

char *state_join_workdir(const struct state *state, const char *text)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	cleanup_free char *whole =
		text[0] == '/' ? xstrdup(text) : xasprintf("/%s/%s", state_workdir(state), text);

	path_clean(&clean, whole);
	return strbuf_take(&clean);
}

struct digest *state_layers(const struct state *state)
{
	struct digest *layers = xcalloc(state->image.layer_count + 1, sizeof(*layers));

	for (size_t i = 0; i < state->image.layer_count; i++)
		layers[i] = state->image.layers[i].diff_id;
	return layers;
}

/* ---- what a step leaves ---- */

int64_t build_created_ns(const struct build *build)
{
	return build->has_timestamp ? build->timestamp_s * INT64_C(1000000000) : time_now_ns();
}

/* As buildah writes it, which is what people grep for. */
static char *history_text(const struct job *job, const struct df_instruction *item,
			  const struct state *state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *shell = strv_join(&state->shell, " ");

	if (item->kind != DF_RUN)
		return xasprintf("/bin/sh -c #(nop) %s", item->text);
	if (state->args.count > 0) {
		cleanup_free char *args = strv_join(&state->args, " ");

		strbuf_addf(&text, "|%zu %s ", state->args.count, args);
	}
	if (item->is_json) {
		cleanup_free char *argv = strv_join(&item->words, " ");

		strbuf_adds(&text, argv);
	} else if (job != NULL && job->script != NULL) {
		strbuf_addf(&text, "%s # %s", job->script_name, item->text);
	} else {
		strbuf_addf(&text, "%s %s", shell,
			    job != NULL && job->argv.count > 0
				    ? job->argv.items[job->argv.count - 1]
				    : item->rest);
	}
	return strbuf_take(&text);
}

void state_add_history(struct build *build, struct stage *stage, const struct job *job,
		       const struct df_instruction *item, bool empty_layer)
{
	cleanup_free char *text = history_text(job, item, &stage->state);

	if (build->opts->omit_history)
		return;
	image_new_add_history(&stage->state.image, stage->state.created_ns, text, NULL,
			      json_get_string(stage->state.image.config, NULL, "author", NULL),
			      empty_layer);
}

/* A job's layer, made now or long ago, becomes part of the stage. */
void state_take_layer(struct build *build, struct stage *stage, const struct job *job,
		      const struct cached *cached)
{
	struct state *state = &stage->state;
	const char *layer = cached->has_layer ? cached->diff_id.text : "";

	state->created_ns = build->has_timestamp ? build_created_ns(build) : cached->created_ns;
	if (cached->has_layer) {
		const struct image_new_layer made = cached_layer(cached);

		image_new_append_layer(&state->image, &made);
	}
	remote_add_step(build, &job->key, cached);
	/* what it made is part of the key of all that follows, not only what it was asked to do */
	cache_key_next(&job->key, &layer, 1, &state->key);
	state_add_history(build, stage, job, job->item, !cached->has_layer);
}
