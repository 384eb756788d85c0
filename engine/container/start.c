/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start.c - container_start(): the walk of engine/runtime.h
 *
 * What can be refused is refused before anything exists. The helpers that write the id maps are the slowest part, so they are started as soon as
 * the maps are known and waited for as late as possible; the network helper runs beside the mounts. Whatever fails, everything is rolled back:
 * processes end by the closing of their pipes, the lock goes with them, the container is `created` again.
 *
 * Files, in the order of the walk: start_request.c, start_files.c, start_monitor.c.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/json.h"
#include "base/lock.h"
#include "engine/container/record.h"
#include "engine/container/restart.h"
#include "engine/events.h"
#include "storage/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int container_open_run_dir(struct engine *engine, const struct container *container, bool make,
			   struct err *err)
{
	cleanup_free char *path = xasprintf(RUN_CONTAINERS "/%s", container->id.text);

	return store_open_run_dir(engine->store, path, make, err);
}

void start_init(struct start *start, struct engine *engine, struct container *container,
		const struct container_start_opts *opts)
{
	*start = (struct start){
		.engine = engine,
		.container = container,
		.opts = opts,
		.maps = IDMAPS_INIT,
		.extra = RUNTIME_EXTRA_INIT,
		.userns = RUNTIME_USERNS_INIT,
		.cgroup = CGROUP_INIT,
		.handle = NETWORK_HANDLE_INIT,
		.sync = RUNTIME_SYNC_INIT,
		.run_fd = -1,
		.lock_fd = -1,
		.alive_fd = -1,
		.listen_fd = -1,
		.log_dir_fd = -1,
		.events_fd = -1,
		.wait_fd = -1,
		.notify_fd = -1,
		.notify_listen_fd = -1,
		.report_fd = -1,
	};
	start->in = start->out = start->errors = start->started = start->exit_pipe =
		start->console = start->client = (struct start_pipe){ -1, -1 };
}

void start_release(struct start *start)
{
	start_close_all(start);
	runtime_userns_release(&start->userns);
	fd_close(&start->sync.parent_fd);
	fd_close(&start->sync.child_fd);
	runtime_plan_free(start->plan);
	for (size_t i = 0; i < start->extra.copy_up_count; i++)
		fd_close(&start->extra.copy_ups[i].data_fd);
	runtime_extra_release(&start->extra);
	if (start->rootfs_prepared)
		rootfs_release(&start->rootfs);
	start_release_views(start);
	strv_release(&start->copy_up_volumes);
	cgroup_release(&start->cgroup);
	network_mode_release(&start->mode);
	port_mappings_release(&start->ports);
	idmaps_release(&start->maps);
	json_decref(start->config);
	free(start->run_path);
	free(start->pid_path);
	free(start->log_name);
	free(start->journal_fields);
	fd_close(&start->lock_fd);
}

/* What a user wants counts from the beginning; what the policy wants is counted. 1 it is not wanted any more, 0, -1. */
static int note_restart(struct start *start, bool wanted, struct err *err)
{
	if (!start->opts->by_policy) {
		restart_reset(start->container);
		return 0;
	}
	/* with the life taken: who stops it now sees that */
	if (!wanted || restart_is_stopped(start->container))
		return 1;
	return restart_count(start->container, err);
}

enum life { LIFE_FAILED = -1, LIFE_TAKEN, LIFE_OTHERS, LIFE_PREPARED };

/* Lock, look, take the life: it is ours to start, or somebody has it, or there is nothing to do, or it was prepared by init. */
static enum life take_life(struct start *start, struct err *err)
{
	struct container *container = start->container;
	bool wanted;

	start->lock_fd = lock_take(container->dir_fd, FILE_LOCK, true, err);
	if (start->lock_fd < 0 || container_refresh(container, err) < 0)
		return -1;
	wanted = start->opts->by_policy && container_should_restart(container);
	start->alive_fd = alive_take(container->dir_fd, FILE_ALIVE, err);
	if (start->alive_fd == -1)
		return -1;
	if (start->alive_fd < 0) {
		start->alive_fd = -1;
		/* a start that is under way would have the lock */
		return container->state.status == CONTAINER_INITIALIZED ? LIFE_PREPARED
									: LIFE_OTHERS;
	}
	int noted = note_restart(start, wanted, err);

