/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_request.c - from the records to what the folders below are asked for
 *
 * Everything here reads; only the cgroup is made. See engine/container/record.h for the words.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/container/record.h"
#include "engine/container/secrets.h"
#include "engine/container/tree.h"
#include "storage/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* config.json is ours, but a hand may have been at it */
#define CONFIG_LIMIT_BYTES (16U << 20)

int container_read_config(const struct container *container, json_t **ret_config, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_file(container->dir_fd, FILE_CONFIG, &text, CONFIG_LIMIT_BYTES);

	if (status < 0)
		return err_sys(err, -status, "cannot read the configuration of container '%s'",
			       container->name);
	*ret_config = json_parse_limited(text.data, text.length, CONFIG_LIMIT_BYTES,
					 "container configuration", err);
	if (*ret_config == NULL)
		return -1;
	status = container_add_secret_variables(container, *ret_config, err);
	if (status < 0) {
		json_decref(*ret_config);
		*ret_config = NULL;
	}
	return status;
}

/* ---- namespaces of others ---- */

static const struct {
	const char *kind; /* in joins and in config.json */
	const char *file; /* in /proc/PID/ns */
} namespace_kinds[] = {
	{ "network", "net" }, { "pid", "pid" },	  { "ipc", "ipc" },
	{ "uts", "uts" },     { "user", "user" }, { "cgroup", "cgroup" },
};

/* The container that is joined runs, or is started. */
static int running_pid(struct start *start, const char *id, pid_t *ret_pid, struct err *err)
{
	static const struct container_start_opts plain = { 0 };
	cleanup_container struct container *other = NULL;

	if (str_equal(id, start->container->id.text))
		return err_set(err, ERR_CORRUPT, "it joins itself");
	if (container_get(start->engine, id, &other, err) < 0)
		return -1;
	if (other->state.status != CONTAINER_RUNNING && other->state.status != CONTAINER_PAUSED) {
		if (container_start(start->engine, other, &plain, NULL, err) < 0 ||
		    container_refresh(other, err) < 0)
			return -1;
	}
	if (other->state.pid <= 0)
		return err_set(err, ERR_STATE, "container '%s' does not run", other->name);
	*ret_pid = other->state.pid;
	return 0;
}

static void set_namespace(json_t *config, const char *kind, const char *path)
{
	json_t *linux_object = json_object_get(config, "linux");
	json_t *list = json_object_get(linux_object, "namespaces");
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (str_equal(json_get_string(item, "", "type", NULL), kind)) {
			json_put_string(item, "path", path);
			return;
		}
	}
	item = json_object();
	json_put_string(item, "type", kind);
	json_put_string(item, "path", path);
	if (list == NULL) {
		list = json_array();
		json_put(linux_object, "namespaces", list);
	}
	json_array_append_new(list, item);
}

static int join_others(struct start *start, struct err *err)
{
	json_t *joins = json_object_get(start->container->create, KEY_JOINS);

	for (size_t i = 0; i < ARRAY_SIZE(namespace_kinds); i++) {
		const char *id = json_get_string(joins, NULL, namespace_kinds[i].kind, NULL);
		pid_t pid = 0;

		if (id == NULL)
			continue;
		if (running_pid(start, id, &pid, err) < 0)
			return err_wrap(err, "cannot join the %s namespace of container '%.12s'",
					namespace_kinds[i].kind, id);
		cleanup_free char *path = xasprintf("/proc/%d/ns/%s", pid, namespace_kinds[i].file);
		set_namespace(start->config, namespace_kinds[i].kind, path);
	}
	return 0;
}

static int start_required(struct start *start, struct err *err)
{
	const json_t *list = json_object_get(start->container->create, KEY_REQUIRES);
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *id = json_string_value(item);
		pid_t pid;

		if (id != NULL && running_pid(start, id, &pid, err) < 0)
			return err_wrap(err, "cannot start container '%.12s' that it requires", id);
	}
	return 0;
}

