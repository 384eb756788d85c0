/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/unit_words.c - words of command lines: as systemd reads them, and back into options
 */
#include "cli/unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "cli/opt.h"
#include "units/unit.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

void unit_add_word(struct strbuf *out, const char *word)
{
	unit_quote_word(out, word, 0);
}

void unit_add_raw_word(struct strbuf *out, const char *word)
{
	unit_quote_word(out, word, UNIT_KEEP_SPECIFIERS);
}

int unit_program(char **ret_path, struct err *err)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length < 0)
		return err_sys(err, errno, "cannot find out where this program is");
	path[length] = '\0';
	*ret_path = xstrdup(path);
	return 0;
}

static int next_letter(const struct opt *rows, char *const **words, size_t *cluster,
		       struct unit_option *option)
{
	const char *word = **words;
	size_t base;
	const struct opt *opt = opts_find_letter(rows, word[*cluster], &base);
	const char *rest = word + *cluster + 1;

	if (opt == NULL)
		return -1;
	option->name = opt->name;
	option->value = NULL;
	if (!opt_takes_value(opt)) {
		strv_addf(&option->words, "-%c", word[*cluster]);
		*cluster = *rest != '\0' ? *cluster + 1 : 0;
		*words += *rest == '\0';
		return 1;
	}
	*cluster = 0;
	(*words)++;
	strv_addf(&option->words, "-%c", opt->letter);
	if (*rest != '\0') {
		option->value = *rest == '=' ? rest + 1 : rest;
	} else {
		if (**words == NULL)
			return -1;
		option->value = *(*words)++;
	}
	strv_add(&option->words, option->value);
	return 1;
}

int unit_next_option(const struct opt *rows, char *const **words, size_t *cluster,
		     struct unit_option *option)
{
	const char *word = **words;
	size_t base;

	strv_clear(&option->words);
	if (*cluster > 0)
		return next_letter(rows, words, cluster, option);
	if (word == NULL || word[0] != '-' || word[1] == '\0')
		return 0;
	if (str_equal(word, "--")) {
		(*words)++;
		return 0;
	}
	if (word[1] != '-') {
		*cluster = 1;
		return next_letter(rows, words, cluster, option);
	}

	const char *equal = strchr(word, '=');
	cleanup_free char *name =
		equal != NULL ? xstrndup(word + 2, (size_t)(equal - word - 2)) : xstrdup(word + 2);
	const struct opt *opt = opts_find(rows, name, &base);

	if (opt == NULL)
		return -1;
	option->name = opt->name;
	option->value = equal != NULL ? equal + 1 : NULL;
	strv_add(&option->words, word);
	(*words)++;
	if (equal == NULL && opt_takes_value(opt)) {
		if (**words == NULL)
			return -1;
		option->value = *(*words)++;
		strv_add(&option->words, option->value);
	}
	return 1;
}
