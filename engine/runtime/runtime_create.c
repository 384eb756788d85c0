/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/runtime_create.c - dhow-runtime create, run, start
 *
 * create leaves the init waiting at a socket in the container's directory; start connects to it and hears from the init itself whether the
 * program could be executed. run does both in one process and stays the parent.
 */
#include "engine/runtime/runtime_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/runtime.h"
#include "rootless/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PRESERVED_FD 3
#define PRESERVED_FDS_MAX  1024

/* ---- small parts ---- */

static int unix_address(int dir_fd, const char *name, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* short, whatever the directory is called */
	int length = dir_fd < 0 ? snprintf(address->sun_path, sizeof(address->sun_path), "%s", name)
				: snprintf(address->sun_path, sizeof(address->sun_path),
					   "/proc/self/fd/%d/%s", dir_fd, name);

	return length < (int)sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

static int listen_for_start(int dir_fd, struct err *err)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (fd < 0 || unix_address(dir_fd, "start", &address) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
		return err_sys(err, errno, "cannot make the socket that start connects to");
	return TAKE_FD(fd);
}

int console_socket_open(const char *path, struct err *err)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	int r = unix_address(-1, path, &address);

	if (r < 0 || fd < 0)
		return err_sys(err, r < 0 ? -r : errno, "cannot use the console socket '%s'", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(err, errno, "cannot connect to the console socket '%s'", path);
	return TAKE_FD(fd);
}

int pid_file_write(const char *path, pid_t pid, struct err *err)
{
	cleanup_free char *text = xasprintf("%d", pid);
	cleanup_free char *partial = xasprintf("%s.%d", path, getpid());
	cleanup_fd int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));

	if (r == 0 && rename(partial, path) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "cannot write the pid file '%s'", path) : 0;
}

static bool has_fresh_user_namespace(const json_t *config)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_at(config, "linux", "namespaces", NULL), i, item) {
		if (str_equal(json_get_string(item, "", "type", NULL), "user"))
			return str_is_empty(json_get_string(item, NULL, "path", NULL));
	}
	return false;
}

/* ---- cgroup ---- */

static int64_t weight_of_shares(int64_t shares)
{
	/* the kernel's own conversion of 2..262144 to 1..10000 */
	return shares <= 2 ? 1 : 1 + (shares - 2) * 9999 / 262142;
}

/* 10..1000 of version 1 are 1..10000 */
static int64_t weight_of_blkio(int64_t weight)
{
	return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

/* What a cgroup of version 2, or a plain user's, has not. Values that ask for nothing pass: callers write them out. */
static int check_resources(const json_t *resources, struct err *err)
{
	static const struct {
		const char *object, *key;
	} refused[] = { { "memory", "kernel" },	      { "memory", "kernelTCP" },
			{ "memory", "swappiness" },   { "memory", "disableOOMKiller" },
			{ "cpu", "realtimeRuntime" }, { "cpu", "realtimePeriod" },
			{ "network", "classID" },     { "network", "priorities" },
			{ "blockIO", "leafWeight" },  { NULL, "rdma" } };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const char *object_key = refused[i].object;
		const json_t *object =
			object_key == NULL ? resources : json_object_get(resources, object_key);
		const json_t *value = json_object_get(object, refused[i].key);
		bool asks = json_is_true(value) ||
			    (json_is_integer(value) && json_integer_value(value) > 0) ||
			    json_array_size(value) > 0 || json_object_size(value) > 0;

		if (asks)
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot use the configuration: a cgroup of version 2 has "
				       "nothing like linux.resources.%s%s%s",
				       object_key != NULL ? object_key : "",
				       object_key != NULL ? "." : "", refused[i].key);
	}
	return 0;
}

static void add_io(const json_t *block, struct strv *files)
{
	static const struct {
		const char *key, *word;
	} kinds[] = { { "throttleReadBpsDevice", "rbps" },
		      { "throttleWriteBpsDevice", "wbps" },
		      { "throttleReadIOPSDevice", "riops" },
		      { "throttleWriteIOPSDevice", "wiops" } };
	const json_t *item;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		json_array_foreach (json_object_get(block, kinds[k].key), i, item)
			strv_addf(files, "io.max=%lld:%lld %s=%lld",
				  (long long)json_get_int(item, 0, "major", NULL),
				  (long long)json_get_int(item, 0, "minor", NULL), kinds[k].word,
				  (long long)json_get_int(item, 0, "rate", NULL));
	json_array_foreach (json_object_get(block, "weightDevice"), i, item)
		strv_addf(files, "io.weight=%lld:%lld %lld",
			  (long long)json_get_int(item, 0, "major", NULL),
			  (long long)json_get_int(item, 0, "minor", NULL),
			  (long long)weight_of_blkio(json_get_int(item, 10, "weight", NULL)));
}