static bool has_new(const json_t *config, const char *kind)
{
	const json_t *list = json_at(config, "linux", "namespaces", NULL);
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (str_equal(json_get_string(item, "", "type", NULL), kind))
			return str_is_empty(json_get_string(item, NULL, "path", NULL));
	}
	return false;
}

int start_read_config(struct start *start, struct err *err)
{
	if (container_read_config(start->container, &start->config, err) < 0)
		return -1;
	if (start_required(start, err) < 0 || join_others(start, err) < 0)
		return -1;
	start->new_userns = has_new(start->config, "user");
	start->new_network = has_new(start->config, "network");
	return 0;
}

/* ---- maps and root file system ---- */

/* The container works, but programs that change to another user in it do not: say why, and the cure (U60). */
static int warn_single(struct start *start, struct err *err)
{
	const struct id_ranges *ranges;

	if (store_id_ranges(start->engine->store, &ranges, err) < 0)
		return -1;
	engine_warn(start->engine,
		    "there are no subordinate ids for user %s in /etc/subuid and /etc/subgid: the "
		    "container has a single id; "
		    "add a free range as root, for example: usermod --add-subuids 100000-165535 "
		    "--add-subgids "
		    "100000-165535 %s",
		    ranges->user_name, ranges->user_name);
	return 0;
}

int start_read_maps(struct start *start, struct err *err)
{
	if (container_read_maps(start->engine, start->container, &start->maps, err) < 0)
		return -1;
	return start->maps.single ? warn_single(start, err) : 0;
}

int start_prepare_rootfs(struct start *start, struct err *err)
{
	if (container_prepare_rootfs(start->engine, start->container, &start->maps,
				     start->container->remove_at_exit, &start->rootfs, err) < 0)
		return -1;
	start->rootfs_prepared = true;
	if (start->rootfs.note != NULL)
		engine_warn(start->engine, "%s", start->rootfs.note);
	return 0;
}

/* ---- what config.json cannot say ---- */

/* Volumes that still want the image's content, and the descriptors to put it. */
static int read_copy_ups(struct start *start, const json_t *runtime, struct err *err)
{
	const json_t *list = json_object_get(runtime, KEY_COPY_UPS);
	struct runtime_extra *extra = &start->extra;
	const json_t *item;
	size_t i;

	if (json_array_size(list) == 0)
		return 0;
	extra->copy_ups = xcalloc(json_array_size(list), sizeof(*extra->copy_ups));
	json_array_foreach (list, i, item) {
		const char *name = json_get_string(item, "", KEY_VOLUME, NULL);
		const char *destination = json_get_string(item, "", KEY_DESTINATION, NULL);
		cleanup_volume struct volume *volume = NULL;
		int found = volume_find(start->engine->store, name, false, &volume, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "volume '%s' was removed", name);
		if (!volume->needs_copy_up)
			continue;
		int data_fd = volume_open(start->engine->store, volume, err);
		if (data_fd < 0)
			return -1;
		extra->copy_ups[extra->copy_up_count].destination = xstrdup(destination);
		extra->copy_ups[extra->copy_up_count++].data_fd = data_fd;
		strv_add(&start->copy_up_volumes, name);
	}
	return 0;
}

/* Empty, but for --privileged as podman has it. */
static char *container_env(const struct container *container)
{
	if (!json_get_bool(container->create, false, KEY_RUNTIME, KEY_MARKS, NULL))
		return NULL;
	if (!json_get_bool(container->create, false, KEY_ASKED, "privileged", NULL))
		return xstrdup("");
	return xasprintf(
		"engine=\"dhow-%s\"\nname=\"%s\"\nid=\"%s\"\nimage=\"%s\"\nimageid=\"%s\"\n"
		"rootless=%d\n",
		DHOW_VERSION, container->name, container->id.text, container->image_name,
		container->image_id, geteuid() != 0);
}

