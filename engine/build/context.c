/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/context.c - contexts, the Dockerfile and the ignore file in them
 *
 * A context is a directory descriptor. What is found in it by a name that we choose (Dockerfile, .dockerignore) is resolved in it, so a
 * link cannot lead to the host's files (R20); what the user names with -f or --ignorefile is the user's.
 */
#include "engine/build/context.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IGNORE_LIMIT_BYTES (1U << 20)

void context_release(struct build *build, struct context *context)
{
	file_memo_close(context->memo);
	free(context->name);
	free(context->image);
	fd_close(&context->dir_fd);
	ignore_release(&context->ignore);
	if (context->staging.name[0] != '\0')
		staging_discard(build->engine->store, &context->staging);
}

static struct context *add_context(struct build *build, const char *name)
{
	build->contexts =
		xreallocarray(build->contexts, build->context_count + 1, sizeof(*build->contexts));
	struct context *context = &build->contexts[build->context_count++];

	*context = (struct context){ .name = xstrdup_null(name),
				     .dir_fd = -1,
				     .staging = STAGING_INIT };
	return context;
}

static int open_directory(struct build *build, struct context *context, const char *path,
			  struct err *err)
{
	struct stat st;

	context->dir_fd = open(path, O_PATH | O_CLOEXEC);
	if (context->dir_fd < 0 || fstat(context->dir_fd, &st) < 0) {
		err_sys(err, errno, "cannot use '%s' as build context", path);
		return errno == ENOENT
			       ? err_hint(err, "A context is a directory, '-', or the URL of an "
					       "archive or a git repository.")
			       : -1;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "cannot use '%s' as build context: it is no directory", path);
	context->memo = file_memo_open(build->engine->store, context->dir_fd);
	return 0;
}

/* NAME=VALUE of --build-context */
static int open_named(struct build *build, const char *text, struct err *err)
{
	const char *equal = strchr(text, '=');
	const char *image;

	if (equal == NULL || equal == text || equal[1] == '\0')
		return err_set(err, ERR_USAGE,
			       "invalid --build-context '%s': it must be NAME=SOURCE", text);
	cleanup_free char *name = xstrndup(text, (size_t)(equal - text));
	const char *value = equal + 1;
	struct context *context = add_context(build, name);

	if ((image = str_after(value, "docker-image://")) != NULL ||
	    (image = str_after(value, "container-image://")) != NULL ||
	    (image = str_after(value, "docker://")) != NULL) {
		context->image = xstrdup(image);
		return 0;
	}
	if ((image = str_after(value, "oci-layout://")) != NULL) {
		context->image = xasprintf("oci:%s", image);
		return 0;
	}
	int status = context_is_remote(value) ? context_open_remote(build, context, value, err)
					      : open_directory(build, context, value, err);
	return status < 0 ? err_wrap(err, "in --build-context '%s'", name) : 0;
}

int context_open(struct build *build, const char *text, struct err *err)
{
	const char *path = text != NULL ? text : ".";
	struct context *context = add_context(build, NULL);
	int status = 0;

	if (str_equal(path, "-"))
		status = context_open_stdin(build, context, err);
	else if (context_is_remote(path))
		status = context_open_remote(build, context, path, err);
	else
		status = open_directory(build, context, path, err);
	for (size_t i = 0; status == 0 && i < build->opts->build_contexts.count; i++)
		status = open_named(build, build->opts->build_contexts.items[i], err);
	return status;
}

/* ---- the Dockerfile ---- */

/* "Containerfile.in": through the preprocessor, as podman and buildah do it. */
static int preprocess(const struct build *build, const char *name, struct strbuf *text,
		      struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strbuf struct strbuf errors = STRBUF_INIT;
	cleanup_fd int input_fd = fd_sealed("dockerfile", text->data, text->length);
	int status;

	(void)build;
	if (input_fd < 0)
		return err_sys(err, -input_fd, "cannot pass '%s' to the preprocessor", name);
	strv_add(&argv, "cpp");
	strv_add(&argv, "-E");
	strv_add(&argv, "-P");
	strv_add(&argv, "-traditional");
	strv_add(&argv, "-undef");
	strv_add(&argv, "-nostdinc");
	strv_add(&argv, "-");
	struct spawn spawn = SPAWN_INIT;
	spawn.path = "cpp";
	spawn.argv = &argv;
	spawn.stdin_fd = input_fd;
	if (process_run(&spawn, &out, &errors, &status, err) < 0)
		return err_wrap(err, "'%s' needs the C preprocessor", name);
	if (status != 0)
		return err_set(err, ERR_USAGE, "the C preprocessor refuses '%s': %.300s", name,
			       errors.data);
	strbuf_clear(text);
	strbuf_add(text, out.data, out.length);
	return 0;
}

