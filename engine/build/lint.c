/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/lint.c - the rules of build checks that look at instructions and stages
 */
#include "engine/build/lint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/suggest.h"

/* ---- findings ---------------------------------------------------------------------------------------------------------- */

static const char *const rules[] = {
	"ConsistentInstructionCasing",
	"CopyIgnoredFile",
	"DuplicateStageName",
	"ExposeInvalidFormat",
	"ExposeProtoCasing",
	"FromAsCasing",
	"FromPlatformFlagConstDisallowed",
	"InvalidDefaultArgInFrom",
	"InvalidDefinitionDescription",
	"JSONArgsRecommended",
	"LegacyKeyValueFormat",
	"MaintainerDeprecated",
	"MultipleInstructionsDisallowed",
	"NoEmptyContinuation",
	"RedundantTargetPlatform",
	"ReservedStageName",
	"SecretsUsedInArgOrEnv",
	"StageNameCasing",
	"UndefinedArgInFrom",
	"UndefinedVar",
	"WorkdirRelativePath",
};

void lint_release(struct lint *lint)
{
	for (size_t i = 0; i < lint->count; i++)
		free(lint->findings[i].text);
	free(lint->findings);
	strv_release(&lint->skip);
	*lint = (struct lint){ 0 };
}

void lint_add(struct lint *lint, const char *rule, const struct df_instruction *item, unsigned line,
	      const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	for (size_t i = 0; i < lint->skip.count; i++)
		if (strcasecmp(lint->skip.items[i], rule) == 0)
			return;
	if (lint->skip_all)
		return;
	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	lint->findings = xreallocarray(lint->findings, lint->count + 1, sizeof(*lint->findings));
	lint->findings[lint->count++] = (struct lint_finding){
		.rule = rule,
		.item = item,
		.line = item != NULL ? item->first_line : line,
		.text = strbuf_take(&text),
	};
}

static int compare_findings(const void *a, const void *b)
{
	const struct lint_finding *left = a, *right = b;

	return left->line != right->line ? (left->line < right->line ? -1 : 1)
					 : strcmp(left->rule, right->rule);
}

/* ---- the directive ----------------------------------------------------------------------------------------------------- */

/* It may be a rule of a later day: nothing is skipped then, and nothing breaks. */
static void unknown_rule(struct build *build, const char *name)
{
	struct suggest suggest = SUGGEST_INIT(name);

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		suggest_candidate(&suggest, rules[i]);
	build_warn(build,
		   "%s: the parser directive 'check' names a rule that is not known: '%.60s'%s%s%s",
		   build->file.name, name, suggest.best != NULL ? " (did you mean " : "",
		   suggest.best != NULL ? suggest.best : "", suggest.best != NULL ? "?)" : "");
}

static void read_names(struct lint *lint, const char *text, bool experimental)
{
	cleanup_strv struct strv names = STRV_INIT;

	strv_split(&names, text, ',');
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i] + strspn(names.items[i], " \t");
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(rules); k++)
			known |= strcasecmp(rules[k], name) == 0;
		if (strcasecmp(name, "all") == 0) {
			if (experimental)
				lint->experimental = true;
			else
				lint->skip_all = true;
		} else if (!known) {
			unknown_rule(lint->build, name);
		} else if (!experimental) {
			strv_add(&lint->skip, name);
		} else {
			lint->experimental |= strcasecmp(name, "InvalidDefinitionDescription") == 0;
		}
	}
}

