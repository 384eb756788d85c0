/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/copy_path.c - what the paths of cp mean
 */
#include "engine/container/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"

static int fail(int errno_value, const char *path, const char *where, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, path);
	if (errno_value == ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			       "\"%s\" could not be found on %s: no such file or directory",
			       shown.data, where);
	return err_sys(err, errno_value, "cannot open '%s' on %s", shown.data, where);
}

char *copy_container_path(const struct engine *engine, const json_t *spec, const char *path)
{
	const char *cwd = engine->options.as_docker
				  ? "/"
				  : json_get_string(spec, "/", "process", "cwd", NULL);

	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd, path);
}

/* ---- source ---------------------------------------------------------------------------------------------------------- */

void copy_source_release(struct copy_source *source)
{
	fd_close(&source->fd);
	free(source->base);
	source->base = NULL;
}

static char *base_name(const char *path)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	const char *slash;

	path_clean(&clean, path);
	slash = strrchr(clean.data, '/');
	return xstrdup(slash != NULL ? slash + 1 : clean.data);
}

/* Fill what the open descriptor and the path tell. */
static int describe(struct copy_source *source, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(source->fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect '%s'", path);
	source->is_directory = S_ISDIR(st.st_mode);
	if (!source->is_directory && !S_ISREG(st.st_mode))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot copy '%s': it is neither a file nor a directory", path);
	source->base = base_name(path);
	source->content_only = str_equal(path, ".") || str_ends_with(path, "/.") ||
			       !path_is_component(source->base);
	if (source->is_directory)
		return 0;
	if (source->content_only || str_ends_with(path, "/"))
		return err_set(err, ERR_USAGE, "cannot copy '%s': it is not a directory", path);
	return 0;
}

/* A special file is not opened: it may do something. fd or -errno. */
static int open_plain(int root_fd, const char *path)
{
	cleanup_fd int look_fd = path_open_in_root(root_fd, path, O_PATH, 0);
	struct stat st;

	if (look_fd < 0)
		return look_fd;
	if (fstat(look_fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return TAKE_FD(look_fd);
	return path_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

int copy_source_inside(int root_fd, const char *path, const char *where, struct copy_source *ret,
		       struct err *err)
{
	ret->fd = open_plain(root_fd, path);
	if (ret->fd < 0)
		return fail(-ret->fd, path, where, err);
	return describe(ret, path, err);
}

int copy_source_on_host(const char *path, struct copy_source *ret, struct err *err)
{
	ret->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (ret->fd < 0)
		return fail(errno, path, "the host", err);
	return describe(ret, path, err);
}

/* ---- target ---------------------------------------------------------------------------------------------------------- */

void copy_place_release(struct copy_place *place)
{
	fd_close(&place->dir_fd);
	free(place->name);
	place->name = NULL;
}

int copy_place_inside(int root_fd, const char *path, const char *where, struct copy_place *ret,
		      struct err *err)
{
	cleanup_strbuf struct strbuf buffer = STRBUF_INIT;
	cleanup_fd int parent_fd = -1;
	const char *name = NULL;

	*ret = (struct copy_place)COPY_PLACE_INIT;
	ret->dir_fd = path_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (ret->dir_fd >= 0)
		return 0;
	if (ret->dir_fd != -ENOENT && ret->dir_fd != -ENOTDIR)
		return fail(-ret->dir_fd, path, where, err);
	parent_fd = path_open_parent_in_root(root_fd, path, &buffer, &name);
	if (parent_fd < 0)
		return fail(-parent_fd, path, where, err);
	ret->dir_fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir_fd < 0)
		return fail(errno, path, where, err);
	ret->name = xstrdup(name);
	ret->wants_directory = str_ends_with(path, "/");
	ret->path = path;
	ret->where = where;
	return 0;
}

/* On the host the user's paths are his own: links are followed as everywhere. */
int copy_place_on_host(const char *path, struct copy_place *ret, struct err *err)
{
	cleanup_free char *parent = xstrdup(path);
	char *slash;
	struct stat st;

	*ret = (struct copy_place)COPY_PLACE_INIT;
	ret->path = path;
	ret->where = "the host";
	ret->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir_fd >= 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return fail(errno, path, "the host", err);
	/* a device or a socket is not replaced */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_UNSUPPORTED,
			       "invalid destination: \"%s\" must be a directory or a regular file",
			       path);
	ret->wants_directory = str_ends_with(path, "/");
	while (str_ends_with(parent, "/"))
		parent[strlen(parent) - 1] = '\0';
	slash = strrchr(parent, '/');
	ret->name = xstrdup(slash != NULL ? slash + 1 : parent);
	if (!path_is_component(ret->name))
		return fail(ENOENT, path, "the host", err);
	if (slash != NULL)
		slash[slash == parent ? 1 : 0] = '\0';
	ret->dir_fd = open(slash != NULL ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret->dir_fd < 0 ? fail(errno, path, "the host", err) : 0;
}

int copy_target_name(const struct copy_place *place, const struct copy_source *source,
		     const char **ret_name, struct err *err)
{
	if (place->name == NULL) {
		*ret_name = source->content_only ? NULL : source->base;
		return 0;
	}
	if (!source->is_directory && place->wants_directory)
		return fail(ENOENT, place->path, place->where, err);
	*ret_name = place->name;
	return 0;
}
