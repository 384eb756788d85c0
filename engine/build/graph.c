/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/graph.c - stages, what they begin from and copy from, and which of them the target needs
 */
#include "engine/build/build_private.h"

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define STAGES_MAX 1000

ssize_t graph_find(const struct build *build, const char *name, size_t before)
{
	uint32_t number;

	for (size_t i = before; i-- > 0;)
		if (build->stages[i].name != NULL && strcasecmp(build->stages[i].name, name) == 0)
			return (ssize_t)i;
	if (parse_u32(name, &number) == 0 && number < before)
		return (ssize_t)number;
	return -1;
}

ssize_t graph_find_context(const struct build *build, const char *name)
{
	for (size_t i = 0; i < build->context_count; i++)
		if (build->contexts[i].name != NULL && str_equal(build->contexts[i].name, name))
			return (ssize_t)i;
	return -1;
}

static const char *lookup_global(void *arg, const char *name)
{
	const struct build *build = arg;

	return strv_env_get(&build->global_args, name);
}

static char *expand_global(struct build *build, const char *text, struct err *err)
{
	const struct df_scope scope = { .escape = build->file.escape,
					.lookup = lookup_global,
					.arg = build };

	return df_expand(&scope, text, err);
}

static int read_global_arg(struct build *build, const struct df_instruction *item, struct err *err)
{
	for (size_t i = 0; i < item->words.count; i++) {
		const char *word = item->words.items[i];
		const char *equal = strchr(word, '=');
		cleanup_free char *name =
			equal != NULL ? xstrndup(word, (size_t)(equal - word)) : xstrdup(word);
		const char *given = strv_env_get(&build->args, name);
		cleanup_free char *value = NULL;

		if (!strv_contains(&build->used_args, name))
			strv_add(&build->used_args, name);
		if (given != NULL)
			value = xstrdup(given);
		else if (equal != NULL)
			value = expand_global(build, equal + 1, err);
		else
			continue;
		if (value == NULL)
			return -1;
		strv_env_set(&build->global_args, name, value);
	}
	return 0;
}

