/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/opt.h - options are rows of a table
 *
 * A row names an option and the member that its value goes to; the macros check the member's type at compile time. The
 * parser fills a copy of the command's defaults, which is handed to the engine as it is. From the rows come --help with
 * defaults, usage errors, "did you mean", shell completion and the OPTIONS of man pages, so nothing is said twice.
 *
 *	static const struct opt rm_opts[] = {
 *		OPT_FLAG('f', "force", struct rm_opts, rm.force, "stop running containers first"),
 *		OPT_SECONDS('t', "time", struct rm_opts, rm.time_s, "SECONDS", "wait before killing"),
 *		OPT_END
 *	};
 *
 * An option of other engines that dhow does not carry has a row too, OPT_REFUSED with the reason: it is refused by name and
 * never ignored. A table can take in another one, whole (OPT_ROWS) or for a struct inside its own (OPT_INCLUDE).
 *
 * Words are read as pflag reads them: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -n=VALUE, clusters of letters, `--` ends
 * options, flags take =true or =false.
 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strv;
struct strbuf;

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_FLAG,	  /* bool */
	OPT_KIND_TRI,	  /* int: -1 not given, 0, 1 */
	OPT_KIND_STRING,  /* char *, owned */
	OPT_KIND_LIST,	  /* struct strv: each use adds one item */
	OPT_KIND_WORDS,	  /* struct strv: each use adds the parts between commas */
	OPT_KIND_INT,	  /* int64_t */
	OPT_KIND_UINT,	  /* int64_t, not negative */
	OPT_KIND_SECONDS, /* int64_t: seconds or a duration; -1 is OPT_FOREVER_S */
	OPT_KIND_CHOICE,  /* int: index of the word */
	OPT_KIND_REFUSED, /* help is the reason */
	OPT_KIND_ALIAS,	  /* value is the name of the option that it stands for */
	OPT_KIND_ROWS,	  /* rows of another table */
};

/** What "-1 seconds" is: longer than any machine is up, and still a number of seconds. */
#define OPT_FOREVER_S (INT64_C(100) * 365 * 86400)

struct opt {
	enum opt_kind kind;
	char letter;	  /* 0: none */
	bool hidden;	  /* works, but --help and completion do not show it */
	bool takes_value; /* of a refused one */
	bool only_equal;  /* a string whose value is joined by '='; without one it is "true" */
	const char *name;
	size_t offset;
	ptrdiff_t given_offset; /* of a bool that tells that the option was given; -1: none */
	const char *value;	/* what --help calls the value */
	const char *help;
	const char *const *words; /* ended by NULL; a choice's words, or words to complete */
	const struct opt *rows;
};

/* offsetof with a check of the member's type */
#define OPT_OFFSET(type, member, c_type)                                                           \
	(offsetof(type, member) +                                                                  \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((type *)0)->member), c_type)     \
				 ? 1                                                               \
				 : -1]))

#define OPT_ROW_(kind_, letter_, name_, offset_, value_, help_)                                    \
	.kind = (kind_), .letter = (letter_), .name = (name_), .offset = (offset_),                \
	.given_offset = -1, .value = (value_), .help = (help_)

#define OPT_FLAG(letter, name, type, member, help)                                                 \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_FLAG, letter, name, OPT_OFFSET(type, member, bool), NULL, help)  \
	}
#define OPT_TRI(letter, name, type, member, help)                                                  \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_TRI, letter, name, OPT_OFFSET(type, member, int), NULL, help)    \
	}
#define OPT_STRING(letter, name, type, member, value, help)                                        \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_STRING, letter, name, OPT_OFFSET(type, member, char *), value,   \
			 help)                                                                     \
	}
/** A string that can stand alone, and then is "true": --pull, --pull=never. */
#define OPT_STRING_ALONE(letter, name, type, member, help)                                         \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_STRING, letter, name, OPT_OFFSET(type, member, char *), NULL,    \
			 help),                                                                    \
			.only_equal = true                                                         \
	}
/** A string with words that completion offers; the engine checks the value. */
#define OPT_STRING_OF(letter, name, type, member, value, words_, help)                             \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_STRING, letter, name, OPT_OFFSET(type, member, char *), value,   \
			 help),                                                                    \
			.words = (words_)                                                          \
	}
/** A string whose empty value differs from none: given_member tells. */
#define OPT_STRING_GIVEN(letter_, name_, type, member, given_member, value_, help_)                \
	{                                                                                          \
		.kind = OPT_KIND_STRING, .letter = (letter_), .name = (name_),                     \
		.offset = OPT_OFFSET(type, member, char *),                                        \
		.given_offset = (ptrdiff_t)OPT_OFFSET(type, given_member, bool),                   \
		.value = (value_), .help = (help_)                                                 \
	}
#define OPT_LIST(letter, name, type, member, value, help)                                          \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_LIST, letter, name, OPT_OFFSET(type, member, struct strv),       \
			 value, help)                                                              \
	}
