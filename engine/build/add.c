/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/add.c - ADD of URLs, git repositories and archives
 *
 * What has no checksum is fetched while the step is planned, since its content decides about a hit; what has one is fetched by the
 * worker, when it is needed at all. All of it is put below "add" in a staging directory and placed from there.
 */
#include "engine/build/add.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/build/context.h"
#include "engine/build/fetch.h"
#include "engine/image/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define URL_FILE_MODE 0600
#define BLOCK_SIZE    (256U << 10)

bool add_is_remote(const char *word)
{
	return context_is_remote(word);
}

/* The name of a file in a URL: its last component, without what is behind '?' or '#'. */
static char *url_name(const char *url)
{
	const char *start = strstr(url, "://");
	const char *path = strchr(start != NULL ? start + 3 : url, '/');
	size_t length = path != NULL ? strcspn(path, "?#") : 0;
	cleanup_free char *whole = path != NULL ? xstrndup(path, length) : xstrdup("");
	const char *slash = strrchr(whole, '/');

	return xstrdup(slash != NULL ? slash + 1 : whole);
}

static int file_digest(int fd, struct digest *ret_digest, struct err *err)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();
	cleanup_free char *block = xmalloc(BLOCK_SIZE);
	off_t at = 0;
	ssize_t got;

	while ((got = pread(fd, block, BLOCK_SIZE, at)) > 0) {
		sha256_update(hash, block, (size_t)got);
		at += got;
	}
	if (got < 0)
		return err_sys(err, errno, "cannot read what was fetched");
	sha256_final_digest(hash, ret_digest);
	return 0;
}

static int check_sum(const struct job *job, const char *url, const struct digest *digest,
		     struct err *err)
{
	if (job->checksum == NULL || str_equal(job->checksum, digest->text))
		return 0;
	return err_set(err, ERR_CORRUPT, "'%s' has the digest %s, and %s was expected", url,
		       digest->text, job->checksum);
}

/* A URL's file as add/N/file of this staging directory. */
static int fetch_file(struct build *build, const struct job *job, size_t index, int staging_fd,
		      struct digest *ret_digest, struct err *err)
{
	const char *url = job->urls.items[index];
	char name[32];