	if (noted != 0)
		return noted < 0 ? LIFE_FAILED : LIFE_OTHERS;
	if ((unlinkat(container->dir_fd, FILE_RUN, 0) < 0 && errno != ENOENT) ||
	    (unlinkat(container->dir_fd, FILE_EXIT, 0) < 0 && errno != ENOENT))
		return err_sys(err, errno, "cannot remove the records of its last run");
	return 0;
}

/* For the monitor. A journal that is not there is no failure of the container. */
static int open_events(struct start *start)
{
	struct err err = { 0 };
	int fd = store_open_dir(start->engine->store, "events", true, &err);

	if (fd < 0)
		debug("cannot open the journal of events, ignoring: %s", err.msg);
	return fd;
}

int start_open_run_dir(struct start *start, struct err *err)
{
	start->run_fd = container_open_run_dir(start->engine, start->container, true, err);
	if (start->run_fd < 0)
		return -1;
	start->run_path = xasprintf("%s/" RUN_CONTAINERS "/%s", start->engine->store->run_path,
				    start->container->id.text);
	return 0;
}

static int prepare(struct start *start, struct err *err)
{
	if (start_read_network(start, err) < 0 || start_open_log(start, err) < 0 ||
	    start_write_files(start, err) < 0 || start_prepare_rootfs(start, err) < 0 ||
	    start_read_extra(start, err) < 0 || start_prepare_views(start, err) < 0 ||
	    start_change_owners(start, err) < 0)
		return -1;
	if (start_open_run_dir(start, err) < 0)
		return -1;
	if (start_open_notify(start, err) < 0)
		return -1;
	if (runtime_plan_new(start->config, start->container->dir_fd, &start->rootfs, &start->maps,
			     &start->extra, &start->plan, err) < 0)
		return -1;

	if (start->opts->init_only && start_open_wait(start, err) < 0)
		return -1;
	start->events_fd = open_events(start);
	if (start_make_cgroup(start, err) < 0)
		return -1;
	return start_open_streams(start, err);
}

static bool is_own_root(const struct idmaps *maps)
{
	uint32_t uid, gid;

	return idmap_to_host(&maps->uid, 0, &uid) == 1 && uid == geteuid() &&
	       idmap_to_host(&maps->gid, 0, &gid) == 1 && gid == getegid();
}

int start_network(struct start *start, struct err *err)
{
	bool with_fds = start->new_userns && is_own_root(&start->maps);

	start->network = (struct network_request){
		.mode = &start->mode,
		.ports = &start->ports,
		.pid = start->init_pid > 0 ? start->init_pid : start->userns.holder_pid,
		.userns_fd = with_fds ? start->userns.userns_fd : -1,
		.netns_fd = with_fds ? start->userns.netns_fd : -1,
		.exit_fd = start->exit_pipe.outer_fd,
		.run_dir_fd = start->run_fd,
		.run_dir_path = start->run_path,
		.log_fd = -1,
	};
	return network_start(&start->network, &start->handle, err);
}

/* The network failed; when the init has ended meanwhile, why it did is the true cause. Keeps the kind of failure otherwise. */
int start_network_failed(struct start *start, struct err *err)
{
	struct err of_init = { 0 };

	if (runtime_sync_wait_ready(&start->sync, &of_init) < 0 && of_init.msg[0] != '\0')
		*err = of_init;
	return -1;
}

/*
 * slirp4netns takes longer to be ready than the container: it begins as soon as there is a network namespace with maps, which is before the
 * container where that was made ahead.
 */
int start_network_ahead(struct start *start, struct err *err)
{
	if (!start->new_userns || start->userns.netns_fd < 0 || !network_is_slirp(&start->mode))
		return 0;
	if (runtime_userns_wait(&start->userns, err) < 0 || start_network(start, err) < 0)
		return -1;
	start->network_started = true;
	return 0;
}

/* Mounts with the container's ids want a namespace that has its maps: the helpers are waited for earlier than usual. */
static int map_ids(struct start *start, struct err *err)
{
	const json_t *root = json_object_get(start->container->create, KEY_ROOTFS);

	if (json_get_bool(root, false, KEY_IDMAP, NULL))
		runtime_plan_map_root(start->plan, json_get_string(root, "", KEY_PATH, NULL));
	if (!runtime_plan_wants_ids(start->plan))
		return 0;
	if (start->new_userns && runtime_userns_wait(&start->userns, err) < 0)
		return -1;
	return runtime_plan_map_ids(start->plan, start->userns.userns_fd, err);
}

