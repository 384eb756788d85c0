/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/pause.c - freeze and thaw a container by its cgroup
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "rootless/cgroup.h"
#include "engine/events.h"

int container_pause(struct engine *engine, struct container *container, bool pause, struct err *err)
{
	enum container_status wanted = pause ? CONTAINER_RUNNING : CONTAINER_PAUSED;
	cleanup_free char *path = NULL;
	struct cgroup cgroup = CGROUP_INIT;
	int status;

	if (container_refresh(container, err) < 0)
		return -1;
	if (container->state.status != wanted)
		return err_set(err, ERR_STATE,
			       "\"%s\" is not %s, can't %s: container state improper",
			       container->id.text, pause ? "running" : "paused",
			       pause ? "pause" : "unpause");

	path = container_cgroup_path(container);
	if (path == NULL) {
		err_set(err, ERR_UNSUPPORTED, "cannot pause container '%s': it has no cgroup",
			container->name);
		return err_hint(err,
				"A cgroup has to be delegated to the user before the container "
				"is started; see `dhow info`.");
	}
	status = cgroup_open(path, &cgroup, err);
	if (status == 0)
		status = err_set(err, ERR_STATE, "its cgroup '%s' is gone", path);
	if (status > 0)
		status = cgroup_freeze(&cgroup, pause, err);
	cgroup_release(&cgroup);
	if (status < 0)
		return err_wrap(err, "cannot %s container '%s'", pause ? "pause" : "unpause",
				container->name);
	event_container(engine, container, pause ? EVENT_PAUSE : EVENT_UNPAUSE);
	return container_refresh(container, err);
}