	snprintf(name, sizeof(name), "add-%zu", index);
	if (mkdirat(staging_fd, name, 0755) < 0)
		return err_sys(err, errno, "cannot make a directory in the store");
	cleanup_fd int dir_fd = openat(staging_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd =
		openat(dir_fd, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, URL_FILE_MODE);
	if (fd < 0)
		return err_sys(err, errno, "cannot make a file in the store");
	if (download_url(build->engine, url, fd, err) < 0 || file_digest(fd, ret_digest, err) < 0)
		return -1;
	return check_sum(job, url, ret_digest, err);
}

static int fetch_repository(struct build *build, const struct job *job, size_t index,
			    const struct staging *staging, char **ret_subdir, struct err *err)
{
	cleanup_free char *path =
		xasprintf("%s/tmp/%s", build->engine->store->root_path, staging->name);
	char name[32];

	snprintf(name, sizeof(name), "add-%zu", index);
	return fetch_git(job->urls.items[index], job->keep_git_dir, staging->dir_fd, path, name,
			 ret_subdir, err);
}

/* A checked out tree is known by its content, like that of a context. */
static int digest_repository(struct job *job, size_t index, struct sha256 *hash, struct err *err)
{
	cleanup_source_items struct source_items items = { NULL, 0 };
	char name[32];

	snprintf(name, sizeof(name), "add-%zu", index);
	cleanup_fd int dir_fd =
		openat(job->fetched.dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct source_root root = { .dir_fd = dir_fd, .what = "the repository" };

	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open the repository");
	if (source_select(&root, "/", false, &items, err) < 0)
		return -1;
	return source_digest(&root, &items, &job->excludes, hash, err);
}

static int plan_url(struct build *build, struct job *job, size_t index, struct sha256 *hash,
		    struct err *err)
{
	const char *url = job->urls.items[index];
	char *subdir = NULL;
	struct digest digest;

	sha256_update(hash, url, strlen(url) + 1);
	if (job->checksum != NULL && !fetch_is_git(url)) {
		if (digest_parse(job->checksum, &digest) < 0)
			return err_set(err, ERR_USAGE,
				       "--checksum=%.100s is no digest: sha256: and 64 "
				       "hexadecimal digits are wanted",
				       job->checksum);
		sha256_update(hash, digest.text, strlen(digest.text));
		strv_add(&job->url_subdirs, "");
		return 0;
	}
	if (job->fetched.name[0] == '\0' &&
	    staging_new(build->engine->store, "add", &job->fetched, err) < 0)
		return -1;
	if (!fetch_is_git(url)) {
		strv_add(&job->url_subdirs, "");
		if (fetch_file(build, job, index, job->fetched.dir_fd, &digest, err) < 0)
			return -1;
		sha256_update(hash, digest.text, strlen(digest.text));
		return 0;
	}
	if (fetch_repository(build, job, index, &job->fetched, &subdir, err) < 0)
		return -1;
	strv_add_take(&job->url_subdirs, subdir != NULL ? subdir : xstrdup(""));
	return digest_repository(job, index, hash, err);
}

int add_plan(struct build *build, struct job *job, struct sha256 *hash, struct err *err)
{
	if (job->checksum != NULL && job->urls.count != 1)
		return err_set(err, ERR_USAGE, "--checksum needs exactly one URL");
	for (size_t i = 0; i < job->urls.count; i++)
		if (plan_url(build, job, i, hash, err) < 0)
			return -1;
	return 0;
}

/* ---- in the worker, outside of the namespace ---- */

/* add-N/file is an archive that is to be unpacked: it becomes add-N-files. */
static int unpack_fetched(struct build *build, const struct job *job, size_t index, int staging_fd,
			  struct err *err)
{
	cleanup_free char *path = xasprintf("add-%zu/file", index);
	cleanup_free char *name = xasprintf("add-%zu-files", index);
	cleanup_fd int fd = openat(staging_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (!job->unpack_asked || fetch_is_git(job->urls.items[index]))
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot read what was fetched");
	if (!fetch_is_archive(fd))
		return 0;
	return fetch_unpack(build->engine, fd, true, staging_fd, name, err) < 0 ? -1 : 0;
}

int add_fetch(struct build *build, struct job *job, struct err *err)
{
	struct build_source *source = &job->sources[0];

	for (size_t i = 0; i < job->urls.count; i++) {
		bool is_planned = job->fetched.name[0] != '\0';
		int staging_fd = is_planned ? job->fetched.dir_fd : job->staging.dir_fd;
		struct digest digest;

		if (!is_planned && fetch_file(build, job, i, staging_fd, &digest, err) < 0)
			return -1;
		if (unpack_fetched(build, job, i, staging_fd, err) < 0)
			return -1;
	}
	if (!job->is_add || !job->unpack || source->layers != NULL)
		return 0;
	for (size_t i = 0; i < source->items.count; i++) {
		char path[PROC_FD_PATH_MAX];
		char name[32];

		if (source->items.items[i].is_dir)
			continue;
		fd_proc_path(source->items.items[i].fd, path);
		snprintf(name, sizeof(name), "local-%zu", i);
		cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			return err_sys(err, errno, "cannot read '%s'", source->items.items[i].path);
		if (fetch_is_archive(fd) &&
		    fetch_unpack(build->engine, fd, true, job->staging.dir_fd, name, err) < 0)
			return err_wrap(err, "cannot unpack '%s'", source->items.items[i].path);
	}
	return 0;
}

/* ---- inside ---- */

/* A directory of a staging directory is placed like a tree of a context. 1, 0 there is none, -1 */
static int place_tree(const struct place *place, const struct job *job, int parent_fd,
		      const char *name, const char *subdir, bool keep_owner, struct err *err)
{
	cleanup_source_items struct source_items items = { NULL, 0 };
	struct place tree = *place;
	cleanup_fd int dir_fd =
		openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct source_root root = { .dir_fd = dir_fd, .what = "what was fetched" };

	if (dir_fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open what was fetched");
	tree.keep_owner = tree.keep_xattrs = keep_owner;
	if (source_select(&root, *subdir != '\0' ? subdir : "/", false, &items, err) < 0)
		return -1;
	for (size_t i = 0; i < items.count; i++)
		if (place_item(&tree, &root, &items.items[i], &job->excludes, job->destination,
			       false, err) < 0)
			return -1;
	return 1;
}

int add_archive(struct build *build, struct job *job, struct place *place, size_t index,
		struct err *err)
{
	char name[32];

	(void)build;
	snprintf(name, sizeof(name), "local-%zu", index);
	return place_tree(place, job, job->staging.dir_fd, name, "", true, err);
}

static int place_url_file(const struct place *place, const struct job *job, int staging_fd,
			  size_t index, struct err *err)
{
	cleanup_source_items struct source_items items = { NULL, 0 };
	cleanup_free char *dir = xasprintf("add-%zu", index);
	cleanup_free char *name = url_name(job->urls.items[index]);
	cleanup_fd int dir_fd =
		openat(staging_fd, dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct source_root root = { .dir_fd = dir_fd, .what = "what was fetched" };

	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open what was fetched");
	if (job->destination_is_dir &&
	    (*name == '\0' || str_equal(name, ".") || str_equal(name, "..")))
		return err_set(err, ERR_USAGE, "'%s' has no name for a file in '%s'",
			       job->urls.items[index], job->destination);
	if (source_select(&root, "file", false, &items, err) < 0)
		return -1;
	free(items.items[0].name);
	items.items[0].name = TAKE_PTR(name);
	return place_item(place, &root, &items.items[0], NULL, job->destination,
			  job->destination_is_dir, err);
}

int add_place(struct build *build, struct job *job, struct place *place, struct err *err)
{
	int staging_fd = job->fetched.name[0] != '\0' ? job->fetched.dir_fd : job->staging.dir_fd;

	(void)build;
	for (size_t i = 0; i < job->urls.count; i++) {
		cleanup_free char *unpacked = xasprintf("add-%zu-files", i);
		cleanup_free char *git = xasprintf("add-%zu", i);
		int status;

		if (fetch_is_git(job->urls.items[i]))
			status = place_tree(place, job, staging_fd, git, job->url_subdirs.items[i],
					    false, err);
		else
			status = place_tree(place, job, staging_fd, unpacked, "", true, err);
		if (status == 0)
			status = place_url_file(place, job, staging_fd, i, err);
		if (status < 0)
			return -1;
	}
	return 0;
}
