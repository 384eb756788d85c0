/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/opt.c - read the words of a command line into a struct, by its table
 */
#include "cli/opt.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "base/suggest.h"

#include <errno.h>

static void *opt_member(const struct opt *opt, void *opts, size_t base)
{
	return (char *)opts + base + opt->offset;
}

int opts_each(const struct opt *rows, size_t base, opt_function function, void *arg)
{
	if (rows == NULL)
		return 0;
	for (const struct opt *opt = rows; opt->kind != OPT_KIND_END; opt++) {
		int status = opt->kind == OPT_KIND_ROWS
				     ? opts_each(opt->rows, base + opt->offset, function, arg)
				     : function(arg, opt, base);

		if (status != 0)
			return status;
	}
	return 0;
}

struct opt_search {
	const char *name;
	char letter;
	const struct opt *found;
	size_t base;
};

static int opt_match(void *arg, const struct opt *opt, size_t base)
{
	struct opt_search *search = arg;

	if (search->name != NULL ? !str_equal(opt->name, search->name)
				 : opt->letter != search->letter)
		return 0;
	search->found = opt;
	search->base = base;
	return 1;
}

const struct opt *opts_find(const struct opt *rows, const char *name, size_t *ret_base)
{
	struct opt_search search = { .name = name };

	opts_each(rows, 0, opt_match, &search);
	if (search.found != NULL && search.found->kind == OPT_KIND_ALIAS) {
		search.name = search.found->value;
		search.found = NULL;
		opts_each(rows, 0, opt_match, &search);
	}
	if (ret_base != NULL)
		*ret_base = search.base;
	return search.found;
}

const struct opt *opts_find_letter(const struct opt *rows, char letter, size_t *ret_base)
{
	struct opt_search search = { .letter = letter };

	if (letter == '\0')
		return NULL;
	opts_each(rows, 0, opt_match, &search);
	if (ret_base != NULL)
		*ret_base = search.base;
	return search.found;
}