int start_read_extra(struct start *start, struct err *err)
{
	const json_t *create = start->container->create;
	const json_t *runtime = json_object_get(create, KEY_RUNTIME);
	struct runtime_extra *extra = &start->extra;
	const struct container_start_opts *opts = start->opts;

	extra->user = xstrdup_null(json_get_string(runtime, NULL, KEY_USER, NULL));
	json_get_strv(runtime, KEY_GROUP_ADD, &extra->group_add);
	extra->keep_groups = json_get_bool(runtime, false, KEY_KEEP_GROUPS, NULL);
	extra->set_home = json_get_bool(runtime, false, KEY_SET_HOME, NULL);
	extra->create_cwd = json_get_bool(runtime, false, KEY_CREATE_CWD, NULL);
	extra->passwd_entry = xstrdup_null(json_get_string(runtime, NULL, KEY_PASSWD_ENTRY, NULL));
	extra->group_entry = xstrdup_null(json_get_string(runtime, NULL, KEY_GROUP_ENTRY, NULL));
	json_get_strv(runtime, KEY_HOST_USERS, &extra->host_users);
	extra->init_path = xstrdup_null(json_get_string(runtime, NULL, KEY_INIT_PATH, NULL));
	extra->container_env = container_env(start->container);
	extra->cache_dir_fd = start->engine->store->run_fd;
	if (opts->preserved_fd_count > 0) {
		extra->preserved_fds =
			xmemdup(opts->preserved_fds, opts->preserved_fd_count * sizeof(int));
		extra->preserved_fd_count = opts->preserved_fd_count;
		extra->preserve_numbers = opts->preserve_numbers;
	}
	return read_copy_ups(start, runtime, err);
}

/* ---- cgroup ---- */

