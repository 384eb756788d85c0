/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/step.c - run a container as a child of the calling process
 *
 * create.c's plan without its apply, start.c's walk without a monitor: the caller clones the init itself.
 */
#include "engine/container/step.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/container/create.h"
#include "engine/container/record.h"
#include "engine/container/exec_terminal.h"
#include "engine/container/start.h"
#include "engine/container/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The files that start writes are mounted from the staging directory, not from containers/ID. */
static void move_sources(struct create *create, const struct container_step *step)
{
	cleanup_free char *prefix =
		xasprintf("%s/containers/%s/", create->engine->store->root_path, create->id.text);
	json_t *item;
	size_t i;

	json_array_foreach (json_object_get(create->spec, "mounts"), i, item) {
		const char *rest = str_after(json_get_string(item, "", "source", NULL), prefix);

		if (rest == NULL)
			continue;
		cleanup_free char *path = xasprintf("%s/%s", step->dir_path, rest);
		json_put_string(item, "source", path);
	}
}

/* What -v says is bound as it is; a named volume would outlive the build. */
static int spec_mounts(struct create *create, struct err *err)
{
	for (size_t i = 0; i < create->mount_count; i++) {
		const struct create_mount *mount = &create->mounts[i];

		if (str_equal(mount->type, "volume")) {
			err_set(err, ERR_UNSUPPORTED,
				"cannot mount volume '%s' on '%s' in a build: only directories of "
				"the host can be mounted",
				mount->source != NULL ? mount->source : "", mount->destination);
			return err_hint(err, "Use RUN --mount=type=cache for what builds share.");
		}
		create_spec_mount(create, mount->destination, mount->type, mount->source,
				  &mount->options);
	}
	return 0;
}

static void note_mount_points(const json_t *spec, struct strv *mount_points)
{
	json_t *item;
	size_t i;

	json_array_foreach (json_object_get(spec, "mounts"), i, item) {
		const char *path = json_get_string(item, "", "destination", NULL);

		path += strspn(path, "/");
		if (*path != '\0' && !strv_contains(mount_points, path))
			strv_add(mount_points, path);
	}
}

static int plan(struct create *create, const struct container_step *step, struct strv *mount_points,
		struct err *err)
{
	json_t *layers = json_array();
	json_t *item;
	size_t i;

	create->id = *step->id;
	create->name = xstrdup("build");
	create->image_process = json_deep_copy(step->image_config);
	json_put_string(create->record, KEY_ID, create->id.text);
	json_put_string(create->record, KEY_NAME, create->name);
	json_put(create->record, KEY_RUNTIME, json_object());
	json_put(create->record, KEY_JOINS, json_object());
	json_put(create->record, KEY_LAYERS, layers);
	for (i = 0; i < step->layer_count; i++)
		json_array_append_new(layers, json_string(step->layers[i].text));
	if (create_plan(create, step->argv, err) < 0 || spec_mounts(create, err) < 0)
		return -1;
	move_sources(create, step);
	json_array_foreach (step->mounts, i, item)
		json_array_append(json_object_get(create->spec, "mounts"), item);
	note_mount_points(create->spec, mount_points);
	return 0;
}

static int write_config(const struct create *create, int dir_fd, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(create->spec, 0, &text);
	return record_publish_raw(dir_fd, FILE_CONFIG, text.data, text.length, 0600, 0, err);
}

static int prepare(struct start *start, struct err *err)
{
	int fds[2];

	if (start_read_network(start, err) < 0 || start_write_files(start, err) < 0 ||
	    start_prepare_rootfs(start, err) < 0 || start_read_extra(start, err) < 0)
		return -1;
	if (runtime_plan_new(start->config, start->container->dir_fd, &start->rootfs, &start->maps,
			     &start->extra, &start->plan, err) < 0)
		return -1;
	if (start_open_run_dir(start, err) < 0)
		return -1;
	/* nobody pauses a step or looks at its statistics: a scope, which costs more than most steps, is for limits only */
	if (start_make_cgroup(start, err) < 0 ||
	    (start->cgroup_by_monitor && container_has_limits(start->container) &&
	     start_make_scope(start, err) < 0))
		return -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	start->exit_pipe.outer_fd = fds[0];
	start->exit_pipe.inner_fd = fds[1];
	return 0;
}

