/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/top.h - columns of `top`, and how they are asked for (private to engine/container)
 */
#ifndef ENGINE_CONTAINER_TOP_H
#define ENGINE_CONTAINER_TOP_H

#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/container/proc.h"
#include "rootless/rootless.h"

#include <stdbool.h>

/** What the texts of columns need besides the process. */
struct top_context {
	struct idmap uid_map, gid_map; /* of the container's user namespace */
	struct strbuf passwd, group;   /* the container's files, "" when it has none */
	struct strbuf host_passwd, host_group;
	struct proc_list list;
	double boot_s; /* now, since boot */
	bool like_ps;  /* times as ps prints them */
};
#define TOP_CONTEXT_INIT                                                                           \
	{                                                                                          \
		.passwd = STRBUF_INIT, .group = STRBUF_INIT, .host_passwd = STRBUF_INIT,           \
		.host_group = STRBUF_INIT                                                          \
	}

struct top_column {
	const char *name;
	const char *code;     /* of AIX's ps, "%p"; "" for none */
	const char *ps_names; /* more names that ps has for it, with commas between */
	const char *title;
	char *(*text)(const struct top_context *top, const struct proc *proc);
};
/** All columns by name, ended by one without. */
extern const struct top_column top_columns[];

/** The columns that were asked for, yours (the array); like_ps when it was by options of ps. ERR_USAGE. */
int top_choose(const struct strv *asked, const struct top_column ***ret_columns, size_t *ret_count,
	       bool *ret_like_ps, struct err *err);
/** A span of time as Go prints it: "1h2m3.5s". Yours. */
char *top_duration(double duration_s);

#endif
