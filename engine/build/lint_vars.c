/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/lint_vars.c - build checks: variables that nothing defines
 *
 * What a base image defines is read from the image when it is in the store. Of one that is not, nothing is known: then nothing is said about
 * variables in its stage.
 */
#include "engine/build/lint.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/suggest.h"

struct names {
	struct strv items;
	bool complete; /* false: there are others that we do not know */
};

/* Names of the variables in a text that have no default: $NAME, ${NAME}, ${NAME#...}. */
static void used_names(const struct lint *lint, const char *text, struct strv *names)
{
	char escape = lint->build->file.escape;
	bool quoted = false;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == escape && p[1] != '\0') {
			p++;
			continue;
		}
		if (*p == '\'')
			quoted = !quoted;
		if (*p != '$' || quoted)
			continue;
		bool brace = p[1] == '{';
		const char *name = p + 1 + brace;
		size_t length = 0;

		while (isalnum((unsigned char)name[length]) || name[length] == '_')
			length++;
		if (length == 0 || isdigit((unsigned char)*name))
			continue;
		char next = name[length] == ':' ? name[length + 1] : name[length];
		/* -, + and ? say what is to be done when it is not defined */
		if (!brace || strchr("-+?=", next) == NULL || next == '\0')
			strv_add_take(names, xstrndup(name, length));
	}
}

static void define(struct names *names, const char *word)
{
	cleanup_free char *name = xstrndup(word, strcspn(word, "="));

	if (!strv_contains(&names->items, name))
		strv_add(&names->items, name);
}

static void define_predefined(struct names *names)
{
	static const char *const predefined[] = {
		"HTTP_PROXY", "http_proxy", "HTTPS_PROXY",	 "https_proxy",
		"FTP_PROXY",  "ftp_proxy",  "NO_PROXY",		 "no_proxy",
		"ALL_PROXY",  "all_proxy",  "SOURCE_DATE_EPOCH", "PATH",
	};

	for (size_t i = 0; i < ARRAY_SIZE(predefined); i++)
		define(names, predefined[i]);
}

static void define_base(struct lint *lint, const struct stage *stage, struct names *names)
{
	const struct build *build = lint->build;
	cleanup_image struct image *image = NULL;
	cleanup_json json_t *config = NULL;
	cleanup_strv struct strv env = STRV_INIT;
	struct err ignored; /* then nothing is known of it */

	if (str_equal(stage->base, "scratch"))
		return;
	if (stage->base_context >= 0 ||
	    image_resolve(build->engine, stage->base, &image, &ignored) <= 0 ||
	    image_config(build->engine->store, image, &config, &ignored) < 0) {
		names->complete = false;
		return;
	}
	json_get_strv(json_object_get(config, "config"), "Env", &env);
	for (size_t i = 0; i < env.count; i++)
		define(names, env.items[i]);
}

static void check_text(struct lint *lint, const struct names *names,
		       const struct df_instruction *item, const char *text, struct strv *told)
{
	cleanup_strv struct strv used = STRV_INIT;

	used_names(lint, text, &used);
	for (size_t i = 0; i < used.count; i++) {
		const char *name = used.items[i];
		struct suggest suggest = SUGGEST_INIT(name);

		if (strv_contains(&names->items, name) || strv_contains(told, name))
			continue;
		strv_add(told, name);
		for (size_t k = 0; k < names->items.count; k++)
			suggest_candidate(&suggest, names->items.items[k]);
		lint_add(lint, "UndefinedVar", item, 0, "Usage of undefined variable '$%s'%s%s%s",
			 name, suggest.best != NULL ? " (did you mean $" : "",
			 suggest.best != NULL ? suggest.best : "",
			 suggest.best != NULL ? "?)" : "");
	}
}

static bool is_expanded(enum df_kind kind)
{
	switch (kind) {
	case DF_ADD:
	case DF_ARG:
	case DF_COPY:
	case DF_ENV:
	case DF_EXPOSE:
	case DF_LABEL:
	case DF_STOPSIGNAL:
	case DF_USER:
	case DF_VOLUME:
	case DF_WORKDIR:
		return true;
	default:
		return false;
	}
}

