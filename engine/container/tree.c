/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/tree.c - the file system of a container, entered or mounted
 */
#include "engine/container/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/lock.h"
#include "base/path.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/container/start.h"

/* ---- from the records ------------------------------------------------------------------------------------------------ */

int container_read_maps(struct engine *engine, const struct container *container,
			struct idmaps *maps, struct err *err)
{
	const json_t *create = container->create;
	const char *uid_text = json_get_string(create, NULL, KEY_UID_MAP, NULL);
	const char *gid_text = json_get_string(create, NULL, KEY_GID_MAP, NULL);
	const struct idmaps *defaults;

	if (store_idmaps(engine->store, &defaults, err) < 0)
		return -1;
	if (uid_text == NULL || gid_text == NULL) {
		idmaps_copy(maps, defaults);
		return 0;
	}
	if (idmap_parse(uid_text, &maps->uid) < 0 || idmap_parse(gid_text, &maps->gid) < 0)
		return err_set(err, ERR_CORRUPT, "its id maps '%s' and '%s' are damaged", uid_text,
			       gid_text);
	maps->single = defaults->single;
	return 0;
}

int container_parse_layers(const json_t *list, struct digest **ret_layers, size_t *ret_count,
			   struct err *err)
{
	size_t count = json_array_size(list);
	cleanup_free struct digest *layers = xcalloc(count + 1, sizeof(*layers));
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);

		if (text == NULL || digest_parse(text, &layers[i]) < 0)
			return err_set(err, ERR_CORRUPT, "its list of layers is damaged");
	}
	*ret_layers = TAKE_PTR(layers);
	*ret_count = count;
	return 0;
}

int container_read_layers(const struct container *container, struct digest **ret_layers,
			  size_t *ret_count, struct err *err)
{
	return container_parse_layers(json_object_get(container->create, KEY_LAYERS), ret_layers,
				      ret_count, err);
}

int container_prepare_rootfs(struct engine *engine, const struct container *container,
			     const struct idmaps *maps, bool volatile_upper,
			     struct rootfs *ret_rootfs, struct err *err)
{
	const json_t *create = container->create;
	const char *directory = json_get_string(create, NULL, KEY_ROOTFS, KEY_PATH, NULL);
	cleanup_free struct digest *layers = NULL;
	cleanup_fd int directory_fd = -1;
	struct rootfs_request request = {
		.directory_fd = -1,
		.container_dir_fd = container->dir_fd,
		.volatile_upper = volatile_upper,
		.container_maps = maps,
	};

	if (directory != NULL) {
		directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directory_fd < 0)
			return err_sys(err, errno, "cannot use '%s' as root file system",
				       directory);
		request.directory_fd = directory_fd;
		request.directory_overlay =
			json_get_bool(create, false, KEY_ROOTFS, KEY_OVERLAY, NULL);
	} else if (container_read_layers(container, &layers, &request.diff_id_count, err) < 0) {
		return -1;
	}
	request.diff_ids = layers;
	return rootfs_prepare(engine->store, &request, ret_rootfs, err);
}