bool opt_takes_value(const struct opt *opt)
{
	if (opt->kind == OPT_KIND_REFUSED)
		return opt->takes_value;
	return opt->kind != OPT_KIND_FLAG && opt->kind != OPT_KIND_TRI && !opt->only_equal;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static int own_texts(void *arg, const struct opt *opt, size_t base)
{
	char **text = opt_member(opt, arg, base);

	if (opt->kind == OPT_KIND_STRING)
		*text = xstrdup_null(*text);
	return 0;
}

void opts_init(const struct opt *rows, void *opts, size_t size, const void *defaults)
{
	if (size == 0)
		return;
	if (defaults == NULL)
		memset(opts, 0, size);
	else
		memcpy(opts, defaults, size);
	opts_each(rows, 0, own_texts, opts);
}

static int release_member(void *arg, const struct opt *opt, size_t base)
{
	void *member = opt_member(opt, arg, base);

	if (opt->kind == OPT_KIND_STRING) {
		free(*(char **)member);
		*(char **)member = NULL;
	} else if (opt->kind == OPT_KIND_LIST || opt->kind == OPT_KIND_WORDS) {
		strv_release(member);
	}
	return 0;
}

void opts_release(const struct opt *rows, void *opts)
{
	opts_each(rows, 0, release_member, opts);
}

/* "-t, --time" */
static void opt_add_names(struct strbuf *out, const struct opt *opt)
{
	if (opt->letter != '\0')
		strbuf_addf(out, "-%c, ", opt->letter);
	strbuf_addf(out, "--%s", opt->name);
}

static int bad_value(const struct opt *opt, const char *text, const char *wanted, struct err *err)
{
	cleanup_strbuf struct strbuf names = STRBUF_INIT;

	opt_add_names(&names, opt);
	return err_set(err, ERR_USAGE, "invalid argument '%s' for '%s': %s", text, names.data,
		       wanted);
}

/* Parts between commas; a part in double quotes may hold commas, as in CSV. */
static int add_words(const struct opt *opt, struct strv *list, const char *text, struct err *err)
{
	cleanup_strbuf struct strbuf word = STRBUF_INIT;
	bool quoted = false;

	if (*text == '\0')
		return 0;
	for (const char *p = text;; p++) {
		if (*p == '"' && (quoted || word.length == 0)) {
			if (quoted && p[1] == '"')
				strbuf_addc(&word, *p++);
			else
				quoted = !quoted;
		} else if (*p == '\0' && quoted) {
			return bad_value(opt, text, "a quote is not closed", err);
		} else if (*p == '\0' || (*p == ',' && !quoted)) {
			strv_add(list, word.data);
			strbuf_clear(&word);
			if (*p == '\0')
				return 0;
		} else {
			strbuf_addc(&word, *p);
		}
	}
}

static int set_number(const struct opt *opt, int64_t *member, const char *text, struct err *err)
{
	int64_t value;
	int status;

	if (opt->kind == OPT_KIND_SECONDS) {
		status = parse_seconds(text, true, &value);
		if (status == 0 && (value < 0 || value > OPT_FOREVER_S))
			value = OPT_FOREVER_S;
	} else {
		status = parse_i64(text, &value);
		if (status == 0 && opt->kind == OPT_KIND_UINT && value < 0)
			status = -EINVAL;
	}
	if (status == -ERANGE)
		return bad_value(opt, text, "the number is too large", err);
	if (status < 0)
		return bad_value(opt, text,
				 opt->kind == OPT_KIND_SECONDS ? "a number of seconds is wanted"
				 : opt->kind == OPT_KIND_UINT  ? "a number is wanted"
							       : "a whole number is wanted",
				 err);
	*member = value;
	return 0;
}

static int set_choice(const struct opt *opt, int *member, const char *text, struct err *err)
{
	cleanup_strbuf struct strbuf wanted = STRBUF_INIT;

	for (int i = 0; opt->words[i] != NULL; i++) {
		if (str_equal(opt->words[i], text)) {
			*member = i;
			return 0;
		}
		strbuf_addf(&wanted, "%s%s", i == 0 ? "it can be " : ", ", opt->words[i]);
	}
	return bad_value(opt, text, wanted.data, err);
}

static int set_value(const struct opt *opt, void *opts, size_t base, const char *text,
		     struct err *err)
{
	void *member = opt_member(opt, opts, base);
	bool flag;

	if (opt->given_offset >= 0)
		*(bool *)((char *)opts + base + opt->given_offset) = true;

	switch (opt->kind) {
	case OPT_KIND_FLAG:
	case OPT_KIND_TRI:
		if (parse_bool(text, &flag) < 0)
			return bad_value(opt, text, "true or false is wanted", err);
		if (opt->kind == OPT_KIND_FLAG)
			*(bool *)member = flag;
		else
			*(int *)member = flag;
		return 0;
	case OPT_KIND_STRING:
		free(*(char **)member);
		*(char **)member = xstrdup(text);
		return 0;
	case OPT_KIND_LIST:
		strv_add(member, text);
		return 0;
	case OPT_KIND_WORDS:
		return add_words(opt, member, text, err);
	case OPT_KIND_INT:
	case OPT_KIND_UINT:
	case OPT_KIND_SECONDS:
		return set_number(opt, member, text, err);
	case OPT_KIND_CHOICE:
		return set_choice(opt, member, text, err);
	case OPT_KIND_REFUSED:
		return err_set(err, ERR_UNSUPPORTED, "--%s is not supported: %s", opt->name,
			       opt->help);
	case OPT_KIND_END:
	case OPT_KIND_ALIAS:
	case OPT_KIND_ROWS:
		break;
	}
	BUG("option --%s has no kind that takes a value", opt->name);
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

struct parser {
	const struct opts_request *request;
	char *const *next; /* the word after the present one */
	bool help;
	struct err *err;
};

static int collect_name(void *arg, const struct opt *opt, size_t base)
{
	if (!opt->hidden)
		suggest_candidate(arg, opt->name);
	return 0;
}

static int unknown_flag(struct parser *parser, const char *name)
{
	struct suggest suggest = SUGGEST_INIT(name);

	for (size_t i = 0; i < parser->request->set_count; i++)
		opts_each(parser->request->sets[i].rows, 0, collect_name, &suggest);
	err_set(parser->err, ERR_USAGE, "unknown flag: --%s", name);
	if (suggest.best != NULL)
		err_hint(parser->err, "Did you mean '--%s'?", suggest.best);
	return -1;
}

static int parse_long(struct parser *parser, const char *word)
{
	const struct opts_request *request = parser->request;
	const char *equal = strchr(word, '=');
	cleanup_free char *name =
		equal != NULL ? xstrndup(word, (size_t)(equal - word)) : xstrdup(word);
	const struct opt *opt = NULL;
	size_t base = 0;
	size_t set = 0;

	if (*name == '\0')
		return err_set(parser->err, ERR_USAGE, "bad flag syntax: --%s", word);
	for (; set < request->set_count; set++) {
		opt = opts_find(request->sets[set].rows, name, &base);
		if (opt != NULL)
			break;
	}
	if (opt == NULL && str_equal(name, "help")) {
		bool on = true;

		if (equal != NULL && parse_bool(equal + 1, &on) < 0)
			return err_set(parser->err, ERR_USAGE, "invalid argument '%s' for '--help'",
				       equal + 1);
		parser->help = parser->help || on;
		return 0;
	}
	if (opt == NULL)
		return unknown_flag(parser, name);

	const char *value = equal != NULL ? equal + 1 : "true";

	if (equal == NULL && opt_takes_value(opt)) {
		value = *parser->next;
		if (value == NULL && opt->kind != OPT_KIND_REFUSED)
			return err_set(parser->err, ERR_USAGE, "flag needs an argument: --%s",
				       name);
		if (value != NULL)
			parser->next++;
	}
	return set_value(opt, request->sets[set].opts, base, value, parser->err);
}

static int parse_letters(struct parser *parser, const char *letters)
{
	const struct opts_request *request = parser->request;

	for (const char *p = letters; *p != '\0'; p++) {
		const struct opt *opt = NULL;
		size_t base = 0;
		size_t set = 0;

		for (; set < request->set_count; set++) {
			if (!request->sets[set].long_only)
				opt = opts_find_letter(request->sets[set].rows, *p, &base);
			if (opt != NULL)
				break;
		}
		if (opt == NULL && *p == 'h') {
			parser->help = true;
			continue;
		}
		if (opt == NULL)
			return err_set(parser->err, ERR_USAGE,
				       "unknown shorthand flag: '%c' in -%s", *p, letters);

		void *opts = request->sets[set].opts;

		if (p[1] == '=')
			return set_value(opt, opts, base, p + 2, parser->err);
		if (!opt_takes_value(opt)) {
			if (set_value(opt, opts, base, "true", parser->err) < 0)
				return -1;
			continue;
		}
		if (p[1] != '\0')
			return set_value(opt, opts, base, p + 1, parser->err);
		if (*parser->next == NULL && opt->kind != OPT_KIND_REFUSED)
			return err_set(parser->err, ERR_USAGE,
				       "flag needs an argument: '%c' in -%s", *p, letters);
		return set_value(opt, opts, base, *parser->next != NULL ? *parser->next++ : "",
				 parser->err);
	}
	return 0;
}

int opts_parse(const struct opts_request *request, struct strv *args, size_t *ret_used,
	       struct err *err)
{
	struct parser parser = { .request = request, .next = request->words, .err = err };

	while (*parser.next != NULL) {
		const char *word = *parser.next;

		if (word[0] != '-' || word[1] == '\0') {
			if (!request->interspersed)
				break;
			strv_add(args, word);
			parser.next++;
			continue;
		}
		parser.next++;
		if (str_equal(word, "--"))
			break;
		if ((word[1] == '-' ? parse_long(&parser, word + 2)
				    : parse_letters(&parser, word + 1)) < 0)
			return -1;
	}
	if (ret_used != NULL)
		*ret_used = (size_t)(parser.next - request->words);
	for (; *parser.next != NULL; parser.next++)
		strv_add(args, *parser.next);
	return parser.help ? 1 : 0;
}