static int read_fd(int fd, const char *name, struct strbuf *text, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return err_set(err, ERR_USAGE, "cannot read '%s': it is no file", name);
	int status = fd_read_all(fd, text, DF_LIMIT_BYTES);
	if (status == -EFBIG)
		return err_set(err, ERR_LIMIT, "'%s' is larger than %u MiB", name,
			       DF_LIMIT_BYTES >> 20);
	return status < 0 ? err_sys(err, -status, "cannot read '%s'", name) : 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* 1 read, 0 there is none */
static int read_in_context(const struct context *context, const char *name, size_t limit,
			   struct strbuf *text, struct err *err)
{
	cleanup_fd int fd = context->dir_fd < 0
				    ? -ENOENT
				    : path_open_in_root(context->dir_fd, name,
							O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "cannot read '%s' of the context", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "cannot read '%s' of the context: it is no file",
			       name);
	int status = fd_read_all(fd, text, limit);
	return status < 0 ? err_sys(err, -status, "cannot read '%s' of the context", name) : 1;
}

/* One of -f: 0, and the directory-less name under which an ignore file may stand beside it. */
static int read_named(struct build *build, const char *path, bool local, struct strbuf *text,
		      struct err *err)
{
	struct context *context = &build->contexts[0];

	if (str_equal(path, "-"))
		return read_fd(STDIN_FILENO, "the Dockerfile on stdin", text, err);
	if (context_is_url(path))
		return context_fetch_text(build, path, text, err);
	if (local) {
		cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

		if (fd >= 0)
			return read_fd(fd, path, text, err);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_sys(err, errno, "cannot read '%s'", path);
	}
	int found = path[0] == '/' && local
			    ? 0
			    : read_in_context(context, path, DF_LIMIT_BYTES, text, err);
	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no Dockerfile '%s'", path);
	return found < 0 ? -1 : 0;
}

static int read_default(struct build *build, const char *shown, struct strbuf *text,
			const char **ret_name, struct err *err)
{
	static const char *const names[] = { "Containerfile", "Dockerfile" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int found =
			read_in_context(&build->contexts[0], names[i], DF_LIMIT_BYTES, text, err);

		if (found < 0)
			return -1;
		*ret_name = names[i];
		if (found > 0)
			return 0;
	}
	err_set(err, ERR_NOT_FOUND,
		"there is no Dockerfile in '%s': neither Containerfile nor Dockerfile", shown);
	return err_hint(err, "Name another file with -f.");
}

/* ---- the ignore file ---- */

static int add_ignore(struct build *build, const struct strbuf *text, const char *name,
		      struct err *err)
{
	if (memchr(text->data, '\0', text->length) != NULL)
		return err_set(err, ERR_USAGE, "'%s' holds a NUL byte", name);
	return ignore_parse(&build->contexts[0].ignore, text->data, name, err);
}

static int read_ignore(struct build *build, const char *dockerfile, bool local, struct err *err)
{
	static const char *const names[] = { ".containerignore", ".dockerignore" };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (build->opts->ignorefile != NULL) {
		int status =
			fd_read_file(AT_FDCWD, build->opts->ignorefile, &text, IGNORE_LIMIT_BYTES);

		if (status < 0)
			return err_sys(err, -status, "cannot read the ignore file '%s'",
				       build->opts->ignorefile);
		return add_ignore(build, &text, build->opts->ignorefile, err);
	}
	for (size_t i = 0; dockerfile != NULL && i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = xasprintf("%s%s", dockerfile, names[i]);
		int found;

		if (local)
			found = fd_read_file(AT_FDCWD, path, &text, IGNORE_LIMIT_BYTES) == 0;
		else
			found = read_in_context(&build->contexts[0], path, IGNORE_LIMIT_BYTES,
						&text, err);
		if (found != 0)
			return found < 0 ? -1 : add_ignore(build, &text, path, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int found = read_in_context(&build->contexts[0], names[i], IGNORE_LIMIT_BYTES,
					    &text, err);

		if (found != 0)
			return found < 0 ? -1 : add_ignore(build, &text, names[i], err);
	}
	return 0;
}

int context_read_dockerfile(struct build *build, const char *shown, struct err *err)
{
	const struct strv *files = &build->opts->files;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *name = "Dockerfile";
	bool local = shown == NULL || (!context_is_remote(shown) && !str_equal(shown, "-"));
	const char *beside = NULL;

	if (files->count == 0 && build->contexts[0].dir_fd < 0) {
		/* a Dockerfile was on stdin, and nothing else */
		strbuf_adds(&text, build->stdin_text);
	} else if (files->count == 0) {
		if (read_default(build, shown != NULL ? shown : ".", &text, &name, err) < 0)
			return -1;
		beside = NULL;
	}
	for (size_t i = 0; i < files->count; i++) {
		const char *path = files->items[i];
		cleanup_strbuf struct strbuf one = STRBUF_INIT;

		if (read_named(build, path, local, &one, err) < 0)
			return -1;
		if (str_ends_with(path, ".in") && preprocess(build, path, &one, err) < 0)
			return -1;
		if (i > 0)
			strbuf_addc(&text, '\n');
		strbuf_add(&text, one.data, one.length);
		if (!str_equal(path, "-")) {
			name = base_name(path);
			beside = path;
		}
	}
	if (build->contexts[0].dir_fd >= 0 && read_ignore(build, beside, local, err) < 0)
		return -1;
	return dockerfile_parse(name, text.data, text.length, &build->file, err);
}
