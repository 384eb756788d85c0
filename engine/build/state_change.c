/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/state_change.c - instructions that change the configuration only
 */
#include "engine/build/build_private.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

/* ---- expansion ---- */

static const char *lookup(void *arg, const char *name)
{
	return state_lookup(arg, name);
}

static struct df_scope scope_of(const struct build *build, const struct state *state)
{
	return (struct df_scope){ .escape = build->file.escape,
				  .lookup = lookup,
				  .arg = (void *)state };
}

char *state_expand(const struct build *build, const struct state *state, const char *text,
		   struct err *err)
{
	struct df_scope scope = scope_of(build, state);

	return df_expand(&scope, text, err);
}

static int expand_list(const struct build *build, const struct state *state,
		       const struct df_instruction *item, struct strv *words, struct err *err)
{
	struct df_scope scope = scope_of(build, state);

	for (size_t i = 0; i < item->words.count; i++) {
		if (item->is_json) {
			char *word = df_expand(&scope, item->words.items[i], err);

			if (word == NULL)
				return -1;
			strv_add_take(words, word);
		} else if (df_expand_words(&scope, item->words.items[i], words, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* ---- ENV, LABEL, ARG ---- */

/* NAME=VALUE words, each side expanded with what was there before the instruction. */
static int expand_pairs(const struct build *build, const struct state *state,
			const struct df_instruction *item, struct strv *pairs, struct err *err)
{
	for (size_t i = 0; i < item->words.count; i++) {
		const char *word = item->words.items[i];
		const char *equal = strchr(word, '=');
		cleanup_free char *left = xstrndup(word, (size_t)(equal - word));
		cleanup_free char *name = state_expand(build, state, left, err);
		cleanup_free char *value =
			name != NULL ? state_expand(build, state, equal + 1, err) : NULL;

		if (value == NULL)
			return -1;
		if (*name == '\0' || strchr(name, '=') != NULL)
			return err_set(err, ERR_USAGE, "'%s' has no name", word);
		strv_addf(pairs, "%s=%s", name, value);
	}
	return 0;
}

static int change_env(const struct build *build, struct state *state,
		      const struct df_instruction *item, struct err *err)
{
	cleanup_strv struct strv pairs = STRV_INIT;
	cleanup_strv struct strv env = STRV_INIT;

	if (expand_pairs(build, state, item, &pairs, err) < 0)
		return -1;
	json_get_strv(state_config(state), "Env", &env);
	for (size_t i = 0; i < pairs.count; i++)
		strv_env_put(&env, pairs.items[i]);
	json_put_strv(state_config(state), "Env", &env);
	return 0;
}

static void put_pair(json_t *object, const char *pair)
{
	const char *equal = strchr(pair, '=');
	cleanup_free char *name = xstrndup(pair, (size_t)(equal - pair));

	json_object_set_new(object, name, json_text(equal + 1));
}

static json_t *sub_object(struct state *state, const char *key)
{
	json_t *object = json_object_get(state_config(state), key);

	if (!json_is_object(object)) {
		json_put(state_config(state), key, json_object());
		object = json_object_get(state_config(state), key);
	}
	return object;
}

static int change_label(const struct build *build, struct state *state,
			const struct df_instruction *item, struct err *err)
{
	cleanup_strv struct strv pairs = STRV_INIT;

	if (expand_pairs(build, state, item, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; i < pairs.count; i++)
		put_pair(sub_object(state, "Labels"), pairs.items[i]);
	return 0;
}

/* Known to every stage that declares them: TARGETPLATFORM and its parts. NULL: it is none. Yours. */
static char *platform_arg(const struct build *build, const char *name)
{
	const bool target = str_after(name, "TARGET") != NULL;
	const char *part = target ? name + 6 : str_after(name, "BUILD");
	cleanup_free char *own_os = NULL;
	const char *os = build->os, *arch = build->arch, *variant = build->variant;

	if (part == NULL)
		return NULL;
	if (!target) {
		const char *host = strv_env_get(&build->args, HOST_ARCH);

		os = "linux";
		arch = host != NULL ? host : build->arch;
		variant = NULL;
	}
	if (str_equal(part, "PLATFORM"))
		return xasprintf("%s/%s%s%s", os, arch, str_is_empty(variant) ? "" : "/",
				 variant != NULL ? variant : "");
	if (str_equal(part, "OS"))
		return xstrdup(os);
	if (str_equal(part, "ARCH"))
		return xstrdup(arch);
	if (str_equal(part, "VARIANT"))
		return xstrdup(variant != NULL ? variant : "");
	return NULL;
}

int state_arg(struct build *build, struct state *state, const struct df_instruction *item,
	      struct err *err)
{
	for (size_t i = 0; i < item->words.count; i++) {
		const char *word = item->words.items[i];
		const char *equal = strchr(word, '=');
		cleanup_free char *left =
			equal != NULL ? xstrndup(word, (size_t)(equal - word)) : xstrdup(word);
		cleanup_free char *name = state_expand(build, state, left, err);
		cleanup_free char *fallback = NULL;

		if (name == NULL)
			return -1;
		if (equal != NULL) {
			fallback = state_expand(build, state, equal + 1, err);
			if (fallback == NULL)
				return -1;
		}
		if (!strv_contains(&build->used_args, name))
			strv_add(&build->used_args, name);
		const char *given = strv_env_get(&build->args, name);
		const char *global = strv_env_get(&build->global_args, name);
		cleanup_free char *platform = platform_arg(build, name);

		if (given != NULL)
			strv_env_set(&state->args, name, given);
		else if (fallback != NULL)
			strv_env_set(&state->args, name, fallback);
		else if (global != NULL)
			strv_env_set(&state->args, name, global);
		else if (platform != NULL)
			strv_env_set(&state->args, name, platform);
	}
	return 0;
}

/* ---- the others ---- */

static int expose_one(struct state *state, const char *text, struct err *err)
{
	json_t *ports = sub_object(state, "ExposedPorts");
	const char *slash = strchr(text, '/');
	const char *protocol = slash != NULL ? slash + 1 : "tcp";
	cleanup_free char *range =
		slash != NULL ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
	char *dash = strchr(range, '-');
	uint16_t first, last;

	if (dash != NULL)
		*dash = '\0';
	if ((strcasecmp(protocol, "tcp") != 0 && strcasecmp(protocol, "udp") != 0 &&
	     strcasecmp(protocol, "sctp") != 0) ||
	    parse_u16(range, &first) < 0 || parse_u16(dash != NULL ? dash + 1 : range, &last) < 0 ||
	    first > last || first == 0) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, text);
		err_set(err, ERR_USAGE, "'%.100s' is no port", shown.data);
		return err_hint(err, "Write PORT, PORT-PORT, PORT/tcp or PORT/udp.");
	}
	for (unsigned port = first; port <= last; port++) {
		char name[32];

		snprintf(name, sizeof(name), "%u/%s", port,
			 strcasecmp(protocol, "udp") == 0   ? "udp"
			 : strcasecmp(protocol, "tcp") == 0 ? "tcp"
							    : "sctp");
		json_put(ports, name, json_object());
	}
	return 0;
}

static int change_expose(const struct build *build, struct state *state,
			 const struct df_instruction *item, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (expand_list(build, state, item, &words, err) < 0)
		return -1;
	for (size_t i = 0; i < words.count; i++)
		if (expose_one(state, words.items[i], err) < 0)
			return -1;
	return 0;
}

static int change_volume(const struct build *build, struct state *state,
			 const struct df_instruction *item, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (expand_list(build, state, item, &words, err) < 0)
		return -1;
	for (size_t i = 0; i < words.count; i++) {
		if (words.items[i][0] == '\0')
			return err_set(err, ERR_USAGE, "a path is empty");
		json_put(sub_object(state, "Volumes"), words.items[i], json_object());
	}
	return 0;
}

/* CMD, ENTRYPOINT: a list, or words for the shell; an empty list takes it away. */
static void change_command(struct state *state, const struct df_instruction *item, const char *key)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (item->is_json) {
		strv_copy(&words, &item->words);
	} else if (item->rest[0] != '\0') {
		strv_copy(&words, &state->shell);
		strv_add(&words, item->rest);
	}
	if (words.count == 0)
		json_object_del(state_config(state), key);
	else
		json_put_strv(state_config(state), key, &words);
}

static int change_user(const struct build *build, struct state *state,
		       const struct df_instruction *item, const char *key, struct err *err)
{
	cleanup_free char *text = state_expand(build, state, item->rest, err);
	int number;

	if (text == NULL)
		return -1;
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "requires an argument: '%s' is empty", item->rest);
	if (item->kind == DF_STOPSIGNAL && parse_signal(text, &number) < 0) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, text);
		return err_set(err, ERR_USAGE, "there is no signal '%.60s'", shown.data);
	}
	json_put(state_config(state), key, json_text(text));
	return 0;
}

