/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/top_choose.c - which columns `top` shows
 *
 * "pid,user" and "pid" "user" are lists of podman's names. Words that start with '-', or the old "aux", are options of ps:
 *
 *	-e -A a x -a -x -w w	select processes or widths: all of the container's are shown anyway
 *	-o LIST, -oLIST, o LIST	columns; "pid=Title" sets the title
 *	-f, -F, u, l, -l	the columns of ps's own formats
 */
#include "engine/container/top.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

struct choice {
	const struct top_column **columns;
	size_t count;
};

#define COLUMNS_DEFAULT "user,pid,ppid,pcpu,etime,tty,time,args"
#define COLUMNS_FULL	"user,pid,ppid,pcpu,stime,tty,time,args"
#define COLUMNS_USER	"user,pid,pcpu,pmem,vsz,rss,tty,state,stime,time,args"
#define COLUMNS_LONG	"state,uid,pid,ppid,pri,nice,vsz,tty,time,comm"
#define COLUMNS_PS	"pid,tty,time,comm"

static bool has_word(const char *list, const char *word)
{
	cleanup_strv struct strv words = STRV_INIT;

	strv_split(&words, list, ',');
	return strv_contains(&words, word);
}

static const struct top_column *find_column(const char *name)
{
	for (const struct top_column *column = top_columns; column->name != NULL; column++) {
		if (str_equal(column->name, name) ||
		    (*column->code != '\0' && str_equal(column->code, name)) ||
		    (*column->ps_names != '\0' && has_word(column->ps_names, name)))
			return column;
	}
	return NULL;
}

static int unknown(const char *name, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, name);
	err_set(err, ERR_USAGE, "cannot show column '%s': unknown descriptor", shown.data);
	return err_hint(err,
			"Columns are: args comm etime gid group hgroup hpid huser label nice pcpu "
			"pgid pid pmem ppid pri rss seccomp state stime time tty uid user vsz, "
			"and others that --help tells.");
}

static int add_list(struct choice *choice, const char *list, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;

	strv_split(&names, list, ',');
	for (size_t i = 0; i < names.count; i++) {
		const struct top_column *column = find_column(names.items[i]);

		if (column == NULL)
			return unknown(names.items[i], err);
		choice->columns =
			xreallocarray(choice->columns, choice->count + 1, sizeof(*choice->columns));
		choice->columns[choice->count++] = column;
	}
	return 0;
}

static int refuse_option(const char *word, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, word);
	err_set(err, ERR_UNSUPPORTED,
		"cannot use '%s': no ps runs in the container, and dhow does not know this option "
		"of it",
		shown.data);
	return err_hint(
		err,
		"Use -e, -f, -o LIST, aux, or names of columns: dhow top CONTAINER pid user args.");
}

/* One word of options; *ret_list is set when the next word is the list of -o. */
static int add_option(struct choice *choice, const char *word, bool *ret_list, struct err *err)
{
	for (const char *at = word + (*word == '-'); *at != '\0'; at++) {
		switch (*at) {
		case 'o':
			if (at[1] != '\0')
				return add_list(choice, at + 1, err);
			*ret_list = true;
			return 0;
		case 'f':
		case 'F':
			if (choice->count == 0 && add_list(choice, COLUMNS_FULL, err) < 0)
				return -1;
			break;
		case 'u':
			if (*word == '-')
				return refuse_option(word, err);
			if (choice->count == 0 && add_list(choice, COLUMNS_USER, err) < 0)
				return -1;
			break;
		case 'l':
			if (choice->count == 0 && add_list(choice, COLUMNS_LONG, err) < 0)
				return -1;
			break;
		case 'e':
		case 'A':
		case 'a':
		case 'x':
		case 'w':
			break;
		default:
			return refuse_option(word, err);
		}
	}
	return 0;
}

/* "aux", "ef" and the like: the old way of writing options, which no column is named by. */
static bool is_bsd_options(const char *word)
{
	return *word != '\0' && strspn(word, "aexufwlo") == strlen(word) &&
	       find_column(word) == NULL;
}

static int choose_like_ps(const struct strv *asked, struct choice *choice, struct err *err)
{
	bool list = false;

	for (size_t i = 0; i < asked->count; i++) {
		const char *word = asked->items[i];
		int status;

		if (list) {
			list = false;
			status = add_list(choice, word, err);
		} else if (*word == '-' || i == 0) {
			status = add_option(choice, word, &list, err);
		} else {
			status = refuse_option(word, err);
		}
		if (status < 0)
			return -1;
	}
	if (list)
		return err_set(err, ERR_USAGE, "-o needs a list of columns");
	return choice->count > 0 ? 0 : add_list(choice, COLUMNS_PS, err);
}

static int choose(const struct strv *asked, struct choice *choice, bool *ret_like_ps,
		  struct err *err)
{
	if (asked->count == 0)
		return add_list(choice, COLUMNS_DEFAULT, err);
	*ret_like_ps = asked->items[0][0] == '-' || is_bsd_options(asked->items[0]);
	if (*ret_like_ps)
		return choose_like_ps(asked, choice, err);
	for (size_t i = 0; i < asked->count; i++) {
		if (add_list(choice, asked->items[i], err) < 0)
			return -1;
	}
	return 0;
}

int top_choose(const struct strv *asked, const struct top_column ***ret_columns, size_t *ret_count,
	       bool *ret_like_ps, struct err *err)
{
	struct choice choice = { NULL, 0 };

	*ret_like_ps = false;
	if (choose(asked, &choice, ret_like_ps, err) < 0) {
		free(choice.columns);
		return -1;
	}
	*ret_columns = choice.columns;
	*ret_count = choice.count;
	return 0;
}
