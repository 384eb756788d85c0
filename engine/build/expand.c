/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/expand.c - variables in a word, as a shell would see them
 *
 * Outside of quotes and in double quotes $NAME and ${NAME...} are replaced; the escape character takes the next one literally; what
 * single quotes hold stays as it is. A result is bounded: a variable can hold other variables' values many times over.
 */
#include "engine/build/dockerfile.h"

#include "base/err.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 20
/* matching costs the square of it */
#define PATTERN_VALUE_MAX 8192

struct expander {
	const struct df_scope *scope;
	const char *text; /* whole, for messages */
	const char *p;
	struct err *err;
	unsigned depth;
	struct strv *words; /* where to split; NULL: one word */
	bool quoted_something;
};

static int bad(struct expander *expander, const char *what)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, expander->text);
	return err_set(expander->err, ERR_USAGE, "cannot expand '%.200s': %s", shown.data, what);
}

/* ---- patterns ---- */

bool df_pattern_match(const char *pattern, size_t pattern_length, const char *text,
		      size_t text_length)
{
	size_t p = 0, t = 0;
	size_t star = SIZE_MAX, star_t = 0;

	/* the last star takes one more byte when what follows it does not fit: linear for one star, never exponential */
	while (t < text_length) {
		if (p < pattern_length && pattern[p] == '*') {
			star = p++;
			star_t = t;
			continue;
		}
		size_t literal = p < pattern_length && pattern[p] == '\\' && p + 1 < pattern_length
					 ? p + 1
					 : p;
		if (p < pattern_length &&
		    ((pattern[p] == '?' && literal == p) || pattern[literal] == text[t])) {
			p = literal + 1;
			t++;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		p = star + 1;
		t = ++star_t;
	}
	while (p < pattern_length && pattern[p] == '*')
		p++;
	return p == pattern_length;
}

/* ${value#pattern} ## % %% */
static void remove_part(struct strbuf *out, const char *value, const char *pattern, char op,
			bool longest)
{
	size_t length = strlen(value);
	size_t pattern_length = strlen(pattern);

	for (size_t i = 0; i <= length; i++) {
		size_t cut = longest ? length - i : i;

		if (op == '#' && df_pattern_match(pattern, pattern_length, value, cut)) {
			strbuf_adds(out, value + cut);
			return;
		}
		if (op == '%' &&
		    df_pattern_match(pattern, pattern_length, value + length - cut, cut)) {
			strbuf_add(out, value, length - cut);
			return;
		}
	}
	strbuf_adds(out, value);
}

/* ${value/pattern/replacement} and // : the longest match from the left */
static void replace_part(struct strbuf *out, const char *value, const char *pattern,
			 const char *replacement, bool all)
{
	size_t length = strlen(value);
	size_t pattern_length = strlen(pattern);
	size_t i = 0;
	bool done = pattern_length == 0;

	while (i < length && out->length < DF_EXPANDED_LIMIT_BYTES) {
		size_t take = 0;

		for (size_t n = length - i; !done && n > 0; n--) {
			if (df_pattern_match(pattern, pattern_length, value + i, n)) {
				take = n;
				break;
			}
		}
		if (take == 0) {
			strbuf_addc(out, value[i++]);
			continue;
		}
		strbuf_adds(out, replacement);
		i += take;
		done = !all;
	}
}

/* ---- ${...} ---- */

static int expand_until(struct expander *expander, const char *stops, bool quoted,
			struct strbuf *out);

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static char *read_name(struct expander *expander)
{
	const char *start = expander->p;

	if (is_name_start(*expander->p)) {
		while (is_name_start(*expander->p) || isdigit((unsigned char)*expander->p))
			expander->p++;
	} else if (isdigit((unsigned char)*expander->p)) {
		while (isdigit((unsigned char)*expander->p))
			expander->p++;
	} else if (*expander->p != '\0' && strchr("@*#?-$!", *expander->p) != NULL) {
		expander->p++;
	}
	return xstrndup(start, (size_t)(expander->p - start));
}

/* The word behind an operator up to a stop, itself expanded. A pattern keeps its backslashes. */
static char *read_operand(struct expander *expander, const char *stops, bool is_pattern)
{
	cleanup_strbuf struct strbuf operand = STRBUF_INIT;

	if (is_pattern) {
		while (*expander->p != '\0' && strchr(stops, *expander->p) == NULL) {
			if (*expander->p == '\\' && expander->p[1] != '\0') {
				strbuf_addc(&operand, *expander->p++);
			} else if (*expander->p == '$') {
				if (expand_until(expander, "", false, &operand) < 0)
					return NULL;
				continue;
			}
			strbuf_addc(&operand, *expander->p++);
		}
	} else if (expand_until(expander, stops, false, &operand) < 0) {
		return NULL;
	}
	return strbuf_take(&operand);
}

static int close_brace(struct expander *expander)
{
	if (*expander->p != '}')
		return bad(expander, "'}' is missing");
	expander->p++;
	return 0;
}

static int expand_default(struct expander *expander, const char *name, const char *value,
			  struct strbuf *out)
{
	bool colon = *expander->p == ':';
	char op = colon ? expander->p[1] : *expander->p;

	expander->p += colon ? 2 : 1;
	cleanup_free char *word = read_operand(expander, "}", false);
	if (word == NULL || close_brace(expander) < 0)
		return -1;
	bool set = value != NULL && (!colon || *value != '\0');

	if (op == '-')
		strbuf_adds(out, set ? value : word);
	else if (op == '+')
		strbuf_adds(out, set ? word : "");
	else if (!set)
		return err_set(expander->err, ERR_USAGE, "%s: %s", name,
			       *word != '\0' ? word : "is not allowed to be unset");
	else
		strbuf_adds(out, value);
	return 0;
}

static int expand_braces(struct expander *expander, struct strbuf *out)
{
	cleanup_free char *name = read_name(expander);
	const char *value = expander->scope->lookup(expander->scope->arg, name);
	char op = *expander->p;

	if (*name == '\0')
		return bad(expander, "a name is missing behind '${'");
	if (op == '}') {
		expander->p++;
		strbuf_adds(out, value != NULL ? value : "");
		return 0;
	}
	if ((op == ':' && expander->p[1] != '\0' && strchr("-+?", expander->p[1]) != NULL) ||
	    (op != '\0' && strchr("-+?", op) != NULL))
		return expand_default(expander, name, value, out);
	if (op != '#' && op != '%' && op != '/')
		return bad(expander, op == '\0' ? "'}' is missing" : "unsupported modifier");

	bool twice = expander->p[1] == op;
	expander->p += twice ? 2 : 1;
	cleanup_free char *pattern = read_operand(expander, op == '/' ? "/}" : "}", true);
	if (pattern == NULL)
		return -1;
	cleanup_free char *replacement = NULL;

	if (op == '/' && *expander->p == '/') {
		expander->p++;
		replacement = read_operand(expander, "}", false);
		if (replacement == NULL)
			return -1;
	}
	if (close_brace(expander) < 0)
		return -1;
	if (value == NULL)
		value = "";
	if (strlen(value) > PATTERN_VALUE_MAX)
		return bad(expander, "the value is too long for a pattern");
	if (op == '/')
		replace_part(out, value, pattern, replacement != NULL ? replacement : "", twice);
	else
		remove_part(out, value, pattern, op, twice);
	return 0;
}

/* p stands on '$'. */
static int expand_dollar(struct expander *expander, bool quoted, struct strbuf *out)
{
	cleanup_strbuf struct strbuf value = STRBUF_INIT;
	int status = 0;

	expander->p++;
	if (*expander->p == '{') {
		expander->p++;
		if (++expander->depth > DEPTH_MAX)
			return bad(expander, "too many levels of '${'");
		status = expand_braces(expander, &value);
		expander->depth--;
	} else {
		cleanup_free char *name = read_name(expander);

		if (*name == '\0') {
			strbuf_addc(out, '$');
			return 0;
		}
		const char *found = expander->scope->lookup(expander->scope->arg, name);
		strbuf_adds(&value, found != NULL ? found : "");
	}
	if (status < 0)
		return -1;
	if (out->length + value.length > DF_EXPANDED_LIMIT_BYTES)
		return bad(expander, "the result is too long");
	if (expander->words == NULL || quoted || expander->depth > 0) {
		strbuf_add(out, value.data, value.length);
		return 0;
	}
	for (const char *c = value.data; *c != '\0'; c++) {
		if (!isspace((unsigned char)*c)) {
			strbuf_addc(out, *c);
		} else if (out->length > 0) {
			strv_add(expander->words, out->data);
			strbuf_clear(out);
		}
	}
	return 0;
}

/* Up to one of stops (not in quotes) or the end. An empty stops means: one '$' only. */
static int expand_until(struct expander *expander, const char *stops, bool quoted,
			struct strbuf *out)
{
	char escape = expander->scope->escape;
	bool raw = expander->scope->raw;
	char quote = quoted ? '"' : '\0';

	if (stops != NULL && *stops == '\0')
		return expand_dollar(expander, quoted, out);
	while (*expander->p != '\0') {
		char c = *expander->p;

		if (quote == '\0' && stops != NULL && strchr(stops, c) != NULL)
			return 0;
		if (c == '$' && quote != '\'') {
			if (expand_dollar(expander, quote != '\0', out) < 0)
				return -1;
			continue;
		}
		expander->p++;
		if (c == escape && quote != '\'') {
			char next = *expander->p;

			if (next == '\0') {
				strbuf_addc(out, c);
				continue;
			}
			/* in a here-document only the dollar and the escape itself are special; in double quotes the quote, too */
			bool special =
				raw ? next == '$' || next == escape
				    : quote == '\0' || next == '"' || next == '$' || next == escape;
			if (!special)
				strbuf_addc(out, c);
			strbuf_addc(out, next);
			expander->p++;
			expander->quoted_something = true;
			continue;
		}
		if (!raw && quote == '\0' && (c == '"' || c == '\'')) {
			quote = c;
			expander->quoted_something = true;
			continue;
		}
		if (!raw && quote != '\0' && c == quote) {
			quote = '\0';
			continue;
		}
		if (expander->words != NULL && quote == '\0' && expander->depth == 0 &&
		    isspace((unsigned char)c)) {
			if (out->length > 0 || expander->quoted_something)
				strv_add(expander->words, out->data);
			strbuf_clear(out);
			expander->quoted_something = false;
			continue;
		}
		strbuf_addc(out, c);
		if (out->length > DF_EXPANDED_LIMIT_BYTES && !raw)
			return bad(expander, "the result is too long");
	}
	return quote != '\0' ? bad(expander, "a quote is not closed") : 0;
}

char *df_expand(const struct df_scope *scope, const char *text, struct err *err)
{
	struct expander expander = { .scope = scope, .text = text, .p = text, .err = err };
	struct strbuf out = STRBUF_INIT;

	if (expand_until(&expander, NULL, false, &out) < 0) {
		strbuf_release(&out);
		return NULL;
	}
	return strbuf_take(&out);
}

int df_expand_words(const struct df_scope *scope, const char *text, struct strv *words,
		    struct err *err)
{
	struct expander expander = {
		.scope = scope, .text = text, .p = text, .err = err, .words = words
	};
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (expand_until(&expander, NULL, false, &out) < 0)
		return -1;
	if (out.length > 0 || expander.quoted_something)
		strv_add(words, out.data);
	return 0;
}
