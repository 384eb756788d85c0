/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/dockerfile.c - lines: directives, comments, continued lines, here-documents
 *
 * A physical line is dropped when it is a comment (also between continued lines) or empty. A line that ends with the escape character
 * goes on with the next one, without a newline between them. When an instruction that may have here-documents is whole, the lines below
 * it are theirs, up to the line that is the name.
 */
#include "engine/build/dockerfile.h"

#include "base/err.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HEREDOCS_MAX 100

void df_instruction_release(struct df_instruction *item)
{
	free(item->text);
	free(item->rest);
	strv_release(&item->flags);
	strv_release(&item->words);
	for (size_t i = 0; i < item->heredoc_count; i++) {
		free(item->heredocs[i].name);
		free(item->heredocs[i].text);
	}
	free(item->heredocs);
	*item = (struct df_instruction){ 0 };
}

void dockerfile_release(struct dockerfile *file)
{
	free(file->name);
	strv_release(&file->lines);
	free(file->check);
	for (size_t i = 0; i < file->count; i++)
		df_instruction_release(&file->items[i]);
	free(file->items);
	*file = (struct dockerfile)DOCKERFILE_INIT;
}

/* ---- directives ---- */

/* "# name=value" at the top: 1 and both parts, 0 it is something else. */
static int directive_split(const char *line, char **ret_name, char **ret_value)
{
	const char *p = line + strspn(line, " \t");

	if (*p != '#')
		return 0;
	p += 1 + strspn(p + 1, " \t");
	size_t length = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	const char *equal = p + length + strspn(p + length, " \t");

	if (length == 0 || *equal != '=')
		return 0;
	const char *value = equal + 1 + strspn(equal + 1, " \t");
	size_t value_length = strlen(value);

	while (value_length > 0 && isspace((unsigned char)value[value_length - 1]))
		value_length--;
	*ret_name = xstrndup(p, length);
	*ret_value = xstrndup(value, value_length);
	return 1;
}

static int read_directives(struct dockerfile *file, struct err *err)
{
	cleanup_strv struct strv seen = STRV_INIT;

	for (size_t i = 0; i < file->lines.count; i++) {
		cleanup_free char *name = NULL;
		cleanup_free char *value = NULL;

		/* a first line "#!/usr/bin/env ..." makes a Dockerfile a program, and is none */
		if (i == 0 && str_after(file->lines.items[0], "#!") != NULL)
			continue;
		if (directive_split(file->lines.items[i], &name, &value) == 0)
			break;
		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		if (!str_equal(name, "syntax") && !str_equal(name, "escape") &&
		    !str_equal(name, "check"))
			break;
		if (strv_contains(&seen, name))
			return err_set(err, ERR_USAGE,
				       "%s:%zu: only one '%s' parser directive can be used",
				       file->name, i + 1, name);
		strv_add(&seen, name);
		if (str_equal(name, "check"))
			file->check = TAKE_PTR(value);
		if (!str_equal(name, "escape"))
			continue;
		if (!str_equal(value, "\\") && !str_equal(value, "`"))
			return err_set(err, ERR_USAGE,
				       "%s:%zu: invalid escape character: it must be \\ or `",
				       file->name, i + 1);
		file->escape = value[0];
	}
	return 0;
}

/* ---- here-documents ---- */

/* "<<NAME", "<<-NAME", "3<<'NAME'": true, with the name and whether its text is expanded. */
static bool heredoc_word(const char *word, char escape, char **ret_name, bool *ret_expand,
			 bool *ret_strip)
{
	const char *p = word + strspn(word, "0123456789");
	cleanup_strbuf struct strbuf name = STRBUF_INIT;
	char quote = '\0';

	if (p[0] != '<' || p[1] != '<')
		return false;
	p += 2;
	*ret_strip = *p == '-';
	if (*p == '-')
		p++;
	*ret_expand = true;
	for (; *p != '\0'; p++) {
		if (*p == '<')
			return false;
		if (quote != '\0' && *p == quote) {
			quote = '\0';
		} else if (quote == '\0' && (*p == '"' || *p == '\'')) {
			quote = *p;
			*ret_expand = false;
		} else if (quote != '\'' && *p == escape && p[1] != '\0') {
			*ret_expand = false;
			strbuf_addc(&name, *++p);
		} else {
			strbuf_addc(&name, *p);
		}
	}
	if (name.length == 0 || quote != '\0')
		return false;
	*ret_name = strbuf_take(&name);
	return true;
}

