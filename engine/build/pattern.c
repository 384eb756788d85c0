/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/pattern.c - wildcards, as a small machine of states
 *
 * Each token is a state; all states that are possible after a byte are kept as a set. So there is no backtracking that a hostile ignore
 * file could make expensive.
 */
#include "engine/build/pattern.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <stdint.h>
#include <string.h>

#define PATTERN_LENGTH_MAX 4096
#define IGNORE_RULES_MAX   10000

enum token_kind {
	TOKEN_BYTE,
	TOKEN_ANY,	  /* ? */
	TOKEN_CLASS,	  /* [...] */
	TOKEN_STAR,	  /* * */
	TOKEN_DEEP,	  /* ** */
	TOKEN_DEEP_SLASH, /* a "**" with its slash: any directories, or none */
};

struct token {
	enum token_kind kind;
	unsigned char byte;
	uint8_t set[32]; /* of a class */
};

struct pattern {
	struct token *tokens;
	size_t count;
	char *literal; /* without wildcards: compared as text */
};

bool pattern_is_wild(const char *text)
{
	return strpbrk(text, "*?[\\") != NULL;
}

void pattern_free(struct pattern *pattern)
{
	if (pattern == NULL)
		return;
	free(pattern->tokens);
	free(pattern->literal);
	free(pattern);
}

static void class_add(struct token *token, unsigned low, unsigned high)
{
	for (unsigned c = low; c <= high; c++)
		token->set[c / 8] |= (uint8_t)(1U << (c % 8));
}

/* p stands behind '['. Gives the place behind ']', or NULL. */
static const char *read_class(const char *p, struct token *token)
{
	bool negated = *p == '^' || *p == '!';
	bool first = true;

	if (negated)
		p++;
	while (*p != '\0' && (*p != ']' || first)) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		unsigned low = (unsigned char)*p++;
		unsigned high = low;

		if (p[0] == '-' && p[1] != ']' && p[1] != '\0') {
			p++;
			if (*p == '\\' && p[1] != '\0')
				p++;
			high = (unsigned char)*p++;
		}
		class_add(token, low, high);
		first = false;
	}
	if (*p != ']')
		return NULL;
	if (negated)
		for (size_t i = 0; i < sizeof(token->set); i++)
			token->set[i] = (uint8_t)~token->set[i];
	token->set['/' / 8] &= (uint8_t) ~(1U << ('/' % 8));
	return p + 1;
}

static int compile(struct pattern *pattern, const char *text)
{
	for (const char *p = text; *p != '\0';) {
		struct token *token = &pattern->tokens[pattern->count++];

		if (p[0] == '*' && p[1] == '*') {
			bool at_start = p == text || p[-1] == '/';

			while (*p == '*')
				p++;
			token->kind = TOKEN_DEEP;
			if (*p == '/' && at_start) {
				token->kind = TOKEN_DEEP_SLASH;
				p++;
			}
		} else if (*p == '*') {
			token->kind = TOKEN_STAR;
			p++;
		} else if (*p == '?') {
			token->kind = TOKEN_ANY;
			p++;
		} else if (*p == '[') {
			token->kind = TOKEN_CLASS;
			p = read_class(p + 1, token);
			if (p == NULL)
				return -1;
		} else {
			if (*p == '\\' && *++p == '\0')
				return -1;
			token->kind = TOKEN_BYTE;
			token->byte = (unsigned char)*p++;
		}
	}
	return 0;
}

struct pattern *pattern_new(const char *text, struct err *err)
{
	struct pattern *pattern = xcalloc(1, sizeof(*pattern));
	size_t length = strlen(text);

	if (!pattern_is_wild(text)) {
		pattern->literal = xstrdup(text);
		return pattern;
	}
	pattern->tokens = xcalloc(length + 1, sizeof(*pattern->tokens));
	if (length > PATTERN_LENGTH_MAX || compile(pattern, text) < 0) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		pattern_free(pattern);
		strbuf_add_escaped(&shown, text);
		err_set(err, ERR_USAGE, "invalid pattern '%.200s'", shown.data);
		return NULL;
	}
	return pattern;
}

/* Add a state and those that are reached without a byte. */
static void enter(const struct pattern *pattern, uint8_t *states, size_t state)
{
	for (;; state++) {
		states[state] = 1;
		if (state >= pattern->count || pattern->tokens[state].kind < TOKEN_STAR)
			return;
	}
}