static void add_files(const json_t *resources, struct strv *files)
{
	json_t *unified = json_object_get(resources, "unified");
	const json_t *idle = json_at(resources, "cpu", "idle", NULL);
	int64_t burst = json_get_int(resources, 0, "cpu", "burst", NULL);
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_integer(idle))
		strv_addf(files, "cpu.idle=%lld", (long long)json_integer_value(idle));
	if (burst > 0)
		strv_addf(files, "cpu.max.burst=%lld", (long long)burst);
	add_io(json_object_get(resources, "blockIO"), files);
	json_array_foreach (json_object_get(resources, "hugepageLimits"), i, value)
		strv_addf(files, "hugetlb.%s.max=%lld",
			  json_get_string(value, "", "pageSize", NULL),
			  (long long)json_get_int(value, 0, "limit", NULL));
	json_object_foreach (unified, key, value) {
		if (json_is_string(value))
			strv_addf(files, "%s=%s", key, json_string_value(value));
	}
}

static int read_limits(const json_t *config, struct cgroup_limits *limits, struct err *err)
{
	const json_t *resources = json_at(config, "linux", "resources", NULL);
	int64_t memory = json_get_int(resources, 0, "memory", "limit", NULL);
	int64_t swap = json_get_int(resources, 0, "memory", "swap", NULL);
	int64_t shares = json_get_int(resources, 0, "cpu", "shares", NULL);
	int64_t weight = json_get_int(resources, 0, "blockIO", "weight", NULL);

	if (check_resources(resources, err) < 0)
		return -1;
	if (memory != 0)
		limits->memory_max_bytes = memory < 0 ? INT64_MAX : memory;
	if (swap != 0 && memory > 0)
		limits->memory_swap_max_bytes = swap < 0 ? INT64_MAX : swap - memory;
	if (json_get_int(resources, 0, "memory", "reservation", NULL) > 0)
		limits->memory_low_bytes =
			json_get_int(resources, 0, "memory", "reservation", NULL);
	if (json_get_int(resources, 0, "pids", "limit", NULL) != 0) {
		int64_t pids = json_get_int(resources, 0, "pids", "limit", NULL);
		limits->pids_max = pids < 0 ? INT64_MAX : pids;
	}
	if (json_get_int(resources, 0, "cpu", "quota", NULL) != 0)
		limits->cpu_quota_us = json_get_int(resources, 0, "cpu", "quota", NULL);
	if (json_get_int(resources, 0, "cpu", "period", NULL) != 0)
		limits->cpu_period_us = json_get_int(resources, 0, "cpu", "period", NULL);
	if (shares != 0)
		limits->cpu_weight = weight_of_shares(shares);
	if (weight > 0)
		limits->io_weight = weight_of_blkio(weight);
	limits->cpuset_cpus = xstrdup_null(json_get_string(resources, NULL, "cpu", "cpus", NULL));
	limits->cpuset_mems = xstrdup_null(json_get_string(resources, NULL, "cpu", "mems", NULL));
	add_files(resources, &limits->files);
	return 0;
}

/* "/a/b/name", "name", or systemd's "slice:prefix:name" */
static void cgroup_names(const json_t *config, const char *id, char **ret_parent, char **ret_name)
{
	const char *path = json_get_string(config, "", "linux", "cgroupsPath", NULL);
	const char *slash = strrchr(path, '/');
	const char *first = strchr(path, ':');
	const char *second = first != NULL ? strchr(first + 1, ':') : NULL;

	*ret_parent = NULL;
	if (second != NULL) {
		*ret_parent = first > path ? xstrndup(path, (size_t)(first - path)) : NULL;
		*ret_name = xasprintf("%.*s-%s.scope", (int)(second - first - 1), first + 1,
				      second + 1);
		return;
	}
	if (slash != NULL && slash > path && *path == '/')
		*ret_parent = xstrndup(path, (size_t)(slash - path));
	if (slash != NULL)
		path = slash + 1;
	*ret_name = *path != '\0' ? xstrdup(path) : xasprintf("dhow-%s", id);
}

