/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/job_run.c - RUN: what is executed, its key, and the layer that it makes
 */
#include "engine/build/platform.h"
#include "engine/build/run_mount.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/step.h"
#include "storage/layer.h"
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_NAME     "buildkitsandbox"
#define SCRIPT_PREFIX "/dev/pipes"
/* the kernel takes 128 KiB */
#define ARGUMENT_LIMIT (96U << 10)

/* ---- plan ---- */

static const char *const proxy_names[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
					   "FTP_PROXY",	 "ftp_proxy",  "NO_PROXY",    "no_proxy",
					   "ALL_PROXY",	 "all_proxy" };

/* The line for the shell, or the list of words. */
static int read_argv(struct job *job, struct strbuf *key_text, struct err *err)
{
	const struct df_instruction *item = job->item;
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	if (item->is_json) {
		strv_copy(&job->argv, &item->words);
		return 0;
	}
	strv_copy(&job->argv, &job->stage->state.shell);
	const char *rest = item->rest;
	const char *word_end = rest + strcspn(rest, " \t");
	bool alone = item->heredoc_count == 1 && *word_end == '\0' &&
		     str_after(rest + strspn(rest, "0123456789"), "<<") != NULL;

	if (alone && str_after(item->heredocs[0].text, "#!") != NULL) {
		if (!path_is_component(item->heredocs[0].name))
			return err_set(err, ERR_USAGE, "the heredoc '%.100s' is no name of a file",
				       item->heredocs[0].name);
		job->script = xstrdup(item->heredocs[0].text);
		job->script_name = xasprintf("%s/%s", SCRIPT_PREFIX, item->heredocs[0].name);
		/* the words of its first line, as people mean them: the kernel would pass all behind the first as one */
		cleanup_free char *first =
			xstrndup(job->script + 2, strcspn(job->script + 2, "\n"));

		strv_clear(&job->argv);
		df_split_blanks(first, &job->argv);
		if (job->argv.count == 0)
			return err_set(err, ERR_USAGE, "the heredoc's first line names no program");
		strv_add(&job->argv, job->script_name);
		strbuf_adds(key_text, job->script);
		return 0;
	}
	const size_t shell_count = job->argv.count;

	/* what is too long for an argument is a file, which the shell reads without its -c */
	if (alone && strlen(item->heredocs[0].text) >= ARGUMENT_LIMIT && shell_count > 1 &&
	    str_equal(job->argv.items[shell_count - 1], "-c")) {
		job->script = xstrdup(item->heredocs[0].text);
		job->script_name = xstrdup(SCRIPT_PREFIX "/heredoc");
		strv_remove(&job->argv, shell_count - 1);
		strv_add(&job->argv, job->script_name);
		strbuf_adds(key_text, job->script);
		return 0;
	}
	if (alone) {
		strv_add(&job->argv, item->heredocs[0].text);
		return 0;
	}
	/* the shell reads its here-documents itself */
	strbuf_adds(&line, rest);
	for (size_t i = 0; i < item->heredoc_count; i++)
		strbuf_addf(&line, "\n%s%s", item->heredocs[i].text, item->heredocs[i].name);
	if (item->heredoc_count > 0)
		strbuf_addc(&line, '\n');
	strv_add(&job->argv, line.data);
	return 0;
}

/* ARG values are variables of the program, unless ENV has the name. */
static void read_env(struct build *build, struct job *job)
{
	const struct state *state = &job->stage->state;
	cleanup_strv struct strv env = STRV_INIT;

	json_get_strv(state_config(state), "Env", &env);
	for (size_t i = 0; i < state->args.count; i++) {
		const char *text = state->args.items[i];
		cleanup_free char *name = xstrndup(text, strcspn(text, "="));

		if (strv_env_get(&env, name) == NULL)
			strv_add(&job->env, text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(proxy_names); i++) {
		const char *value = strv_env_get(&build->args, proxy_names[i]);

		if (value != NULL && strv_env_get(&env, proxy_names[i]) == NULL)
			strv_env_set(&job->env, proxy_names[i], value);
	}
}

static bool is_proxy(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(proxy_names); i++) {
		const char *rest = str_after(text, proxy_names[i]);

		if (rest != NULL && *rest == '=')
			return true;
	}
	return false;
}

