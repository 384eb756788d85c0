/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/job_run.c - RUN
 *
 * What --mount shows is copied into the staging directory first, filtered as COPY would, and bound from there: the container never
 * sees the context, a stage or another image itself, so it can neither change them nor race with them (R20). Cache directories are the
 * exception: they are bound as they are, by a name that is a digest of the id.
 */
#include "engine/build/build_private.h"
#include "engine/build/place.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
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

#define CACHE_DIR     "cache/build/mounts"
#define SECRET_LIMIT  (512U << 10)
#define HOST_NAME     "buildkitsandbox"
#define SCRIPT_PREFIX "/dev/pipes"

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

/* ---- work: what is mounted ---- */

struct mount_work {
	struct build *build;
	struct job *job;
	int mounts_fd; /* "mounts" in the staging directory */
	int cache_dir_fd;
	struct rootfs *rootfs; /* per mount: where its files come from */
	int secrets_fd;	       /* below the runtime directory, which is in memory */
};

/* The directory of a cache, by what names it. */
static char *cache_name(const struct run_mount *mount)
{
	struct digest digest;

	sha256_of(mount->id, strlen(mount->id), &digest);
	return xstrdup(digest_hex(&digest));
}

static int place_bind(struct mount_work *work, size_t index, int target_dir_fd, const char *name,
		      struct err *err)
{
	struct run_mount *mount = &work->job->mounts[index];
	struct build_source *source = &mount->bind;
	cleanup_fd int source_fd = -1;
	struct place place = { .keep_xattrs = source->layers != NULL,
			       .keep_owner = source->layers != NULL };
	cleanup_fd int root_fd = -1;

	if (source->layers != NULL) {
		source_fd = rootfs_mount(&work->rootfs[index], err);
		if (source_fd < 0)
			return -1;
		source->root.dir_fd = source_fd;
		if (source_select(&source->root, source->patterns.items[0], false, &source->items,
				  err) < 0)
			return err_wrap(err, "--mount");
	}
	if (source->items.count != 1)
		return err_set(err, ERR_USAGE, "--mount: '%s' means several files",
			       source->patterns.items[0]);
	const struct source_item *item = &source->items.items[0];

