/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template.h - Go's text/template over JSON, for --format
 *
 * What users of docker and podman write: fields and chains of them, variables, pipelines, parentheses, if, with, range (with else, break,
 * continue), comments, trim markers, and the functions and or not eq ne lt le gt ge len index slice print printf println json join
 * split upper lower title truncate pad urlquery html js. Templates with names (define, block, template) are refused.
 *
 * JSON does not tell a Go struct from a map, and they differ for a key that is not there: an error for a struct, "<no value>" for a map.
 * The objects that are maps in podman's output (Labels, Networks ...) are known by the key that leads to them.
 *
 *	template_parse(text, &template, err)
 *	template_run(template, object, &rules, &out, err)	for each object
 *	template_free(template)
 */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include "base/alloc.h"

#include <jansson.h>
#include <stdbool.h>

struct err;
struct strbuf;
struct template;

/** A name that stands for a field. */
struct template_alias {
	const char *name; /* NULL ends the list */
	const char *field;
};

/** A member of a Go struct that JSON leaves out when it is empty: templates may ask for it all the same. */
struct template_absent {
	const char *
		parent; /* the field that leads to the object, "" for the one at the top; NULL: whichever */
	const char *beside; /* a member that the object has: tells its type; NULL: no matter */
	const char *name;   /* NULL ends the list */
	char empty; /* what it is: '"' text, '0' number, 'f' false, '[' list, '{' map, 'n' nil */
};

struct template_rules {
	const struct template_alias *aliases; /* NULL: none */
	const struct template_absent *absent; /* NULL: none */
	bool any_case; /* fields are found in upper or lower case: the JSON names are not the Go names (info) */
	bool go_times; /* Created, StartedAt ... print as "2026-11-24 12:04:48.9 +0000 UTC", as podman's do; JSON of them does not */
	bool headers; /* every field is its own heading: aliases of headers below, else "CREATED AT" for CreatedAt */
	const struct template_alias *heading;
};

/** What the objects of `inspect` leave out; also those of `volume ls`. */
extern const struct template_absent inspect_absent[];

/** The member of an object where .Label looks first. */
#define TEMPLATE_LABELS "-Labels"

#define TEMPLATE_LIMIT_BYTES (16U << 10)
#define TEMPLATE_DEPTH_MAX   64

/** ERR_USAGE tells line and column. */
int template_parse(const char *text, struct template **ret_template, struct err *err);
/** Append the text of the template for data (borrowed; NULL is no value). ERR_USAGE names the field. */
int template_run(const struct template *template, const json_t *data,
		 const struct template_rules *rules, struct strbuf *out, struct err *err);
void template_free(struct template *template);
DEFINE_CLEANUP(template)
#define cleanup_template __attribute__((cleanup(template_free_ptr)))

#endif
