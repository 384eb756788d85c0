/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/instruction.c - one instruction: keyword, flags, form, and what can be checked without variables
 *
 * One table says for each keyword which flags it knows and which function reads the rest.
 */
#include "engine/build/dockerfile.h"

#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TEXT_SHOWN_MAX 200

struct reader {
	const char *file;
	unsigned line;
	char escape;
	struct df_instruction *item;
	bool in_onbuild;
};

static int failed(const struct reader *reader, struct err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "FILE:LINE: KEYWORD <what>" */
static int failed(const struct reader *reader, struct err *err, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	strbuf_add_escaped(&shown, text.data);
	return err_set(err, ERR_USAGE, "%s:%u: %s %s", reader->file, reader->line,
		       df_kind_name(reader->item->kind), shown.data);
}

static void trim_end(struct strbuf *text)
{
	while (text->length > 0 && isspace((unsigned char)text->data[text->length - 1]))
		strbuf_truncate(text, text->length - 1);
}

/* ---- the forms of the rest ---- */

static int wants_something(const struct reader *reader, const char *what, struct err *err)
{
	if (reader->item->rest[0] != '\0')
		return 0;
	return failed(reader, err, "requires %s", what);
}

/* RUN, CMD, ENTRYPOINT: JSON, or a line for the shell. */
static int read_command(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	if (item->kind == DF_RUN &&
	    wants_something(reader, "at least one argument: the command", err) < 0)
		return -1;
	item->is_json = df_parse_json_words(item->rest, &item->words);
	if (item->is_json && item->kind == DF_RUN && item->words.count == 0)
		return failed(reader, err, "requires a command: the list is empty");
	return 0;
}

static int read_shell(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	item->is_json = df_parse_json_words(item->rest, &item->words);
	if (!item->is_json)
		return failed(reader, err,
			      "requires the arguments to be in JSON form: [\"/bin/sh\", \"-c\"]");
	if (item->words.count == 0)
		return failed(reader, err, "requires at least one argument");
	return 0;
}

static int read_copy(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	item->is_json = df_parse_json_words(item->rest, &item->words);
	if (!item->is_json)
		df_split_blanks(item->rest, &item->words);
	if (item->words.count < 2)
		return failed(reader, err,
			      "requires at least two arguments: a source and a destination");
	return 0;
}

static int read_list(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	if (wants_something(reader, "at least one argument", err) < 0)
		return -1;
	item->is_json = item->kind == DF_VOLUME && df_parse_json_words(item->rest, &item->words);
	if (!item->is_json)
		df_split_blanks(item->rest, &item->words);
	for (size_t i = 0; i < item->words.count; i++)
		if (item->words.items[i][0] == '\0')
			return failed(reader, err, "has an empty argument");
	return 0;
}

static int read_one(const struct reader *reader, struct err *err)
{
	int number;

	if (wants_something(reader, "exactly one argument", err) < 0)
		return -1;
	if (reader->item->kind == DF_STOPSIGNAL && strpbrk(reader->item->rest, "$\"'\\`") == NULL &&
	    parse_signal(reader->item->rest, &number) < 0)
		return failed(reader, err, "requires a signal: there is no signal '%.60s'",
			      reader->item->rest);
	return 0;
}

static bool is_stage_name(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && strchr("-_.", *name) == NULL)
			return false;
	return true;
}