static int read_network(struct build *build, struct job *job, struct err *err)
{
	const char *network = df_flag(job->item, "network");
	const char *security = df_flag(job->item, "security");

	(void)build;
	if (df_flag(job->item, "device") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "--device is not supported: devices of a CDI specification are not "
			       "known here");
	if (security != NULL && !str_equal(security, "sandbox")) {
		err_set(err, ERR_DENIED,
			"--security=%.40s is not allowed: a step gets the default "
			"profile",
			security);
		return err_hint(err, "What steps may do is said on the command line: --cap-add, "
				     "--security-opt.");
	}
	if (network == NULL || str_equal(network, "default"))
		return 0;
	if (!str_equal(network, "none") && !str_equal(network, "host"))
		return err_set(err, ERR_USAGE,
			       "--network=%.40s is not possible: default, none or host is wanted",
			       network);
	job->network = xstrdup(network);
	return 0;
}

static int read_mount(struct build *build, struct job *job, const char *text, struct sha256 *hash,
		      struct err *err)
{
	struct run_mount mount;

	if (run_mount_parse(build, job->stage, text, &mount, err) < 0)
		return -1;
	job->mounts = xreallocarray(job->mounts, job->mount_count + 1, sizeof(*job->mounts));
	job->mounts[job->mount_count++] = mount;
	struct run_mount *added = &job->mounts[job->mount_count - 1];

	if (added->type == MOUNT_BIND || (added->type == MOUNT_CACHE && added->from != NULL)) {
		added->has_bind = true;
		if (build_source_from(build, job->stage, added->from, &added->bind, err) < 0)
			return -1;
		strv_add(&added->bind.patterns, added->source != NULL ? added->source : "/");
		if (build_source_key(build, &added->bind, false, NULL, hash, err) < 0)
			return err_wrap(err, "--mount");
	}
	return 0;
}

int job_plan_run(struct build *build, struct job *job, struct err *err)
{
	const struct state *state = &job->stage->state;
	cleanup_sha256 struct sha256 *hash = sha256_new();
	cleanup_strbuf struct strbuf key_text = STRBUF_INIT;
	cleanup_strv struct strv mounts = STRV_INIT;
	cleanup_strbuf struct strbuf env = STRBUF_INIT;
	struct digest files;

	if (read_network(build, job, err) < 0 || read_argv(job, &key_text, err) < 0)
		return -1;
	df_flag_list(job->item, "mount", &mounts);
	for (size_t i = 0; i < mounts.count; i++) {
		cleanup_free char *text = state_expand(build, state, mounts.items[i], err);

		if (text == NULL || read_mount(build, job, text, hash, err) < 0)
			return -1;
		strbuf_addf(&key_text, "%s\n", text);
	}
	read_env(build, job);
	for (size_t i = 0; i < job->env.count; i++)
		if (!is_proxy(job->env.items[i]))
			strbuf_addf(&env, "%s\n", job->env.items[i]);
	sha256_final_digest(hash, &files);

	cleanup_free char *argv = strv_join(&job->argv, "\n");
	const char *const texts[] = {
		"RUN",	  argv,	      key_text.data,
		env.data, files.text, job->network != NULL ? job->network : ""
	};
	cache_key_next(&state->key, texts, ARRAY_SIZE(texts), &job->key);
	return 0;
}

/* ---- work ---- */