static int make_cgroup(const struct runtime_options *options, const json_t *config, const char *id,
		       struct cgroup *ret_cgroup, struct err *err)
{
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	cleanup_free char *parent = NULL;
	cleanup_free char *name = NULL;
	int r = 0;

	if (options->cgroup_manager == CGROUP_MANAGER_NONE)
		return 0;
	if (read_limits(config, &limits, err) < 0) {
		cgroup_limits_release(&limits);
		return -1;
	}
	cgroup_names(config, id, &parent, &name);
	r = cgroup_create((enum cgroup_manager)options->cgroup_manager, parent, name, &limits,
			  false, ret_cgroup, err);
	/* without limits a container can do without: plain users often have no delegated tree */
	if (r < 0 && !cgroup_limits_any(&limits) && limits.pids_max < 0) {
		debug("no cgroup for container '%s', ignoring: %s", id, err->msg);
		r = 0;
	}
	cgroup_limits_release(&limits);
	return r;
}

/* ---- create ---- */

struct creation {
	const struct runtime_options *options;
	const struct runtime_create_opts *opts;
	struct runtime_state state;
	int bundle_fd;
	json_t *config;
	struct idmaps maps;
	struct runtime_extra extra;
	struct runtime_plan *plan;
	struct runtime_sync sync;
	struct cgroup cgroup;
	int listen_fd, console_fd, pid_fd;
	bool made; /* the state is on the disk: to be removed after a failure */
};

static void creation_release(struct creation *creation)
{
	runtime_plan_free(creation->plan);
	runtime_extra_release(&creation->extra);
	runtime_state_release(&creation->state);
	idmaps_release(&creation->maps);
	json_decref(creation->config);
	cgroup_release(&creation->cgroup);
	fd_close(&creation->bundle_fd);
	fd_close(&creation->sync.parent_fd);
	fd_close(&creation->sync.child_fd);
	fd_close(&creation->listen_fd);
	fd_close(&creation->console_fd);
	fd_close(&creation->pid_fd);
}

static int read_bundle(struct creation *creation, struct err *err)
{
	const char *bundle = creation->opts->bundle != NULL ? creation->opts->bundle : ".";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r;

	creation->bundle_fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (creation->bundle_fd < 0)
		return err_sys(err, errno, "cannot open the bundle '%s'", bundle);
	r = fd_read_file(creation->bundle_fd, "config.json", &text, JSON_LIMIT_BYTES);
	if (r < 0)
		return err_sys(err, -r, "cannot read '%s/config.json'", bundle);
	json_clamp_integers(text.data);
	creation->config = json_parse(text.data, text.length, "config.json", err);
	if (creation->config == NULL)
		return -1;
	if (record_publish_raw(creation->state.dir_fd, "config.json", text.data, text.length, 0600,
			       0, err) < 0)
		return -1;
	creation->state.bundle = realpath(bundle, NULL);
	creation->state.annotations = json_incref(json_object_get(creation->config, "annotations"));
	return 0;
}

/* What other runtimes give a plain user without mappings: all ids that the user has. */
static int default_maps(struct creation *creation, struct err *err)
{
	struct id_ranges ranges;
	int r;

	if (!has_fresh_user_namespace(creation->config) ||
	    json_array_size(json_at(creation->config, "linux", "uidMappings", NULL)) > 0)
		return 0;
	if (idmap_ranges_load(creation->state.root_fd, NULL, &ranges, err) < 0)
		return -1;
	r = idmap_plan_default(&ranges, &creation->maps, err);
	id_ranges_release(&ranges);
	return r;
}

static int preserve_fds(struct creation *creation, struct err *err)
{
	int64_t count = creation->opts->preserve_fds;
	struct runtime_extra *extra = &creation->extra;

	if (count < 0 || count > PRESERVED_FDS_MAX)
		return err_set(err, ERR_USAGE,
			       "cannot preserve %lld descriptors: 0 to %d are "
			       "possible",
			       (long long)count, PRESERVED_FDS_MAX);
	extra->preserved_fds = xcalloc((size_t)count + 1, sizeof(int));
	for (int i = 0; i < count; i++) {
		if (fcntl(FIRST_PRESERVED_FD + i, F_GETFD) < 0)
			return err_set(err, ERR_USAGE,
				       "cannot preserve descriptor %d: it is not open",
				       FIRST_PRESERVED_FD + i);
		extra->preserved_fds[i] = FIRST_PRESERVED_FD + i;
	}
	extra->preserved_fd_count = (size_t)count;
	return 0;
}

