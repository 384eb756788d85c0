/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/context_remote.c - contexts on stdin and by URL
 */
#include "engine/build/context.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <string.h>
#include <unistd.h>

bool context_is_url(const char *text)
{
	return str_after(text, "http://") != NULL || str_after(text, "https://") != NULL;
}

bool context_is_remote(const char *text)
{
	static const char *const prefixes[] = { "http://", "https://", "git://",
						"git@",	   "ssh://",   "github.com/" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_after(text, prefixes[i]) != NULL)
			return true;
	return false;
}

int context_open_stdin(struct build *build, struct context *context, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_all(STDIN_FILENO, &text, DF_LIMIT_BYTES);

	(void)context;
	if (status < 0)
		return err_sys(err, -status, "cannot read the Dockerfile from stdin");
	build->stdin_text = strbuf_take(&text);
	return 0;
}

int context_open_remote(struct build *build, struct context *context, const char *url,
			struct err *err)
{
	(void)build;
	(void)context;
	return err_set(err, ERR_UNSUPPORTED, "cannot use '%s' as build context", url);
}

int context_fetch_text(struct build *build, const char *url, struct strbuf *text, struct err *err)
{
	(void)build;
	(void)text;
	return err_set(err, ERR_UNSUPPORTED, "cannot fetch '%s'", url);
}
