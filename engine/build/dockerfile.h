/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/dockerfile.h - the language: from bytes to checked instructions (private to engine/build)
 *
 *	dockerfile_parse()	text -> instructions, each with its lines, flags, words, here-documents. No variable is known yet, so
 *				what depends on one is checked when it is expanded; all else is refused here, before anything runs.
 *	df_expand()		variables, quotes and escapes of one word (expand.c)
 *
 * The file is hostile (R20): it is bounded (DF_LIMIT_BYTES), nothing in it is executed, and every message that quotes it is escaped.
 * Files: dockerfile.c (lines, directives, here-documents), instruction.c (flags, forms, checks), expand.c, words.c.
 */
#ifndef ENGINE_BUILD_DOCKERFILE_H
#define ENGINE_BUILD_DOCKERFILE_H

#include "base/alloc.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct strbuf;

#define DF_LIMIT_BYTES		(16U << 20)
#define DF_INSTRUCTIONS_MAX	10000
#define DF_EXPANDED_LIMIT_BYTES (1U << 20)

enum df_kind {
	DF_ADD,
	DF_ARG,
	DF_CMD,
	DF_COPY,
	DF_ENTRYPOINT,
	DF_ENV,
	DF_EXPOSE,
	DF_FROM,
	DF_HEALTHCHECK,
	DF_LABEL,
	DF_MAINTAINER,
	DF_ONBUILD,
	DF_RUN,
	DF_SHELL,
	DF_STOPSIGNAL,
	DF_USER,
	DF_VOLUME,
	DF_WORKDIR,
	DF_KIND_COUNT
};
/** "RUN". */
const char *df_kind_name(enum df_kind kind);

/** <<NAME: a text that stands in the lines below. */
struct df_heredoc {
	char *name;
	char *text;
	bool expand; /* its name was not quoted */
};

struct df_instruction {
	enum df_kind kind;
	unsigned first_line, last_line;
	char *text;	   /* the instruction on one line, "RUN echo x": for progress and history */
	struct strv flags; /* "NAME=VALUE" or "NAME", as written, without the dashes */
	char *rest;	   /* what follows keyword and flags, continued lines joined */
	bool is_json;	   /* rest is a JSON list: words are its strings */
	/*
	 * The words of rest: of ADD, COPY, EXPOSE, VOLUME, FROM unexpanded; of ENV, LABEL and ARG "NAME=VALUE" with the quotes still in it.
	 * Of HEALTHCHECK the command (CMD form) or none.
	 */
	struct strv words;
	bool old_form; /* ENV NAME rest of the line */
	struct df_heredoc *heredocs;
	size_t heredoc_count;
};

struct dockerfile {
	char *name; /* as messages name it */
	char escape;
	struct strv lines; /* of the source, to show them */
	struct df_instruction *items;
	size_t count;
	char *check; /* value of the directive, or NULL */
};
#define DOCKERFILE_INIT                                                                            \
	{                                                                                          \
		.escape = '\\', .lines = STRV_INIT                                                 \
	}
void dockerfile_release(struct dockerfile *file);
#define cleanup_dockerfile __attribute__((cleanup(dockerfile_release)))
void df_instruction_release(struct df_instruction *item);

/** ERR_USAGE with "NAME:LINE: INSTRUCTION ...". */
int dockerfile_parse(const char *name, const char *text, size_t length, struct dockerfile *ret_file,
		     struct err *err);
/** One instruction that stands alone: of ONBUILD. in_onbuild: FROM, MAINTAINER and ONBUILD are refused. */
int df_parse_one(const char *name, unsigned line, const char *text, char escape,
		 struct df_instruction *ret_item, struct err *err);

/** Value of a flag ("" when it was written without one), or NULL. The last one counts. */
const char *df_flag(const struct df_instruction *item, const char *name);
/** Append all values of a flag that can be said several times. */
void df_flag_list(const struct df_instruction *item, const char *name, struct strv *values);
/** A flag that is "", true or false: 0, or -1 with err. */
int df_flag_bool(const struct df_instruction *item, const char *name, bool *ret, struct err *err);

/* ---- variables (expand.c) ---- */

struct df_scope {
	char escape;
	/** Value of a variable, or NULL when it is not set. */
	const char *(*lookup)(void *arg, const char *name);
	void *arg;
	bool raw; /* keep quotes and escapes (here-documents): only variables are replaced */
};
/** One word: quotes and escapes go, variables are replaced. Yours; NULL with ERR_USAGE. */
char *df_expand(const struct df_scope *scope, const char *text, struct err *err);
/** The same, then split at blanks that were not quoted: EXPOSE $PORTS. */
int df_expand_words(const struct df_scope *scope, const char *text, struct strv *words,
		    struct err *err);
/** Text against a pattern of * ? and backslash, whole. */
bool df_pattern_match(const char *pattern, size_t pattern_length, const char *text,
		      size_t text_length);

/* ---- words (words.c) ---- */

/** Split at blanks, quotes and escapes respected and kept: NAME="a b" is one word. */
int df_split_quoted(const char *text, char escape, struct strv *words);
/** Split at blanks, whatever they mean. */
void df_split_blanks(const char *text, struct strv *words);
/** A JSON list of strings: true and words are filled; false when it is none. */
bool df_parse_json_words(const char *text, struct strv *words);

#endif
