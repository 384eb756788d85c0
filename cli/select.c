/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/select.c - which containers a command means
 */
#include "cli/select.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define CIDFILE_LIMIT_BYTES 4096

static int no_container(struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "there is no container: no such container");
}

int select_one(struct cli *cli, const struct strv *args, bool latest,
	       struct container **ret_container, struct err *err)
{
	if (latest && args->count > 0)
		return err_set(err, ERR_USAGE, "--latest and a container exclude each other");
	if (!latest && args->count == 0)
		return err_set(err, ERR_USAGE, "a container must be named, or --latest given");
	if (!latest)
		return container_get(cli->engine, args->items[0], ret_container, err);

	int found = container_find_latest(cli->engine, ret_container, err);

	return found == 0 ? no_container(err) : found < 0 ? -1 : 0;
}

void selection_release(struct selection *selection)
{
	for (size_t i = 0; i < selection->count; i++) {
		container_free(selection->items[i].container);
		free(selection->items[i].text);
	}
	free(selection->items);
	*selection = (struct selection){ NULL, 0, 0, 0 };
}

static void selection_add(struct selection *selection, struct container *container_take,
			  const char *text)
{
	/* a container that was named twice is one container */
	for (size_t i = 0; i < selection->count; i++) {
		if (str_equal(selection->items[i].container->id.text, container_take->id.text)) {
			container_free(container_take);
			return;
		}
	}
	selection->items =
		xreallocarray(selection->items, selection->count + 1, sizeof(*selection->items));
	selection->items[selection->count++] = (struct selected){ container_take, xstrdup(text) };
}

static int select_text(struct cli *cli, const struct select_request *request, const char *text,
		       const char *shown, struct selection *selection)
{
	struct container *container = NULL;
	struct err err;
	int status = container_get(cli->engine, text, &container, &err);

	if (status >= 0) {
		selection_add(selection, container, shown);
		return 0;
	}
	if (err.kind == ERR_NOT_FOUND && request->ignore)
		return 0;
	selection->missing += err.kind == ERR_NOT_FOUND;
	selection->status = cli_worse(selection->status, cli_error(cli, &err));
	return 0;
}

static int select_cidfile(struct cli *cli, const struct select_request *request, const char *path,
			  struct selection *selection, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_file(AT_FDCWD, path, &text, CIDFILE_LIMIT_BYTES);

	if (status == -ENOENT && request->ignore)
		return 0;
	if (status < 0)
		return err_sys(err, -status, "cannot read cidfile '%s'", path);
	while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1]))
		strbuf_truncate(&text, text.length - 1);
	return select_text(cli, request, text.data, text.data, selection);
}

static bool state_is_wanted(const struct select_request *request, const struct container *container)
{
	return request->states == 0 || (request->states & (1U << container->state.status));
}

static int select_all(struct cli *cli, const struct select_request *request,
		      struct selection *selection, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_container_filter struct container_filter *filter = NULL;

	if (request->filters != NULL && request->filters->count > 0 &&
	    container_filter_new(cli->engine, request->filters, &filter, err) < 0)
		return -1;
	if (container_list(cli->engine, &list, err) < 0)
		return -1;

	for (size_t i = 0; i < list.count; i++) {
		struct container *container = list.items[i];

		if (!state_is_wanted(request, container) ||
		    container_is_working(container) != request->working ||
		    (filter != NULL && !container_filter_match(filter, container)))
			continue;
		list.items[i] = NULL;
		selection_add(selection, container, container->id.text);
	}
	return 0;
}

static int filter_named(struct cli *cli, const struct select_request *request,
			struct selection *selection, struct err *err)
{
	cleanup_container_filter struct container_filter *filter = NULL;
	size_t kept = 0;

	if (container_filter_new(cli->engine, request->filters, &filter, err) < 0)
		return -1;
	for (size_t i = 0; i < selection->count; i++) {
		if (container_filter_match(filter, selection->items[i].container)) {
			selection->items[kept++] = selection->items[i];
			continue;
		}
		container_free(selection->items[i].container);
		free(selection->items[i].text);
	}
	selection->count = kept;
	return 0;
}

static int check_request(const struct select_request *request, bool has_filters, bool has_cidfiles,
			 struct err *err)
{
	size_t count = request->args->count;

	if (request->all && (count > 0 || request->latest || has_cidfiles))
		return err_set(err, ERR_USAGE,
			       "--all and containers, --latest or --cidfile exclude each other");
	if (request->latest && (count > 0 || has_filters || has_cidfiles))
		return err_set(err, ERR_USAGE,
			       "--latest and containers, --filter or --cidfile exclude each other");
	if (!request->all && !request->latest && !has_filters && !has_cidfiles && count == 0)
		return err_set(err, ERR_USAGE,
			       "you must provide at least one name or id, or --all or --latest");
	return 0;
}

int select_containers(struct cli *cli, const struct select_request *request,
		      struct selection *ret_selection, struct err *err)
{
	bool has_filters = request->filters != NULL && request->filters->count > 0;
	bool has_cidfiles = request->cidfiles != NULL && request->cidfiles->count > 0;

	*ret_selection = (struct selection){ NULL, 0, 0, 0 };
	if (check_request(request, has_filters, has_cidfiles, err) < 0)
		return -1;

	if (request->latest) {
		struct container *container = NULL;
		int found = container_find_latest(cli->engine, &container, err);

		if (found <= 0)
			return found < 0 ? -1 : no_container(err);
		selection_add(ret_selection, container, container->id.text);
		return 0;
	}
	if (request->all || (has_filters && request->args->count == 0 && !has_cidfiles))
		return select_all(cli, request, ret_selection, err);

	for (size_t i = 0; i < request->args->count; i++)
		select_text(cli, request, request->args->items[i], request->args->items[i],
			    ret_selection);
	for (size_t i = 0; has_cidfiles && i < request->cidfiles->count; i++) {
		if (select_cidfile(cli, request, request->cidfiles->items[i], ret_selection, err) <
		    0)
			return -1;
	}
	return has_filters ? filter_named(cli, request, ret_selection, err) : 0;
}

int select_each(struct cli *cli, const struct select_request *request, select_function function,
		void *arg, struct err *err)
{
	cleanup_selection struct selection selection = { NULL, 0, 0, 0 };

	if (select_containers(cli, request, &selection, err) < 0)
		return -1;
	for (size_t i = 0; i < selection.count; i++) {
		struct err one = { 0 };

		if (function(cli, selection.items[i].container, arg, &one) < 0) {
			selection.status = cli_worse(selection.status, cli_error(cli, &one));
			continue;
		}
		(void)printf("%s\n", selection.items[i].text);
		/* who reads it may wait for one after the other */
		(void)fflush(stdout);
	}
	return selection.status;
}

#define SELECT_ROWS(filter_letter)                                                                 \
	OPT_FLAG('a', "all", struct select_opts, all, "all containers"),                           \
		OPT_FLAG('l', "latest", struct select_opts, latest, "the container created last"), \
		OPT_LIST(filter_letter, "filter", struct select_opts, filters, "NAME=VALUE",       \
			 "those that match"),                                                      \
		OPT_LIST(0, "cidfile", struct select_opts, cidfiles, "FILE",                       \
			 "the one whose id is in FILE"),                                           \
		OPT_END

const struct opt select_rows[] = { SELECT_ROWS('f') };
const struct opt select_rows_without_f[] = { SELECT_ROWS(0) };