static int add_script(struct job *job, const char *staging_path, json_t *mounts, struct err *err)
{
	if (job->script == NULL)
		return 0;
	cleanup_fd int fd = openat(job->staging.dir_fd, "script",
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
	int status = fd < 0 ? -errno : fd_write_full(fd, job->script, strlen(job->script));

	if (status < 0 || fchmod(fd, 0755) < 0)
		return err_sys(err, status < 0 ? -status : errno, "cannot write the script");
	cleanup_free char *source = xasprintf("%s/script", staging_path);
	run_mount_add(mounts, "bind", source, job->script_name, BIND_RO);
	return 0;
}

static int run_container(struct build *build, struct job *job, const struct strv *more_env,
			 const char *staging_path, const json_t *mounts, int stdout_fd,
			 int stderr_fd, struct strv *drop, int *ret_status, struct err *err)
{
	struct container_create_opts opts = build->opts->run;
	struct strv env = STRV_INIT, network = STRV_INIT;
	cleanup_fd int stdin_fd = build->opts->stdin_open ? fd_dup(STDIN_FILENO)
							  : open("/dev/null", O_RDONLY | O_CLOEXEC);
	int status;

	if (stdin_fd < 0)
		return err_set(err, ERR_FAILED, "cannot open the input of the step");
	strv_copy(&env, &job->env);
	strv_add_all(&env, &build->opts->run.env);
	for (size_t i = 0; i < more_env->count; i++)
		strv_env_put(&env, more_env->items[i]);
	if (job->network != NULL)
		strv_add(&network, job->network);
	else
		strv_copy(&network, &build->opts->run.network);
	opts.env = env;
	opts.network = network;
	opts.entrypoint = (char *)"";
	opts.has_entrypoint = true;
	if (opts.hostname == NULL)
		opts.hostname = (char *)HOST_NAME;
	opts.tty = build->terminal;
	opts.image_volume = (char *)"ignore";
	opts.no_healthcheck = true;
	opts.rm = true;
	opts.systemd = (char *)"false";
	opts.http_proxy = build->opts->http_proxy;
	const struct container_step step = {
		.opts = &opts,
		.image_config = state_config(&job->stage->state),
		.layers = job->layers,
		.layer_count = job->layer_count,
		.argv = &job->argv,
		.id = &job->id,
		.dir_fd = job->staging.dir_fd,
		.dir_path = staging_path,
		.mounts = mounts,
		.stdin_fd = stdin_fd,
		.stdout_fd = stdout_fd,
		.stderr_fd = stderr_fd,
		.terminal = build->terminal,
	};

	status = container_step_run(build->engine, &step, ret_status, drop, err);
	strv_release(&env);
	strv_release(&network);
	return status;
}

struct layer_work {
	struct build *build;
	struct job *job;
	const struct strv *drop;
	struct job_result *result; /* shared memory */
};

static bool is_in_lower(struct layer_work *work, const char *path)
{
	for (size_t i = work->job->layer_count; i-- > 0;) {
		struct err ignored = { 0 }; /* what cannot be looked at may be there */
		cleanup_fd int diff_fd = layer_open_diff(work->build->engine->store,
							 &work->job->layers[i], &ignored);
		cleanup_fd int fd =
			diff_fd < 0 ? -EIO : path_open_beneath(diff_fd, path, O_PATH, 0);

		if (fd != -ENOENT)
			return true;
	}
	return false;
}

/* Directories above a mount point that were made for it: what is empty and was not there before is no content. */
static void drop_parents(struct layer_work *work, int upper_fd, const char *mount_point)
{
	cleanup_free char *path = xstrdup(mount_point);

	for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
		cleanup_free char *name = NULL;
		cleanup_fd int parent_fd = -1;

		*slash = '\0';
		cleanup_fd int dir_fd = path_open_beneath(upper_fd, path, O_PATH | O_DIRECTORY, 0);
		if (dir_fd < 0 || is_in_lower(work, path))
			return;
		const char *above = strrchr(path, '/');
		cleanup_free char *parent =
			above != NULL ? xstrndup(path, (size_t)(above - path)) : xstrdup(".");
		name = xstrdup(above != NULL ? above + 1 : path);
		parent_fd = path_open_beneath(upper_fd, parent, O_PATH | O_DIRECTORY, 0);
		if (parent_fd < 0 || unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
			return;
	}
}

static void drop_mount_points(struct layer_work *work)
{
	cleanup_fd int upper_fd = openat(work->job->staging.dir_fd, "upper",
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (size_t i = 0; upper_fd >= 0 && i < work->drop->count; i++) {
		const char *path = work->drop->items[i];
		const char *slash = strrchr(path, '/');
		cleanup_free char *parent =
			slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
		cleanup_fd int parent_fd =
			path_open_beneath(upper_fd, parent, O_PATH | O_DIRECTORY, 0);

		/* what was in the way of a mount is not there in the upper directory, so a failure changes nothing */
		if (parent_fd >= 0)
			path_remove_tree(parent_fd, slash != NULL ? slash + 1 : path);
		drop_parents(work, upper_fd, path);
	}
}

static int layer_inside(void *arg, struct err *err)
{
	struct layer_work *work = arg;

	drop_mount_points(work);
	return job_make_layer(work->build, work->job, work->drop, work->result, err);
}

static int make_layer(struct build *build, struct job *job, const struct strv *drop,
		      struct job_result *result, struct err *err)
{
	struct layer_work work = {
		.build = build, .job = job, .drop = drop, .result = job_result_new()
	};
	int status = job_inside(build, layer_inside, &work, err);

	work.result->exit_status = result->exit_status;
	*result = *work.result;
	job_result_free(work.result);
	return status;
}

int job_work_run(struct build *build, struct job *job, int stdout_fd, int stderr_fd,
		 struct job_result *result, struct err *err)
{
	struct mount_work work = { .build = build,
				   .job = job,
				   .mounts_fd = -1,
				   .cache_dir_fd = -1,
				   .lock_fd = -1,
				   .secrets_fd = -1 };
	cleanup_free char *staging_path =
		xasprintf("%s/tmp/%s", build->engine->store->root_path, job->staging.name);
	cleanup_free char *secrets_path = NULL;
	cleanup_free int *locks = xcalloc(job->mount_count + 1, sizeof(*locks));
	cleanup_json json_t *mounts = json_array();
	cleanup_strv struct strv env = STRV_INIT;
	cleanup_strv struct strv drop = STRV_INIT;
	int status = 0;

	if (platform_check_run(
		    json_get_string(job->stage->state.image.config, "linux", "os", NULL),
		    json_get_string(job->stage->state.image.config, "", "architecture", NULL),
		    err) < 0)
		return -1;
	work.rootfs = xcalloc(job->mount_count + 1, sizeof(*work.rootfs));
	for (size_t i = 0; i <= job->mount_count; i++) {
		work.rootfs[i] = (struct rootfs)ROOTFS_INIT;
		locks[i] = -1;
	}
	if (run_mounts_need_namespace(job))
		status = run_mounts_open_secrets(&work, &secrets_path, err);
	if (status == 0)
		status = run_mounts_lock(&work, locks, err);
	if (status == 0)
		status = run_mounts_prepare(&work, &env, err);
	if (status == 0) {
		run_mounts_list(&work, staging_path, secrets_path, mounts, &env);
		status = add_script(job, staging_path, mounts, err);
	}
	if (status == 0)
		status = run_container(build, job, &env, staging_path, mounts, stdout_fd, stderr_fd,
				       &drop, &result->exit_status, err);
	if (status == 0 && (result->exit_status == 0 || build->keep_failed))
		status = make_layer(build, job, &drop, result, err);
	for (size_t i = 0; i < job->mount_count; i++) {
		rootfs_release(&work.rootfs[i]);
		fd_close(&locks[i]);
	}
	free(work.rootfs);
	fd_close(&work.mounts_fd);
	fd_close(&work.cache_dir_fd);
	fd_close(&work.secrets_fd);
	fd_close(&work.lock_fd);
	return status;
}