/* skip=NAME,NAME;error=true;experimental=all */
static int read_directive(struct lint *lint, const char *text, struct err *err)
{
	cleanup_strv struct strv parts = STRV_INIT;
	const char *value;
	int status = 0;

	if (text == NULL)
		return 0;
	strv_split(&parts, text, ';');
	for (size_t i = 0; status == 0 && i < parts.count; i++) {
		const char *part = parts.items[i] + strspn(parts.items[i], " \t");

		if ((value = str_after(part, "skip=")) != NULL)
			read_names(lint, value, false);
		else if ((value = str_after(part, "experimental=")) != NULL)
			read_names(lint, value, true);
		else if ((value = str_after(part, "error=")) == NULL ||
			 parse_bool(value, &lint->is_error) < 0)
			status = err_set(err, ERR_USAGE,
					 "%s: invalid parser directive check='%.100s': it is "
					 "skip=NAME,... and error=true or false",
					 lint->build->file.name, text);
	}
	return status;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------- */

static const char *source_line(const struct lint *lint, unsigned number)
{
	const struct strv *lines = &lint->build->file.lines;

	return number >= 1 && number <= lines->count ? lines->items[number - 1] : "";
}

static bool goes_on(const struct lint *lint, const char *line)
{
	size_t length = strlen(line);

	while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		length--;
	return length > 0 && line[length - 1] == lint->build->file.escape;
}

/* An empty line between two lines of one instruction. */
static void check_continuation(struct lint *lint, const struct df_instruction *item)
{
	bool open = false;

	for (unsigned i = item->first_line; i <= item->last_line; i++) {
		const char *line = source_line(lint, i);
		const char *text = line + strspn(line, " \t");

		if (*text == '#')
			continue;
		if (open && *text == '\0') {
			lint_add(lint, "NoEmptyContinuation", item, i,
				 "Empty continuation line found in: %.100s", item->text);
			return;
		}
		open = goes_on(lint, line);
		/* a here-document follows, whose lines are text */
		if (!open)
			return;
	}
}

enum casing { CASE_UPPER, CASE_LOWER, CASE_MIXED };

static enum casing casing_of(const char *word, size_t length)
{
	bool upper = false, lower = false;

	for (size_t i = 0; i < length; i++) {
		upper |= isupper((unsigned char)word[i]) != 0;
		lower |= islower((unsigned char)word[i]) != 0;
	}
	return upper && lower ? CASE_MIXED : lower ? CASE_LOWER : CASE_UPPER;
}

static enum casing keyword_casing(const struct lint *lint, const struct df_instruction *item,
				  char ret_word[16])
{
	const char *line = source_line(lint, item->first_line);
	const char *word = line + strspn(line, " \t");
	size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (length > 15)
		length = 15;
	memcpy(ret_word, word, length);
	ret_word[length] = '\0';
	return casing_of(word, length);
}

static void check_keywords(struct lint *lint)
{
	const struct dockerfile *file = &lint->build->file;
	size_t lower = 0;
	char word[16];

	for (size_t i = 0; i < file->count; i++)
		lower += keyword_casing(lint, &file->items[i], word) == CASE_LOWER;
	enum casing wanted = lower * 2 > file->count ? CASE_LOWER : CASE_UPPER;
	for (size_t i = 0; i < file->count; i++)
		if (keyword_casing(lint, &file->items[i], word) != wanted)
			lint_add(lint, "ConsistentInstructionCasing", &file->items[i], 0,
				 "Command '%s' should match the case of the command majority (%s)",
				 word, wanted == CASE_LOWER ? "lowercase" : "uppercase");
}

/* ---- FROM -------------------------------------------------------------------------------------------------------------- */

/* The words of the FROM line as they are written: keyword, AS and the name. */
static void check_from_words(struct lint *lint, const struct df_instruction *item)
{
	cleanup_strv struct strv words = STRV_INIT;
	char keyword[16];

	for (unsigned i = item->first_line; i <= item->last_line; i++)
		df_split_blanks(source_line(lint, i), &words);
	if (item->words.count != 3)
		return;
	enum casing from = keyword_casing(lint, item, keyword);
	for (size_t i = words.count; i-- > 1;) {
		if (strcasecmp(words.items[i], "as") != 0)
			continue;
		if (casing_of(words.items[i], 2) != from)
			lint_add(lint, "FromAsCasing", item, 0,
				 "'%s' and '%s' keywords' casing do not match", words.items[i],
				 keyword);
		if (i + 1 < words.count &&
		    strcasecmp(words.items[i + 1], item->words.items[2]) == 0 &&
		    casing_of(words.items[i + 1], strlen(words.items[i + 1])) != CASE_LOWER &&
		    !str_equal(words.items[i + 1], item->words.items[2]))
			lint_add(lint, "StageNameCasing", item, 0,
				 "Stage name '%s' should be lowercase", words.items[i + 1]);
		return;
	}
}

static void check_from(struct lint *lint, size_t index)
{
	const struct build *build = lint->build;
	const struct stage *stage = &build->stages[index];
	const char *platform = df_flag(stage->from, "platform");

	check_from_words(lint, stage->from);
	for (size_t i = 0; stage->name != NULL && i < index; i++)
		if (build->stages[i].name != NULL &&
		    str_equal(build->stages[i].name, stage->name)) {
			lint_add(lint, "DuplicateStageName", stage->from, 0,
				 "Duplicate stage name \"%s\", stage names should be unique",
				 stage->name);
			break;
		}
	if (stage->name != NULL &&
	    (str_equal(stage->name, "scratch") || str_equal(stage->name, "context")))
		lint_add(lint, "ReservedStageName", stage->from, 0,
			 "Stage name should not use the same name as reserved stage \"%s\"",
			 stage->name);
	if (platform == NULL)
		return;
	if (str_equal(platform, "$TARGETPLATFORM") || str_equal(platform, "${TARGETPLATFORM}"))
		lint_add(lint, "RedundantTargetPlatform", stage->from, 0,
			 "Setting platform to predefined %s in FROM is redundant as this is the "
			 "default behavior",
			 platform);
	else if (strchr(platform, '$') == NULL)
		lint_add(lint, "FromPlatformFlagConstDisallowed", stage->from, 0,
			 "FROM --platform flag should not use constant value \"%s\"", platform);
}

/* ---- one instruction --------------------------------------------------------------------------------------------------- */

static void check_copy(struct lint *lint, const struct df_instruction *item)
{
	const struct context *context = &lint->build->contexts[0];

	if (df_flag(item, "from") != NULL || context->ignore.count == 0)
		return;
	for (size_t i = 0; i + 1 < item->words.count; i++) {
		const char *word = item->words.items[i];
		const char *path = word + strspn(word, "/");

		while (str_after(path, "./") != NULL)
			path += 2;
		if (*path == '\0' || str_equal(path, ".") || strpbrk(path, "$*?[") != NULL ||
		    strstr(path, "://") != NULL || str_after(path, "<<") != NULL)
			continue;
		if (ignore_match(&context->ignore, path))
			lint_add(lint, "CopyIgnoredFile", item, 0,
				 "Attempting to %s file \"%s\" that is excluded by .dockerignore",
				 item->kind == DF_ADD ? "Add" : "Copy", word);
	}
}

static void check_expose(struct lint *lint, const struct df_instruction *item)
{
	for (size_t i = 0; i < item->words.count; i++) {
		const char *protocol = strchr(item->words.items[i], '/');

		if (protocol == NULL || strchr(protocol, '$') != NULL)
			continue;
		for (const char *c = protocol; *c != '\0'; c++)
			if (isupper((unsigned char)*c)) {
				lint_add(lint, "ExposeProtoCasing", item, 0,
					 "Defined protocol '%s' in EXPOSE instruction should be "
					 "lowercase",
					 item->words.items[i]);
				break;
			}
	}
}

/* "token" of MY_TOKEN_FILE is no secret, "token" of MY_TOKEN is. */
static bool is_secret_name(const char *name)
{
	static const char *const secret[] = { "apikey", "auth",	    "credential", "credentials",
					      "key",	"password", "pword",	  "passwd",
					      "secret", "token" };
	static const char *const harmless[] = { "public" };
	cleanup_strv struct strv parts = STRV_INIT;
	bool is_secret = false;

	strv_split(&parts, name, '_');
	for (size_t i = 0; i < parts.count; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(harmless); k++)
			if (strcasecmp(parts.items[i], harmless[k]) == 0)
				return false;
		for (size_t k = 0; k < ARRAY_SIZE(secret); k++)
			is_secret |= (i == 0 || i + 1 == parts.count) &&
				     strcasecmp(parts.items[i], secret[k]) == 0;
	}
	return is_secret;
}