static int launch(struct start *start, const struct container_step *step, int console_fd,
		  int *ret_pid_fd, struct err *err)
{
	struct runtime_io io = {
		.stdin_fd = step->stdin_fd,
		.stdout_fd = step->stdout_fd,
		.stderr_fd = step->stderr_fd,
		.console_fd = console_fd,
		.started_fd = -1,
		.cgroup_fd = start->cgroup.dir_fd,
		.userns = start->new_userns ? &start->userns : NULL,
	};

	if (step->terminal)
		(void)terminal_size(&io.rows, &io.columns);
	if (start_network_ahead(start, err) < 0)
		return -1;
	if (runtime_sync_new(&start->sync, err) < 0 ||
	    runtime_clone(start->plan, &io, &start->sync, &start->init_pid, ret_pid_fd, err) < 0)
		return -1;
	fd_close(&start->sync.child_fd);
	if (start->new_userns && runtime_userns_finish(&start->userns, &start->sync, err) < 0)
		return -1;
	if (!start->new_userns && runtime_sync_mapped(&start->sync, err) < 0)
		return -1;
	if (!start->network_started && start_network(start, err) < 0)
		return start_network_failed(start, err);
	if (runtime_sync_wait_ready(&start->sync, err) < 0 ||
	    network_connect(&start->network, &start->handle, err) < 0 ||
	    runtime_sync_go(&start->sync, err) < 0 || runtime_sync_result(&start->sync, err) < 0)
		return -1;
	return network_finish(&start->network, &start->handle, *ret_pid_fd, err);
}

static int walk(struct start *start, const struct container_step *step, int *ret_status,
		struct err *err)
{
	struct err ignored = { 0 }; /* an empty cgroup that stays costs nothing */
	cleanup_fd int pid_fd = -1;
	int console[2] = { -1, -1 };
	int wait_status = 0;
	int status;

	if (step->terminal && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0)
		return err_sys(err, errno, "cannot make a socket");
	cleanup_fd int console_fd = console[0];
	cleanup_fd int console_inner_fd = console[1];
	if (start_read_config(start, err) < 0 || start_read_maps(start, err) < 0)
		return -1;
	if (start->new_userns &&
	    runtime_userns_start(&start->maps, start->new_network, &start->userns, err) < 0)
		return -1;
	status = prepare(start, err);
	if (status == 0)
		status = launch(start, step, console_inner_fd, &pid_fd, err);
	fd_close(&console_inner_fd);
	if (status == 0 && step->terminal &&
	    exec_terminal_relay(console_fd, pid_fd, true, "", err) < 0)
		status = -1;
	if (status < 0) {
		fd_close(&start->sync.parent_fd);
		fd_close(&start->sync.child_fd);
		if (start->init_pid > 0)
			kill(start->init_pid, SIGKILL);
	}
	while (start->init_pid > 0 && waitpid(start->init_pid, &wait_status, 0) < 0)
		if (errno != EINTR)
			break;
	network_abort(&start->handle);
	if (start->cgroup.path != NULL)
		cgroup_destroy(start->cgroup.path, &ignored);
	*ret_status =
		WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
	return status;
}

static void remove_run_dir(struct engine *engine, const struct object_id *id)
{
	struct err ignored = { 0 }; /* the directory is lost at the next boot anyway */
	cleanup_fd int dir_fd = store_open_run_dir(engine->store, RUN_CONTAINERS, false, &ignored);

	if (dir_fd >= 0)
		path_remove_tree(dir_fd, id->text);
}

int container_step_run(struct engine *engine, const struct container_step *step, int *ret_status,
		       struct strv *mount_points, struct err *err)
{
	static const struct container_start_opts plain = { 0 };
	struct create create = {
		.engine = engine,
		.opts = step->opts,
		.record = json_object(),
		.spec = json_object(),
	};
	struct start start;
	int status = -1;

	if (plan(&create, step, mount_points, err) == 0 &&
	    write_config(&create, step->dir_fd, err) == 0) {
		struct container container = {
			.id = *step->id,
			.name = create.name,
			.create = create.record,
			.dir_fd = step->dir_fd,
			.image_name = "",
			.image_id = "",
			.image_manifest = "",
			.remove_at_exit = true,
		};

		start_init(&start, engine, &container, &plain);
		status = walk(&start, step, ret_status, err);
		start_release(&start);
		remove_run_dir(engine, step->id);
	}
	create_release(&create);
	return status;
}

void container_step_cleanup(struct engine *engine, const struct object_id *id)
{
	struct err ignored = { 0 }; /* what stays is empty, and is found again by nobody */
	cleanup_free char *name = xasprintf("dhow-%s", id->text);
	cleanup_free char *parent = NULL;

	remove_run_dir(engine, id);
	if (cgroup_find_parent((enum cgroup_manager)engine->options.cgroup_manager, &parent,
			       &ignored) > 0) {
		cleanup_free char *path = xasprintf("%s/%s", parent, name);

		cgroup_destroy(path, &ignored);
	}
}
