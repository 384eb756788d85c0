/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_func_text.c - the functions of templates that make texts
 */
#include "cli/template_private.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

#include <ctype.h>

enum letters { LETTERS_UPPER, LETTERS_LOWER, LETTERS_TITLE };

/* ASCII only: names and ids have no other letters that have cases. */
static int change_case(const struct value *args, enum letters letters, struct value *ret,
		       struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *text = "";
	bool begins = true;

	if (template_text_of(&args[0], &text, err) < 0)
		return -1;
	for (const char *p = text; *p != '\0'; p++) {
		int c = (unsigned char)*p;
		bool up = letters == LETTERS_UPPER || (letters == LETTERS_TITLE && begins);

		if (isascii(c) && up)
			c = toupper(c);
		else if (isascii(c) && letters == LETTERS_LOWER)
			c = tolower(c);
		strbuf_addc(&out, (char)c);
		begins = !isalnum(c) && c != '_' && c != '\'' && isascii(c);
	}
	return template_give_text(ret, out.data);
}

int template_func_upper(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return change_case(args, LETTERS_UPPER, ret, err);
}

int template_func_lower(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return change_case(args, LETTERS_LOWER, ret, err);
}

int template_func_title(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return change_case(args, LETTERS_TITLE, ret, err);
}

/* truncate TEXT N: the first N characters. */
int template_func_truncate(const struct value *args, size_t count, struct value *ret,
			   struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *text = "";
	int64_t limit = 0;

	if (template_text_of(&args[0], &text, err) < 0 ||
	    template_number_of(&args[1], &limit, err) < 0)
		return -1;
	for (int64_t i = 0; i < limit && *text != '\0'; i++) {
		size_t length = utf8_sequence(text);

		length = length > 0 ? length : 1;
		strbuf_add(&out, text, length);
		text += length;
	}
	return template_give_text(ret, out.data);
}

#define PAD_MAX 1024

/* pad TEXT BEFORE AFTER: blanks around it; an empty text stays empty. */
int template_func_pad(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *text = "";
	int64_t before = 0;
	int64_t after = 0;

	if (template_text_of(&args[0], &text, err) < 0 ||
	    template_number_of(&args[1], &before, err) < 0 ||
	    template_number_of(&args[2], &after, err) < 0)
		return -1;
	if (before < 0 || before > PAD_MAX || after < 0 || after > PAD_MAX)
		return err_set(err, ERR_USAGE, "pad wants 0 to %d blanks", PAD_MAX);
	if (*text != '\0')
		strbuf_addf(&out, "%*s%s%*s", (int)before, "", text, (int)after, "");
	return template_give_text(ret, out.data);
}

/* print puts blanks between operands when neither is a string, println always. */
static int print_all(const struct value *args, size_t count, bool line, struct value *ret)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < count; i++) {
		if (i > 0 &&
		    (line || (!json_is_string(args[i].json) && !json_is_string(args[i - 1].json))))
			strbuf_addc(&out, ' ');
		template_print(&args[i], &out);
	}
	if (line)
		strbuf_addc(&out, '\n');
	return template_give_text(ret, out.data);
}

int template_func_print(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return print_all(args, count, false, ret);
}

int template_func_println(const struct value *args, size_t count, struct value *ret,
			  struct err *err)
{
	return print_all(args, count, true, ret);
}

int template_func_printf(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *text = "";

	if (template_text_of(&args[0], &text, err) < 0)
		return -1;
	template_format(args, count, &out);
	return template_give_text(ret, out.data);
}

int template_func_json(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (args[0].json == NULL)
		return template_give_text(ret, "null");
	json_print(args[0].json, 0, &out);
	return template_give_text(ret, out.data);
}

static int escape_all(const struct value *args, size_t count,
		      void (*add)(struct strbuf *out, unsigned char c), struct value *ret)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < count; i++)
		template_print(&args[i], &text);
	for (size_t i = 0; i < text.length; i++)
		add(&out, (unsigned char)text.data[i]);
	return template_give_text(ret, out.data);
}

static void add_html(struct strbuf *out, unsigned char c)
{
	switch (c) {
	case '<':
		strbuf_adds(out, "&lt;");
		break;
	case '>':
		strbuf_adds(out, "&gt;");
		break;
	case '&':
		strbuf_adds(out, "&amp;");
		break;
	case '"':
		strbuf_adds(out, "&#34;");
		break;
	case '\'':
		strbuf_adds(out, "&#39;");
		break;
	default:
		strbuf_addc(out, (char)c);
	}
}

static void add_js(struct strbuf *out, unsigned char c)
{
	if (c == '\'' || c == '"' || c == '\\')
		strbuf_addf(out, "\\%c", c);
	else if (c < ' ' || c == '<' || c == '>' || c == '&' || c == '=')
		strbuf_addf(out, "\\u%04X", c);
	else
		strbuf_addc(out, (char)c);
}

static void add_url(struct strbuf *out, unsigned char c)
{
	if (isalnum(c) || strchr("-_.~", c) != NULL)
		strbuf_addc(out, (char)c);
	else if (c == ' ')
		strbuf_addc(out, '+');
	else
		strbuf_addf(out, "%%%02X", c);
}

int template_func_html(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return escape_all(args, count, add_html, ret);
}

int template_func_js(const struct value *args, size_t count, struct value *ret, struct err *err)
{
	return escape_all(args, count, add_js, ret);
}

int template_func_urlquery(const struct value *args, size_t count, struct value *ret,
			   struct err *err)
{
	return escape_all(args, count, add_url, ret);
}