static void change_healthcheck(struct state *state, const struct df_instruction *item)
{
	static const struct {
		const char *flag, *key;
	} durations[] = { { "interval", "Interval" },
			  { "timeout", "Timeout" },
			  { "start-period", "StartPeriod" },
			  { "start-interval", "StartInterval" } };
	json_t *health = json_object();
	const char *retries = df_flag(item, "retries");
	uint32_t number;

	json_put_strv(health, "Test", &item->words);
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		const char *value = df_flag(item, durations[i].flag);
		int64_t ns;

		if (value != NULL && parse_duration(value, &ns) == 0 && ns > 0)
			json_put_int(health, durations[i].key, ns);
	}
	if (retries != NULL && parse_u32(retries, &number) == 0 && number > 0)
		json_put_int(health, "Retries", number);
	json_put(state_config(state), "Healthcheck", health);
}

int state_change(struct build *build, struct state *state, const struct df_instruction *item,
		 struct err *err)
{
	json_t *config = state_config(state);
	int status = 0;

	switch (item->kind) {
	case DF_ARG:
		status = state_arg(build, state, item, err);
		break;
	case DF_ENV:
		status = change_env(build, state, item, err);
		break;
	case DF_LABEL:
		status = change_label(build, state, item, err);
		break;
	case DF_EXPOSE:
		status = change_expose(build, state, item, err);
		break;
	case DF_VOLUME:
		status = change_volume(build, state, item, err);
		break;
	case DF_CMD:
		change_command(state, item, "Cmd");
		state->own_cmd = true;
		break;
	case DF_ENTRYPOINT:
		change_command(state, item, "Entrypoint");
		/* the base's CMD was meant for the base's ENTRYPOINT */
		if (!state->own_cmd)
			json_object_del(config, "Cmd");
		break;
	case DF_USER:
		status = change_user(build, state, item, "User", err);
		break;
	case DF_STOPSIGNAL:
		status = change_user(build, state, item, "StopSignal", err);
		break;
	case DF_SHELL:
		strv_copy(&state->shell, &item->words);
		json_put_strv(config, "Shell", &item->words);
		break;
	case DF_MAINTAINER:
		json_put(state->image.config, "author", json_text(item->rest));
		break;
	case DF_HEALTHCHECK:
		change_healthcheck(state, item);
		break;
	case DF_ONBUILD: {
		json_t *list = json_object_get(config, "OnBuild");

		if (!json_is_array(list)) {
			json_put(config, "OnBuild", json_array());
			list = json_object_get(config, "OnBuild");
		}
		json_array_append_new(list, json_text(item->rest));
		break;
	}
	default:
		return 0;
	}
	return status < 0 ? -1 : 1;
}