static int read_from(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	df_split_blanks(item->rest, &item->words);
	if (item->words.count == 1)
		return 0;
	if (item->words.count != 3 || strcasecmp(item->words.items[1], "as") != 0) {
		failed(reader, err, "requires either one or three arguments");
		return err_hint(err, "Write FROM IMAGE, or FROM IMAGE AS NAME.");
	}
	if (!is_stage_name(item->words.items[2])) {
		failed(reader, err, "has an invalid name for the stage: '%.100s'",
		       item->words.items[2]);
		return err_hint(err, "A name starts with a letter and has letters, digits, '-', "
				     "'_' and '.' only.");
	}
	for (char *c = item->words.items[2]; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

/* NAME=VALUE of a word: the name must not be empty. */
static int check_pair(const struct reader *reader, const char *word, struct err *err)
{
	const char *equal = strchr(word, '=');

	if (equal == NULL) {
		failed(reader, err, "requires NAME=VALUE: '%.100s' has no value", word);
		return err_hint(err, "A value with blanks must be quoted: NAME=\"a b\".");
	}
	if (equal == word || (equal == word + 2 && word[0] == word[1] && *word == '"'))
		return failed(reader, err, "requires NAME=VALUE: the name in '%.100s' is empty",
			      word);
	return 0;
}

/* ENV and LABEL: NAME=VALUE ..., or the old NAME rest of the line. */
static int read_pairs(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	if (wants_something(reader, "at least one argument: NAME=VALUE", err) < 0)
		return -1;
	if (df_split_quoted(item->rest, reader->escape, &item->words) < 0)
		return failed(reader, err, "has a quote that is not closed");
	if (strchr(item->words.items[0], '=') == NULL) {
		const char *value = item->rest + strcspn(item->rest, " \t");

		value += strspn(value, " \t");
		if (*value == '\0')
			return check_pair(reader, item->words.items[0], err);
		char *name = xstrndup(item->rest, strcspn(item->rest, " \t"));

		strv_clear(&item->words);
		strv_addf(&item->words, "%s=%s", name, value);
		free(name);
		item->old_form = true;
		return 0;
	}
	for (size_t i = 0; i < item->words.count; i++)
		if (check_pair(reader, item->words.items[i], err) < 0)
			return -1;
	return 0;
}

static int read_arg(const struct reader *reader, struct err *err)
{
	struct df_instruction *item = reader->item;

	if (wants_something(reader, "at least one argument: NAME or NAME=VALUE", err) < 0)
		return -1;
	if (df_split_quoted(item->rest, reader->escape, &item->words) < 0)
		return failed(reader, err, "has a quote that is not closed");
	for (size_t i = 0; i < item->words.count; i++) {
		const char *word = item->words.items[i];

		if (*word == '=' || *word == '\0' ||
		    (!isalpha((unsigned char)*word) && *word != '_' && *word != '"' &&
		     *word != '\'' && *word != '$'))
			return failed(reader, err, "has an invalid name: '%.100s'", word);
	}
	return 0;
}

static int check_duration(const struct reader *reader, const char *flag, struct err *err)
{
	const char *value = df_flag(reader->item, flag);
	int64_t ns;

	if (value == NULL)
		return 0;
	if (parse_duration(value, &ns) == 0 && (ns == 0 || ns >= 1000000))
		return 0;
	if (*value != '\0' && value[strspn(value, "0123456789.")] == '\0') {
		failed(reader, err, "--%s=%.40s is no duration: missing unit", flag, value);
		return err_hint(err, "Write 30s, 1m30s or 500ms.");
	}
	return failed(reader, err, "--%s=%.40s is no duration: it needs a number and a unit", flag,
		      value);
}

static int read_healthcheck(const struct reader *reader, struct err *err)
{
	static const char *const durations[] = { "interval", "timeout", "start-period",
						 "start-interval" };
	struct df_instruction *item = reader->item;
	const char *retries = df_flag(item, "retries");
	uint32_t number;

	for (size_t i = 0; i < ARRAY_SIZE(durations); i++)
		if (check_duration(reader, durations[i], err) < 0)
			return -1;
	if (retries != NULL && parse_u32(retries, &number) < 0)
		return failed(reader, err, "--retries=%.40s is no number", retries);
	size_t length = strcspn(item->rest, " \t");
	const char *command = item->rest + length + strspn(item->rest + length, " \t");

	if (length == 4 && strncasecmp(item->rest, "NONE", 4) == 0) {
		if (*command != '\0')
			return failed(reader, err, "NONE takes no arguments");
		strv_add(&item->words, "NONE");
		return 0;
	}
	if (length != 3 || strncasecmp(item->rest, "CMD", 3) != 0)
		return failed(reader, err, "requires CMD and a command, or NONE");
	if (*command == '\0')
		return failed(reader, err, "requires a command behind CMD");
	item->is_json = df_parse_json_words(command, &item->words);
	if (item->is_json) {
		cleanup_strv struct strv words = STRV_INIT;

		strv_add(&words, "CMD");
		strv_add_all(&words, &item->words);
		strv_copy(&item->words, &words);
	} else {
		strv_add(&item->words, "CMD-SHELL");
		strv_add(&item->words, command);
	}
	return 0;
}

static int read_onbuild(const struct reader *reader, struct err *err)
{
	struct df_instruction inner = { 0 };

	if (wants_something(reader, "an instruction", err) < 0)
		return -1;
	int status = df_parse_one(reader->file, reader->line, reader->item->rest, reader->escape,
				  &inner, err);
	if (status == 0 &&
	    (inner.kind == DF_ONBUILD || inner.kind == DF_FROM || inner.kind == DF_MAINTAINER))
		status = failed(reader, err, "%s is not allowed", df_kind_name(inner.kind));
	df_instruction_release(&inner);
	return status;
}

/* ---- the table ---- */

static const char *const no_flags[] = { NULL };
static const char *const add_flags[] = { "keep-git-dir", "checksum", "chown",	"chmod",
					 "link",	 "unpack",   "exclude", NULL };
static const char *const copy_flags[] = { "from",    "chown",	"chmod", "link",
					  "parents", "exclude", NULL };
static const char *const from_flags[] = { "platform", NULL };
static const char *const run_flags[] = { "mount", "network", "security", "device", NULL };
static const char *const health_flags[] = { "interval",	      "timeout", "start-period",
					    "start-interval", "retries", NULL };

static const struct kind_info {
	const char *name;
	const char *const *flags;
	int (*read)(const struct reader *reader, struct err *err);
} kinds[] = {
	[DF_ADD] = { "ADD", add_flags, read_copy },
	[DF_ARG] = { "ARG", no_flags, read_arg },
	[DF_CMD] = { "CMD", no_flags, read_command },
	[DF_COPY] = { "COPY", copy_flags, read_copy },
	[DF_ENTRYPOINT] = { "ENTRYPOINT", no_flags, read_command },
	[DF_ENV] = { "ENV", no_flags, read_pairs },
	[DF_EXPOSE] = { "EXPOSE", no_flags, read_list },
	[DF_FROM] = { "FROM", from_flags, read_from },
	[DF_HEALTHCHECK] = { "HEALTHCHECK", health_flags, read_healthcheck },
	[DF_LABEL] = { "LABEL", no_flags, read_pairs },
	[DF_MAINTAINER] = { "MAINTAINER", no_flags, read_one },
	[DF_ONBUILD] = { "ONBUILD", no_flags, read_onbuild },
	[DF_RUN] = { "RUN", run_flags, read_command },
	[DF_SHELL] = { "SHELL", no_flags, read_shell },
	[DF_STOPSIGNAL] = { "STOPSIGNAL", no_flags, read_one },
	[DF_USER] = { "USER", no_flags, read_one },
	[DF_VOLUME] = { "VOLUME", no_flags, read_list },
	[DF_WORKDIR] = { "WORKDIR", no_flags, read_one },
};
_Static_assert(ARRAY_SIZE(kinds) == DF_KIND_COUNT, "each kind has a row");

const char *df_kind_name(enum df_kind kind)
{
	return kinds[kind].name;
}

/* ---- flags ---- */

const char *df_flag(const struct df_instruction *item, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < item->flags.count; i++) {
		const char *rest = str_after(item->flags.items[i], name);

		if (rest != NULL && (*rest == '=' || *rest == '\0'))
			found = *rest == '=' ? rest + 1 : rest;
	}
	return found;
}

void df_flag_list(const struct df_instruction *item, const char *name, struct strv *values)
{
	for (size_t i = 0; i < item->flags.count; i++) {
		const char *rest = str_after(item->flags.items[i], name);

		if (rest != NULL && *rest == '=')
			strv_add(values, rest + 1);
	}
}

int df_flag_bool(const struct df_instruction *item, const char *name, bool *ret, struct err *err)
{
	const char *value = df_flag(item, name);

	*ret = false;
	if (value == NULL)
		return 0;
	if (*value == '\0') {
		*ret = true;
		return 0;
	}
	if (parse_bool(value, ret) < 0)
		return err_set(err, ERR_USAGE, "%s: --%s must be true or false, not '%.60s'",
			       df_kind_name(item->kind), name, value);
	return 0;
}

static int check_flag(const struct reader *reader, const char *flag, struct err *err)
{
	const char *const *known = kinds[reader->item->kind].flags;
	size_t length = strcspn(flag, "=");
	cleanup_free char *name = xstrndup(flag, length);
	struct suggest suggest = SUGGEST_INIT(name);

	for (; *known != NULL; known++) {
		if (str_equal(*known, name))
			break;
		suggest_candidate(&suggest, *known);
	}
	if (*known == NULL) {
		failed(reader, err, "has no flag '--%.60s'", name);
		if (suggest.best != NULL)
			err_hint(err, "Did you mean '--%s'?", suggest.best);
		return -1;
	}
	bool is_switch = str_equal(name, "link") || str_equal(name, "parents") ||
			 str_equal(name, "keep-git-dir") || str_equal(name, "unpack");
	if (!is_switch && (flag[length] == '\0' || flag[length + 1] == '\0'))
		return failed(reader, err, "--%s requires a value: --%s=...", name, name);
	bool value;
	if (is_switch && flag[length] == '=' && parse_bool(flag + length + 1, &value) < 0 &&
	    strchr(flag, '$') == NULL)
		return failed(reader, err, "--%s must be true or false", name);
	return 0;
}

/* Take the words that start with "--" off the front of *text; quotes in them group and go. */
static int take_flags(const struct reader *reader, const char **text, struct err *err)
{
	const char *p = *text;

	if (kinds[reader->item->kind].flags == no_flags)
		return 0;
	for (;;) {
		cleanup_strbuf struct strbuf word = STRBUF_INIT;
		char quote = '\0';

		p += strspn(p, " \t");
		if (p[0] != '-' || p[1] != '-')
			break;
		p += 2;
		if (*p == '\0' || *p == ' ' || *p == '\t') /* "--" ends them */
			break;
		for (; *p != '\0' && (quote != '\0' || (*p != ' ' && *p != '\t')); p++) {
			if (quote != '\'' && *p == reader->escape && p[1] != '\0')
				strbuf_addc(&word, *++p);
			else if (quote != '\0' && *p == quote)
				quote = '\0';
			else if (quote == '\0' && (*p == '"' || *p == '\''))
				quote = *p;
			else
				strbuf_addc(&word, *p);
		}
		if (quote != '\0')
			return failed(reader, err, "has a quote that is not closed in its flags");
		if (check_flag(reader, word.data, err) < 0)
			return -1;
		strv_add(&reader->item->flags, word.data);
	}
	*text = p;
	return 0;
}

/* ---- door ---- */

static int unknown_keyword(const char *file, unsigned line, const char *keyword, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	cleanup_free char *upper = xstrdup(keyword);
	struct suggest suggest = SUGGEST_INIT(upper);

	strbuf_add_escaped(&shown, keyword);
	for (char *c = upper; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		suggest_candidate(&suggest, kinds[i].name);
	err_set(err, ERR_USAGE, "%s:%u: unknown instruction '%.80s'", file, line, shown.data);
	if (suggest.best != NULL)
		err_hint(err, "Did you mean %s?", suggest.best);
	return -1;
}

int df_parse_one(const char *file, unsigned line, const char *text, char escape,
		 struct df_instruction *ret_item, struct err *err)
{
	struct df_instruction item = { .first_line = line, .last_line = line };
	struct reader reader = { .file = file, .line = line, .escape = escape, .item = &item };
	const char *p = text + strspn(text, " \t");
	size_t length = strcspn(p, " \t");
	cleanup_free char *keyword = xstrndup(p, length);
	cleanup_strbuf struct strbuf whole = STRBUF_INIT;
	cleanup_strbuf struct strbuf rest = STRBUF_INIT;
	size_t kind;

	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		if (strcasecmp(kinds[kind].name, keyword) == 0)
			break;
	if (kind == ARRAY_SIZE(kinds))
		return unknown_keyword(file, line, keyword, err);
	item.kind = (enum df_kind)kind;
	p += length;
	p += strspn(p, " \t");
	strbuf_addf(&whole, "%s %s", kinds[kind].name, p);
	trim_end(&whole);
	item.text = strbuf_take(&whole);
	item.rest = xstrdup("");

	int status = take_flags(&reader, &p, err);
	if (status == 0) {
		strbuf_adds(&rest, p);
		trim_end(&rest);
		free(item.rest);
		item.rest = strbuf_take(&rest);
		status = kinds[kind].read(&reader, err);
	}
	if (status < 0) {
		df_instruction_release(&item);
		return -1;
	}
	*ret_item = item;
	return 0;
}