#define OPT_LIST_OF(letter, name, type, member, value, words_, help)                               \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_LIST, letter, name, OPT_OFFSET(type, member, struct strv),       \
			 value, help),                                                             \
			.words = (words_)                                                          \
	}
#define OPT_WORDS(letter, name, type, member, value, help)                                         \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_WORDS, letter, name, OPT_OFFSET(type, member, struct strv),      \
			 value, help)                                                              \
	}
#define OPT_INT(letter, name, type, member, value, help)                                           \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_INT, letter, name, OPT_OFFSET(type, member, int64_t), value,     \
			 help)                                                                     \
	}
#define OPT_UINT(letter, name, type, member, value, help)                                          \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_UINT, letter, name, OPT_OFFSET(type, member, int64_t), value,    \
			 help)                                                                     \
	}
#define OPT_SECONDS(letter, name, type, member, value, help)                                       \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_SECONDS, letter, name, OPT_OFFSET(type, member, int64_t), value, \
			 help)                                                                     \
	}
#define OPT_CHOICE(letter, name, type, member, value, words_, help)                                \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_CHOICE, letter, name, OPT_OFFSET(type, member, int), value,      \
			 help),                                                                    \
			.words = (words_)                                                          \
	}
/** Refused by name; reason continues the sentence "--name is not supported: ". */
#define OPT_REFUSED(letter, name, reason)                                                          \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_REFUSED, letter, name, 0, NULL, reason), .hidden = true          \
	}
#define OPT_REFUSED_VALUE(letter, name, reason)                                                    \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_REFUSED, letter, name, 0, NULL, reason), .hidden = true,         \
									   .takes_value = true     \
	}
/** Another name for an option of the same table. */
#define OPT_ALIAS(name, of)                                                                        \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_ALIAS, 0, name, 0, of, NULL), .hidden = true                     \
	}
/** The rows of another table for the same struct. */
#define OPT_ROWS(rows_)                                                                            \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_ROWS, 0, NULL, 0, NULL, NULL), .rows = (rows_)                   \
	}
/** The rows of a table for a struct that is a member. */
#define OPT_INCLUDE(type, member, c_type, rows_)                                                   \
	{                                                                                          \
		OPT_ROW_(OPT_KIND_ROWS, 0, NULL, OPT_OFFSET(type, member, c_type), NULL, NULL),    \
			.rows = (rows_)                                                            \
	}
#define OPT_END                                                                                    \
	{                                                                                          \
		.kind = OPT_KIND_END                                                               \
	}

/** A table and the struct that it fills. */
struct opt_set {
	const struct opt *rows; /* NULL: no options */
	void *opts;
	bool long_only; /* its letters are not known here */
};

/** Make opts a copy of defaults (zeros when NULL) that owns its texts. */
void opts_init(const struct opt *rows, void *opts, size_t size, const void *defaults);
/** Free the texts and lists that rows fill. */
void opts_release(const struct opt *rows, void *opts);

struct opts_request {
	const struct opt_set *sets; /* looked up in this order */
	size_t set_count;
	char *const *words; /* ended by NULL */
	bool interspersed;  /* false: the first word that is no option ends the options */
};
/**
 * Read words. What is no option is appended to args; with !interspersed everything from the first such word on.
 * @param ret_used  number of words that were options, their values or `--`; may be NULL; only useful with !interspersed
 * @return 0; 1 when --help (or -h, if no option has that letter) was among them; -1 ERR_USAGE, ERR_UNSUPPORTED
 */
int opts_parse(const struct opts_request *request, struct strv *args, size_t *ret_used,
	       struct err *err);

/** Call function for each row, those of included tables too; base is what its offset counts from. Stops when it is not 0. */
typedef int (*opt_function)(void *arg, const struct opt *opt, size_t base);
int opts_each(const struct opt *rows, size_t base, opt_function function, void *arg);
/** The row of a long name, or NULL; aliases are followed. */
const struct opt *opts_find(const struct opt *rows, const char *name, size_t *ret_base);
const struct opt *opts_find_letter(const struct opt *rows, char letter, size_t *ret_base);
/** True when the option is followed by a value. */
bool opt_takes_value(const struct opt *opt);

/** Append what the option is when it is not given, as --help shows it; nothing when that is nothing. base as opts_each() tells it. */
void opt_default(const struct opt *opt, size_t base, const void *defaults, struct strbuf *out);
/** "  -f, --force  help" lines, sorted by name, with the defaults of opts (NULL: none). */
void opts_help(const struct opt *rows, const void *defaults, struct strbuf *out);
/**
 * Check a table: duplicate names and letters, missing help, choices without words, defaults out of range, aliases of nothing.
 * 0, or -1 and what is wrong in err.
 */
int opts_check(const struct opt *rows, const void *defaults, struct err *err);

#endif
