/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/cleanup.c - what a run leaves behind: its cgroup, its runtime directory, an init without a monitor
 *
 * Called with the container's lock held when remove is false (stop, rm, a start that failed), and by `container cleanup`, which the
 * monitor executes at the end of a --rm container that nobody else removes.
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "engine/container/record.h"
#include "rootless/cgroup.h"

static int remove_run_dir(struct engine *engine, const struct container *container, struct err *err)
{
	cleanup_fd int dir_fd = store_open_run_dir(engine->store, RUN_CONTAINERS, false, err);
	int status;

	if (dir_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	status = path_remove_tree(dir_fd, container->id.text);
	if (status < 0)
		return err_sys(err, -status,
			       "cannot remove the runtime directory of container '%s'",
			       container->id.text);
	return 0;
}

int container_cleanup(struct engine *engine, struct container *container, bool remove,
		      struct err *err)
{
	static const struct container_rm_opts gone = { .ignore = true, .stop.time_s = -1 };
	cleanup_free char *cgroup_path = NULL;

	if (remove)
		return container_remove(engine, container, &gone, err);

	if (!alive_is_held(container->dir_fd, FILE_ALIVE))
		container_kill_orphan(container);
	cgroup_path = container_cgroup_path(container);
	if (cgroup_path != NULL && cgroup_destroy(cgroup_path, err) < 0)
		return -1;
	return remove_run_dir(engine, container, err);
}
