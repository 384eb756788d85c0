/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/run_mount.c - what RUN --mount shows
 *
 * What is bound is copied into the staging directory first, filtered as COPY would, and bound from there: the container never sees the
 * context, a stage or another image itself, so it can neither change them nor race with them (R20). Cache directories are the
 * exception: they are bound as they are, by a name that is a digest of the id.
 */
#include "engine/build/run_mount.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/strbuf.h"
#include "engine/build/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_DIR    "cache/build/mounts"
#define SECRET_LIMIT (512U << 10)
#define SECRETS_DIR  "build"
#define LOCK_SUFFIX  ".lock"

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

void run_mount_add(json_t *mounts, const char *type, const char *source, const char *target,
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

void run_mounts_list(const struct mount_work *work, const char *staging_path,
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
			run_mount_add(mounts, "bind", source, mount->target,
				      mount->writable ? BIND_RW : BIND_RO);
			break;
		}
		case MOUNT_CACHE: {
			cleanup_free char *name = cache_name(mount);

			source = xasprintf("%s/" CACHE_DIR "/%s/data", store->root_path, name);
			run_mount_add(mounts, "bind", source, mount->target,
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
			run_mount_add(mounts, "tmpfs", "tmpfs", mount->target, words);
			break;
		case MOUNT_SECRET:
			if (mount->secret == NULL || mount->target == NULL)
				break;
			source = xasprintf("%s/%zu", secrets_path, i);
			run_mount_add(mounts, "bind", source, mount->target, BIND_RO);
			break;
		case MOUNT_SSH:
			if (mount->secret == NULL)
				break;
			run_mount_add(mounts, "bind", mount->secret->path, mount->target, BIND_RW);
			strv_env_set(env, "SSH_AUTH_SOCK", mount->target);
			break;
		}
	}
}

bool run_mounts_need_namespace(const struct job *job)
{
	for (size_t i = 0; i < job->mount_count; i++)
		if (job->mounts[i].type == MOUNT_BIND || job->mounts[i].type == MOUNT_CACHE ||
		    job->mounts[i].type == MOUNT_SECRET)
			return true;
	return false;
}

int run_mounts_prepare(struct mount_work *work, struct strv *env, struct err *err)
{
	struct build *build = work->build;
	struct job *job = work->job;
	int status = 0;

	if (!run_mounts_need_namespace(job))
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
int run_mounts_lock(struct mount_work *work, int *fds, struct err *err)
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

int run_mounts_open_secrets(struct mount_work *work, char **ret_path, struct err *err)
{
	struct store *store = work->build->engine->store;
	cleanup_free char *name = xasprintf(SECRETS_DIR "/%s", work->job->id.text);
	cleanup_free char *lock = xasprintf("%s" LOCK_SUFFIX, work->job->id.text);
	cleanup_fd int dir_fd = store_open_run_dir(store, SECRETS_DIR, true, err);

	/* before there is a secret: who finds the directory without a holder of the lock removes it */
	work->lock_fd = dir_fd < 0 ? -1 : lock_take(dir_fd, lock, true, err);
	if (work->lock_fd < 0)
		return -1;
	work->secrets_fd = store_open_run_dir(store, name, true, err);
	*ret_path = xasprintf("%s/%s", store->run_path, name);
	return work->secrets_fd < 0 ? -1 : 0;
}

/* A name of the directory is that of a job, or that with the suffix of its lock. */
static void remove_secrets(struct store *store, int dir_fd, const char *id)
{
	struct err ignored = { 0 }; /* lost at the next boot anyway */
	cleanup_free char *lock = xasprintf("%s" LOCK_SUFFIX, id);

	store_remove_tree(store, dir_fd, id, &ignored);
	unlinkat(dir_fd, lock, 0);
}

void run_mounts_cleanup(struct build *build, const struct job *job)
{
	struct err ignored = { 0 }; /* then there are none */
	cleanup_fd int dir_fd =
		store_open_run_dir(build->engine->store, SECRETS_DIR, false, &ignored);

	if (dir_fd >= 0 && run_mounts_need_namespace(job))
		remove_secrets(build->engine->store, dir_fd, job->id.text);
}

void run_mounts_sweep(struct build *build)
{
	struct err ignored = { 0 }; /* then there are none */
	int list_fd = store_open_run_dir(build->engine->store, SECRETS_DIR, false, &ignored);
	const struct dirent *item;
	DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;

	if (dir == NULL) {
		fd_close(&list_fd);
		return;
	}
	while ((item = readdir(dir)) != NULL) {
		struct object_id id;

		if (!str_ends_with(item->d_name, LOCK_SUFFIX))
			continue;
		cleanup_free char *text =
			xstrndup(item->d_name, strlen(item->d_name) - strlen(LOCK_SUFFIX));
		if (object_id_parse(text, &id) < 0)
			continue;
		cleanup_fd int lock_fd = lock_try(dirfd(dir), item->d_name, true, &ignored);
		if (lock_fd >= 0)
			remove_secrets(build->engine->store, dirfd(dir), id.text);
	}
	closedir(dir);
}