static void check_stage(struct lint *lint, const struct stage *stage, struct names *names)
{
	const struct dockerfile *file = &lint->build->file;

	for (size_t i = stage->first; i < stage->end; i++) {
		const struct df_instruction *item = &file->items[i];
		cleanup_strv struct strv told = STRV_INIT;

		if (names->complete && is_expanded(item->kind)) {
			check_text(lint, names, item, item->rest, &told);
			for (size_t k = 0; k < item->flags.count; k++)
				check_text(lint, names, item, item->flags.items[k], &told);
		}
		if (item->kind == DF_ARG || item->kind == DF_ENV)
			for (size_t k = 0; k < item->words.count; k++)
				define(names, item->words.items[k]);
	}
}

/* ---- FROM -------------------------------------------------------------------------------------------------------------- */

static const char *lookup_default(void *arg, const char *name)
{
	const struct strv *defaults = arg;

	return strv_env_get(defaults, name);
}

static bool is_bad_base(const struct lint *lint, const char *text, struct strv *defaults)
{
	const struct df_scope scope = { .escape = lint->build->file.escape,
					.lookup = lookup_default,
					.arg = defaults };
	cleanup_image_ref struct image_ref ref = { 0 };
	struct err ignored; /* what is wrong is told by the caller */
	cleanup_free char *base = df_expand(&scope, text, &ignored);

	if (base == NULL || *base == '\0')
		return true;
	return image_ref_parse(base, &ref, &ignored) < 0;
}

static void check_froms(struct lint *lint)
{
	static const char *const platform[] = { "TARGETPLATFORM", "TARGETOS",	   "TARGETARCH",
						"TARGETVARIANT",  "BUILDPLATFORM", "BUILDOS",
						"BUILDARCH",	  "BUILDVARIANT" };
	const struct build *build = lint->build;
	cleanup_strv struct strv declared = STRV_INIT, defaults = STRV_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(platform); i++) {
		strv_add(&declared, platform[i]);
		strv_env_set(&defaults, platform[i], "x");
	}
	for (size_t i = 0; i < build->file.count; i++) {
		const struct df_instruction *item = &build->file.items[i];

		if (item->kind == DF_FROM)
			break;
		for (size_t k = 0; item->kind == DF_ARG && k < item->words.count; k++) {
			const char *word = item->words.items[k];

			strv_add_take(&declared, xstrndup(word, strcspn(word, "=")));
			if (strchr(word, '=') != NULL)
				strv_env_put(&defaults, word);
		}
	}
	for (size_t i = 0; i < build->stage_count; i++) {
		const struct df_instruction *item = build->stages[i].from;
		cleanup_strv struct strv used = STRV_INIT;
		bool all = true;

		used_names(lint, item->words.items[0], &used);
		if (df_flag(item, "platform") != NULL)
			used_names(lint, df_flag(item, "platform"), &used);
		for (size_t k = 0; k < used.count; k++)
			if (!strv_contains(&declared, used.items[k])) {
				all = false;
				lint_add(lint, "UndefinedArgInFrom", item, 0,
					 "FROM argument '%s' is not declared", used.items[k]);
			}
		if (all && used.count > 0 && is_bad_base(lint, item->words.items[0], &defaults))
			lint_add(lint, "InvalidDefaultArgInFrom", item, 0,
				 "Default value for ARG %s results in empty or invalid base image "
				 "name",
				 item->words.items[0]);
	}
}

void lint_variables(struct lint *lint)
{
	const struct build *build = lint->build;
	cleanup_free struct names *names = xcalloc(build->stage_count + 1, sizeof(*names));

	check_froms(lint);
	for (size_t i = 0; i < build->stage_count; i++) {
		const struct stage *stage = &build->stages[i];

		names[i].complete = true;
		if (stage->base_stage >= 0) {
			/* ARG ends with its stage; who takes it for defined is told nothing, rather than something wrong */
			strv_copy(&names[i].items, &names[stage->base_stage].items);
			names[i].complete = names[stage->base_stage].complete;
		} else {
			define_predefined(&names[i]);
			define_base(lint, stage, &names[i]);
		}
		check_stage(lint, stage, &names[i]);
	}
	for (size_t i = 0; i < build->stage_count; i++)
		strv_release(&names[i].items);
}