	if (mkdirat(target_dir_fd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make a directory for a mount");
	root_fd = openat(target_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(err, errno, "cannot open a directory for a mount");
	place.root_fd = root_fd;
	return place_item(&place, &source->root, item, NULL, item->is_dir ? "/data" : "/file",
			  false, err);
}

static int place_cache(struct mount_work *work, size_t index, struct err *err)
{
	struct run_mount *mount = &work->job->mounts[index];
	cleanup_free char *name = cache_name(mount);
	mode_t mode = mount->has_mode ? mount->mode : 0755;

	if (mkdirat(work->cache_dir_fd, name, 0700) < 0)
		return errno == EEXIST
			       ? 0
			       : err_sys(err, errno, "cannot make the cache '%s'", mount->id);
	cleanup_fd int dir_fd =
		openat(work->cache_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0 || mkdirat(dir_fd, "data", 0700) < 0)
		return err_sys(err, errno, "cannot make the cache '%s'", mount->id);
	if (mount->has_bind && (unlinkat(dir_fd, "data", AT_REMOVEDIR) < 0 ||
				place_bind(work, index, work->cache_dir_fd, name, err) < 0))
		return -1;
	cleanup_fd int data_fd =
		openat(dir_fd, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data_fd < 0 || fchown(data_fd, mount->uid, mount->gid) < 0 || fchmod(data_fd, mode) < 0)
		return err_sys(err, errno, "cannot make the cache '%s'", mount->id);
	return 0;
}

static int own_secret(struct mount_work *work, size_t index, struct err *err)
{
	const struct run_mount *mount = &work->job->mounts[index];
	char name[32];

	snprintf(name, sizeof(name), "%zu", index);
	cleanup_fd int fd = openat(work->secrets_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, mount->uid, mount->gid) < 0 || fchmod(fd, mount->mode) < 0)
		return err_sys(err, errno, "cannot prepare the secret '%s'", mount->id);
	return 0;
}

static int mounts_inside(void *arg, struct err *err)
{
	struct mount_work *work = arg;
	struct job *job = work->job;

	umask(0);
	for (size_t i = 0; i < job->mount_count; i++) {
		const struct run_mount *mount = &job->mounts[i];
		char name[32];
		int status = 0;

		snprintf(name, sizeof(name), "%zu", i);
		if (mount->type == MOUNT_BIND)
			status = place_bind(work, i, work->mounts_fd, name, err);
		else if (mount->type == MOUNT_CACHE)
			status = place_cache(work, i, err);
		else if (mount->type == MOUNT_SECRET && mount->secret != NULL &&
			 mount->target != NULL)
			status = own_secret(work, i, err);
		if (status < 0)
			return -1;
	}
	return 0;
}

/* ---- work: secrets ---- */

static int read_secret(const struct secret *secret, struct strbuf *text, struct err *err)
{
	if (secret->env != NULL) {
		const char *value = getenv(secret->env);

		if (value == NULL)
			return err_set(err, ERR_NOT_FOUND,
				       "the secret '%s' is to come from the variable '%s', which "
				       "is not set",
				       secret->id, secret->env);
		strbuf_adds(text, value);
		return 0;
	}
	int status = fd_read_file(AT_FDCWD, secret->path, text, SECRET_LIMIT);

	return status < 0 ? err_sys(err, -status, "cannot read the secret '%s' from '%s'",
				    secret->id, secret->path)
			  : 0;
}

static int write_secret(struct mount_work *work, size_t index, const struct strbuf *text,
			struct err *err)
{
	char name[32];

	snprintf(name, sizeof(name), "%zu", index);
	cleanup_fd int fd = openat(work->secrets_fd, name,
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int status = fd < 0 ? -errno : fd_write_full(fd, text->data, text->length);

	return status < 0 ? err_sys(err, -status, "cannot prepare a secret") : 0;
}

static int prepare_secrets(struct mount_work *work, struct strv *env, struct err *err)
{
	struct job *job = work->job;

	for (size_t i = 0; i < job->mount_count; i++) {
		const struct run_mount *mount = &job->mounts[i];
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		if (mount->type != MOUNT_SECRET || mount->secret == NULL)
			continue;
		if (read_secret(mount->secret, &text, err) < 0)
			return -1;
		if (mount->target != NULL && write_secret(work, i, &text, err) < 0)
			return -1;
		if (mount->env != NULL) {
			if (memchr(text.data, '\0', text.length) != NULL)
				return err_set(err, ERR_USAGE,
					       "the secret '%s' holds a NUL byte: it cannot be a "
					       "variable",
					       mount->id);
			strv_env_set(env, mount->env, text.data);
		}
		explicit_bzero(text.data, text.length);
	}
	return 0;
}

/* ---- work: the container ---- */

static void add_mount(json_t *mounts, const char *type, const char *source, const char *target,
		      const char *words)
{
	cleanup_strv struct strv options = STRV_INIT;
	json_t *item = json_object();

	strv_split(&options, words, ',');
	json_put_string(item, "destination", target);
	json_put_string(item, "type", type);
	json_put_string(item, "source", source);
	json_put_strv(item, "options", &options);
	json_array_append_new(mounts, item);
}

#define BIND_RW "bind,rprivate,nosuid,nodev,rw"
#define BIND_RO "bind,rprivate,nosuid,nodev,ro"

static void list_mounts(const struct mount_work *work, const char *staging_path,
			const char *secrets_path, json_t *mounts, struct strv *env)
{
	const struct store *store = work->build->engine->store;
	const struct job *job = work->job;

	for (size_t i = 0; i < job->mount_count; i++) {
		const struct run_mount *mount = &job->mounts[i];
		cleanup_free char *source = NULL;
		cleanup_free char *words = NULL;

		switch (mount->type) {
		case MOUNT_BIND: {
			const struct source_items *items = &mount->bind.items;
			bool is_dir = items->count != 1 || items->items[0].is_dir;
			cleanup_free char *dir = xasprintf("%s/mounts/%zu/data", staging_path, i);

			/* items of a stage were selected in the namespace: look what is there */
			if (items->count == 0)
				is_dir = access(dir, F_OK) == 0;
			source = xasprintf("%s/mounts/%zu/%s", staging_path, i,
					   is_dir ? "data" : "file");
			add_mount(mounts, "bind", source, mount->target,
				  mount->writable ? BIND_RW : BIND_RO);
			break;
		}
		case MOUNT_CACHE: {
			cleanup_free char *name = cache_name(mount);

			source = xasprintf("%s/" CACHE_DIR "/%s/data", store->root_path, name);
			add_mount(mounts, "bind", source, mount->target,
				  mount->writable ? BIND_RW : BIND_RO);
			break;
		}
		case MOUNT_TMPFS:
			words = mount->size_bytes != 0
					? xasprintf("nosuid,nodev,mode=%o,size=%llu",
						    mount->has_mode ? (unsigned)mount->mode : 0755,
						    (unsigned long long)mount->size_bytes)
					: xasprintf("nosuid,nodev,mode=%o",
						    mount->has_mode ? (unsigned)mount->mode : 0755);
			add_mount(mounts, "tmpfs", "tmpfs", mount->target, words);
			break;
		case MOUNT_SECRET:
			if (mount->secret == NULL || mount->target == NULL)
				break;
			source = xasprintf("%s/%zu", secrets_path, i);
			add_mount(mounts, "bind", source, mount->target, BIND_RO);
			break;
		case MOUNT_SSH:
			if (mount->secret == NULL)
				break;
			add_mount(mounts, "bind", mount->secret->path, mount->target, BIND_RW);
			strv_env_set(env, "SSH_AUTH_SOCK", mount->target);
			break;
		}
	}
}

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
	add_mount(mounts, "bind", source, job->script_name, BIND_RO);
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
	opts.hostname = (char *)HOST_NAME;
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
	};

	status = container_step_run(build->engine, &step, ret_status, drop, err);
	strv_release(&env);
	strv_release(&network);
	return status;
}

static bool needs_namespace(const struct job *job)
{
	for (size_t i = 0; i < job->mount_count; i++)
		if (job->mounts[i].type == MOUNT_BIND || job->mounts[i].type == MOUNT_CACHE ||
		    job->mounts[i].type == MOUNT_SECRET)
			return true;
	return false;
}

static int prepare_mounts(struct mount_work *work, struct strv *env, struct err *err)
{
	struct build *build = work->build;
	struct job *job = work->job;
	int status = 0;

	if (!needs_namespace(job))
		return 0;
	if (mkdirat(job->staging.dir_fd, "mounts", 0755) < 0)
		return err_sys(err, errno, "cannot make a directory in the store");
	work->mounts_fd = openat(job->staging.dir_fd, "mounts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	work->cache_dir_fd = store_open_dir(build->engine->store, CACHE_DIR, true, err);
	if (work->mounts_fd < 0 || work->cache_dir_fd < 0)
		return -1;
	if (prepare_secrets(work, env, err) < 0)
		return -1;
	for (size_t i = 0; status == 0 && i < job->mount_count; i++) {
		const struct build_source *source = &job->mounts[i].bind;
		const struct rootfs_request request = {
			.diff_ids = source->layers,
			.diff_id_count = source->layer_count,
			.directory_fd = -1,
			.container_dir_fd = -1,
		};

		if (job->mounts[i].has_bind && source->layers != NULL)
			status = rootfs_prepare(build->engine->store, &request, &work->rootfs[i],
						err);
	}
	return status < 0 ? -1 : job_inside(build, mounts_inside, work, err);
}

/* sharing=locked waits for the others; private takes another directory when this one is in use. */
static int lock_caches(struct mount_work *work, int *fds, struct err *err)
{
	struct job *job = work->job;

	for (size_t i = 0; i < job->mount_count; i++) {
		struct run_mount *mount = &job->mounts[i];

		if (mount->type != MOUNT_CACHE || mount->sharing == SHARING_SHARED)
			continue;
		int dir_fd = store_open_dir(work->build->engine->store, CACHE_DIR, true, err);
		if (dir_fd < 0)
			return -1;
		for (unsigned n = 0;; n++) {
			cleanup_free char *name = cache_name(mount);
			cleanup_free char *lock = xasprintf("%s.lock", name);

			fds[i] = lock_try(dir_fd, lock, true, err);
			if (fds[i] != -2)
				break;
			if (mount->sharing == SHARING_LOCKED) {
				fds[i] = lock_take(dir_fd, lock, true, err);
				break;
			}
			char *other = xasprintf("%s#%u", mount->id, n);
			free(mount->id);
			mount->id = other;
		}
		fd_close(&dir_fd);
		if (fds[i] < 0)
			return -1;
	}
	return 0;
}

static int open_secrets(struct mount_work *work, char **ret_path, struct err *err)
{
	struct store *store = work->build->engine->store;
	cleanup_free char *name = xasprintf("build/%s", work->job->id.text);

	work->secrets_fd = store_open_run_dir(store, name, true, err);
	*ret_path = xasprintf("%s/%s", store->run_path, name);
	return work->secrets_fd < 0 ? -1 : 0;
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

	*result = *work.result;
	job_result_free(work.result);
	return status;
}

int job_work_run(struct build *build, struct job *job, int stdout_fd, int stderr_fd,
		 struct job_result *result, struct err *err)
{
	struct mount_work work = {
		.build = build, .job = job, .mounts_fd = -1, .cache_dir_fd = -1, .secrets_fd = -1
	};
	cleanup_free char *staging_path =
		xasprintf("%s/tmp/%s", build->engine->store->root_path, job->staging.name);
	cleanup_free char *secrets_path = NULL;
	cleanup_free int *locks = xcalloc(job->mount_count + 1, sizeof(*locks));
	cleanup_json json_t *mounts = json_array();
	cleanup_strv struct strv env = STRV_INIT;
	cleanup_strv struct strv drop = STRV_INIT;
	int status = 0;

	work.rootfs = xcalloc(job->mount_count + 1, sizeof(*work.rootfs));
	for (size_t i = 0; i <= job->mount_count; i++) {
		work.rootfs[i] = (struct rootfs)ROOTFS_INIT;
		locks[i] = -1;
	}
	if (needs_namespace(job))
		status = open_secrets(&work, &secrets_path, err);
	if (status == 0)
		status = lock_caches(&work, locks, err);
	if (status == 0)
		status = prepare_mounts(&work, &env, err);
	if (status == 0) {
		list_mounts(&work, staging_path, secrets_path, mounts, &env);
		status = add_script(job, staging_path, mounts, err);
	}
	if (status == 0)
		status = run_container(build, job, &env, staging_path, mounts, stdout_fd, stderr_fd,
				       &drop, &result->exit_status, err);
	if (status == 0 && result->exit_status == 0)
		status = make_layer(build, job, &drop, result, err);
	for (size_t i = 0; i < job->mount_count; i++) {
		rootfs_release(&work.rootfs[i]);
		fd_close(&locks[i]);
	}
	free(work.rootfs);
	fd_close(&work.mounts_fd);
	fd_close(&work.cache_dir_fd);
	fd_close(&work.secrets_fd);
	return status;
}

void job_run_cleanup(struct build *build, const struct job *job)
{
	struct err ignored = { 0 }; /* lost at the next boot anyway */
	cleanup_fd int dir_fd = store_open_run_dir(build->engine->store, "build", false, &ignored);

	if (dir_fd >= 0 && needs_namespace(job))
		store_remove_tree(build->engine->store, dir_fd, job->id.text, &ignored);
}