/* Words that shells split at, so that `cat <<E>/x` and `(cat <<E)` work too. */
static void heredoc_candidates(const char *text, char escape, struct strv *words)
{
	char quote = '\0';

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == escape && p[1] != '\0' && quote != '\'') {
			p++;
			continue;
		}
		if (quote != '\0') {
			if (*p == quote)
				quote = '\0';
			continue;
		}
		if (*p == '"' || *p == '\'') {
			quote = *p;
			continue;
		}
		if (p[0] != '<' || p[1] != '<')
			continue;
		if (p[2] == '<') { /* <<< is a here-string */
			p += 2;
			continue;
		}
		const char *end = p + 2;
		char inner = '\0';

		for (; *end != '\0' && (inner != '\0' || strchr(" \t\n;|&<>()", *end) == NULL);
		     end++) {
			if (inner != '\0' && *end == inner)
				inner = '\0';
			else if (inner == '\0' && (*end == '"' || *end == '\''))
				inner = *end;
		}
		strv_add_take(words, xstrndup(p, (size_t)(end - p)));
		p = end - 1;
	}
}

static bool takes_heredocs(const char *text)
{
	static const char *const keywords[] = { "RUN", "COPY", "ADD" };
	const char *p = text + strspn(text, " \t");
	size_t length = strcspn(p, " \t");

	if (length == 7 && strncasecmp(p, "ONBUILD", 7) == 0) {
		p += 7 + strspn(p + 7, " \t");
		length = strcspn(p, " \t");
	}
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
		if (length == strlen(keywords[i]) && strncasecmp(p, keywords[i], length) == 0)
			return true;
	return false;
}

/* Read the text of one, from line *next on. */
static int read_heredoc(struct dockerfile *file, size_t *next, bool strip,
			struct df_heredoc *heredoc, unsigned line, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (; *next < file->lines.count; (*next)++) {
		const char *raw = file->lines.items[*next];
		const char *shown = strip ? raw + strspn(raw, "\t") : raw;

		if (str_equal(shown, heredoc->name)) {
			heredoc->text = strbuf_take(&text);
			(*next)++;
			return 0;
		}
		strbuf_adds(&text, shown);
		strbuf_addc(&text, '\n');
	}
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, heredoc->name);
	err_set(err, ERR_USAGE, "%s:%u: unterminated heredoc '%s': there is no line that is '%s'",
		file->name, line, shown.data, shown.data);
	return err_hint(err, "Add a line that has only '%s' in it.", shown.data);
}