static void check_secrets(struct lint *lint, const struct df_instruction *item)
{
	for (size_t i = 0; i < item->words.count; i++) {
		const char *word = item->words.items[i];
		cleanup_free char *name = xstrndup(word, strcspn(word, "="));

		if (is_secret_name(name))
			lint_add(
				lint, "SecretsUsedInArgOrEnv", item, 0,
				"Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
				df_kind_name(item->kind), name);
	}
}

static void check_one(struct lint *lint, const struct df_instruction *item)
{
	check_continuation(lint, item);
	switch (item->kind) {
	case DF_ADD:
	case DF_COPY:
		check_copy(lint, item);
		break;
	case DF_EXPOSE:
		check_expose(lint, item);
		break;
	case DF_MAINTAINER:
		lint_add(lint, "MaintainerDeprecated", item, 0,
			 "Maintainer instruction is deprecated in favor of using label");
		break;
	case DF_ARG:
	case DF_ENV:
		check_secrets(lint, item);
		break;
	default:
		break;
	}
	if ((item->kind == DF_ENV || item->kind == DF_LABEL) && item->old_form)
		lint_add(
			lint, "LegacyKeyValueFormat", item, 0,
			"\"%s key=value\" should be used instead of legacy \"%s key value\" format",
			df_kind_name(item->kind), df_kind_name(item->kind));
}