/* From the fork to the program. */
static int launch(struct start *start, struct err *err)
{
	if (start_network_ahead(start, err) < 0 || map_ids(start, err) < 0)
		return -1;
	if (runtime_sync_new(&start->sync, err) < 0 || start_fork_monitor(start, err) < 0)
		return -1;
	fd_close(&start->sync.child_fd);
	start_close_inner(start);

	if (start->new_userns && runtime_userns_finish(&start->userns, &start->sync, err) < 0)
		return -1;
	if (!start->new_userns && runtime_sync_mapped(&start->sync, err) < 0)
		return -1;
	if (!start->network_started && start_network(start, err) < 0)
		return start_network_failed(start, err);
	if (runtime_sync_wait_ready(&start->sync, err) < 0)
		return -1;
	if (network_connect(&start->network, &start->handle, err) < 0)
		return -1;
	/* R5: what holds the namespaces shares our memory, and the program may be allowed to trace what is in its user namespace */
	runtime_userns_release(&start->userns);
	if (start->opts->init_only)
		return network_finish(&start->network, &start->handle, -1, err);

	cleanup_fd int init_pid_fd = sys_pidfd_open(start->init_pid, 0);
	if (init_pid_fd < 0 && errno != ESRCH)
		return err_sys(err, errno, "cannot get a descriptor of the container's init");
	if (runtime_sync_go(&start->sync, err) < 0 || runtime_sync_result(&start->sync, err) < 0 ||
	    start_wait_started(start, err) < 0)
		return -1;
	return network_finish(&start->network, &start->handle, init_pid_fd, err);
}

/* The monitor to be may know better why the init has gone. */
static void prefer_report(struct start *start, struct err *err)
{
	struct err reported;

	if (start->report_fd >= 0 && err_receive(start->report_fd, &reported) == 1)
		*err = reported;
}

/*
 * Back to `created`. The monitor is killed: it may take an init that was killed for one that has ended, and clean up after it, for which it needs
 * the lock that is held here. The init ends with it, and when the conversation is closed.
 */