static int read_heredocs(struct dockerfile *file, const char *text, size_t *next,
			 struct df_instruction *item, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	heredoc_candidates(text, file->escape, &words);
	for (size_t i = 0; i < words.count; i++) {
		struct df_heredoc heredoc = { NULL, NULL, false };
		bool strip;

		if (!heredoc_word(words.items[i], file->escape, &heredoc.name, &heredoc.expand,
				  &strip))
			continue;
		if (item->heredoc_count >= HEREDOCS_MAX) {
			free(heredoc.name);
			return err_set(err, ERR_LIMIT, "%s:%u: more than %d heredocs", file->name,
				       item->first_line, HEREDOCS_MAX);
		}
		item->heredocs = xreallocarray(item->heredocs, item->heredoc_count + 1,
					       sizeof(*item->heredocs));
		item->heredocs[item->heredoc_count++] = heredoc;
		if (read_heredoc(file, next, strip, &item->heredocs[item->heredoc_count - 1],
				 item->first_line, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- lines ---- */

static bool is_comment(const char *line)
{
	return line[strspn(line, " \t")] == '#';
}

static bool is_empty(const char *line)
{
	return line[strspn(line, " \t\r\v\f")] == '\0';
}

/* The end of a line that goes on: where the escape character is, or NULL. */
static const char *continuation(const char *line, char escape)
{
	size_t length = strlen(line);

	while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		length--;
	return length > 0 && line[length - 1] == escape ? line + length - 1 : NULL;
}

/* One instruction from line *next on into text. */
static void join_lines(struct dockerfile *file, size_t *next, struct strbuf *text,
		       unsigned *ret_last_line)
{
	bool first = true;

	for (; *next < file->lines.count; (*next)++) {
		const char *line = file->lines.items[*next];

		if (is_comment(line) || (!first && is_empty(line)))
			continue;
		if (first)
			line += strspn(line, " \t");
		const char *end = continuation(line, file->escape);

		*ret_last_line = (unsigned)(*next + 1);
		if (end == NULL) {
			strbuf_adds(text, line);
			(*next)++;
			return;
		}
		strbuf_add(text, line, (size_t)(end - line));
		first = false;
	}
}

static void split_lines(struct dockerfile *file, const char *text, size_t length)
{
	/* a byte order mark of an editor */
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	for (const char *end = text + length; text < end;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_length = (size_t)((newline != NULL ? newline : end) - text);
		size_t kept = line_length;

		if (kept > 0 && text[kept - 1] == '\r')
			kept--;
		strv_add_take(&file->lines, xstrndup(text, kept));
		text += line_length + 1;
		if (newline == NULL)
			break;
	}
}

static int parse_file(struct dockerfile *file, struct err *err)
{
	size_t next = 0;

	if (read_directives(file, err) < 0)
		return -1;
	while (next < file->lines.count) {
		const char *line = file->lines.items[next];
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		struct df_instruction item = { .first_line = (unsigned)(next + 1) };
		int status = 0;

		if (is_comment(line) || is_empty(line)) {
			next++;
			continue;
		}
		if (file->count >= DF_INSTRUCTIONS_MAX)
			return err_set(err, ERR_LIMIT, "%s:%zu: more than %d instructions",
				       file->name, next + 1, DF_INSTRUCTIONS_MAX);
		join_lines(file, &next, &text, &item.last_line);
		if (takes_heredocs(text.data)) {
			size_t before = next;

			status = read_heredocs(file, text.data, &next, &item, err);
			if (next > before)
				item.last_line = (unsigned)next;
		}
		if (status == 0) {
			struct df_instruction parsed = { 0 };

			status = df_parse_one(file->name, item.first_line, text.data, file->escape,
					      &parsed, err);
			parsed.last_line = item.last_line;
			parsed.heredocs = TAKE_PTR(item.heredocs);
			parsed.heredoc_count = item.heredoc_count;
			item.heredoc_count = 0;
			file->items =
				xreallocarray(file->items, file->count + 1, sizeof(*file->items));
			file->items[file->count++] = parsed;
		}
		df_instruction_release(&item);
		if (status < 0)
			return -1;
	}
	return 0;
}

int dockerfile_parse(const char *name, const char *text, size_t length, struct dockerfile *ret_file,
		     struct err *err)
{
	struct dockerfile file = DOCKERFILE_INIT;

	if (length > DF_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "'%s' is larger than %u MiB", name,
			       DF_LIMIT_BYTES >> 20);
	if (memchr(text, '\0', length) != NULL)
		return err_set(err, ERR_USAGE, "'%s' is no Dockerfile: it holds a NUL byte", name);
	file.name = xstrdup(name);
	split_lines(&file, text, length);
	if (parse_file(&file, err) < 0) {
		dockerfile_release(&file);
		return -1;
	}
	if (file.count == 0) {
		dockerfile_release(&file);
		err_set(err, ERR_USAGE, "'%s' has no instructions", name);
		return err_hint(err, "The first instruction must be FROM IMAGE.");
	}
	*ret_file = file;
	return 0;
}