/* TARGETARCH and its like can be used in FROM without a declaration. */
static void platform_args(struct build *build)
{
	const char *host = strv_env_get(&build->args, HOST_ARCH);
	const char *variant = build->variant != NULL ? build->variant : "";
	const struct {
		const char *name;
		char *value;
	} rows[] = {
		{ "TARGETPLATFORM", xasprintf("%s/%s%s%s", build->os, build->arch,
					      *variant != '\0' ? "/" : "", variant) },
		{ "TARGETOS", xstrdup(build->os) },
		{ "TARGETARCH", xstrdup(build->arch) },
		{ "TARGETVARIANT", xstrdup(variant) },
		{ "BUILDPLATFORM", xasprintf("linux/%s", host != NULL ? host : build->arch) },
		{ "BUILDOS", xstrdup("linux") },
		{ "BUILDARCH", xstrdup(host != NULL ? host : build->arch) },
		{ "BUILDVARIANT", xstrdup("") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		strv_env_set(&build->global_args, rows[i].name, rows[i].value);
		free(rows[i].value);
	}
}

static int read_from(struct build *build, struct stage *stage, size_t index, struct err *err)
{
	const struct df_instruction *item = stage->from;
	const char *platform = df_flag(item, "platform");

	stage->base = expand_global(build, item->words.items[0], err);
	if (stage->base == NULL)
		return -1;
	if (*stage->base == '\0')
		return err_set(err, ERR_USAGE, "the base name '%s' is empty after expansion",
			       item->words.items[0]);
	if (platform != NULL) {
		stage->platform = expand_global(build, platform, err);
		if (stage->platform == NULL)
			return -1;
	}
	if (item->words.count == 3)
		stage->name = xstrdup(item->words.items[2]);
	/* --from replaces the base of the first stage */
	if (index == 0 && build->opts->from != NULL) {
		free(stage->base);
		stage->base = xstrdup(build->opts->from);
	}
	stage->base_context = graph_find_context(build, stage->base);
	stage->base_stage = stage->base_context < 0 ? graph_find(build, stage->base, index) : -1;
	/* numbers name stages in --from only */
	if (stage->base_stage >= 0 && build->stages[stage->base_stage].name == NULL)
		stage->base_stage = -1;
	else if (stage->base_stage >= 0 &&
		 strcasecmp(build->stages[stage->base_stage].name, stage->base) != 0)
		stage->base_stage = -1;
	return 0;
}

static int read_stages(struct build *build, struct err *err)
{
	struct dockerfile *file = &build->file;

	for (size_t i = 0; i < file->count; i++) {
		const struct df_instruction *item = &file->items[i];

		if (item->kind == DF_FROM) {
			if (build->stage_count >= STAGES_MAX)
				return err_set(err, ERR_LIMIT, "more than %d stages", STAGES_MAX);
			build->stages = xreallocarray(build->stages, build->stage_count + 1,
						      sizeof(*build->stages));
			struct stage *stage = &build->stages[build->stage_count];

			*stage = (struct stage){ .from = item, .first = i + 1 };
			if (build->stage_count > 0)
				stage[-1].end = i;
			build->stage_count++;
			if (read_from(build, stage, build->stage_count - 1, err) < 0)
				return build_wrap(build, item, err);
		} else if (build->stage_count == 0 && item->kind == DF_ARG) {
			if (read_global_arg(build, item, err) < 0)
				return build_wrap(build, item, err);
		} else if (build->stage_count == 0) {
			err_set(err, ERR_USAGE, "%s:%u: %s cannot come before the first FROM",
				file->name, item->first_line, df_kind_name(item->kind));
			return err_hint(err, "Begin with FROM IMAGE.");
		}
	}
	if (build->stage_count == 0)
		return err_set(err, ERR_USAGE, "%s: there is no FROM", file->name);
	build->stages[build->stage_count - 1].end = file->count;
	return 0;
}

static int find_target(struct build *build, struct err *err)
{
	const char *target = build->opts->target;

	build->target = (ssize_t)build->stage_count - 1;
	if (str_is_empty(target))
		return 0;
	build->target = graph_find(build, target, build->stage_count);
	if (build->target >= 0)
		return 0;
	struct suggest suggest = SUGGEST_INIT(target);
	for (size_t i = 0; i < build->stage_count; i++)
		if (build->stages[i].name != NULL)
			suggest_candidate(&suggest, build->stages[i].name);
	err_set(err, ERR_USAGE, "there is no stage '%s' in %s", target, build->file.name);
	if (suggest.best != NULL)
		err_hint(err, "Did you mean '%s'?", suggest.best);
	return -1;
}

static void need(struct build *build, size_t index);

static void need_from(struct build *build, const char *name, size_t before)
{
	ssize_t found = graph_find_context(build, name) >= 0 ? -1 : graph_find(build, name, before);

	if (found >= 0)
		need(build, (size_t)found);
}

/* "type=bind,from=NAME,..." */
static void need_mounts(struct build *build, const struct df_instruction *item, size_t before)
{
	cleanup_strv struct strv mounts = STRV_INIT;

	df_flag_list(item, "mount", &mounts);
	for (size_t i = 0; i < mounts.count; i++) {
		cleanup_strv struct strv words = STRV_INIT;

		strv_split(&words, mounts.items[i], ',');
		for (size_t k = 0; k < words.count; k++) {
			const char *from = str_after(words.items[k], "from=");

			if (from != NULL)
				need_from(build, from, before);
		}
	}
}

static void need(struct build *build, size_t index)
{
	struct stage *stage = &build->stages[index];

	if (stage->needed)
		return;
	stage->needed = true;
	if (stage->base_stage >= 0)
		need(build, (size_t)stage->base_stage);
	for (size_t i = stage->first; i < stage->end; i++) {
		const struct df_instruction *item = &build->file.items[i];
		const char *from = item->kind == DF_COPY ? df_flag(item, "from") : NULL;

		if (from != NULL)
			need_from(build, from, index);
		if (item->kind == DF_RUN)
			need_mounts(build, item, index);
	}
}

int graph_read(struct build *build, struct err *err)
{
	platform_args(build);
	if (read_stages(build, err) < 0 || find_target(build, err) < 0)
		return -1;
	need(build, (size_t)build->target);
	if (!build->opts->skip_unused_stages)
		for (size_t i = 0; i <= (size_t)build->target; i++)
			need(build, i);
	for (size_t i = 0; i < build->stage_count; i++)
		if (build->stages[i].needed)
			build->stages[i].number = ++build->needed_count;
	return 0;
}

int graph_from(struct build *build, const struct stage *stage, const char *name,
	       struct from_place *ret_place, struct err *err)
{
	size_t index = (size_t)(stage - build->stages);
	struct from_place place = { .stage = -1, .context = graph_find_context(build, name) };
	const char *image_name = name;

	if (place.context >= 0) {
		image_name = build->contexts[place.context].image;
		if (image_name == NULL) {
			*ret_place = place;
			return 0;
		}
		place.context = -1;
	} else {
		place.stage = graph_find(build, name, index);
		if (place.stage >= 0) {
			*ret_place = place;
			return 0;
		}
	}
	for (size_t i = 0; i < build->image_names.count; i++)
		if (str_equal(build->image_names.items[i], image_name))
			place.image = build->images[i];
	if (place.image == NULL) {
		struct image_pull_opts opts = build->opts->run.pull;

		opts.policy = (char *)pull_policy_name(build->pull);
		if (image_pull(build->engine, image_name, &opts, build->progress,
			       build->progress_arg, &place.image, err) < 0)
			return err_wrap(err, "there is no stage or context '%s', and as an image",
					name);
		build->images = xreallocarray(build->images, build->image_names.count + 1,
					      sizeof(*build->images));
		build->images[build->image_names.count] = place.image;
		strv_add(&build->image_names, image_name);
	}
	*ret_place = place;
	return 0;
}