const struct strv *container_engine_paths(struct strv *storage)
{
	static const char *const paths[] = {
		".dockerenv",
		"dev",
		"etc/hostname",
		"etc/hosts",
		"etc/mtab",
		"etc/resolv.conf",
		"proc",
		"run/.containerenv",
		"run/.dhow-init",
		"run/secrets",
		"sys",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		strv_add(storage, paths[i]);
	return storage;
}

/* ---- in the child ---------------------------------------------------------------------------------------------------- */

struct work {
	struct container *container;
	unsigned flags;
	struct idmaps *maps;
	struct rootfs *rootfs; /* NULL: it runs, and we are in its namespaces */
	json_t *config;	       /* for its mounts */
	container_tree_function *function;
	void *arg;
};

/* Mount one of its binds as start would. What cannot be mounted is not there: the files of the engine are made by start only. */
static void mount_one(int root_fd, const char *source, const char *destination)
{
	cleanup_fd int mount_fd =
		sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	cleanup_fd int target_fd = -1;
	struct stat st;

	if (mount_fd < 0 || fstat(mount_fd, &st) < 0)
		return;
	target_fd = path_open_in_root(root_fd, destination, O_PATH, 0);
	if (target_fd == -ENOENT && S_ISDIR(st.st_mode))
		target_fd = path_make_dirs_in_root(root_fd, destination, 0755, NULL);
	if (target_fd < 0 || sys_move_mount(mount_fd, "", target_fd, "",
					    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		debug("cannot mount '%s' on '%s', ignoring", source, destination);
}

static void mount_binds(int root_fd, const json_t *config)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(config, "mounts"), i, item) {
		const char *source = json_get_string(item, "", "source", NULL);
		const char *destination = json_get_string(item, "", "destination", NULL);

		if (str_equal(json_get_string(item, "", "type", NULL), "bind") && *source == '/' &&
		    *destination == '/')
			mount_one(root_fd, source, destination);
	}
}

/* A root of ours: fd. */
static int mount_root(const struct work *work, struct err *err)
{
	cleanup_fd int mount_fd = rootfs_mount(work->rootfs, err);
	cleanup_fd int root_fd = -1;

	if (mount_fd < 0)
		return err_wrap(err, "cannot mount the root file system");
	/* attached, so that something can be mounted in it: on top of our own root, which we go on using */
	if (sys_move_mount(mount_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, errno, "cannot put the root file system in place");
	root_fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(err, errno, "cannot open the root file system");
	if (work->flags & TREE_MOUNTS)
		mount_binds(root_fd, work->config);
	return TAKE_FD(root_fd);
}

/* The root that it has: fd. Without what is mounted in it a clone of the one mount is taken. */
static int open_running_root(const struct work *work, struct err *err)
{
	int fd = -1;

	if (!(work->flags & TREE_MOUNTS))
		fd = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd >= 0) {
		cleanup_fd int clone_fd = fd;

		fd = openat(clone_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd < 0 ? err_sys(err, errno, "cannot open the root file system") : fd;
}

static int work_inside(void *arg, struct err *err)
{
	struct work *work = arg;
	cleanup_fd int root_fd =
		work->rootfs != NULL ? mount_root(work, err) : open_running_root(work, err);
	const struct container_tree tree = { .root_fd = root_fd, .maps = work->maps };

	if (root_fd < 0)
		return -1;
	umask(0);
	return work->function(work->arg, &tree, err);
}

/* ---- outside --------------------------------------------------------------------------------------------------------- */

static int run_stopped(struct engine *engine, struct work *work, struct err *err)
{
	cleanup_rootfs struct rootfs rootfs = ROOTFS_INIT;

	if (container_prepare_rootfs(engine, work->container, work->maps, false, &rootfs, err) < 0)
		return -1;
	work->rootfs = &rootfs;
	return userns_run(work->maps, work_inside, work, err);
}

int container_tree_run(struct engine *engine, struct container *container, unsigned flags,
		       container_tree_function *function, void *arg, struct err *err)
{
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	cleanup_json json_t *config = NULL;
	cleanup_fd int lock_fd = -1;
	cleanup_fd int pid_fd = -1;
	struct work work = { .container = container,
			     .flags = flags,
			     .maps = &maps,
			     .function = function,
			     .arg = arg };

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT, "container '%s' is damaged", container->id.text);
	lock_fd = lock_take(container->dir_fd, FILE_LOCK, true, err);
	if (lock_fd < 0 || container_refresh(container, err) < 0 ||
	    container_read_maps(engine, container, &maps, err) < 0 ||
	    container_read_config(container, &config, err) < 0)
		return -1;
	work.config = config;
	if (!container_is_up(container))
		return run_stopped(engine, &work, err);
	/* it may be stopped and removed meanwhile: our child keeps what it has opened */
	fd_close(&lock_fd);
	pid_fd = container_open_init(container);
	if (pid_fd < 0)
		return err_set(err, ERR_STATE, "container '%s' has just ended", container->name);
	return userns_run_in(pid_fd, work_inside, &work, err);
}