static int plan(struct creation *creation, struct err *err)
{
	const struct runtime_create_opts *opts = creation->opts;
	bool terminal;

	creation->extra.cache_dir_fd = creation->state.root_fd;
	if (read_bundle(creation, err) < 0 || default_maps(creation, err) < 0 ||
	    preserve_fds(creation, err) < 0 ||
	    runtime_plan_new(creation->config, creation->bundle_fd, NULL,
			     creation->maps.uid.count > 0 ? &creation->maps : NULL,
			     &creation->extra, &creation->plan, err) < 0)
		return -1;

	if (runtime_plan_wants_ids(creation->plan))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use the mount option 'idmap': the user namespace is made "
			       "after the mounts are opened");
	terminal = runtime_plan_terminal(creation->plan);
	if (terminal && opts->console_socket == NULL)
		return err_set(err, ERR_USAGE,
			       "cannot give the container a terminal: --console-socket is missing");
	if (!terminal && opts->console_socket != NULL)
		return err_set(err, ERR_USAGE,
			       "cannot use --console-socket: the configuration wants no terminal");
	if (terminal) {
		creation->console_fd = console_socket_open(opts->console_socket, err);
		if (creation->console_fd < 0)
			return -1;
	}
	return 0;
}

static bool has_hooks(const json_t *config, const char *name)
{
	return json_array_size(json_at(config, "hooks", name, NULL)) > 0;
}

/* Make I and bring it to the point before the program. */
static int make_init(struct creation *creation, bool detached, struct err *err)
{
	struct runtime_state *state = &creation->state;
	struct runtime_io io = {
		.stdin_fd = 0,
		.stdout_fd = 1,
		.stderr_fd = 2,
		.console_fd = creation->console_fd,
		.started_fd = -1,
		.cgroup_fd = creation->cgroup.dir_fd,
		.hooked = has_hooks(creation->config, "prestart") ||
			  has_hooks(creation->config, "createRuntime"),
		.detached = detached,
		.start_listen_fd = creation->listen_fd >= 0 ? &creation->listen_fd : NULL,
	};
	const struct idmaps *maps = runtime_plan_maps(creation->plan);

	if (runtime_sync_new(&creation->sync, err) < 0 ||
	    runtime_clone(creation->plan, &io, &creation->sync, &state->pid, &creation->pid_fd,
			  err) < 0)
		return -1;
	state->start_ticks = (uint64_t)process_start_time(state->pid);
	state->cgroup_path = xstrdup_null(creation->cgroup.path);
	if (maps != NULL && (idmap_write(state->pid, maps, err) < 0 ||
			     runtime_sync_mapped(&creation->sync, err) < 0))
		return -1;
	if (io.hooked &&
	    (runtime_sync_wait_created(&creation->sync, err) < 0 ||
	     hooks_run(creation->config, "prestart", state, "creating", err) < 0 ||
	     hooks_run(creation->config, "createRuntime", state, "creating", err) < 0 ||
	     runtime_sync_hooked(&creation->sync, err) < 0))
		return -1;
	return runtime_sync_wait_ready(&creation->sync, err);
}

static int create(struct creation *creation, const char *id, bool detached, bool waits,
		  struct err *err)
{
	if (runtime_state_new(creation->options, id, &creation->state, err) < 0)
		return -1;
	creation->made = true;

	if (plan(creation, err) < 0)
		return -1;
	if (waits) {
		creation->listen_fd = listen_for_start(creation->state.dir_fd, err);
		if (creation->listen_fd < 0)
			return -1;
	}
	if (make_cgroup(creation->options, creation->config, id, &creation->cgroup, err) < 0 ||
	    make_init(creation, detached, err) < 0)
		return -1;
	if (runtime_state_save(&creation->state, err) < 0)
		return -1;
	if (creation->opts->pid_file != NULL)
		return pid_file_write(creation->opts->pid_file, creation->state.pid, err);
	return 0;
}