static void step(const struct pattern *pattern, const uint8_t *states, uint8_t *next,
		 unsigned char c)
{
	for (size_t i = 0; i < pattern->count; i++) {
		const struct token *token = &pattern->tokens[i];

		if (!states[i])
			continue;
		switch (token->kind) {
		case TOKEN_BYTE:
			if (token->byte == c)
				enter(pattern, next, i + 1);
			break;
		case TOKEN_ANY:
			if (c != '/')
				enter(pattern, next, i + 1);
			break;
		case TOKEN_CLASS:
			if (token->set[c / 8] & (1U << (c % 8)))
				enter(pattern, next, i + 1);
			break;
		case TOKEN_STAR:
			if (c != '/')
				enter(pattern, next, i);
			break;
		case TOKEN_DEEP:
			enter(pattern, next, i);
			break;
		case TOKEN_DEEP_SLASH:
			/* inside of a name it stays, and only a slash leads on */
			next[i] = next[i] == 1 ? 1 : 2;
			if (c == '/')
				enter(pattern, next, i);
			break;
		}
	}
}

bool pattern_match(const struct pattern *pattern, const char *text)
{
	if (pattern->literal != NULL)
		return str_equal(pattern->literal, text);

	size_t size = pattern->count + 1;
	cleanup_free uint8_t *sets = xcalloc(2, size);
	uint8_t *states = sets, *next = sets + size;

	enter(pattern, states, 0);
	for (const char *p = text; *p != '\0'; p++) {
		uint8_t *swap = states;

		memset(next, 0, size);
		step(pattern, states, next, (unsigned char)*p);
		states = next;
		next = swap;
	}
	return states[pattern->count] != 0;
}

/* ---- ignore files ---- */

struct ignore_rule {
	struct pattern *pattern;
	bool exception;
};

void ignore_release(struct ignore *ignore)
{
	for (size_t i = 0; i < ignore->count; i++)
		pattern_free(ignore->rules[i].pattern);
	free(ignore->rules);
	*ignore = (struct ignore){ 0 };
}

int ignore_add(struct ignore *ignore, const char *line, struct err *err)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	bool exception = false;
	size_t length;

	line += strspn(line, " \t");
	length = strlen(line);
	while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
		length--;
	if (length == 0 || *line == '#')
		return 0;
	if (*line == '!') {
		exception = true;
		line++;
		length--;
	}
	cleanup_free char *text = xstrndup(line, length);
	const char *stripped = text + strspn(text, " \t");

	path_clean(&clean, stripped);
	const char *relative = clean.data + strspn(clean.data, "/");
	if (*relative == '\0' || str_equal(relative, "."))
		return 0;
	if (ignore->count >= IGNORE_RULES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d patterns", IGNORE_RULES_MAX);
	struct pattern *pattern = pattern_new(relative, err);
	if (pattern == NULL)
		return -1;
	ignore->rules = xreallocarray(ignore->rules, ignore->count + 1, sizeof(*ignore->rules));
	ignore->rules[ignore->count++] = (struct ignore_rule){ pattern, exception };
	ignore->has_exceptions |= exception;
	return 0;
}

int ignore_parse(struct ignore *ignore, const char *text, const char *name, struct err *err)
{
	cleanup_strv struct strv lines = STRV_INIT;

	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count; i++)
		if (ignore_add(ignore, lines.items[i], err) < 0)
			return err_wrap(err, "%s:%zu", name, i + 1);
	return 0;
}

static bool rule_match(const struct ignore_rule *rule, const char *path)
{
	cleanup_free char *copy = NULL;

	if (pattern_match(rule->pattern, path))
		return true;
	/* a rule that matches a directory holds for all below it */
	copy = xstrdup(path);
	for (char *slash = strrchr(copy, '/'); slash != NULL; slash = strrchr(copy, '/')) {
		*slash = '\0';
		if (pattern_match(rule->pattern, copy))
			return true;
	}
	return false;
}

bool ignore_match(const struct ignore *ignore, const char *path)
{
	bool ignored = false;

	for (size_t i = 0; i < ignore->count; i++) {
		const struct ignore_rule *rule = &ignore->rules[i];

		/* a rule that would change nothing needs no look */
		if (ignored == rule->exception && rule_match(rule, path))
			ignored = !rule->exception;
	}
	return ignored;
}
