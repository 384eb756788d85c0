/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/runtime_state.c - containers of dhow-runtime on disk
 */
#include "engine/runtime/runtime_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/process.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "rootless/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_KIND    "runtime-state"
#define STATE_VERSION 1
#define OCI_VERSION   "1.2.0"

void runtime_state_release(struct runtime_state *state)
{
	free(state->id);
	fd_close(&state->root_fd);
	fd_close(&state->dir_fd);
	free(state->bundle);
	free(state->cgroup_path);
	json_decref(state->annotations);
	*state = (struct runtime_state)RUNTIME_STATE_INIT;
}

static char *default_root(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	/* root of a user namespace, where an engine without root starts us, has no right to /run */
	if (str_is_empty(run) || (geteuid() == 0 && access("/run", W_OK) == 0))
		return xstrdup("/run/dhow-runtime");
	return xasprintf("%s/dhow-runtime", run);
}

int runtime_root_open(const struct runtime_options *options, struct err *err)
{
	cleanup_free char *path = options->root != NULL ? xstrdup(options->root) : default_root();
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make the directory '%s'", path);
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot open the directory '%s'", path);
	/* R26 */
	if (st.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
			       "cannot use the directory '%s': it belongs to user %u", path,
			       st.st_uid);
	return TAKE_FD(fd);
}

int runtime_id_check(const char *id, struct err *err)
{
	bool good = path_is_component(id) && *id != '.';

	for (const char *c = id; good && *c != '\0'; c++)
		good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		       (*c >= '0' && *c <= '9') || strchr("_+-.", *c) != NULL;
	if (good)
		return 0;

	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, id);
	return err_set(err, ERR_USAGE,
		       "cannot use '%s' as a container id: only letters, digits and _+-. are "
		       "possible",
		       shown.data);
}

int runtime_state_new(const struct runtime_options *options, const char *id,
		      struct runtime_state *ret_state, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;

	if (runtime_id_check(id, err) < 0)
		return -1;
	state.root_fd = runtime_root_open(options, err);
	if (state.root_fd < 0)
		return -1;
	if (mkdirat(state.root_fd, id, 0700) < 0 && errno == EEXIST)
		return err_set(err, ERR_EXISTS, "cannot create container '%s': it exists already",
			       id);
	state.dir_fd = openat(state.root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (state.dir_fd < 0)
		return err_sys(err, errno, "cannot make the directory of container '%s'", id);

	state.id = xstrdup(id);
	state.created_ns = time_now_ns();
	*ret_state = state;
	state = (struct runtime_state)RUNTIME_STATE_INIT;
	return 0;
}

int runtime_state_load(const struct runtime_options *options, const char *id,
		       struct runtime_state *ret_state, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	cleanup_json json_t *json = NULL;
	int r;

	if (runtime_id_check(id, err) < 0)
		return -1;
	state.root_fd = runtime_root_open(options, err);
	if (state.root_fd < 0)
		return -1;
	state.dir_fd = openat(state.root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (state.dir_fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "container '%s' does not exist", id);
	if (state.dir_fd < 0)
		return err_sys(err, errno, "cannot open the directory of container '%s'", id);

	r = record_read_json(state.dir_fd, "state", STATE_KIND, STATE_VERSION, &json, err);
	if (r < 0)
		return err_wrap(err, "cannot load container '%s'", id);
	state.id = xstrdup(id);
	/* a create that died half way: no process, and it can be deleted */
	if (r == 1) {
		state.pid = (pid_t)json_get_int(json, 0, "pid", NULL);
		state.start_ticks = (uint64_t)json_get_int(json, 0, "startTicks", NULL);
		state.created_ns = json_get_int(json, 0, "createdNs", NULL);
		state.bundle = xstrdup(json_get_string(json, "", "bundle", NULL));
		state.cgroup_path = xstrdup_null(json_get_string(json, NULL, "cgroup", NULL));
		state.annotations = json_incref(json_object_get(json, "annotations"));
	}
	*ret_state = state;
	state = (struct runtime_state)RUNTIME_STATE_INIT;
	return 0;
}

int runtime_state_save(const struct runtime_state *state, struct err *err)
{
	cleanup_json json_t *json = json_object();

	json_put_int(json, "pid", state->pid);
	json_put_int(json, "startTicks", (int64_t)state->start_ticks);
	json_put_int(json, "createdNs", state->created_ns);
	json_put_string(json, "bundle", state->bundle);
	if (state->cgroup_path != NULL)
		json_put_string(json, "cgroup", state->cgroup_path);
	if (state->annotations != NULL)
		json_put(json, "annotations", json_incref(state->annotations));
	/* gone with the next boot, as the container is: no sync */
	return record_write_json(state->dir_fd, "state", STATE_KIND, STATE_VERSION, json, 0, err);
}

int runtime_state_remove(struct runtime_state *state, struct err *err)
{
	int r;

	if (state->cgroup_path != NULL && cgroup_destroy(state->cgroup_path, err) < 0)
		return -1;
	r = path_remove_tree(state->root_fd, state->id);
	return r < 0 ? err_sys(err, -r, "cannot remove container '%s'", state->id) : 0;
}

int runtime_state_pid_fd(const struct runtime_state *state)
{
	int fd = state->pid > 0 ? process_open(state->pid, state->start_ticks) : -1;

	return fd < 0 || fd_wait_readable(fd, 0) == 1 ? (fd_close(&fd), -1) : fd;
}

const char *runtime_state_status(const struct runtime_state *state)
{
	cleanup_fd int pid_fd = runtime_state_pid_fd(state);

	if (pid_fd < 0)
		return "stopped";
	if (faccessat(state->dir_fd, "start", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return "created";
	if (state->cgroup_path != NULL && cgroup_is_frozen(state->cgroup_path))
		return "paused";
	return "running";
}

json_t *runtime_state_json(const struct runtime_state *state, const char *status)
{
	json_t *json = json_object();
	char created[TIME_TEXT_MAX];

	if (status == NULL)
		status = runtime_state_status(state);
	time_format_rfc3339(state->created_ns, created);
	json_put_string(json, "ociVersion", OCI_VERSION);
	json_put_string(json, "id", state->id);
	json_put_string(json, "status", status);
	json_put_int(json, "pid", str_equal(status, "stopped") ? 0 : state->pid);
	json_put_string(json, "bundle", state->bundle != NULL ? state->bundle : "");
	json_put_string(json, "created", created);
	if (state->annotations != NULL)
		json_put(json, "annotations", json_incref(state->annotations));
	return json;
}

json_t *runtime_state_config(const struct runtime_state *state, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = fd_read_file(state->dir_fd, "config.json", &text, JSON_LIMIT_BYTES);

	if (r < 0) {
		err_sys(err, -r, "cannot read the configuration of container '%s'", state->id);
		return NULL;
	}
	return json_parse(text.data, text.length, "config.json", err);
}

int runtime_state_list(const struct runtime_options *options, struct strv *ret_ids, struct err *err)
{
	int fd = runtime_root_open(options, err);
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		fd_close(&fd);
		return err_sys(err, errno, "cannot list the containers");
	}
	while ((entry = readdir(dir)) != NULL) {
		struct err ignored; /* other names are not ours */

		if (runtime_id_check(entry->d_name, &ignored) == 0)
			strv_add(ret_ids, entry->d_name);
	}
	closedir(dir);
	strv_sort(ret_ids);
	return 0;
}
