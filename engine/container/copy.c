/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/copy.c - cp between a container and the host
 *
 * Host paths are opened here, by the user; paths of the container in a child that has its root (tree.h). The child gets the descriptors of
 * the host's side and copies from descriptor to descriptor, without a pipe between.
 */
#include "engine/container/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "engine/container/record.h"
#include "engine/container/start.h"
#include "engine/runtime/user.h"
#include "storage/copy_tree.h"

/* ---- in the child ---------------------------------------------------------------------------------------------------- */

/* The directory that a directory goes to, made if it is not there. fd. */
static int make_directory(int dir_fd, const char *name, bool replace_kind, struct err *err)
{
	struct stat st;
	int status = 0;
	int fd;

	if (mkdirat(dir_fd, name, 0700) < 0) {
		if (errno != EEXIST || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, errno, "cannot make directory '%s'", name);
		if (!S_ISDIR(st.st_mode) && !replace_kind)
			return err_set(err, ERR_EXISTS,
				       "destination must be a directory when copying a directory");
		if (!S_ISDIR(st.st_mode))
			status = path_remove_tree(dir_fd, name);
		if (status == 0 && !S_ISDIR(st.st_mode) && mkdirat(dir_fd, name, 0700) < 0)
			status = -errno;
		if (status < 0)
			return err_sys(err, -status, "cannot make directory '%s'", name);
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open directory '%s'", name) : fd;
}

static int copy_now(const struct copy_source *source, const struct copy_place *place,
		    struct copy_options *options, struct err *err)
{
	cleanup_fd int made_fd = -1;
	const char *name = NULL;

	if (copy_target_name(place, source, &name, err) < 0)
		return -1;
	if (!source->is_directory)
		return copy_file(source->fd, place->dir_fd, name, options, err);
	if (name != NULL) {
		made_fd = make_directory(place->dir_fd, name, options->replace_kind, err);
		if (made_fd < 0)
			return -1;
	}
	options->keep_root = name == NULL;
	return copy_tree(source->fd, made_fd >= 0 ? made_fd : place->dir_fd, options, err);
}

int copy_user(int root_fd, const struct container *container, const json_t *spec, uint32_t *ret_uid,
	      uint32_t *ret_gid, struct err *err)
{
	struct identity identity = IDENTITY_INIT;
	const struct identity_request request = {
		.user = json_get_string(container->create, NULL, KEY_RUNTIME, KEY_USER, NULL),
		.uid = (uint32_t)json_get_int(spec, 0, "process", "user", "uid", NULL),
		.gid = (uint32_t)json_get_int(spec, 0, "process", "user", "gid", NULL),
	};

	if (identity_resolve(root_fd, &request, &identity, err) < 0)
		return -1;
	*ret_uid = identity.uid;
	*ret_gid = identity.gid;
	identity_release(&identity);
	return 0;
}

/* One copy: what is on the host is open already. */
struct copy {
	struct container *container;
	const struct container_cp_opts *opts;
	const json_t *spec;
	const char *path, *where; /* in the container */
	struct copy_source source;
	struct copy_place place;
	uint32_t uid, gid; /* of the user, on the host */
};

static int copy_in(void *arg, const struct container_tree *tree, struct err *err)
{
	struct copy *copy = arg;
	struct copy_options options = { .replace = true, .replace_kind = copy->opts->overwrite };
	uint32_t uid, gid;

	if (copy->opts->archive) {
		if (copy_user(tree->root_fd, copy->container, copy->spec, &uid, &gid, err) < 0)
			return -1;
		options.uid = &uid;
		options.gid = &gid;
	}
	if (copy_place_inside(tree->root_fd, copy->path, copy->where, &copy->place, err) < 0)
		return -1;
	return copy_now(&copy->source, &copy->place, &options, err);
}

static int copy_out(void *arg, const struct container_tree *tree, struct err *err)
{
	struct copy *copy = arg;
	uint32_t uid, gid;
	struct copy_options options = { .replace = true,
					.replace_kind = copy->opts->overwrite,
					.drop_set_id = true,
					.uid = &uid,
					.gid = &gid };

	/* what arrives on the host is the user's: under which number does the container know him? */
	if (idmap_to_inside(&tree->maps->uid, copy->uid, &uid) == 0 ||
	    idmap_to_inside(&tree->maps->gid, copy->gid, &gid) == 0) {
		err_set(err, ERR_UNSUPPORTED,
			"you are not in the user namespace of the container, so it cannot give "
			"you files");
		return err_hint(err, "Copy through a stream: dhow cp CONTAINER:PATH - | tar x");
	}
	if (copy_source_inside(tree->root_fd, copy->path, copy->where, &copy->source, err) < 0)
		return -1;
	return copy_now(&copy->source, &copy->place, &options, err);
}

/* ---- the verb -------------------------------------------------------------------------------------------------------- */

static int copy_with_host(struct engine *engine, const struct copy_end *from,
			  const struct copy_end *to, const struct container_cp_opts *opts,
			  struct err *err)
{
	const struct copy_end *inside = from->container != NULL ? from : to;
	struct copy copy = { .container = inside->container,
			     .opts = opts,
			     .source = COPY_SOURCE_INIT,
			     .place = COPY_PLACE_INIT,
			     .uid = geteuid(),
			     .gid = getegid() };
	cleanup_free char *where = xasprintf("container %s", inside->container->name);
	cleanup_free char *path = NULL;
	cleanup_json json_t *spec = NULL;
	int status = container_read_config(inside->container, &spec, err);

	if (status == 0) {
		copy.spec = spec;
		copy.where = where;
		copy.path = path = copy_container_path(engine, spec, inside->path);
		status = inside == to ? copy_source_on_host(from->path, &copy.source, err)
				      : copy_place_on_host(to->path, &copy.place, err);
	}
	if (status == 0)
		status = container_tree_run(engine, inside->container, TREE_MOUNTS,
					    inside == to ? copy_in : copy_out, &copy, err);
	copy_source_release(&copy.source);
	copy_place_release(&copy.place);
	return status;
}

/* Freeze one that runs, for as long as it is copied from or to. 1 it was frozen, 0 there was nothing to freeze, -1. */
static int freeze(struct engine *engine, struct container *container, struct err *err)
{
	if (container == NULL || container_refresh(container, err) < 0)
		return container == NULL ? 0 : -1;
	if (container->state.status != CONTAINER_RUNNING)
		return 0;
	return container_pause(engine, container, true, err) < 0 ? -1 : 1;
}

static void thaw(struct engine *engine, struct container *container)
{
	struct err err = { 0 };

	if (container_pause(engine, container, false, &err) < 0)
		engine_warn(engine, "%s", err.msg);
}

static int copy_paused(struct engine *engine, const struct copy_end *from,
		       const struct copy_end *to, const struct container_cp_opts *opts,
		       struct err *err)
{
	struct container_cp_opts others = *opts;
	int from_frozen = freeze(engine, from->container, err);
	/* of the two ends of one container the second is frozen already */
	int to_frozen = from_frozen < 0 ? -1 : freeze(engine, to->container, err);
	int status = -1;

	others.pause = false;
	if (to_frozen >= 0)
		status = container_cp(engine, from, to, &others, err);
	if (from_frozen > 0)
		thaw(engine, from->container);
	if (to_frozen > 0)
		thaw(engine, to->container);
	return status;
}

int container_cp(struct engine *engine, const struct copy_end *from, const struct copy_end *to,
		 const struct container_cp_opts *opts, struct err *err)
{
	bool both = from->container != NULL && to->container != NULL;

	if (from->container == NULL && to->container == NULL)
		return err_set(err, ERR_USAGE,
			       "neither '%s' nor '%s' is in a container: one must be "
			       "CONTAINER:PATH",
			       from->path, to->path);
	if ((from->container != NULL && from->container->create == NULL) ||
	    (to->container != NULL && to->container->create == NULL))
		return err_set(err, ERR_CORRUPT, "cannot copy: the container is damaged");
	if (opts->pause)
		return copy_paused(engine, from, to, opts, err);
	if (both || from->stream_fd >= 0 || to->stream_fd >= 0)
		return copy_through_stream(engine, from, to, opts, err);
	return copy_with_host(engine, from, to, opts, err);
}