void container_read_limits(const json_t *json, struct cgroup_limits *limits, bool *ret_pids_default)
{
	const struct {
		const char *key;
		int64_t *value;
	} numbers[] = {
		{ KEY_MEMORY_MAX, &limits->memory_max_bytes },
		{ KEY_MEMORY_SWAP_MAX, &limits->memory_swap_max_bytes },
		{ KEY_MEMORY_LOW, &limits->memory_low_bytes },
		{ KEY_CPU_QUOTA_US, &limits->cpu_quota_us },
		{ KEY_CPU_PERIOD_US, &limits->cpu_period_us },
		{ KEY_CPU_WEIGHT, &limits->cpu_weight },
		{ KEY_IO_WEIGHT, &limits->io_weight },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		*numbers[i].value = json_get_int(json, -1, numbers[i].key, NULL);
	limits->pids_max = json_get_int(json, 2048, KEY_PIDS_MAX, NULL);
	*ret_pids_default = json_get_bool(json, json_object_get(json, KEY_PIDS_MAX) == NULL,
					  KEY_PIDS_DEFAULT, NULL);
	limits->cpuset_cpus = xstrdup_null(json_get_string(json, NULL, KEY_CPUSET_CPUS, NULL));
	limits->cpuset_mems = xstrdup_null(json_get_string(json, NULL, KEY_CPUSET_MEMS, NULL));
	json_get_strv(json, KEY_FILES, &limits->files);
}

bool container_has_limits(const struct container *container)
{
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	bool pids_default;

	container_read_limits(json_object_get(container->create, KEY_LIMITS), &limits,
			      &pids_default);
	if (pids_default)
		limits.pids_max = -1;
	bool any = cgroup_limits_any(&limits) || !pids_default;

	cgroup_limits_release(&limits);
	return any;
}

/* What serves the container by now. The result's pids are the caller's to free. */
static struct cgroup_company company_of(const struct start *start)
{
	pid_t *pids = xcalloc(start->view_count + 2, sizeof(*pids));
	size_t count = 0;

	if (start->handle.helper_pid > 0)
		pids[count++] = start->handle.helper_pid;
	if (start->rootfs.server_pid > 0)
		pids[count++] = start->rootfs.server_pid;
	for (size_t i = 0; i < start->view_count; i++) {
		if (start->views[i].server_pid > 0)
			pids[count++] = start->views[i].server_pid;
	}
	return (struct cgroup_company){ pids, count };
}

/*
 * A service of systemd has a main process only where that is in the service: our monitor, when the unit was made to watch it. Then it stays with
 * all that serves the container, and only the container goes into a scope. In any other unit `run -d` means what it means elsewhere.
 */
static bool is_watched_by_unit(const struct start *start)
{
	if (getenv("INVOCATION_ID") == NULL)
		return false;
	return getenv("PODMAN_SYSTEMD_UNIT") != NULL || start->notify_fd >= 0 ||
	       json_get_string(start->container->create, NULL, KEY_CONMON_PID_FILE, NULL) != NULL;
}

static int make_scope(struct start *start, const struct cgroup_limits *limits, bool pids_default,
		      const char *name, struct err *err)
{
	enum cgroup_manager manager = (enum cgroup_manager)start->engine->options.cgroup_manager;
	const char *parent =
		json_get_string(start->container->create, NULL, KEY_CGROUP, KEY_PARENT, NULL);

	struct cgroup_company company = company_of(start);
	int status =
		cgroup_create_scope(parent, name, limits, pids_default,
				    start->cgroup_apart ? NULL : &company, &start->cgroup, err);

	free((void *)company.pids);
	if (status == 0)
		return 0;
	/* nobody has asked for this way: what needs no cgroup works without one, as where there is no systemd */
	if (manager != CGROUP_MANAGER_AUTO || err->kind != ERR_UNAVAILABLE || parent != NULL ||
	    container_has_limits(start->container))
		return -1;
	debug("no cgroup, ignoring: %s", err->msg);
	start->cgroup_apart = false;
	return 0;
}

static int make_cgroup(struct start *start, bool in_monitor, struct err *err)
{
	enum cgroup_manager manager = (enum cgroup_manager)start->engine->options.cgroup_manager;
	const json_t *create = start->container->create;
	const char *mode = json_get_string(create, "enabled", KEY_CGROUP, KEY_MODE, NULL);
	const char *parent = json_get_string(create, NULL, KEY_CGROUP, KEY_PARENT, NULL);
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	cleanup_free char *own = NULL;
	bool pids_default;
	int status;

	if (str_equal(mode, "disabled"))
		return 0;
	if (str_equal(mode, "split")) {
		struct cgroup_company company = company_of(start);

		status = in_monitor ? 0 : cgroup_split(&company, &own, err);
		free((void *)company.pids);
		if (status < 0)
			return -1;
		parent = own;
		manager = CGROUP_MANAGER_CGROUPFS;
	}
	start->cgroup_by_monitor = cgroup_wants_scope(manager, parent);
	if (start->cgroup_by_monitor != in_monitor)
		return 0;
	container_read_limits(json_object_get(create, KEY_LIMITS), &limits, &pids_default);
	cleanup_free char *name = xasprintf("dhow-%s", start->container->id.text);
	if (in_monitor) {
		start->cgroup_apart = str_equal(mode, "no-conmon") || is_watched_by_unit(start);
		status = make_scope(start, &limits, pids_default, name, err);
	} else {
		status = cgroup_create(manager, parent, name, &limits, pids_default, &start->cgroup,
				       err);
	}
	cgroup_limits_release(&limits);
	return status;
}

int start_make_cgroup(struct start *start, struct err *err)
{
	return make_cgroup(start, false, err);
}

int start_make_scope(struct start *start, struct err *err)
{
	return start->cgroup_by_monitor ? make_cgroup(start, true, err) : 0;
}

/* ---- network ---- */

int start_read_network(struct start *start, struct err *err)
{
	const char *mode =
		json_get_string(start->container->create, "", KEY_NETWORK, KEY_MODE, NULL);

	if (network_parse(mode, &start->mode, err) < 0)
		return -1;
	return container_ports(start->container, &start->ports, err);
}