/* After a failure nothing is left. */
static void undo(struct creation *creation)
{
	struct err ignored; /* the first failure is what counts */

	if (creation->pid_fd >= 0) {
		process_signal(creation->pid_fd, SIGKILL);
		while (waitpid(creation->state.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (creation->state.cgroup_path == NULL)
		creation->state.cgroup_path = xstrdup_null(creation->cgroup.path);
	if (creation->made)
		runtime_state_remove(&creation->state, &ignored);
}

static struct creation creation_new(const struct runtime_options *options,
				    const struct runtime_create_opts *opts)
{
	return (struct creation){
		.options = options,
		.opts = opts,
		.state = RUNTIME_STATE_INIT,
		.extra = RUNTIME_EXTRA_INIT,
		.sync = RUNTIME_SYNC_INIT,
		.cgroup = CGROUP_INIT,
		.bundle_fd = -1,
		.listen_fd = -1,
		.console_fd = -1,
		.pid_fd = -1,
	};
}

int runtime_command_create(const struct runtime_options *options, const char *id,
			   const struct runtime_create_opts *opts, struct err *err)
{
	struct creation creation = creation_new(options, opts);
	int r = create(&creation, id, true, true, err);

	if (r < 0)
		undo(&creation);
	creation_release(&creation);
	return r;
}

/* ---- run ---- */

/* Pass signals on until the program ends; its status as a shell has it. */
static int wait_for_program(const struct creation *creation, int signal_fd)
{
	struct signalfd_siginfo info;
	int status;

	for (;;) {
		if (waitpid(creation->state.pid, &status, WNOHANG) == creation->state.pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			process_signal(creation->pid_fd, (int)info.ssi_signo);
	}
}

static int block_signals(void)
{
	static const int numbers[] = { SIGCHLD, SIGTERM, SIGINT,   SIGHUP,  SIGQUIT,
				       SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGALRM };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int runtime_command_run(const struct runtime_options *options, const char *id,
			const struct runtime_create_opts *opts, struct err *err)
{
	struct creation creation = creation_new(options, opts);
	cleanup_fd int signal_fd = block_signals();
	int r = create(&creation, id, opts->detach, false, err);

	if (r == 0)
		r = runtime_sync_go(&creation.sync, err);
	if (r == 0)
		r = runtime_sync_result(&creation.sync, err);
	if (r == 0)
		r = hooks_run(creation.config, "poststart", &creation.state, "running", err);
	if (r < 0) {
		undo(&creation);
	} else if (!opts->detach) {
		struct err ignored; /* the program's status is what counts */

		r = wait_for_program(&creation, signal_fd);
		hooks_run(creation.config, "poststop", &creation.state, "stopped", &ignored);
		if (!opts->keep)
			runtime_state_remove(&creation.state, &ignored);
	}
	creation_release(&creation);
	return r;
}

/* ---- start ---- */

static int connect_to_init(const struct runtime_state *state, struct err *err)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (fd < 0 || unix_address(state->dir_fd, "start", &address) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, ERR_STATE, "cannot start container '%s': it is %s", state->id,
			       runtime_state_status(state));
	return TAKE_FD(fd);
}

int runtime_command_start(const struct runtime_options *options, const char *id, struct err *err)
{
	cleanup_runtime_state struct runtime_state state = RUNTIME_STATE_INIT;
	cleanup_json json_t *config = NULL;
	struct runtime_sync sync = RUNTIME_SYNC_INIT;
	int r;

	if (runtime_state_load(options, id, &state, err) < 0)
		return -1;
	if (!str_equal(runtime_state_status(&state), "created"))
		return err_set(err, ERR_STATE, "cannot start container '%s': it is %s", id,
			       runtime_state_status(&state));
	config = runtime_state_config(&state, err);
	if (config == NULL)
		return -1;

	sync.parent_fd = connect_to_init(&state, err);
	if (sync.parent_fd < 0)
		return -1;
	r = runtime_sync_go(&sync, err);
	if (r == 0)
		r = runtime_sync_result(&sync, err);
	fd_close(&sync.parent_fd);
	if (r < 0)
		return -1;
	if (unlinkat(state.dir_fd, "start", 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot note that container '%s' was started", id);
	return hooks_run(config, "poststart", &state, "running", err);
}