static void roll_back(struct start *start, struct err *err)
{
	struct err ignored = { 0 }; /* the first failure is the one to tell */
	bool forked = start->monitor_pid > 0;
	int status;

	network_abort(&start->handle);
	fd_close(&start->sync.parent_fd);
	fd_close(&start->sync.child_fd);
	if (forked) {
		prefer_report(start, err);
		start_close_all(start);
		/* it would clean up after an end that it believes to have seen, and wait for the lock that we hold */
		kill(start->monitor_pid, SIGKILL);
		while (waitpid(start->monitor_pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	unlinkat(start->container->dir_fd, FILE_RUN, 0);
	unlinkat(start->container->dir_fd, FILE_EXIT, 0);
	start_close_all(start);
	if (start->cgroup.path != NULL)
		cgroup_destroy(start->cgroup.path, &ignored);
	container_cleanup(start->engine, start->container, false, &ignored);
}

static void remember_copy_ups(struct start *start)
{
	for (size_t i = 0; i < start->copy_up_volumes.count; i++) {
		const char *name = start->copy_up_volumes.items[i];
		struct err err = { 0 };

		if (volume_set_copied(start->engine->store, name, &err) < 0)
			engine_warn(start->engine,
				    "cannot note that volume '%s' has its content, ignoring: %s",
				    name, err.msg);
	}
}

static void hand_over(struct start *start, int *ret_attach_fd)
{
	const char detach = ATTACH_DETACH;

	if (start->opts->attach && ret_attach_fd != NULL)
		*ret_attach_fd = TAKE_FD(start->client.outer_fd);
	else if (send(start->client.outer_fd, &detach, 1, MSG_NOSIGNAL) < 0)
		debug("cannot take leave of the monitor");
	network_handle_release(&start->handle);
}

static int already_running(const struct start *start, struct err *err)
{
	if (start->opts->init_only)
		return err_set(err, ERR_STATE, "it was started already");
	if (alive_is_held(start->container->dir_fd, FILE_STOPPING))
		return err_set(err, ERR_STATE, "it is being stopped");
	if (!start->opts->attach)
		return 0;
	return err_set(err, ERR_STATE, "it is running already");
}

/* ---- ahead of time ---- */

static bool joins(const char *namespace)
{
	return namespace != NULL &&
	       (str_after(namespace, "container:") != NULL || str_after(namespace, "ns:") != NULL);
}

/* Maps that are known from the options alone. Another container's user namespace comes with each of its namespaces. */
static bool has_plain_maps(const struct container_create_opts *opts)
{
	for (size_t i = 0; i < opts->network.count; i++) {
		if (joins(opts->network.items[i]))
			return false;
	}
	return (opts->userns == NULL || str_equal(opts->userns, USERNS_KEEP_ID)) &&
	       opts->uidmap.count == 0 && opts->gidmap.count == 0 && opts->subuidname == NULL &&
	       opts->subgidname == NULL && opts->requires.count == 0 && !joins(opts->pid) &&
	       !joins(opts->ipc) && !joins(opts->uts) && !joins(opts->cgroupns);
}

static int plain_maps(struct engine *engine, const struct container_create_opts *opts,
		      const struct idmaps **ret_maps, struct err *err)
{
	const struct id_ranges *ranges;

	if (opts->userns == NULL)
		return store_idmaps(engine->store, ret_maps, err);
	*ret_maps = &engine->ahead_maps;
	return store_id_ranges(engine->store, &ranges, err) < 0
		       ? -1
		       : idmap_plan_keep_id(ranges, getuid(), getgid(), &engine->ahead_maps, err);
}

void container_start_ahead(struct engine *engine, const struct container_create_opts *opts)
{
	struct runtime_userns userns = RUNTIME_USERNS_INIT;
	const struct idmaps *maps;
	struct err ignored = { 0 }; /* container_start() meets it again, and tells it */
	bool with_network = !strv_contains(&opts->network, "host");

	if (engine->ahead != NULL || !has_plain_maps(opts) ||
	    plain_maps(engine, opts, &maps, &ignored) < 0 ||
	    runtime_userns_start(maps, with_network, &userns, &ignored) < 0)
		return;
	engine->ahead = xmemdup(&userns, sizeof(userns));
}

static bool same_map(const struct idmap *a, const struct idmap *b)
{
	return a->count == b->count &&
	       memcmp(a->entries, b->entries, a->count * sizeof(*a->entries)) == 0;
}

static int start_userns(struct start *start, struct err *err)
{
	struct runtime_userns *ahead = TAKE_PTR(start->engine->ahead);
	bool fits = ahead != NULL && same_map(&ahead->maps->uid, &start->maps.uid) &&
		    same_map(&ahead->maps->gid, &start->maps.gid);

	if (fits) {
		start->userns = *ahead;
		start->userns.maps = &start->maps;
	} else if (ahead != NULL) {
		/* there is one at a time */
		runtime_userns_release(ahead);
	}
	free(ahead);
	if (fits)
		return 0;
	return runtime_userns_start(&start->maps, start->new_network, &start->userns, err);
}

static int start_walk(struct start *start, int *ret_attach_fd, struct err *err)
{
	enum life life;

	if (start_read_config(start, err) < 0 || start_read_maps(start, err) < 0)
		return -1;
	if (start->new_userns && start_userns(start, err) < 0)
		return -1;
	life = take_life(start, err);
	if (life == LIFE_FAILED)
		return -1;
	if (life == LIFE_OTHERS || (life == LIFE_PREPARED && start->opts->init_only))
		return already_running(start, err);

	if (life == LIFE_PREPARED) {
		if (start_prepared(start, err) < 0)
			return -1;
	} else if (prepare(start, err) < 0 || launch(start, err) < 0) {
		roll_back(start, err);
		return -1;
	}
	if (start->opts->by_policy)
		event_container(start->engine, start->container, EVENT_RESTART);
	/* the container's init has a copy of each of our descriptors as long as it waits */
	if (start->opts->init_only && flock(start->lock_fd, LOCK_UN) < 0)
		return err_sys(err, errno, "cannot unlock the container");
	if (!start->opts->init_only)
		event_container(start->engine, start->container, EVENT_START);
	remember_copy_ups(start);
	hand_over(start, ret_attach_fd);
	return 0;
}

int container_start(struct engine *engine, struct container *container,
		    const struct container_start_opts *opts, int *ret_attach_fd, struct err *err)
{
	struct start start;
	int status;

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot start container '%s': its record is damaged",
			       container->id.text);
	if (container_is_working(container)) {
		err_set(err, ERR_STATE,
			"cannot start container '%s': it is the working container of an image",
			container->name);
		return err_hint(err, "Use `dhow builder run %s COMMAND`.", container->name);
	}
	start_init(&start, engine, container, opts);
	status = start_walk(&start, ret_attach_fd, err);
	start_release(&start);
	if (status < 0)
		return err_wrap(err, "cannot start container '%s'", container->name);
	return container_refresh(container, err);
}
