/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/context_remote.c - contexts on stdin and by URL
 *
 * What arrives is kept in a file of the context's staging directory first: an archive is unpacked from there, a text is the Dockerfile.
 */
#include "engine/build/context.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/build/fetch.h"
#include "engine/image/download.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES 65536

bool context_is_url(const char *text)
{
	return str_after(text, "http://") != NULL || str_after(text, "https://") != NULL;
}

bool context_is_remote(const char *text)
{
	return context_is_url(text) || fetch_is_git(text);
}

/* A file without a name on the store's file system. */
static int spool_file(struct build *build, struct context *context, struct err *err)
{
	if (context->staging.name[0] == '\0' &&
	    staging_new(build->engine->store, "context", &context->staging, err) < 0)
		return -1;
	int fd = openat(context->staging.dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, errno, "cannot make a file in the store") : fd;
}

static int spool(int from_fd, int to_fd, const char *what, struct err *err)
{
	char buffer[COPY_BYTES];

	for (;;) {
		ssize_t got = read(from_fd, buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "cannot read %s", what);
		if (got == 0)
			return 0;
		int status = fd_write_full(to_fd, buffer, (size_t)got);
		if (status < 0)
			return err_sys(err, -status, "cannot keep %s", what);
	}
}

/* An archive becomes the context, a text the Dockerfile. */
static int use_spooled(struct build *build, struct context *context, int fd, const char *what,
		       struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read %s", what);
	if (fetch_is_archive(fd)) {
		int unpacked = fetch_unpack(build->engine, fd, false, context->staging.dir_fd,
					    "files", err);

		if (unpacked < 0)
			return err_wrap(err, "cannot unpack %s", what);
		if (unpacked == 0)
			return err_set(err, ERR_CORRUPT, "cannot unpack %s: it is no archive",
				       what);
		context->dir_fd = openat(context->staging.dir_fd, "files",
					 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return context->dir_fd < 0 ? err_sys(err, errno, "cannot open the context") : 0;
	}
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_all(fd, &text, DF_LIMIT_BYTES);

	if (status == -EFBIG)
		return err_set(err, ERR_LIMIT, "%s is larger than %u MiB and no archive", what,
			       DF_LIMIT_BYTES >> 20);
	if (status < 0)
		return err_sys(err, -status, "cannot read %s", what);
	if (memchr(text.data, '\0', text.length) != NULL)
		return err_set(err, ERR_USAGE, "%s is neither a Dockerfile nor an archive", what);
	free(build->stdin_text);
	build->stdin_text = strbuf_take(&text);
	return 0;
}

int context_open_stdin(struct build *build, struct context *context, struct err *err)
{
	cleanup_fd int fd = spool_file(build, context, err);

	if (fd < 0 || spool(STDIN_FILENO, fd, "stdin", err) < 0)
		return -1;
	return use_spooled(build, context, fd, "what came on stdin", err);
}

static int open_git(struct build *build, struct context *context, const char *url, struct err *err)
{
	cleanup_free char *subdir = NULL;

	if (staging_new(build->engine->store, "context", &context->staging, err) < 0)
		return -1;
	cleanup_free char *path =
		xasprintf("%s/tmp/%s", build->engine->store->root_path, context->staging.name);
	if (fetch_git(url, false, context->staging.dir_fd, path, "files", &subdir, err) < 0)
		return -1;
	cleanup_fd int root_fd = openat(context->staging.dir_fd, "files",
					O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(err, errno, "cannot open the context");
	context->dir_fd =
		path_open_in_root(root_fd, subdir != NULL ? subdir : ".", O_PATH | O_DIRECTORY, 0);
	if (context->dir_fd < 0)
		return err_sys(err, -context->dir_fd, "cannot open '%s' of the repository '%s'",
			       subdir != NULL ? subdir : ".", url);
	return 0;
}

int context_open_remote(struct build *build, struct context *context, const char *url,
			struct err *err)
{
	if (fetch_is_git(url))
		return open_git(build, context, url, err);
	cleanup_fd int fd = spool_file(build, context, err);

	if (fd < 0 || download_url(build->engine, url, fd, err) < 0)
		return -1;
	cleanup_free char *what = xasprintf("'%s'", url);
	return use_spooled(build, context, fd, what, err);
}

int context_fetch_text(struct build *build, const char *url, struct strbuf *text, struct err *err)
{
	cleanup_fd int fd = spool_file(build, &build->contexts[0], err);

	if (fd < 0 || download_url(build->engine, url, fd, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read '%s'", url);
	int status = fd_read_all(fd, text, DF_LIMIT_BYTES);
	return status < 0 ? err_sys(err, -status, "cannot read '%s'", url) : 0;
}