/* ---- stages ------------------------------------------------------------------------------------------------------------ */

static bool is_one_per_stage(enum df_kind kind)
{
	return kind == DF_CMD || kind == DF_ENTRYPOINT || kind == DF_HEALTHCHECK;
}

static void check_stage(struct lint *lint, const struct stage *stage)
{
	const struct dockerfile *file = &lint->build->file;
	bool has_workdir = false, has_shell = false;

	for (size_t i = stage->first; i < stage->end; i++)
		has_shell |= file->items[i].kind == DF_SHELL;
	for (size_t i = stage->first; i < stage->end; i++) {
		const struct df_instruction *item = &file->items[i];
		bool is_last = true;

		for (size_t k = i + 1; k < stage->end; k++)
			is_last &= file->items[k].kind != item->kind;
		if (is_one_per_stage(item->kind) && !is_last)
			lint_add(lint, "MultipleInstructionsDisallowed", item, 0,
				 "Multiple %s instructions should not be used in the same stage "
				 "because only the last one will be used",
				 df_kind_name(item->kind));
		if ((item->kind == DF_CMD || item->kind == DF_ENTRYPOINT) && !item->is_json &&
		    !has_shell && *item->rest != '\0')
			lint_add(lint, "JSONArgsRecommended", item, 0,
				 "JSON arguments recommended for %s to prevent unintended behavior "
				 "related to OS signals",
				 df_kind_name(item->kind));
		if (item->kind != DF_WORKDIR)
			continue;
		if (!has_workdir && *item->rest != '/' && *item->rest != '$')
			lint_add(lint, "WorkdirRelativePath", item, 0,
				 "Relative workdir \"%s\" can have unexpected results if the base "
				 "image changes",
				 item->rest);
		has_workdir = true;
	}
}

/* A comment right above an ARG or a FROM describes it, and begins with its name. */
static void check_descriptions(struct lint *lint)
{
	const struct dockerfile *file = &lint->build->file;

	for (size_t i = 0; lint->experimental && i < file->count; i++) {
		const struct df_instruction *item = &file->items[i];
		const char *above = source_line(lint, item->first_line - 1);
		const char *name =
			item->kind == DF_ARG && item->words.count > 0	  ? item->words.items[0]
			: item->kind == DF_FROM && item->words.count == 3 ? item->words.items[2]
									  : NULL;

		above += strspn(above, " \t");
		if (name == NULL || *above != '#')
			continue;
		cleanup_free char *wanted = xstrndup(name, strcspn(name, "="));
		const char *rest = str_after(above + 1 + strspn(above + 1, " \t"), wanted);
		if (rest == NULL || *rest != ' ')
			lint_add(lint, "InvalidDefinitionDescription", item, 0,
				 "Comment for %s should follow the format: `# %s <description>`",
				 item->kind == DF_ARG ? "build argument" : "build stage", wanted);
	}
}

int lint_run(struct build *build, struct lint *ret_lint, struct err *err)
{
	struct lint lint = { .build = build };

	if (read_directive(&lint, build->file.check, err) < 0) {
		lint_release(&lint);
		return -1;
	}
	check_keywords(&lint);
	for (size_t i = 0; i < build->file.count; i++)
		check_one(&lint, &build->file.items[i]);
	for (size_t i = 0; i < build->stage_count; i++) {
		check_from(&lint, i);
		check_stage(&lint, &build->stages[i]);
	}
	check_descriptions(&lint);
	lint_variables(&lint);
	if (lint.count > 1)
		qsort(lint.findings, lint.count, sizeof(*lint.findings), compare_findings);
	*ret_lint = lint;
	return 0;
}
