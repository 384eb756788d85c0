/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/add.c - ADD of URLs, git repositories and archives
 */
#include "engine/build/add.h"

#include "engine/build/context.h"

bool add_is_remote(const char *word)
{
	return context_is_remote(word);
}

int add_plan(struct build *build, struct job *job, struct sha256 *hash, struct err *err)
{
	(void)build;
	(void)hash;
	if (job->urls.count > 0)
		return err_set(err, ERR_UNSUPPORTED, "cannot fetch '%s'", job->urls.items[0]);
	return 0;
}

int add_fetch(struct build *build, struct job *job, struct err *err)
{
	(void)build;
	(void)job;
	(void)err;
	return 0;
}

int add_place(struct build *build, struct job *job, struct place *place, struct err *err)
{
	(void)build;
	(void)job;
	(void)place;
	(void)err;
	return 0;
}

int add_archive(struct build *build, struct job *job, struct place *place,
		const struct source_item *item, struct err *err)
{
	(void)build;
	(void)job;
	(void)place;
	(void)item;
	(void)err;
	return 0;
}
