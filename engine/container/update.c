/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/update.c - change a container that is made: limits, restart policy, health check at once, its environment from the next start on
 *
 * The options are create's, and are checked by create's steps. The cgroup comes first, because only the kernel knows whether it takes
 * a limit; what it has refused is not recorded. The monitor is told last: it reads nothing by itself.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/record.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/container/restart.h"
#include "engine/container/start.h"
#include "engine/container/state.h"
#include "engine/events.h"

#include <string.h>
#include <sys/socket.h>

static int change_env(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	json_t *process = create_spec_object(create, "process");

	json_get_strv(process, "env", &create->env);
	for (size_t i = 0; i < opts->unset_env.count; i++)
		strv_env_unset(&create->env, opts->unset_env.items[i]);
	for (size_t i = 0; i < opts->env.count; i++) {
		if (create_env_add(&create->env, opts->env.items[i], err) < 0)
			return err_wrap(err, "in --env");
	}
	json_put_strv(process, "env", &create->env);
	return 0;
}

static int change_cgroup(const struct container *container, const json_t *changes, struct err *err)
{
	cleanup_free char *path = container_cgroup_path(container);
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct cgroup cgroup = CGROUP_INIT;
	bool pids_default;
	int status = 0;

	container_read_limits(changes, &limits, &pids_default);
	if (cgroup_limits_any(&limits) || limits.pids_max >= 0) {
		if (path != NULL && cgroup_open(path, &cgroup, err) < 0)
			status = -1;
		else
			status = cgroup_update(&cgroup, &limits, err);
	}
	cgroup_limits_release(&limits);
	cgroup_release(&cgroup);
	return status;
}

static int write_records(const struct container *container, const struct create *create,
			 bool config_changed, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (config_changed) {
		json_print(create->spec, 0, &text);
		if (record_publish_raw(container->dir_fd, FILE_CONFIG, text.data, text.length, 0600,
				       RECORD_DURABLE, err) < 0)
			return -1;
	}
	return record_write_json(container->dir_fd, FILE_CREATE, RECORD_KIND_CONTAINER,
				 RECORD_VERSION_CONTAINER, create->record, RECORD_DURABLE, err);
}

/* It ends with the container, so who is not there has nothing to be told. */
static int tell_monitor(struct engine *engine, const struct container *container, struct err *err)
{
	char packet[1 + sizeof(struct attach_policy)] = { ATTACH_POLICY };
	const char detach = ATTACH_DETACH;
	struct attach_policy policy;
	struct restarts restarts;
	cleanup_fd int fd = container_connect(engine, container, err);

	if (fd == -1)
		return -1;
	if (fd < 0) {
		fd = -1;
		return 0;
	}
	restarts_read(container, &restarts);
	restart_policy(container, &restarts, &policy);
	memcpy(packet + 1, &policy, sizeof(policy));
	if (send(fd, packet, sizeof(packet), MSG_NOSIGNAL) > 0)
		(void)send(fd, &detach, 1, MSG_NOSIGNAL);
	return 0;
}

/* Under the lock, with the records as they are now. */
static int update(struct create *create, struct container *container, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	cleanup_json json_t *changes = NULL;
	bool config_changed = opts->env.count + opts->unset_env.count + opts->ulimit.count > 0;

	if (record_read_json(container->dir_fd, FILE_CREATE, RECORD_KIND_CONTAINER,
			     RECORD_VERSION_CONTAINER, &create->record, err) <= 0)
		return err_set(err, ERR_CORRUPT, "its record is damaged");
	if (container_read_config(container, &create->spec, err) < 0 ||
	    create_limits_update(create, &changes, err) < 0 ||
	    create_health_update(create, err) < 0 || create_ulimits(create, err) < 0 ||
	    change_env(create, err) < 0)
		return -1;
	if (opts->restart != NULL && create_restart(create, err) < 0)
		return -1;
	if (container_is_up(container) && change_cgroup(container, changes, err) < 0)
		return -1;
	return write_records(container, create, config_changed, err);
}

int container_update(struct engine *engine, struct container *container,
		     const struct container_create_opts *opts, struct err *err)
{
	struct create create = { .engine = engine, .opts = opts };
	cleanup_fd int lock_fd = -1;
	int status = -1;

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot update container '%s': its record is damaged",
			       container->id.text);
	lock_fd = lock_take(container->dir_fd, FILE_LOCK, true, err);
	if (lock_fd >= 0 && container_refresh(container, err) == 0)
		status = update(&create, container, err);
	if (status == 0) {
		/* what follows goes by the new record */
		json_object_update(container->create, create.record);
		if (json_object_get(create.record, KEY_HEALTH) == NULL)
			json_object_del(container->create, KEY_HEALTH);
		container_borrow(container);
		if (container_is_up(container))
			status = tell_monitor(engine, container, err);
	}
	strv_release(&create.env);
	json_decref(create.record);
	json_decref(create.spec);
	if (status < 0)
		return err_wrap(err, "cannot update container '%s'", container->name);
	event_container(engine, container, EVENT_UPDATE);
	return 0;
}
