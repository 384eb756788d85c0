/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_private.h - the tree of a template; shared by cli/template*.c only
 */
#ifndef CLI_TEMPLATE_PRIVATE_H
#define CLI_TEMPLATE_PRIVATE_H

#include "cli/template.h"

#include "base/strv.h"

#include <stddef.h>
#include <stdint.h>

/** Where something stands in the text. */
struct template_place {
	unsigned line, column;
};

enum operand_kind {
	OPERAND_DOT,	  /* . and .A.B */
	OPERAND_VARIABLE, /* $x.A.B */
	OPERAND_VALUE,	  /* a constant */
	OPERAND_FUNCTION, /* a word: first in its command only, or a function without arguments */
	OPERAND_PIPELINE, /* (...).A.B */
};

struct pipeline;

struct operand {
	enum operand_kind kind;
	struct template_place place;
	char *name;	    /* of a variable ("$", "$x") or function */
	struct strv fields; /* chain behind it */
	json_t *value;	    /* of a constant; NULL: nil */
	struct pipeline *pipeline;
};

struct command {
	struct operand *operands;
	size_t count;
};

struct pipeline {
	struct strv variables; /* that it declares or sets: none, one, or two with range */
	bool assigns;	       /* = and not := */
	struct command *commands;
	size_t count;
};

enum node_kind {
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_WITH,
	NODE_RANGE,
	NODE_BREAK,
	NODE_CONTINUE,
};

struct node {
	enum node_kind kind;
	struct template_place place;
	char *text;
	size_t length;
	struct pipeline *pipeline;
	struct node *body;	/* of if, with, range */
	struct node *otherwise; /* of else */
	struct node *next;
};

struct template
{
	struct node *nodes;
};

/**
 * A value: JSON, or nothing ("no value": a map has no such key). The reference is owned.
 */
struct value {
	json_t *json;
	bool is_map;  /* an object whose missing keys are no error */
	bool is_time; /* a text of JSON that is a time in Go: it prints in another way */
};

/** True when a function has this name. */
bool template_function_exists(const char *name);
/**
 * Call it. args are borrowed. and/or are not here: they do not evaluate all of their arguments.
 */
int template_call(const char *name, const struct value *args, size_t count, struct value *ret,
		  struct err *err);
/** What Go calls the truth of a value: false for false, 0, "", empty lists and objects, nothing. */
bool template_is_true(const struct value *value);
/** Append a value as {{.}} prints it. */
void template_print(const struct value *value, struct strbuf *out);
/** Go's name for the type of a value: "string", "int" ... */
const char *template_type(const struct value *value);
/** printf of Go with the format in args[0]. */
void template_format(const struct value *args, size_t count, struct strbuf *out);
/** The keys of an object, sorted; borrowed from it. Yours to free. */
const char **template_sorted_keys(const json_t *object);

/* what the functions share; all are as template_function says */
typedef int (*template_function)(const struct value *args, size_t count, struct value *ret,
				 struct err *err);
/** The result is this text. 0 */
int template_give_text(struct value *ret, const char *text);
/** A string, or ERR_USAGE. Borrowed. */
int template_text_of(const struct value *value, const char **ret_text, struct err *err);
int template_number_of(const struct value *value, int64_t *ret_number, struct err *err);
int template_func_upper(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_lower(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_title(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_truncate(const struct value *args, size_t count, struct value *ret,
			   struct err *err);
int template_func_pad(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_print(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_println(const struct value *args, size_t count, struct value *ret,
			  struct err *err);
int template_func_printf(const struct value *args, size_t count, struct value *ret,
			 struct err *err);
int template_func_json(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_html(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_js(const struct value *args, size_t count, struct value *ret, struct err *err);
int template_func_urlquery(const struct value *args, size_t count, struct value *ret,
			   struct err *err);

#endif
